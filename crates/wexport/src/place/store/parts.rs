//! An upload in parts whose id is known.

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

use super::bucket::in_pieces;
use super::transport::ask;
use super::trouble::Trouble;

/// The smallest part, and the largest object that is put in one request: 8 MiB. S3 wants 5 MiB
/// at least.
pub(super) const SMALLEST_PART: u64 = 8 << 20;

/// An upload has so many parts at most.
const MOST_PARTS: u64 = 10_000;

/// How many parts are in memory at once, unless they are large: 32 MiB in all.
const MOST_AT_ONCE: u64 = 4;

/// How a file is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Division {
    part: u64,
    at_once: usize,
}

impl Division {
    fn of(length: u64) -> Self {
        const MIB: u64 = 1 << 20;
        let part = SMALLEST_PART.max(length.div_ceil(MOST_PARTS).next_multiple_of(MIB));
        // Larger parts only occur with files beyond 80 GB.
        let at_once = (MOST_AT_ONCE * SMALLEST_PART / part).max(1);
        Self { part, at_once: usize::try_from(at_once).unwrap_or(1) }
    }
}

/// Sends a file as the parts of an upload, a few at once. `sent` is told how many bytes are there.
pub(super) async fn send_parts(
    upload: &mut dyn MultipartUpload,
    file: PathBuf,
    length: u64,
    sent: &(dyn Fn(u64) + Sync),
) -> std::result::Result<(), Trouble> {
    let Division { part, at_once } = Division::of(length);
    // Dropped, it stops whatever is under way.
    let mut under_way = JoinSet::new();
    let (mut next, mut done) = (0, 0);
    while next < length || !under_way.is_empty() {
        if next < length && under_way.len() < at_once {
            let size = part.min(length - next);
            let bytes = read(file.clone(), next, size).await?;
            let sending = upload.put_part(in_pieces(&bytes));
            under_way.spawn(async move { ask(sending).await.map(|()| size) });
            next += size;
        } else if let Some(ended) = under_way.join_next().await {
            done += ended.map_err(|error| Trouble::Other(error.to_string()))??;
            sent(done);
        }
    }
    Ok(())
}

/// A part of a file. It is shorter than asked for only if the file is.
pub(super) async fn read(
    file: PathBuf,
    from: u64,
    size: u64,
) -> std::result::Result<Bytes, Trouble> {
    use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
    let reading = spawn_blocking(move || {
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(Error::other)?);
        file.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == size {
            Ok(Bytes::from(bytes))
        } else {
            Err(Error::new(ErrorKind::UnexpectedEof, "it became shorter"))
        }
    });
    let read = reading.await.map_err(Error::other).and_then(|read| read);
    read.map_err(|error| Trouble::Other(format!("the file that waits for it: {error}")))
}

/// An upload whose id is known, so that another process can take it back.
pub(super) struct ById {
    store: Arc<dyn MultipartStore>,
    /// The same, with the condition under which it is to be completed.
    complete: Arc<dyn MultipartStore>,
    path: ObjectPath,
    id: MultipartId,
    begun: usize,
    sent: Arc<Mutex<BTreeMap<usize, PartId>>>,
}

impl ById {
    pub(super) fn new(
        store: Arc<dyn MultipartStore>,
        complete: Arc<dyn MultipartStore>,
        path: ObjectPath,
        id: MultipartId,
    ) -> Self {
        Self { store, complete, path, id, begun: 0, sent: Arc::default() }
    }
}

impl fmt::Debug for ById {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ById").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for ById {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, path, id) = (Arc::clone(&self.store), self.path.clone(), self.id.clone());
        let (index, sent) = (self.begun, Arc::clone(&self.sent));
        self.begun += 1;
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
    fn every_file_fits_into_the_parts_and_a_few_of_them_into_memory() {
        const MIB: u64 = 1 << 20;
        for (length, part, at_once) in [
            (8 * MIB + 1, 8 * MIB, 4),
            (80_000 * MIB, 8 * MIB, 4),
            (80_000 * MIB + 1, 9 * MIB, 3),
            (5 << 40, 525 * MIB, 1),
        ] {
            let division = Division::of(length);
            assert_eq!(division, Division { part, at_once }, "{length}");
            assert!(length.div_ceil(part) <= 10_000);
        }
    }
}
