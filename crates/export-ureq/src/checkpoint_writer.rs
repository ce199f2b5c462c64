//! Checkpoint stores, and the writer of one job's checkpoints.

use std::sync::Arc;

use export_core::{Checkpoint, Failure, FailureKind};
use export_host::{CheckpointSlot, CheckpointStore, ExportError};

/// Writes the checkpoints of one job, if it has a store or a slot.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    entry: Option<(Arc<dyn CheckpointStore>, String)>,
    slot: Option<CheckpointSlot>,
    revision: Option<u64>,
}

impl CheckpointWriter {
    pub(crate) const fn new(
        entry: Option<(Arc<dyn CheckpointStore>, String)>,
        slot: Option<CheckpointSlot>,
    ) -> Self {
        Self { entry, slot, revision: None }
    }

    /// Whether the job has a store or a slot.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.entry.is_some() || self.slot.is_some()
    }

    /// Stores the checkpoint, unless this revision is stored already.
    pub(crate) fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<(), Failure> {
        if self.is_enabled() && self.revision != Some(revision) {
            self.store_now(&checkpoint())?;
            self.revision = Some(revision);
        }
        Ok(())
    }

    pub(crate) fn store_now(&self, checkpoint: &Checkpoint) -> Result<(), Failure> {
        if let Some(slot) = &self.slot {
            slot.set(checkpoint.clone());
        }
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let stored = store.store(key, checkpoint);
        stored.map_err(|error| Failure::new(FailureKind::Store).with_source(error))
    }

    /// Removes the checkpoint: the file is complete.
    pub(crate) fn remove(&self) -> Result<(), ExportError> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let removed = store.remove(key);
        removed.map_err(|error| ExportError::checkpoint_not_removed(key, &error))
    }
}
