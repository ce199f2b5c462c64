//! The checkpoints of a run, as the library stores them.

use std::io;
use std::sync::Arc;

use export_host::CheckpointStore;
use export_hyper::Checkpoint;

use super::run::RunStore;

/// Stores checkpoints under the numbers of exports.
#[derive(Clone, Debug)]
pub(crate) struct RunCheckpoints(Arc<dyn RunStore>);

impl RunCheckpoints {
    pub(crate) const fn new(store: Arc<dyn RunStore>) -> Self {
        Self(store)
    }
}

impl CheckpointStore for RunCheckpoints {
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        self.0.load_checkpoint(number(key)?)
    }

    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.0.store_checkpoint(number(key)?, checkpoint)
    }

    /// Keeps the checkpoint: the file is complete, but its export is not concluded. A crash between
    /// the two must not lose the export, so [`RunStore::conclude`] does both in one step.
    fn remove(&self, key: &str) -> io::Result<()> {
        number(key).map(drop)
    }
}

fn number(key: &str) -> io::Result<u64> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, format!("invalid key {key:?}"));
    key.parse().map_err(invalid)
}
