//! Checkpoint stores, and the writer of one job's checkpoints.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use export_core::{Checkpoint, Failure, FailureKind};
use export_host::{CheckpointSlot, CheckpointStore, ExportError, StoreRetries};

/// Writes the checkpoints of one job, if it has a store or a slot.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    entry: Option<(Arc<dyn CheckpointStore>, String)>,
    slot: Option<CheckpointSlot>,
    /// For how long a store that fails is tried again.
    patience: Duration,
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
        let mut retries = StoreRetries::new(self.patience);
        loop {
            let Err(error) = store.store(key, checkpoint) else { return Ok(()) };
            let Some(wait) = retries.wait_after(&error) else {
                return Err(Failure::new(FailureKind::Store).with_source(error));
            };
            thread::sleep(wait);
        }
    }

    /// Removes the checkpoint: the file is complete.
    pub(crate) fn remove(&self) -> Result<(), ExportError> {
        let Some((store, key)) = &self.entry else { return Ok(()) };
        let removed = store.remove(key);
        removed.map_err(|error| ExportError::checkpoint_not_removed(key, &error))
    }
}
