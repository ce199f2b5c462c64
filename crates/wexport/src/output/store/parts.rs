//! Multipart uploads.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartId, MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use tokio::task::{JoinSet, spawn_blocking};

use super::error::StoreError;
use super::transport::run;

/// The smallest part, and the largest object that is put in one request: **8 MiB**. S3 requires
/// at least 5 MiB for each part but the last.
pub(super) const MIN_PART_SIZE: u64 = 8 << 20;

/// The most parts of an upload: the limit of S3.
const MAX_PARTS: u64 = 10_000;

/// The most parts that are in memory at once: 32 MiB, unless parts are larger than 8 MiB.
pub(super) const MAX_CONCURRENT: u64 = 4;

/// How a file is divided into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PartPlan {
    /// The size of each part but the last, in **bytes**.
    size: u64,
    /// The number of parts that are sent at once.
    concurrent: usize,
}

impl PartPlan {
    fn new(length: u64) -> Self {
        const MIB: u64 = 1 << 20;
        let size = MIN_PART_SIZE.max(length.div_ceil(MAX_PARTS).next_multiple_of(MIB));
        // Parts are larger than 8 MiB only in files beyond 80 GB.
        let concurrent = (MAX_CONCURRENT * MIN_PART_SIZE / size).max(1);
        Self { size, concurrent: usize::try_from(concurrent).unwrap_or(1) }
    }
}

/// Sends a file as the parts of an upload, a few at once. `on_progress` gets the number of bytes
/// that were sent.
pub(super) async fn send_parts(
    upload: &mut dyn MultipartUpload,
    file: PathBuf,
    length: u64,
    on_progress: &(dyn Fn(u64) + Sync),
) -> std::result::Result<(), StoreError> {
    let PartPlan { size: part_size, concurrent } = PartPlan::new(length);
    // Dropping the set cancels the requests.
    let mut in_flight = JoinSet::new();
    let (mut next, mut done) = (0, 0);
    while next < length || !in_flight.is_empty() {
        if next < length && in_flight.len() < concurrent {
            let size = part_size.min(length - next);
            let bytes = read(file.clone(), next, size).await?;
            let sending = upload.put_part(payload(&bytes));
            in_flight.spawn(async move { run(sending).await.map(|()| size) });
            next += size;
        } else if let Some(ended) = in_flight.join_next().await {
            done += ended.map_err(|error| StoreError::Other(error.to_string()))??;
            on_progress(done);
        }
    }
    Ok(())
}

/// Reads a part of a file. Fails if the file is shorter.
pub(super) async fn read(
    file: PathBuf,
    from: u64,
    size: u64,
) -> std::result::Result<Bytes, StoreError> {
    use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
    let reading = spawn_blocking(move || {
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(Error::other)?);
        file.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == size {
            Ok(Bytes::from(bytes))
        } else {
            Err(Error::new(ErrorKind::UnexpectedEof, "the file became shorter"))
        }
    });
    let read = reading.await.map_err(Error::other).and_then(|read| read);
    read.map_err(|error| StoreError::Other(format!("cannot read the downloaded file: {error}")))
}

/// The size of the chunks of a body, in **bytes**: a connection has stalled if it takes no other
/// chunk.
const CHUNK: usize = 65_536;

/// Divides a body into chunks.
pub(super) fn payload(bytes: &Bytes) -> PutPayload {
    let starts = (0..bytes.len()).step_by(CHUNK);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + CHUNK))).collect()
}

/// A multipart upload whose id is known, so that another process can abort it.
pub(super) struct MultipartById {
    store: Arc<dyn MultipartStore>,
    /// The client for the completion, which may have a condition.
    complete: Arc<dyn MultipartStore>,
    path: ObjectPath,
    id: MultipartId,
    next_part: usize,
    sent: Arc<Mutex<BTreeMap<usize, PartId>>>,
}

impl MultipartById {
    pub(super) fn new(
        store: Arc<dyn MultipartStore>,
        complete: Arc<dyn MultipartStore>,
        path: ObjectPath,
        id: MultipartId,
    ) -> Self {
        Self { store, complete, path, id, next_part: 0, sent: Arc::default() }
    }
}

impl fmt::Debug for MultipartById {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultipartById").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for MultipartById {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, path, id) = (Arc::clone(&self.store), self.path.clone(), self.id.clone());
        let (index, sent) = (self.next_part, Arc::clone(&self.sent));
        self.next_part += 1;
        Box::pin(async move {
            let part = store.put_part(&path, &id, index, data).await?;
            sent.lock().unwrap_or_else(PoisonError::into_inner).insert(index, part);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner));
        let parts = sent.into_values().collect();
        self.complete.complete_multipart(&self.path, &self.id, parts).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.abort_multipart(&self.path, &self.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_the_limits_of_s3_and_of_memory() {
        const MIB: u64 = 1 << 20;
        for (length, size, concurrent) in [
            (8 * MIB + 1, 8 * MIB, 4),
            (80_000 * MIB, 8 * MIB, 4),
            (80_000 * MIB + 1, 9 * MIB, 3),
            (5 << 40, 525 * MIB, 1),
        ] {
            let plan = PartPlan::new(length);
            assert_eq!(plan, PartPlan { size, concurrent }, "{length}");
            assert!(length.div_ceil(size) <= 10_000);
        }
    }
}
