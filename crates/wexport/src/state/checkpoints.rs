//! The library's checkpoints, each in the folder of its job.

use std::io;
use std::path::PathBuf;

use export_host::{CheckpointFile, CheckpointStore};
use export_hyper::Checkpoint;

use super::folder::State;

/// Checkpoints under the ids of jobs.
#[derive(Clone, Debug)]
pub(crate) struct JobCheckpoints {
    jobs: PathBuf,
}

impl JobCheckpoints {
    pub(crate) fn new(state: &State) -> Self {
        Self { jobs: state.jobs_folder() }
    }

    fn file(&self, job: &str) -> CheckpointFile {
        CheckpointFile::new(self.jobs.join(job).join("checkpoint.json"))
    }
}

impl CheckpointStore for JobCheckpoints {
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        self.file(key).load()
    }

    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.file(key).store(checkpoint)
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.file(key).remove()
    }
}
