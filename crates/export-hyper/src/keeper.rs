//! Checkpoints, stored before anything is done that they must not forget.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use export_core::{Checkpoint, Failure, FailureKind};
use export_host::ExportError;

/// A place where checkpoints outlive the process.
///
/// A job has a key, which its caller chooses. What is stored under it must have reached a disk, or
/// whatever is as good as one, when [`store`](Self::store) is done: nothing is sent before that.
/// A store that fails ends the job.
///
/// [`Blocking`] makes one of a store that blocks, such as
/// [`CheckpointFolder`](crate::CheckpointFolder).
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// The checkpoint under this key; `None` if there is none. Fails if that cannot be found out.
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>>;

    /// Replaces what is under this key. Fails if it is not safe there.
    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a>;

    /// Forgets what is under this key, if anything is. Fails if it is still there.
    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a>;
}

/// A store at work.
pub type Storing<'a, T = ()> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A store that blocks, kept off the threads that must not be blocked.
#[derive(Debug)]
pub struct Blocking<S>(Arc<S>);

impl<S: export_host::CheckpointStore + 'static> Blocking<S> {
    /// Stores in `store`, on tokio's threads for that.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: export_host::CheckpointStore + 'static> CheckpointStore for Blocking<S> {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        self.at(key, S::load)
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        self.at(key, move |store, key| store.store(key, &checkpoint))
    }

    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a> {
        self.at(key, S::remove)
    }
}

impl<S: export_host::CheckpointStore + 'static> Blocking<S> {
    /// Does something with the store where it may block.
    fn at<T: Send + 'static>(
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

/// One job's entry in a store, if there is a store.
#[derive(Debug)]
pub(crate) struct Keeper {
    entry: Option<(Arc<dyn CheckpointStore>, String)>,
    /// The revision that is stored.
    revision: Option<u64>,
}

impl Keeper {
    pub(crate) const fn new(entry: Option<(Arc<dyn CheckpointStore>, String)>) -> Self {
        Self { entry, revision: None }
    }

    /// Whether anything is stored at all.
    pub(crate) const fn is_kept(&self) -> bool {
        self.entry.is_some()
    }

    /// Stores the checkpoint unless this revision is stored already.
    pub(crate) async fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<(), Failure> {
        if self.is_kept() && self.revision != Some(revision) {
            self.store_always(checkpoint()).await?;
            self.revision = Some(revision);
        }
        Ok(())
    }

    pub(crate) async fn store_always(&self, checkpoint: Checkpoint) -> Result<(), Failure> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let stored = store.store(key, checkpoint).await;
        stored.map_err(|error| Failure::new(FailureKind::Store).with_source(error))
    }

    /// Forgets the checkpoint: the job has its file.
    pub(crate) async fn remove(&self) -> Result<(), ExportError> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let removed = store.remove(key).await;
        removed.map_err(|error| ExportError::checkpoint_not_removed(key, &error))
    }
}
