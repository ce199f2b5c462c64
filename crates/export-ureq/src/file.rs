//! A sink that is a file.

use std::io;
use std::path::{Path, PathBuf};

use export_core::Artifact;
use export_host::{FileTarget, IfExists, PartFile};

use crate::sink::Sink;

/// A sink that is a file: complete under its name, or not there at all.
///
/// It writes to a part file beside its target, `.NAME.<hash>.part`. A later export of the same
/// operation to the same place goes on with the part.
///
/// [`Export::to_file`](crate::Export::to_file) and [`to_dir`](crate::Export::to_dir) use it, and
/// are shorter to write; by itself it takes a rule for the file's name, and one for a file that
/// stands there already.
#[derive(Debug)]
pub struct FileSink {
    place: FileTarget,
    rule: IfExists,
    part: Option<PartFile>,
    finished: Option<PathBuf>,
}

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
    /// comes. Until then it is a part in `folder`, which has to be on the same disk. If `choose`
    /// fails, so does the export.
    pub fn to_chosen(
        folder: impl Into<PathBuf>,
        choose: impl Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self::new(FileTarget::chosen(folder, choose))
    }

    /// Chooses what becomes of a file that stands there already when this one is complete. It is
    /// **replaced** by default.
    #[must_use]
    pub const fn if_exists(mut self, rule: IfExists) -> Self {
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
    pub fn discard(&mut self) -> io::Result<()> {
        self.part.take().map_or(Ok(()), PartFile::discard)
    }

    fn new(place: FileTarget) -> Self {
        Self { place, rule: IfExists::default(), part: None, finished: None }
    }

    fn part(&mut self) -> io::Result<&mut PartFile> {
        self.part.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.place.open(operation)?,
        };
        Ok(self.part.insert(part))
    }
}

impl Sink for FileSink {
    fn have(&mut self, operation: &str) -> io::Result<u64> {
        Ok(self.open(operation)?.have())
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        let place = self.place.clone();
        let part = self.open(artifact.operation())?;
        place.name(part, artifact)?;
        part.cut(offset)
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.part()?.write_all(chunk)
    }

    fn sync(&mut self) -> io::Result<u64> {
        self.part()?.sync()
    }

    fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        if let Some(part) = self.part.take() {
            self.finished = Some(part.finish_unless(self.rule)?);
        }
        Ok(())
    }
}
