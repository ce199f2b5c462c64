//! One export, and where its file goes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use export_core::{Artifact, Event, ExportJob, Failure, FailureKind, Timestamp};
use export_host::{ExportError, Hooks, PartFile, Status, Submitted, Until};
use tokio::task::{JoinError, spawn_blocking};

use crate::client::Shared;
use crate::download::Download;
use crate::drive::{Driver, Left};
use crate::file::FileSink;
use crate::keeper::Keeper;
use crate::sink::Sink;

/// An export that was described, and does nothing until it is told where the file goes.
#[derive(Debug)]
#[must_use = "an export does nothing before its file is asked for"]
pub struct Export {
    client: Arc<Shared>,
    job: Result<ExportJob, ExportError>,
    key: Option<String>,
    hooks: Hooks,
}

impl Export {
    pub(crate) fn new(client: Arc<Shared>, job: Result<ExportJob, ExportError>) -> Self {
        let hooks = client.hooks.clone();
        Self { client, job, key: None, hooks }
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
    pub async fn to_file(self, path: impl AsRef<Path>) -> Result<Artifact, ExportError> {
        let target = path.as_ref().to_owned();
        let checked = spawn_blocking(move || PartFile::check(&target)).await;
        self.unless(checked).into_file_sink(&mut FileSink::to_file(path.as_ref())).await
    }

    /// Exports to a folder, under the name that the service gives the file, made safe. Returns
    /// the path.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written.
    pub async fn to_dir(
        self,
        folder: impl AsRef<Path>,
    ) -> Result<(PathBuf, Artifact), ExportError> {
        let mut sink = FileSink::to_folder(folder.as_ref());
        let target = folder.as_ref().to_owned();
        let checked = spawn_blocking(move || PartFile::check_folder(&target)).await;
        let artifact = self.unless(checked).into_file_sink(&mut sink).await?;
        let path = sink.finished().map(PathBuf::from);
        Ok((path.unwrap_or_else(|| folder.as_ref().join(artifact.file_name())), artifact))
    }

    /// Exports to memory, as long as it is not larger than `limit` bytes.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file is larger.
    pub async fn bytes(self, limit: usize) -> Result<(Artifact, Vec<u8>), ExportError> {
        let mut sink = Memory { bytes: Vec::new(), limit };
        let artifact = self.to_sink(&mut sink).await?;
        Ok((artifact, sink.bytes))
    }

    /// Exports to a sink of the caller's.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or the sink.
    pub async fn to_sink(self, sink: &mut impl Sink) -> Result<Artifact, ExportError> {
        let (mut job, mut driver) = self.begin()?;
        let left = driver.drive(&mut job, sink, Until::Done).await;
        let artifact = ended(&job, left)?;
        driver.forget().await?;
        Ok(artifact)
    }

    /// Leaves no part behind that nobody can go on with.
    async fn into_file_sink(self, sink: &mut FileSink) -> Result<Artifact, ExportError> {
        let outcome = self.to_sink(sink).await;
        if outcome.as_ref().is_err_and(|error| error.checkpoint().is_none()) {
            // It is hidden, and in nobody's way.
            let _ = sink.discard().await;
        }
        outcome
    }

    /// Exports to whoever reads: returns when the first byte is there to be read. A download that
    /// breaks off goes on inside, as long as the server can vouch that the file is the same.
    ///
    /// # Errors
    ///
    /// Fails if the export does.
    pub async fn open(self) -> Result<Download, ExportError> {
        Download::open(|mut pipe| async move { self.to_sink(&mut pipe).await }).await
    }

    /// Asks for the export, and returns when the service has accepted it. Its checkpoint is what
    /// [`Client::resume`](crate::Client::resume) goes on from.
    ///
    /// # Errors
    ///
    /// Fails if the service does not accept it.
    pub async fn submit(self) -> Result<Submitted, ExportError> {
        let (job, now) = self.until(Until::Accepted).await?;
        Ok(Submitted::of(&job, now))
    }

    /// Asks once how far the operation is.
    ///
    /// # Errors
    ///
    /// Fails if the operation did, or if it cannot be asked after.
    pub async fn status(self) -> Result<Status, ExportError> {
        let (job, now) = self.until(Until::Polled).await?;
        Ok(Status::of(&job, now))
    }

    /// Drives the job no further than its first byte, so that its sink does not matter.
    async fn until(self, until: Until) -> Result<(ExportJob, Timestamp), ExportError> {
        let client = Arc::clone(&self.client);
        let (mut job, mut driver) = self.begin()?;
        let mut nowhere = Memory { bytes: Vec::new(), limit: 0 };
        let left = driver.drive(&mut job, &mut nowhere, until).await;
        if !matches!(left, Left::Reached) {
            ended(&job, left)?;
        }
        Ok((job, client.clock.now()))
    }

    /// Stops the job before it asks for anything if its file could not be written.
    fn unless(mut self, checked: Result<io::Result<()>, JoinError>) -> Self {
        let checked = checked.map_err(io::Error::other).and_then(|checked| checked);
        if let (Ok(job), Err(error)) = (&mut self.job, checked) {
            job.stop(Failure::new(FailureKind::Sink).with_source(error));
        }
        self
    }

    pub(crate) fn begin(self) -> Result<(ExportJob, Driver), ExportError> {
        let entry = match (self.key, &self.client.checkpoints) {
            (None, _) => None,
            (Some(_), None) => return Err(ExportError::NoStore),
            (Some(key), Some(store)) => Some((Arc::clone(store), key)),
        };
        let watch = self.hooks.observer();
        Ok((self.job?, Driver::new(self.client, watch, Keeper::new(entry))))
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
        Left::Reached => Err(ExportError::Stopped { checkpoint: checkpoint() }),
    }
}

/// Memory, up to a limit.
struct Memory {
    bytes: Vec<u8>,
    limit: usize,
}

impl Sink for Memory {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.bytes.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
        match artifact.length() {
            Some(length) if length > self.limit as u64 => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        if chunk.len() > self.limit - self.bytes.len() {
            return Err(self.too_large());
        }
        self.bytes.extend_from_slice(&chunk);
        Ok(())
    }
}

impl Memory {
    fn too_large(&self) -> io::Error {
        let text = format!("the file is longer than the {} bytes allowed", self.limit);
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    }
}
