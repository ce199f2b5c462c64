//! Stops jobs from another task or thread.

use std::sync::Arc;

use tokio::sync::watch;

/// Stops exports from another task or thread, such as the one that waits for signals.
///
/// Unlike an export whose future is dropped, one that is stopped syncs the bytes that came, stores its
/// checkpoint, and returns it in [`ExportError::Stopped`](crate::ExportError::Stopped). The export
/// continues at the service; [`Export::cancel`](crate::Export::cancel) is for dialects of services that
/// can cancel one.
///
/// ```
/// use export_hyper::Stopper;
///
/// let stopper = Stopper::new();
/// let clone = stopper.clone();
/// // client.export(spec).with_stopper(&stopper).to_file("report.pdf")
/// clone.stop();
/// assert!(stopper.is_stopped());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    /// A new stopper.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops all exports that have this stopper, now or later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for a stop.
    pub(crate) async fn stopped(&self) {
        // Fails if the sender is dropped, which `self` holds.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
