//! A sink that is a file: complete under its name, or not there at all.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use export_core::Artifact;
use export_host::PartFile;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::sink::Sink;

/// Writes to a part file beside its target, on a thread that may block, while the next bytes are
/// on their way.
#[derive(Debug)]
pub(crate) struct FileSink {
    place: Place,
    part: Part,
    batch: Vec<Bytes>,
    batched: usize,
    finished: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    /// A folder, for a file that the service names.
    Folder(PathBuf),
}

#[derive(Debug)]
enum Part {
    Closed,
    Open(PartFile),
    /// Gone for good once a write has failed.
    Busy(JoinHandle<io::Result<PartFile>>),
}

/// Bytes that are written at once: enough to make a system call cheap, and little to hold.
const BATCH: usize = 1_048_576;

/// A handle that was dropped may still write its last batch.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

impl FileSink {
    pub(crate) fn to_file(path: &Path) -> Self {
        Self::new(Place::File(path.into()))
    }

    pub(crate) fn to_folder(path: &Path) -> Self {
        Self::new(Place::Folder(path.into()))
    }

    /// Where the file is, once it is complete.
    pub(crate) fn finished(self) -> Option<PathBuf> {
        self.finished
    }

    fn new(place: Place) -> Self {
        Self { place, part: Part::Closed, batch: Vec::new(), batched: 0, finished: None }
    }

    async fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        if matches!(self.part, Part::Closed) {
            let (place, operation) = (self.place.clone(), operation.to_owned());
            let open = move || match place {
                Place::File(target) => PartFile::open(&target, &operation, LOCK_PATIENCE),
                Place::Folder(folder) => PartFile::open_unnamed(&folder, &operation, LOCK_PATIENCE),
            };
            self.part = Part::Open(spawn_blocking(open).await.map_err(io::Error::other)??);
        }
        self.idle().await
    }

    /// The part, with no write under way.
    async fn idle(&mut self) -> io::Result<&mut PartFile> {
        if let Part::Busy(writing) = &mut self.part {
            let written = writing.await;
            self.part = Part::Closed;
            self.part = Part::Open(written.map_err(io::Error::other)??);
        }
        match &mut self.part {
            Part::Open(part) => Ok(part),
            Part::Closed | Part::Busy(_) => Err(io::Error::other("the file is not open")),
        }
    }

    /// Starts to write what was gathered, once the write before is done.
    async fn flush(&mut self) -> io::Result<()> {
        self.idle().await?;
        let batch = mem::take(&mut self.batch);
        self.batched = 0;
        self.on_the_side(move |part| batch.iter().try_for_each(|chunk| part.write_all(chunk)));
        Ok(())
    }

    /// Does something with the part where it may block. A handle that is dropped in the meantime
    /// leaves this running: the part stays locked until it is done.
    fn on_the_side(&mut self, work: impl FnOnce(&mut PartFile) -> io::Result<()> + Send + 'static) {
        if let Part::Open(mut part) = mem::replace(&mut self.part, Part::Closed) {
            self.part = Part::Busy(spawn_blocking(move || work(&mut part).map(|()| part)));
        }
    }
}

impl Sink for FileSink {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.open(operation).await?;
        self.flush().await?;
        Ok(self.idle().await?.have())
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.batch.clear();
        self.batched = 0;
        let named = match &self.place {
            Place::File(_) => None,
            Place::Folder(folder) => Some(folder.join(artifact.file_name())),
        };
        self.open(artifact.operation()).await?;
        self.on_the_side(move |part| {
            if let Some(target) = named {
                part.retarget(&target)?;
            }
            part.cut(offset)
        });
        self.idle().await.map(|_| ())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.batched += chunk.len();
        self.batch.push(chunk);
        if self.batched >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.flush().await?;
        self.idle().await?;
        self.on_the_side(|part| part.sync().map(|_| ()));
        Ok(self.idle().await?.have())
    }

    async fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        self.flush().await?;
        self.idle().await?;
        if let Part::Open(part) = mem::replace(&mut self.part, Part::Closed) {
            let finished = spawn_blocking(move || part.finish()).await;
            self.finished = Some(finished.map_err(io::Error::other)??);
        }
        Ok(())
    }
}
