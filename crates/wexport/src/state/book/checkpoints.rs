//! The library's checkpoints, each in the row of its export.

use std::io;
use std::sync::Arc;

use export_host::CheckpointStore;
use export_hyper::Checkpoint;

use super::HeldBook;

/// Checkpoints under the numbers of rows.
#[derive(Clone, Debug)]
pub(crate) struct RowCheckpoints(Arc<HeldBook>);

impl RowCheckpoints {
    pub(crate) const fn new(book: Arc<HeldBook>) -> Self {
        Self(book)
    }
}

impl CheckpointStore for RowCheckpoints {
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(self.0.load(number(key)?)?)
    }

    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        Ok(self.0.store(number(key)?, checkpoint)?)
    }

    /// Keeps it: the file is in place, but its row does not say so yet. A crash between the two
    /// must not forget the export, so [`HeldBook::conclude`] does both at once.
    fn remove(&self, key: &str) -> io::Result<()> {
        number(key).map(drop)
    }
}

fn number(key: &str) -> io::Result<u64> {
    let unknown = |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{key:?} is no row"));
    key.parse().map_err(unknown)
}
