//! One export, and where its file goes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use export_core::{Artifact, Event, ExportJob, Failure, FailureKind, Timestamp};
use export_host::{ExportError, Hooks, JobObserver, PartFile, Status, Submitted, Until};

use crate::client::Shared;
use crate::download::Download;
use crate::drive::{Driver, Left};
use crate::file::FileSink;
use crate::keeper::Keeper;
use crate::sink::{Memory, Sink};
use crate::stopper::Stopper;

/// An export that was described, and does nothing until it is told where the file goes.
#[derive(Debug)]
#[must_use = "an export does nothing before its file is asked for"]
pub struct Export {
    client: Arc<Shared>,
    job: Result<ExportJob, ExportError>,
    key: Option<String>,
    hooks: Hooks,
    stopper: Stopper,
}

impl Export {
    pub(crate) fn new(client: Arc<Shared>, job: Result<ExportJob, ExportError>) -> Self {
        let hooks = client.hooks.clone();
        Self { client, job, key: None, hooks, stopper: Stopper::new() }
    }

    /// Stores this job's checkpoints under `key`, in the client's store, until it has its file.
    /// Without a key nothing is stored, and only an error brings a checkpoint back.
    ///
    /// What is under the key already is replaced: to go on with it instead, use
    /// [`Client::resume_key`](crate::Client::resume_key).
    ///
    /// The checkpoint is removed last of all, when the file is in its place: a process that is
    /// killed between the two loads the file once more when it resumes.
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Lets `stopper` end it from another thread, with [`ExportError::Stopped`].
    pub fn with_stopper(mut self, stopper: &Stopper) -> Self {
        self.stopper = stopper.child();
        self
    }

    /// Is told of everything that happens to this export, in place of the client's
    /// [`on_event`](crate::ClientBuilder::on_event). It must not block.
    pub fn on_event(mut self, observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks = self.hooks.with_event(observe);
        self
    }

    /// Is told how far this download is, in place of the client's
    /// [`on_progress`](crate::ClientBuilder::on_progress). It must not block.
    pub fn on_progress(
        mut self,
        observe: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_progress(observe);
        self
    }

    /// Exports to a file, which appears under its name when it is complete, and replaces what
    /// stood there. A part file beside it, `.NAME.<hash>.part`, is gone on with by a later resume.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written. A target that is out of the
    /// question, because of its folder, say, is told before an export is asked for.
    pub fn to_file(self, path: impl AsRef<Path>) -> Result<Artifact, ExportError> {
        let checked = PartFile::check(path.as_ref());
        self.unless(checked).into_file_sink(&mut FileSink::to_file(path.as_ref()))
    }

    /// Exports to a folder, under the name that the service gives the file, made safe. Returns
    /// the path.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written.
    pub fn to_dir(self, folder: impl AsRef<Path>) -> Result<(PathBuf, Artifact), ExportError> {
        let mut sink = FileSink::to_folder(folder.as_ref());
        let checked = PartFile::check_folder(folder.as_ref());
        let artifact = self.unless(checked).into_file_sink(&mut sink)?;
        let path = sink.finished().map(PathBuf::from);
        Ok((path.unwrap_or_else(|| folder.as_ref().join(artifact.file_name())), artifact))
    }

    /// Exports to memory, as long as it is not larger than `limit` bytes.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file is larger.
    pub fn bytes(self, limit: usize) -> Result<(Artifact, Vec<u8>), ExportError> {
        let mut sink = Memory { bytes: Vec::new(), limit };
        let artifact = self.to_sink(&mut sink)?;
        Ok((artifact, sink.bytes))
    }

    /// Exports to a sink of the caller's.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or the sink.
    pub fn to_sink(self, sink: &mut dyn Sink) -> Result<Artifact, ExportError> {
        let (client, stopper) = (Arc::clone(&self.client), self.stopper.clone());
        let (mut job, watch, keeper) = self.begin()?;
        let mut driver = Driver::new(&client, watch, keeper, &stopper);
        let left = driver.drive(&mut job, sink, Until::Done);
        let artifact = ended(&job, left)?;
        driver.forget()?;
        Ok(artifact)
    }

    /// Leaves no part behind that nobody can go on with.
    fn into_file_sink(self, sink: &mut FileSink) -> Result<Artifact, ExportError> {
        let outcome = self.to_sink(sink);
        if outcome.as_ref().is_err_and(|error| error.checkpoint().is_none()) {
            // It is hidden, and in nobody's way.
            let _ = sink.discard();
        }
        outcome
    }

    /// Exports to whoever reads: returns when the first byte is there to be read. A download that
    /// breaks off goes on inside, as long as the server can vouch that the file is the same.
    ///
    /// A thread of its own drives the job until the [`Download`] is read to its end or dropped.
    ///
    /// # Errors
    ///
    /// Fails if the export does.
    pub fn open(self) -> Result<Download, ExportError> {
        let (job, stopper) = (self.job?, self.stopper.child());
        let export = Self { job: Ok(job), stopper: stopper.clone(), ..self };
        Download::open(stopper, move |mut pipe| export.to_sink(&mut pipe))
    }

    /// Asks for the export, and returns when the service has accepted it. Its checkpoint is what
    /// [`Client::resume`](crate::Client::resume) goes on from.
    ///
    /// # Errors
    ///
    /// Fails if the service does not accept it.
    pub fn submit(self) -> Result<Submitted, ExportError> {
        let (job, now) = self.until(Until::Accepted)?;
        Ok(Submitted::of(&job, now))
    }

    /// Asks once how far the operation is.
    ///
    /// # Errors
    ///
    /// Fails if the operation did, or if it cannot be asked after.
    pub fn status(self) -> Result<Status, ExportError> {
        let (job, now) = self.until(Until::Polled)?;
        Ok(Status::of(&job, now))
    }

    /// Drives the job no further than its first byte, so that its sink does not matter.
    fn until(self, until: Until) -> Result<(ExportJob, Timestamp), ExportError> {
        let (client, stopper) = (Arc::clone(&self.client), self.stopper.clone());
        let (mut job, watch, keeper) = self.begin()?;
        let mut nowhere = Memory { bytes: Vec::new(), limit: 0 };
        let left =
            Driver::new(&client, watch, keeper, &stopper).drive(&mut job, &mut nowhere, until);
        if !matches!(left, Left::Reached) {
            ended(&job, left)?;
        }
        Ok((job, client.clock.now()))
    }

    /// Stops the job before it asks for anything if its file could not be written.
    fn unless(mut self, checked: io::Result<()>) -> Self {
        if let (Ok(job), Err(error)) = (&mut self.job, checked) {
            job.stop(Failure::new(FailureKind::Sink).with_source(error));
        }
        self
    }

    pub(crate) fn begin(self) -> Result<(ExportJob, JobObserver, Keeper), ExportError> {
        let entry = match (self.key, &self.client.checkpoints) {
            (None, _) => None,
            (Some(_), None) => return Err(ExportError::NoStore),
            (Some(key), Some(store)) => Some((Arc::clone(store), key)),
        };
        Ok((self.job?, self.hooks.observer(), Keeper::new(entry)))
    }
}

pub(crate) fn ended(job: &ExportJob, left: Left) -> Result<Artifact, ExportError> {
    let checkpoint = || Box::new(job.checkpoint());
    match left {
        Left::Done(Ok(artifact)) => Ok(artifact),
        Left::Done(Err(error)) => {
            let original_request =
                job.facts().and_then(|facts| facts.original_request.as_deref().map(String::from));
            let (error, checkpoint) = (Box::new(error), checkpoint());
            Err(ExportError::Job { error, checkpoint, original_request })
        }
        Left::Stopped | Left::Reached => Err(ExportError::Stopped { checkpoint: checkpoint() }),
    }
}
