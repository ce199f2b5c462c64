//! The latest checkpoint of a job that has no store.

use std::sync::{Arc, Mutex, PoisonError};

use export_core::Checkpoint;

/// Holds the latest checkpoint of an export, also after the export was dropped.
///
/// An export without a key stores nothing, and only an error returns its checkpoint. One that is
/// dropped, by a time limit around it, for example, returns no error. Its clone of this slot has the
/// checkpoint, from which the export is resumed.
///
/// It does not outlive the process. For that, give the export a key and the client a store.
#[derive(Clone, Debug, Default)]
pub struct CheckpointSlot(Arc<Mutex<Option<Checkpoint>>>);

impl CheckpointSlot {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The latest checkpoint; `None` before the first request.
    #[must_use]
    pub fn latest(&self) -> Option<Checkpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the checkpoint.
    pub fn set(&self, checkpoint: Checkpoint) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint);
    }
}
