//! A sink that writes a file.

use std::io;
use std::path::{Path, PathBuf};

use export_core::Artifact;
use export_host::{Fallback, FileTarget, FinishedFile, IfExists, PartFile};

use crate::sink::Sink;

/// A sink that writes a file. The file gets its name only when it is complete.
///
/// It writes to a part file beside its target, `.NAME.<hash>.part`. A later run of the same
/// operation with the same target resumes the part.
///
/// [`Export::to_file`](crate::Export::to_file) and [`to_dir`](crate::Export::to_dir) use it. Use it
/// directly to choose the file's name later, or to set a rule for an existing file.
#[derive(Debug)]
pub struct FileSink {
    target: FileTarget,
    rule: IfExists,
    part: Option<PartFile>,
    takes_several: bool,
    finished: Vec<(FinishedFile, Artifact)>,
}

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
    /// otherwise. If `choose` fails, so
    /// does the export.
    pub fn to_chosen(
        folder: impl Into<PathBuf>,
        choose: impl Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self::new(FileTarget::chosen(folder, choose))
    }

    /// Sets what to do if the target exists when the file is complete. **Replace** by default.
    #[must_use]
    pub const fn if_exists(mut self, rule: IfExists) -> Self {
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

    /// Removes the part, if there is one, for an export that will not be resumed.
    ///
    /// # Errors
    ///
    /// Fails if the folder is not writable.
    pub fn discard(&mut self) -> io::Result<()> {
        self.part.take().map_or(Ok(()), PartFile::discard)
    }

    fn new(target: FileTarget) -> Self {
        let (rule, finished) = (IfExists::default(), Vec::new());
        Self { target, rule, part: None, takes_several: false, finished }
    }

    fn part(&mut self) -> io::Result<&mut PartFile> {
        self.part.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.target.open(operation)?,
        };
        Ok(self.part.insert(part))
    }
}

impl Sink for FileSink {
    fn have(&mut self, operation: &str) -> io::Result<u64> {
        Ok(self.open(operation)?.have())
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        let target = self.target.clone();
        let part = self.open(artifact.operation())?;
        target.name(part, artifact)?;
        part.cut(offset)?;
        artifact.length().map_or(Ok(()), |length| part.check_room_for(length))
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.part()?.write_all(chunk)
    }

    fn sync(&mut self) -> io::Result<u64> {
        self.part()?.sync()
    }

    fn takes_several(&self) -> bool {
        self.takes_several
    }

    fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        if let Some(part) = self.part.take() {
            part.check_name(self.finished.iter().map(|(file, _)| file))?;
            self.finished.push((part.finish_unless(self.rule)?, artifact.clone()));
        }
        Ok(())
    }
}
