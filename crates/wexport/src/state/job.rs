//! One job on disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use export_host::CheckpointFile;
use export_hyper::{Checkpoint, Timestamp};
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::log::EventLog;
use crate::place::Order;
use crate::report::Exit;
use crate::show::Record;
use crate::spec::What;

/// A job's folder.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    id: String,
    path: PathBuf,
}

/// What another process must know to go on. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) version: u32,
    pub(crate) began: Timestamp,
    pub(crate) what: What,
    pub(crate) place: Order,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    /// How the last run ended; `None` while it runs, and if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<Ending>,
}

/// The version of a job's folder.
pub(crate) const VERSION: u32 = 1;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) at: Timestamp,
    pub(crate) exit_code: u8,
    /// The file, if it is there; else what went wrong.
    pub(crate) text: String,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Running,
    Interrupted,
    Failed,
    Done,
}

impl Standing {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
}

impl Ending {
    /// How a run stands that ended so and does not go on; without an ending, it was killed.
    pub(super) fn standing(ending: Option<&Self>) -> Standing {
        match ending {
            Some(ending) if ending.exit_code == Exit::Done.code() => Standing::Done,
            Some(ending)
                if ending.exit_code != Exit::Interrupted.code()
                    && ending.exit_code != Exit::Terminated.code() =>
            {
                Standing::Failed
            }
            _ => Standing::Interrupted,
        }
    }
}

/// The codes of what ended for good: going on from where it ended would end the same way.
pub(super) const HOPELESS: [u8; 2] = [Exit::Refused.code(), Exit::Failed.code()];

impl Description {
    /// How a job with this description stands that does not run.
    pub(crate) fn standing(&self) -> Standing {
        Ending::standing(self.ending.as_ref())
    }
}

impl Job {
    pub(super) const fn at(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was asked for, and how it ended.
    pub(crate) fn description(&self) -> io::Result<Description> {
        let read = CheckpointFile::new(self.path.join("job.json")).load()?;
        read.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the job has no description"))
    }

    pub(crate) fn describe(&self, description: &Description) -> io::Result<()> {
        CheckpointFile::new(self.path.join("job.json")).store(description)
    }

    /// Where it can go on; `None` if it never began or has its file.
    pub(crate) fn checkpoint(&self) -> io::Result<Option<Checkpoint>> {
        self.checkpoint_file().load()
    }

    pub(crate) fn checkpoint_file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path.join("checkpoint.json"))
    }

    /// Takes the job for this process; `None` if another one runs it.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        Lock::take(&self.path.join("lock"))
    }

    /// How it stands.
    pub(crate) fn standing(&self, description: &Description) -> Standing {
        if Lock::is_held(&self.path.join("lock")) {
            Standing::Running
        } else {
            description.standing()
        }
    }

    /// Whether to go on with it may bring its file.
    pub(crate) fn is_resumable(&self, description: &Description) -> bool {
        match self.standing(description) {
            Standing::Running | Standing::Done => false,
            Standing::Interrupted | Standing::Failed => !description
                .ending
                .as_ref()
                .is_some_and(|ending| HOPELESS.contains(&ending.exit_code)),
        }
    }

    pub(crate) fn log(&self) -> io::Result<EventLog> {
        EventLog::open(&self.path.join("events.ndjson"))
    }

    /// What happened to it.
    pub(crate) fn events(&self) -> io::Result<Vec<Record>> {
        EventLog::read(&self.path.join("events.ndjson"))
    }

    /// Forgets it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}
