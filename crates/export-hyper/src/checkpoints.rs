//! Checkpoint stores, and the writer of one job's checkpoints.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use export_core::{Checkpoint, Failure, FailureKind};
use export_host::{CheckpointSlot, ExportError, StoreRetries};
use tokio::time::sleep;

/// A store in which checkpoints outlive the process.
///
/// A job is stored under a key that its caller chooses. When [`store`](Self::store) completes, the
/// checkpoint must be on durable storage: no request is sent before that. A store that fails ends
/// the job, unless the error may pass ([`io::ErrorKind::ResourceBusy`] or `TimedOut`, for example):
/// then it is tried again for as long as a request may take.
///
/// [`Blocking`] wraps a store that blocks, such as [`CheckpointFolder`](crate::CheckpointFolder).
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// Loads the checkpoint under this key; `None` if there is none. Fails if the store cannot be
    /// read.
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>>;

    /// Stores a checkpoint under this key, and replaces an older one. Fails if it may not be
    /// durable.
    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a>;

    /// Removes the checkpoint under this key, if there is one. Fails if it was not removed.
    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a>;
}

/// The future of a store's method.
pub type Storing<'a, T = ()> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Runs a store that blocks on tokio's threads for blocking work.
#[derive(Debug)]
pub struct Blocking<S>(Arc<S>);

impl<S: export_host::CheckpointStore + 'static> Blocking<S> {
    /// Wraps a store that blocks.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: export_host::CheckpointStore + 'static> CheckpointStore for Blocking<S> {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        self.run(key, S::load)
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        self.run(key, move |store, key| store.store(key, &checkpoint))
    }

    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a> {
        self.run(key, S::remove)
    }
}

impl<S: export_host::CheckpointStore + 'static> Blocking<S> {
    /// Runs work on a thread for blocking work.
    fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&S, &str) -> io::Result<T> + Send + 'static,
    ) -> Storing<'static, T> {
        let (store, key) = (Arc::clone(&self.0), key.to_owned());
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&store, &key)).await;
            done.map_err(io::Error::other)?
        })
    }
}

/// Writes the checkpoints of one job, if it has a store or a slot.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    entry: Option<(Arc<dyn CheckpointStore>, String)>,
    slot: Option<CheckpointSlot>,
    /// For how long a store that fails is tried again.
    patience: Duration,
    /// The revision of the stored checkpoint.
    revision: Option<u64>,
}

impl CheckpointWriter {
    pub(crate) const fn new(
        entry: Option<(Arc<dyn CheckpointStore>, String)>,
        slot: Option<CheckpointSlot>,
        patience: Duration,
    ) -> Self {
        Self { entry, slot, patience, revision: None }
    }

    /// Whether the job has a store or a slot.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.entry.is_some() || self.slot.is_some()
    }

    /// Stores the checkpoint, unless this revision is stored already.
    pub(crate) async fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<(), Failure> {
        if self.is_enabled() && self.revision != Some(revision) {
            self.store_now(checkpoint()).await?;
            self.revision = Some(revision);
        }
        Ok(())
    }

    pub(crate) async fn store_now(&self, checkpoint: Checkpoint) -> Result<(), Failure> {
        if let Some(slot) = &self.slot {
            slot.set(checkpoint.clone());
        }
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let mut retries = StoreRetries::new(self.patience);
        loop {
            let Err(error) = store.store(key, checkpoint.clone()).await else { return Ok(()) };
            let Some(wait) = retries.wait_after(&error) else {
                return Err(Failure::new(FailureKind::Store).with_source(error));
            };
            sleep(wait).await;
        }
    }

    /// Removes the checkpoint: the file is complete.
    pub(crate) async fn remove(&self) -> Result<(), ExportError> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let removed = store.remove(key).await;
        removed.map_err(|error| ExportError::checkpoint_not_removed(key, &error))
    }
}
