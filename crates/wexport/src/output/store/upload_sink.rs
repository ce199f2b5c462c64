//! The first step of an export to a store: the download into a folder of this machine.

use std::io;

use bytes::Bytes;
use export_hyper::{Artifact, FileSink, Sink};
use tokio::task::spawn_blocking;

use super::address::Address;
use super::bucket::Bucket;
use super::upload::Upload;
use super::upload_dir::{PendingUpload, UploadDir};
use crate::output::destination::Destination;
use crate::output::newer::NewerGuard;
use crate::output::reserved_names::ReservedNames;
use crate::output::template::Known;
use crate::receipt::{Origin, Receipt, digest};

/// Takes the file of an export that is to be uploaded.
#[derive(Debug)]
pub(crate) struct UploadSink {
    bucket: Bucket,
    address: Address,
    destination: Destination,
    names: ReservedNames,
    dir: UploadDir,
    guard: Option<NewerGuard>,
    origin: Origin,
    file: FileSink,
    pending: Option<PendingUpload>,
}

impl UploadSink {
    pub(in crate::output) fn new(
        bucket: Bucket,
        address: Address,
        destination: &Destination,
        names: ReservedNames,
        dir: UploadDir,
        origin: Origin,
    ) -> Self {
        let (destination, file) = (destination.clone(), FileSink::to_file(dir.file()));
        let (guard, pending) = (None, None);
        Self { bucket, address, destination, names, dir, guard, origin, file, pending }
    }

    /// Replaces no newer object, if there is a guard.
    pub(in crate::output) fn with_guard(self, guard: Option<NewerGuard>) -> Self {
        Self { guard, ..self }
    }

    /// Removes the part that was downloaded.
    pub(in crate::output) async fn discard(&mut self) -> io::Result<()> {
        self.file.discard().await
    }

    /// The second step, once the file is complete.
    pub(in crate::output) fn into_upload(self) -> Option<Upload> {
        let Self { bucket, address, destination, names, dir, guard, pending, .. } = self;
        let upload = Upload::new(bucket, address, &destination, names, dir, pending?);
        Some(upload.with_guard(guard))
    }

    async fn prepare_upload(&self, artifact: &Artifact) -> io::Result<PendingUpload> {
        let known = Known { subject: &self.origin.subject };
        let key = self.address.key_for(&known, artifact).map_err(io::Error::other)?;
        let dir = self.dir.clone();
        let read = spawn_blocking(move || Ok((digest(&dir.file())?, dir.left_elsewhere()?)));
        let (digest, started): (_, _) =
            read.await.map_err(io::Error::other).and_then(|read| read)?;
        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
        let receipt = Receipt::new(name, digest, artifact, self.origin.clone());
        Ok(PendingUpload { started, ..PendingUpload::new(key, receipt) })
    }
}

impl Sink for UploadSink {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.file.have(operation).await
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.file.begin(artifact, offset).await
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.file.write(chunk).await
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.file.sync().await
    }

    /// Completes the download. From the moment that the record is on disk, the export is an upload
    /// that does not need the service.
    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        self.file.finish(artifact).await?;
        let pending = self.prepare_upload(artifact).await?;
        self.dir.store(&pending)?;
        self.pending = Some(pending);
        Ok(())
    }
}
