//! The checkpoints of runs, as the library stores them.

use std::collections::HashMap;
use std::future::ready;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use export_hyper::{Checkpoint, CheckpointStore, Storing};
use tokio::task::spawn_blocking;

use super::run::{RunStore, write};

/// Stores checkpoints under the [keys](Self::key) of exports. Clones share the runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunCheckpoints {
    runs: Arc<RwLock<HashMap<String, Arc<dyn RunStore>>>>,
}

impl RunCheckpoints {
    /// Adds a run.
    pub(crate) fn add(&self, run: &Arc<dyn RunStore>) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run.id().unwrap_or_default().into(), Arc::clone(run));
    }

    /// Forgets a run that has ended.
    pub(crate) fn forget(&self, run: &dyn RunStore) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        runs.remove(run.id().unwrap_or_default());
    }

    /// The key of an export.
    pub(crate) fn key(run: &dyn RunStore, number: u64) -> String {
        format!("{}/{number}", run.id().unwrap_or_default())
    }

    fn find(&self, key: &str) -> io::Result<(Arc<dyn RunStore>, u64)> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let found = key
            .rsplit_once('/')
            .and_then(|(run, number)| Some((Arc::clone(runs.get(run)?), number.parse().ok()?)));
        let invalid =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("invalid key {key:?}"));
        found.ok_or_else(invalid)
    }
}

impl CheckpointStore for RunCheckpoints {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        Box::pin(async move {
            let (run, number) = self.find(key)?;
            let loaded = spawn_blocking(move || run.load_checkpoint(number)).await;
            loaded.map_err(io::Error::other)?
        })
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        Box::pin(async move {
            let (run, number) = self.find(key)?;
            write(&run, move |run| run.store_checkpoint(number, &checkpoint)).await
        })
    }

    /// Keeps the checkpoint: the file is complete, but its export is not concluded. A crash between
    /// the two must not lose the export, so [`RunStore::conclude`] does both in one step.
    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a> {
        Box::pin(ready(self.find(key).map(drop)))
    }
}
