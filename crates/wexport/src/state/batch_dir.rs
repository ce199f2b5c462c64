//! The folder of a batch.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dir::LOCK;
use super::lock::Lock;
use super::log::EventLog;
use super::presence::RunningProcess;
use super::run::{RunDescription, RunStatus};
use crate::event::Record;
#[cfg(feature = "store")]
use crate::output::UploadDir;

/// The folder of a batch.
#[derive(Clone, Debug)]
pub(crate) struct BatchDir {
    id: String,
    path: PathBuf,
}

impl BatchDir {
    pub(super) const fn new(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of one of its exports, in events and on the command line.
    pub(crate) fn row_name(&self, number: u64) -> String {
        format!("{}/{number}", self.id)
    }

    /// The path of the database.
    pub(super) fn db_path(&self) -> PathBuf {
        self.path.join("batch.sqlite")
    }

    /// The path of the database until all exports are stored.
    pub(super) fn draft_path(&self) -> PathBuf {
        self.path.join("draft.sqlite")
    }

    /// Whether the batch was stored once, so that something may have been sent.
    pub(super) fn has_begun(&self) -> bool {
        self.log_path().exists() || self.path.join("batch.sqlite-wal").exists()
    }

    pub(super) fn reserve_path(&self) -> PathBuf {
        self.path.join("reserve")
    }

    /// Locks the batch; `None` if another process has it.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        Lock::acquire(&self.path.join(LOCK))
    }

    pub(crate) fn status(&self, description: &RunDescription) -> RunStatus {
        if Lock::is_held(&self.path.join(LOCK)) {
            RunStatus::Running
        } else {
            RunStatus::after(description.end.as_ref())
        }
    }

    /// The process that runs the batch, if one does.
    pub(crate) fn process(&self) -> Option<RunningProcess> {
        RunningProcess::read(&self.path)
    }

    /// The folder in which the file of one export waits for its upload.
    #[cfg(feature = "store")]
    pub(crate) fn upload_dir(&self, number: u64) -> UploadDir {
        UploadDir::new(self.upload_dirs().join(number.to_string()))
    }

    #[cfg(feature = "store")]
    fn upload_dirs(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The exports that have such a folder.
    #[cfg(feature = "store")]
    pub(crate) fn exports_with_upload_dir(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.upload_dirs()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn open_log(&self) -> io::Result<EventLog> {
        EventLog::open(&self.log_path())
    }

    /// The events of the batch, or of one of its exports.
    pub(crate) fn events(
        &self,
        number: Option<u64>,
    ) -> io::Result<impl Iterator<Item = io::Result<Record>>> {
        let job = number.map(|number| self.row_name(number));
        EventLog::read(&self.log_path(), job.as_deref())
    }

    /// Removes the batch. Its database is the first to go, so that no other process resumes the rest.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.db_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_dir_all(&self.path)
    }

    fn log_path(&self) -> PathBuf {
        self.path.join("events.ndjson")
    }
}
