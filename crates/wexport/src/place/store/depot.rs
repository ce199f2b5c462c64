//! The place on disk in which a file waits for its upload.

use std::io;
use std::path::{Path, PathBuf};

use export_host::CheckpointFile;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::receipt::Receipt;

/// A folder with a file that is to be uploaded: that of a job, or one that goes with the process.
#[derive(Debug)]
pub(crate) struct Depot {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

/// A file that is here and is to go into a store: all that another process must know. Nothing in
/// it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(super) version: u32,
    /// The key of the object, before any number.
    pub(super) key: String,
    pub(super) receipt: Receipt,
    /// The upload in parts that was begun, and not yet completed or taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begun: Option<Begun>,
}

/// An upload in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) key: String,
    pub(super) id: String,
}

/// The version of `upload.json`.
pub(super) const VERSION: u32 = 1;

impl Depot {
    /// In the folder of a job, or, without state, in a temporary one.
    pub(super) fn new(job: Option<&Path>) -> io::Result<Self> {
        match job {
            Some(job) => Ok(Self::of_job(job)),
            None => {
                let temporary = tempfile::Builder::new().prefix("wexport-").tempdir()?;
                Ok(Self { folder: temporary.path().into(), _temporary: Some(temporary) })
            }
        }
    }

    /// In the folder of a job.
    pub(crate) fn of_job(job: &Path) -> Self {
        Self { folder: job.into(), _temporary: None }
    }

    /// Where the file is, once all of it is here.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("file")
    }

    /// Whether another process finds what is in here.
    pub(super) const fn lasts(&self) -> bool {
        self._temporary.is_none()
    }

    /// What is to be uploaded, if anything is.
    pub(crate) fn load(&self) -> io::Result<Option<Pending>> {
        let pending: Option<Pending> = self.note().load()?;
        match pending {
            Some(pending) if pending.version > VERSION => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a newer wexport wrote it"))
            }
            pending => Ok(pending),
        }
    }

    pub(super) fn store(&self, pending: &Pending) -> io::Result<()> {
        self.note().store(pending)
    }

    /// Forgets a file that has arrived.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.note().remove()?;
        match std::fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&self) -> CheckpointFile {
        CheckpointFile::new(self.folder.join("upload.json"))
    }
}
