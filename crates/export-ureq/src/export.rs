//! One export, and the methods that run it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use export_core::workiva::ExportSpec;
use export_core::{Artifact, Error, Event, ExportJob, Failure, FailureKind, Timestamp};
use export_host::{
    CheckpointSlot, ExportError, Fallback, FolderChecks, Hooks, JobObserver, PartFile, Status,
    Submitted, Until,
};

use crate::checkpoint_writer::CheckpointWriter;
use crate::client::ClientInner;
use crate::download::Download;
use crate::drive::{DriveEnd, Driver};
use crate::file::FileSink;
use crate::sink::{MemorySink, Sink};
use crate::stopper::Stopper;

/// An export that is not started yet. Its methods say where the file goes and run it.
#[derive(Debug)]
#[must_use = "an export does nothing until one of its methods runs it"]
pub struct Export {
    client: Arc<ClientInner>,
    job: Result<ExportJob, ExportError>,
    key: Option<String>,
    slot: Option<CheckpointSlot>,
    hooks: Hooks,
    stopper: Stopper,
}

impl Export {
    pub(crate) fn new(client: Arc<ClientInner>, job: Result<ExportJob, ExportError>) -> Self {
        let hooks = client.hooks.clone();
        Self { client, job, key: None, slot: None, hooks, stopper: Stopper::new() }
    }

    /// What is exported, also by a resumed export. `None` for an operation that was started elsewhere.
    #[must_use]
    pub fn spec(&self) -> Option<ExportSpec> {
        self.job.as_ref().ok()?.spec()
    }

    /// Stores this job's checkpoints under `key`, in the client's store, until the file is
    /// complete. Without a key nothing is stored, and only an error returns a checkpoint.
    ///
    /// An existing checkpoint under the key is replaced. To resume it instead, use
    /// [`Client::resume_key`](crate::Client::resume_key).
    ///
    /// The checkpoint is removed last, when the file has its name: a process that is killed between
    /// these two steps downloads the file again when it is resumed.
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Keeps the latest checkpoint of this export in `slot`, from which it is resumed if it was dropped,
    /// such as the [`Download`] of [`open`](Self::open).
    pub fn with_checkpoint_slot(mut self, slot: &CheckpointSlot) -> Self {
        self.slot = Some(slot.clone());
        self
    }

    /// Lets `stopper` stop the export from another thread. It ends with [`ExportError::Stopped`].
    pub fn with_stopper(mut self, stopper: &Stopper) -> Self {
        self.stopper = stopper.child();
        self
    }

    /// Calls `on_event` with each event of this export, in place of the client's
    /// [`on_event`](crate::ClientBuilder::on_event). It must not block.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks = self.hooks.with_event(on_event);
        self
    }

    /// Calls `on_progress` with the progress of this download, in place of the client's
    /// [`on_progress`](crate::ClientBuilder::on_progress). It must not block.
    pub fn on_progress(
        mut self,
        on_progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_progress(on_progress);
        self
    }

    /// Exports to a file. It gets its name when it is complete, and replaces an existing file.
    /// Until then it is `.NAME.<hash>.part` beside it, which a later run resumes.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written. A target that cannot be written,
    /// because its folder is missing, for example, is an error before the export is requested.
    ///
    /// [`FileSink::fallbacks`] says what a file system could not do as usual; see
    /// [`to_sink`](Self::to_sink).
    pub fn to_file(self, path: impl AsRef<Path>) -> Result<Artifact, ExportError> {
        let checked = PartFile::check(path.as_ref());
        self.with_checked_target(checked).into_file_sink(&mut FileSink::to_file(path.as_ref()))
    }

    /// Exports to a folder, under the service's name for the file, which is made safe. Returns the
    /// path.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written.
    pub fn to_dir(self, folder: impl AsRef<Path>) -> Result<(PathBuf, Artifact), ExportError> {
        let mut sink = FileSink::to_folder(folder.as_ref());
        let checked = FolderChecks::default().check(folder.as_ref());
        let artifact = self.with_checked_target(checked).into_file_sink(&mut sink)?;
        let path = sink.finished().map(PathBuf::from);
        Ok((path.unwrap_or_else(|| folder.as_ref().join(artifact.file_name())), artifact))
    }

    /// Exports a result of any number of files to a folder. Returns their paths, except those of the
    /// files that an earlier run has finished.
    ///
    /// Workiva's results are one file. Those of other services may be several; the other methods then
    /// end with an error.
    ///
    /// # Errors
    ///
    /// Fails if the export does, if a file cannot be written, or if two of them have the same name. The
    /// files that are complete are kept.
    pub fn to_files(
        self,
        folder: impl AsRef<Path>,
    ) -> Result<Vec<(PathBuf, Artifact)>, ExportError> {
        let mut sink = FileSink::to_files(folder.as_ref());
        let checked = FolderChecks::default().check(folder.as_ref());
        self.with_checked_target(checked).into_file_sink(&mut sink)?;
        Ok(sink.files().map(|(path, artifact)| (path.to_owned(), artifact.clone())).collect())
    }

    /// Exports to memory. The file may have at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file is larger.
    pub fn bytes(self, limit: usize) -> Result<(Artifact, Vec<u8>), ExportError> {
        let mut sink = MemorySink { bytes: Vec::new(), limit };
        let artifact = self.to_sink(&mut sink)?;
        Ok((artifact, sink.bytes))
    }

    /// Exports to a custom sink.
    ///
    /// # Errors
    ///
    /// Fails if the export or the sink does.
    pub fn to_sink(self, sink: &mut dyn Sink) -> Result<Artifact, ExportError> {
        let (client, stopper) = (Arc::clone(&self.client), self.stopper.clone());
        let (mut job, observer, writer) = self.into_parts()?;
        let mut driver = Driver::new(&client, observer, writer, &stopper);
        let end = driver.drive(&mut job, sink, Until::Done);
        let artifact = export_result(&job, end)?;
        driver.remove_checkpoint()?;
        Ok(artifact)
    }

    /// Removes the part if the export cannot be resumed.
    fn into_file_sink(self, sink: &mut FileSink) -> Result<Artifact, ExportError> {
        let outcome = self.to_sink(sink);
        if outcome.as_ref().is_err_and(|error| error.checkpoint().is_none()) {
            // A part that cannot be removed is hidden, and does no harm.
            let _ = sink.discard();
        }
        outcome
    }

    /// Exports to a reader. Returns when the first byte can be read. A download that breaks off is
    /// resumed internally, if a validator shows that the file is unchanged.
    ///
    /// A thread drives the job until the [`Download`] was read to its end or is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the export does.
    pub fn open(self) -> Result<Download, ExportError> {
        let (job, stopper) = (self.job?, self.stopper.child());
        let export = Self { job: Ok(job), stopper: stopper.clone(), ..self };
        Download::open(stopper, move |mut pipe| export.to_sink(&mut pipe))
    }

    /// Submits the export, and returns when the service has accepted it. Use its checkpoint with
    /// [`Client::resume`](crate::Client::resume).
    ///
    /// # Errors
    ///
    /// Fails if the service does not accept it.
    pub fn submit(self) -> Result<Submitted, ExportError> {
        let (job, now) = self.until(Until::Accepted)?;
        Ok(Submitted::of(&job, now))
    }

    /// Polls the operation once.
    ///
    /// # Errors
    ///
    /// Fails if the operation has failed, or if the poll does.
    pub fn status(self) -> Result<Status, ExportError> {
        let (job, now) = self.until(Until::Polled)?;
        Ok(Status::of(&job, now))
    }

    /// Cancels the export at the service, in dialects of services that can: see [`ExportJob::cancel`].
    /// Removes its checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the service refuses to cancel it, or cannot be reached.
    pub fn cancel(mut self) -> Result<(), ExportError> {
        if let Ok(job) = &mut self.job {
            job.cancel();
        }
        let (client, stopper) = (Arc::clone(&self.client), self.stopper.clone());
        let (mut job, observer, writer) = self.into_parts()?;
        let mut driver = Driver::new(&client, observer, writer, &stopper);
        match driver.drive(&mut job, &mut MemorySink::none(), Until::Done) {
            DriveEnd::Done(Err(Error::Cancelled)) => driver.remove_checkpoint(),
            end => export_result(&job, end).map(drop),
        }
    }

    /// Drives the job until before the first byte of the file, so that it needs no sink.
    fn until(self, until: Until) -> Result<(ExportJob, Timestamp), ExportError> {
        let (client, stopper) = (Arc::clone(&self.client), self.stopper.clone());
        let (mut job, observer, writer) = self.into_parts()?;
        let mut driver = Driver::new(&client, observer, writer, &stopper);
        let end = driver.drive(&mut job, &mut MemorySink::none(), until);
        if !matches!(end, DriveEnd::Reached) {
            export_result(&job, end)?;
        }
        Ok((job, client.clock.now()))
    }

    /// Ends the job before its first request if its target cannot be written.
    fn with_checked_target(mut self, checked: io::Result<Vec<Fallback>>) -> Self {
        if let (Ok(job), Err(error)) = (&mut self.job, checked) {
            job.stop(Failure::new(FailureKind::Sink).with_source(error));
        }
        self
    }

    pub(crate) fn into_parts(
        self,
    ) -> Result<(ExportJob, JobObserver, CheckpointWriter), ExportError> {
        let entry = match (self.key, &self.client.checkpoints) {
            (None, _) => None,
            (Some(_), None) => return Err(ExportError::NoStore),
            (Some(key), Some(store)) => Some((Arc::clone(store), key)),
        };
        let patience = self.client.config.limits().request_timeout;
        let writer = CheckpointWriter::new(entry, self.slot, patience);
        Ok((self.job?, self.hooks.observer(), writer))
    }
}

pub(crate) fn export_result(job: &ExportJob, end: DriveEnd) -> Result<Artifact, ExportError> {
    let checkpoint = || Box::new(job.checkpoint());
    match end {
        DriveEnd::Done(Ok(artifact)) => Ok(artifact),
        DriveEnd::Done(Err(error)) => {
            let original_request =
                job.facts().and_then(|facts| facts.original_request.as_deref().map(String::from));
            let (error, checkpoint) = (Box::new(error), checkpoint());
            Err(ExportError::Job { error, checkpoint, original_request })
        }
        DriveEnd::Stopped | DriveEnd::Reached => {
            Err(ExportError::Stopped { checkpoint: checkpoint() })
        }
    }
}
