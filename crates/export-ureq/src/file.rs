//! A sink that is a file: complete under its name, or not there at all.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_core::Artifact;
use export_host::PartFile;

use crate::sink::Sink;

/// Writes to a part file beside its target.
#[derive(Debug)]
pub(crate) struct FileSink {
    place: Place,
    part: Option<PartFile>,
    finished: Option<PathBuf>,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    /// A folder, for a file that the service names.
    Folder(PathBuf),
}

/// Another process may be about to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

impl FileSink {
    pub(crate) fn to_file(path: &Path) -> Self {
        Self { place: Place::File(path.into()), part: None, finished: None }
    }

    pub(crate) fn to_folder(path: &Path) -> Self {
        Self { place: Place::Folder(path.into()), part: None, finished: None }
    }

    /// Where the file is, once it is complete.
    pub(crate) fn finished(self) -> Option<PathBuf> {
        self.finished
    }

    fn open(&mut self, operation: &str) -> io::Result<&mut PartFile> {
        let part = match self.part.take() {
            Some(part) => part,
            None => match &self.place {
                Place::File(target) => PartFile::open(target, operation, LOCK_PATIENCE)?,
                Place::Folder(folder) => PartFile::open_unnamed(folder, operation, LOCK_PATIENCE)?,
            },
        };
        Ok(self.part.insert(part))
    }

    fn part(&mut self) -> io::Result<&mut PartFile> {
        self.part.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }
}

impl Sink for FileSink {
    fn have(&mut self, operation: &str) -> io::Result<u64> {
        Ok(self.open(operation)?.have())
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        let named = match &self.place {
            Place::File(_) => None,
            Place::Folder(folder) => Some(folder.join(artifact.file_name())),
        };
        let part = self.open(artifact.operation())?;
        if let Some(target) = named {
            part.retarget(&target)?;
        }
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
            self.finished = Some(part.finish()?);
        }
        Ok(())
    }
}
