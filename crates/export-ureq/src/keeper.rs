//! Checkpoints, stored before anything is done that they must not forget.

use std::sync::Arc;

use export_core::{Checkpoint, Failure, FailureKind};
use export_host::{CheckpointStore, ExportError};

/// One job's entry in a store, if it has one.
#[derive(Debug)]
pub(crate) struct Keeper {
    entry: Option<(Arc<dyn CheckpointStore>, String)>,
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
    pub(crate) fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<(), Failure> {
        if self.is_kept() && self.revision != Some(revision) {
            self.store_always(&checkpoint())?;
            self.revision = Some(revision);
        }
        Ok(())
    }

    pub(crate) fn store_always(&self, checkpoint: &Checkpoint) -> Result<(), Failure> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let stored = store.store(key, checkpoint);
        stored.map_err(|error| Failure::new(FailureKind::Store).with_source(error))
    }

    /// Forgets the checkpoint: the job has its file.
    pub(crate) fn remove(&self) -> Result<(), ExportError> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let removed = store.remove(key);
        removed.map_err(|error| ExportError::checkpoint_not_removed(key, &error))
    }
}
