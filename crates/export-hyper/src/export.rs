//! One export, and where its file goes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use export_core::{Artifact, Error, ExportJob};
use export_host::{ExportError, Status, Submitted};

use crate::client::Shared;
use crate::download::Download;
use crate::drive::{Until, drive};
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
}

impl Export {
    pub(crate) fn new(client: Arc<Shared>, job: Result<ExportJob, ExportError>) -> Self {
        Self { client, job, key: None }
    }

    /// Stores this job's checkpoints under `key`, in the client's store. Without a key nothing is
    /// stored, and only an error brings a checkpoint back.
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Exports to a file, which appears under its name when it is complete, and replaces what
    /// stood there. A part file beside it, `.NAME.<hash>.part`, is gone on with by a later resume.
    ///
    /// # Errors
    ///
    /// Fails if the export does, or if the file cannot be written.
    pub async fn to_file(self, path: impl AsRef<Path>) -> Result<Artifact, ExportError> {
        self.to_sink(&mut FileSink::to_file(path.as_ref())).await
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
        let artifact = self.to_sink(&mut sink).await?;
        let path = sink.finished().unwrap_or_else(|| folder.as_ref().join(artifact.file_name()));
        Ok((path, artifact))
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
        let mut running = self.run()?;
        let outcome = running.drive(sink, Until::Done).await;
        running.ended(outcome.unwrap_or_else(|| unreachable!("a job is driven to its end")))
    }

    /// Exports to whoever reads: returns when the first byte is there to be read. A download that
    /// breaks off goes on inside, as long as the server can vouch that the file is the same.
    ///
    /// # Errors
    ///
    /// Fails if the export does.
    pub async fn open(self) -> Result<Download, ExportError> {
        let mut running = self.run()?;
        Download::open(|mut sink| async move {
            let outcome = running.drive(&mut sink, Until::Done).await;
            running.ended(outcome.unwrap_or_else(|| unreachable!("a job is driven to its end")))
        })
        .await
    }

    /// Asks for the export, and returns when the service has accepted it. Its checkpoint is what
    /// [`Client::resume`](crate::Client::resume) goes on from.
    ///
    /// # Errors
    ///
    /// Fails if the service does not accept it.
    pub async fn submit(self) -> Result<Submitted, ExportError> {
        let mut running = self.run()?;
        if let Some(outcome) = running.drive(&mut Nowhere, Until::Accepted).await {
            running.ended(outcome)?;
        }
        Ok(Submitted::of(&running.job, running.client.clock.now()))
    }

    /// Asks once how far the operation is.
    ///
    /// # Errors
    ///
    /// Fails if the operation did, or if it cannot be asked after.
    pub async fn status(self) -> Result<Status, ExportError> {
        let mut running = self.run()?;
        if let Some(outcome) = running.drive(&mut Nowhere, Until::Polled).await {
            running.ended(outcome)?;
        }
        Ok(Status::of(&running.job, running.client.clock.now()))
    }

    fn run(self) -> Result<Running, ExportError> {
        let store = match (&self.key, &self.client.checkpoints) {
            (None, _) => None,
            (Some(_), None) => return Err(ExportError::NoStore),
            (Some(_), Some(store)) => Some(Arc::clone(store)),
        };
        let keeper = Keeper::new(store, self.key.unwrap_or_default());
        Ok(Running { job: self.job?, keeper, client: self.client })
    }
}

/// A job on its way.
struct Running {
    client: Arc<Shared>,
    job: ExportJob,
    keeper: Keeper,
}

impl Running {
    async fn drive(
        &mut self,
        sink: &mut impl Sink,
        until: Until,
    ) -> Option<Result<Artifact, Error>> {
        drive(&self.client, &mut self.job, &self.keeper, sink, until).await
    }

    fn ended(&self, outcome: Result<Artifact, Error>) -> Result<Artifact, ExportError> {
        outcome.map_err(|error| ExportError::Job {
            error: Box::new(error),
            checkpoint: Box::new(self.job.checkpoint()),
        })
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
        let text = format!("the file is larger than the {} bytes that were allowed", self.limit);
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    }
}

/// For jobs that are left before their first byte.
struct Nowhere;

impl Sink for Nowhere {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(0)
    }

    async fn begin(&mut self, _artifact: &Artifact, _offset: u64) -> io::Result<()> {
        Ok(())
    }

    async fn write(&mut self, _chunk: Bytes) -> io::Result<()> {
        Ok(())
    }
}
