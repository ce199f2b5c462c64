//! The folder of a job.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use export_host::CheckpointFile;
use export_hyper::Checkpoint;
use serde::{Deserialize, Serialize};

use super::dir::LOCK;
use super::earlier::{LeftFile, fingerprint};
use super::lock::Lock;
use super::log::EventLog;
use super::placement::Placement;
use super::presence::RunningProcess;
use super::run::{NewRow, RowEnd, RunDescription, RunStatus};
use crate::event::{Failure, Record};
use crate::output::Destination;
#[cfg(feature = "store")]
use crate::output::UploadDir;
use crate::subject::Subject;

/// The folder of a job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    id: String,
    path: PathBuf,
}

/// The contents of `job.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobRecord {
    version: u32,
    pub(crate) subject: Subject,
    pub(crate) destination: Destination,
    /// Missing in the jobs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<LeftFile>,
    #[serde(flatten)]
    pub(crate) run: RunDescription,
}

/// The version of a job's folder.
const VERSION: u32 = 1;

impl JobRecord {
    pub(super) fn new(row: &NewRow, run: RunDescription) -> Self {
        let (subject, destination) = (row.subject.clone(), row.destination.clone());
        let export = fingerprint(&run.base_url, &subject, &destination, &row.fresh);
        let left = export.map(|export| LeftFile { export, file: None });
        Self { version: VERSION, subject, destination, left, run }
    }

    /// Why the job failed, if it did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self.run.end.as_ref()?.outcome.as_ref()? {
            RowEnd::Failed { error } => Some(error),
            _ => None,
        }
    }

    /// The status of the job if it is not running.
    pub(crate) fn status(&self) -> RunStatus {
        RunStatus::after(self.run.end.as_ref())
    }
}

impl Job {
    pub(super) const fn new(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the job was interrupted before it was stored, so that nothing was sent: the log is
    /// created before the first request.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.record_file().path().exists() && !self.log_path().exists()
    }

    /// The record of the job.
    pub(crate) fn record(&self) -> io::Result<JobRecord> {
        let record = self.record_file().load()?;
        record.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "job.json is missing"))
    }

    pub(super) fn store_record(&self, record: &JobRecord) -> io::Result<()> {
        self.record_file().store(record)
    }

    /// Where the job can be resumed; `None` if it is done.
    pub(super) fn checkpoint(&self) -> io::Result<Option<Checkpoint>> {
        self.checkpoint_file().load()
    }

    pub(super) fn store_checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.checkpoint_file().store(checkpoint)
    }

    /// The checkpoint of the job before its first request, to start over.
    pub(crate) fn fresh(&self) -> io::Result<Option<Checkpoint>> {
        self.fresh_file().load()
    }

    pub(super) fn store_fresh(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.fresh_file().store(checkpoint)
    }

    pub(super) fn remove_checkpoint(&self) -> io::Result<()> {
        self.checkpoint_file().remove()
    }

    pub(super) fn placement(&self) -> io::Result<Option<Placement>> {
        self.placement_file().load()
    }

    pub(super) fn store_placement(&self, placement: &Placement) -> io::Result<()> {
        self.placement_file().store(placement)
    }

    pub(super) fn remove_placement(&self) -> io::Result<()> {
        self.placement_file().remove()
    }

    /// Locks the job; `None` if another process runs it.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        Lock::acquire(&self.lock_path())
    }

    pub(crate) fn status(&self, record: &JobRecord) -> RunStatus {
        if Lock::is_held(&self.lock_path()) { RunStatus::Running } else { record.status() }
    }

    /// The process that runs the job, if one does.
    pub(crate) fn process(&self) -> Option<RunningProcess> {
        RunningProcess::read(&self.path)
    }

    /// Whether the job is not running, and has no file.
    pub(crate) fn is_unfinished(&self, record: &JobRecord) -> bool {
        matches!(self.status(record), RunStatus::Interrupted | RunStatus::Failed)
    }

    pub(super) fn open_log(&self) -> io::Result<EventLog> {
        EventLog::open(&self.log_path())
    }

    /// The events of the job.
    pub(crate) fn events(&self) -> io::Result<Vec<Record>> {
        EventLog::read(&self.log_path(), None)?.collect()
    }

    /// The folder in which the file of the job waits for its upload.
    #[cfg(feature = "store")]
    pub(crate) fn upload_dir(&self) -> UploadDir {
        UploadDir::new(&self.path)
    }

    /// Removes the job. Its record is the first to go, so that no other process resumes the rest.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.record_file().remove()?;
        fs::remove_dir_all(&self.path)
    }

    fn record_file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path.join("job.json"))
    }

    fn checkpoint_file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path.join("checkpoint.json"))
    }

    fn fresh_file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path.join("fresh.json"))
    }

    fn placement_file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path.join("placement.json"))
    }

    pub(super) fn reserve_path(&self) -> PathBuf {
        self.path.join("reserve")
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    fn log_path(&self) -> PathBuf {
        self.path.join("events.ndjson")
    }
}
