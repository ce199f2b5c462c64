//! A sink that is a file.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use export_core::Artifact;
use export_host::{FileTarget, IfExists, PartFile};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::sink::Sink;

/// A sink that is a file: complete under its name, or not there at all.
///
/// It writes to a part file beside its target, `.NAME.<hash>.part`, on a thread that may block,
/// while the next bytes are on their way. A later export of the same operation to the same place
/// goes on with the part.
///
/// [`Export::to_file`](crate::Export::to_file) and [`to_dir`](crate::Export::to_dir) use it, and
/// are shorter to write; by itself it takes a rule for the file's name, and one for a file that
/// stands there already.
#[derive(Debug)]
pub struct FileSink {
    place: FileTarget,
    rule: IfExists,
    part: Part,
    batch: Vec<Bytes>,
    batched: usize,
    finished: Option<PathBuf>,
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

impl FileSink {
    /// A file at this path.
    pub fn to_file(path: impl Into<PathBuf>) -> Self {
        Self::new(FileTarget::file(path))
    }

    /// A file in this folder, under the name that the service gives it, made safe.
    pub fn to_folder(path: impl Into<PathBuf>) -> Self {
        Self::new(FileTarget::folder(path))
    }

    /// A file at the path that `choose` makes of what the service says of it, when its first byte
    /// comes. Until then it is a part in `folder`, which has to be on the same disk. `choose` may
    /// block; if it fails, so does the export.
    pub fn to_chosen(
        folder: impl Into<PathBuf>,
        choose: impl Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self::new(FileTarget::chosen(folder, choose))
    }

    /// Chooses what becomes of a file that stands there already when this one is complete. It is
    /// **replaced** by default.
    #[must_use]
    pub fn if_exists(mut self, rule: IfExists) -> Self {
        self.rule = rule;
        self
    }

    /// Where the file is, once it is complete.
    #[must_use]
    pub fn finished(&self) -> Option<&Path> {
        self.finished.as_deref()
    }

    /// Removes what was downloaded so far, for an export that will not be gone on with. It is no
    /// error if there is nothing.
    ///
    /// # Errors
    ///
    /// Fails if the folder may not be written.
    pub async fn discard(&mut self) -> io::Result<()> {
        if let Part::Busy(_) = self.part {
            self.idle().await?;
        }
        match mem::replace(&mut self.part, Part::Closed) {
            Part::Open(part) => {
                spawn_blocking(move || part.discard()).await.map_err(io::Error::other)?
            }
            Part::Closed | Part::Busy(_) => Ok(()),
        }
    }

    fn new(place: FileTarget) -> Self {
        let (rule, part) = (IfExists::default(), Part::Closed);
        Self { place, rule, part, batch: Vec::new(), batched: 0, finished: None }
    }

    async fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        if matches!(self.part, Part::Closed) {
            let (place, operation) = (self.place.clone(), operation.to_owned());
            let open = move || place.open(&operation);
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
        let (place, artifact) = (self.place.clone(), artifact.clone());
        self.open(artifact.operation()).await?;
        self.on_the_side(move |part| {
            place.name(part, &artifact)?;
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
            let rule = self.rule;
            let finished = spawn_blocking(move || part.finish_unless(rule)).await;
            self.finished = Some(finished.map_err(io::Error::other)??);
        }
        Ok(())
    }
}
