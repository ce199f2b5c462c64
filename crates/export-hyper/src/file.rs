//! A sink that writes a file.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use export_core::Artifact;
use export_host::{Fallback, FileTarget, FinishedFile, IfExists, PartFile};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::sink::Sink;

/// A sink that writes a file. The file gets its name only when it is complete.
///
/// It writes to a part file beside its target, `.NAME.<hash>.part`, on tokio's threads for blocking
/// work, while the next bytes are received. A later run of the same operation with the same target
/// resumes the part.
///
/// [`Export::to_file`](crate::Export::to_file) and [`to_dir`](crate::Export::to_dir) use it. Use it
/// directly to choose the file's name later, or to set a rule for an existing file.
#[derive(Debug)]
pub struct FileSink {
    target: FileTarget,
    rule: IfExists,
    part: Part,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    takes_several: bool,
    finished: Vec<(FinishedFile, Artifact)>,
}

#[derive(Debug)]
enum Part {
    Closed,
    Open(PartFile),
    /// A write is under way. The part is closed if it fails.
    Busy(JoinHandle<io::Result<PartFile>>),
}

/// Bytes to gather for one write: enough that system calls cost little, and little memory.
const WRITE_SIZE: usize = 1_048_576;

impl FileSink {
    /// A file at this path.
    pub fn to_file(path: impl Into<PathBuf>) -> Self {
        Self::new(FileTarget::file(path))
    }

    /// A file in this folder, under the service's name for it, which is made safe.
    pub fn to_folder(path: impl Into<PathBuf>) -> Self {
        Self::new(FileTarget::folder(path))
    }

    /// Any number of files in this folder, for a result of several artifacts. Their names must differ.
    pub fn to_files(path: impl Into<PathBuf>) -> Self {
        Self { takes_several: true, ..Self::to_folder(path) }
    }

    /// A file at the path that `choose` returns for the artifact when its download starts. Until
    /// then its part is in `folder`, which had better be on the same file system: it is copied
    /// otherwise. `choose` may block; if it fails, so does the export.
    pub fn to_chosen(
        folder: impl Into<PathBuf>,
        choose: impl Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self::new(FileTarget::chosen(folder, choose))
    }

    /// Sets what to do if the target exists when the file is complete. **Replace** by default.
    #[must_use]
    pub fn if_exists(mut self, rule: IfExists) -> Self {
        self.rule = rule;
        self
    }

    /// The path of the file, once it is complete; that of the last one, if there are several.
    #[must_use]
    pub fn finished(&self) -> Option<&Path> {
        self.finished.last().map(|(file, _)| file.path())
    }

    /// The files that are complete, in their order.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Artifact)> {
        self.finished.iter().map(|(file, artifact)| (file.path(), artifact))
    }

    /// What could not be done for the file as usual, once it is complete: a line for a log each.
    #[must_use]
    pub fn fallbacks(&self) -> &[Fallback] {
        self.finished.last().map_or(&[], |(file, _)| file.fallbacks())
    }

    /// The path of the part while it is open and no write is under way, such as after
    /// [`sync`](Sink::sync).
    #[must_use]
    pub fn part(&self) -> Option<&Path> {
        match &self.part {
            Part::Open(part) => Some(part.part()),
            Part::Closed | Part::Busy(_) => None,
        }
    }

    /// Removes the part, if there is one, for an export that will not be resumed.
    ///
    /// # Errors
    ///
    /// Fails if the folder is not writable.
    pub async fn discard(&mut self) -> io::Result<()> {
        if let Part::Busy(_) = self.part {
            self.wait_idle().await?;
        }
        match mem::replace(&mut self.part, Part::Closed) {
            Part::Open(part) => {
                spawn_blocking(move || part.discard()).await.map_err(io::Error::other)?
            }
            Part::Closed | Part::Busy(_) => Ok(()),
        }
    }

    fn new(target: FileTarget) -> Self {
        Self {
            target,
            rule: IfExists::default(),
            part: Part::Closed,
            pending: Vec::new(),
            pending_bytes: 0,
            takes_several: false,
            finished: Vec::new(),
        }
    }

    async fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        if matches!(self.part, Part::Closed) {
            let (target, operation) = (self.target.clone(), operation.to_owned());
            let open = move || target.open(&operation);
            self.part = Part::Open(spawn_blocking(open).await.map_err(io::Error::other)??);
        }
        self.wait_idle().await
    }

    /// Waits until no write is under way. Returns the part.
    async fn wait_idle(&mut self) -> io::Result<&mut PartFile> {
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

    /// Starts to write the gathered bytes, after the previous write.
    async fn flush(&mut self) -> io::Result<()> {
        self.wait_idle().await?;
        if !self.pending.is_empty() {
            self.start_work(|_| Ok(()));
        }
        Ok(())
    }

    /// Starts to write the gathered bytes, and then to do `work`, on a thread for blocking work. It
    /// continues if the sink is dropped, and the part stays locked until it is done.
    fn start_work(&mut self, work: impl FnOnce(&mut PartFile) -> io::Result<()> + Send + 'static) {
        if let Part::Open(mut part) = mem::replace(&mut self.part, Part::Closed) {
            let pending = mem::take(&mut self.pending);
            self.pending_bytes = 0;
            self.part = Part::Busy(spawn_blocking(move || {
                pending.iter().try_for_each(|chunk| part.write_all(chunk))?;
                work(&mut part)?;
                Ok(part)
            }));
        }
    }
}

impl Sink for FileSink {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.open(operation).await?;
        self.flush().await?;
        Ok(self.wait_idle().await?.have())
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.pending.clear();
        self.pending_bytes = 0;
        let (target, artifact) = (self.target.clone(), artifact.clone());
        self.open(artifact.operation()).await?;
        self.start_work(move |part| {
            target.name(part, &artifact)?;
            part.cut(offset)?;
            artifact.length().map_or(Ok(()), |length| part.check_room_for(length))
        });
        self.wait_idle().await.map(|_| ())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.pending_bytes += chunk.len();
        self.pending.push(chunk);
        if self.pending_bytes >= WRITE_SIZE { self.flush().await } else { Ok(()) }
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.wait_idle().await?;
        self.start_work(|part| part.sync().map(|_| ()));
        Ok(self.wait_idle().await?.have())
    }

    fn takes_several(&self) -> bool {
        self.takes_several
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        self.flush().await?;
        self.wait_idle().await?;
        if let Part::Open(part) = mem::replace(&mut self.part, Part::Closed) {
            part.check_name(self.finished.iter().map(|(file, _)| file))?;
            let rule = self.rule;
            let finished = spawn_blocking(move || part.finish_unless(rule)).await;
            self.finished.push((finished.map_err(io::Error::other)??, artifact.clone()));
        }
        Ok(())
    }
}
