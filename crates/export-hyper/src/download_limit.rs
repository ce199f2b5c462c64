//! How many downloads are under way at once.

use std::sync::Arc;

use export_core::batch::BatchLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of all exports of a client that are run separately. Those of an
/// [`Exports`](crate::Exports) have [`BatchLimits::max_downloads`].
#[derive(Clone, Debug)]
pub(crate) struct DownloadLimit(Arc<Semaphore>);

/// The right to download. It is returned on drop.
pub(crate) type DownloadPermit = OwnedSemaphorePermit;

impl DownloadLimit {
    /// `None` for the default, which is that of a batch.
    pub(crate) fn new(max: Option<usize>) -> Self {
        let max = max.unwrap_or_else(|| BatchLimits::default().max_downloads);
        Self(Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits until it is the turn of the caller.
    pub(crate) async fn acquire(&self) -> DownloadPermit {
        let acquired = Arc::clone(&self.0).acquire_owned().await;
        acquired.expect("the semaphore is never closed")
    }
}
