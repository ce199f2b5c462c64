//! A checkpoint on disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::part_file::{PartFile, explain};

/// One file that holds one checkpoint, as JSON.
///
/// A write replaces the file in one step, and has reached the disk when it returns: after a crash
/// the file holds the old checkpoint or the new one, never a mixture. Only its owner may read it,
/// since it tells what was exported; tokens are never in it.
///
/// ```
/// use export_host::CheckpointFile;
///
/// # let folder = tempfile::tempdir()?;
/// let file = CheckpointFile::new(folder.path().join("job.json"));
/// assert_eq!(file.load::<u32>()?, None);
/// file.store(&17)?;
/// assert_eq!(file.load::<u32>()?, Some(17));
/// file.remove()?;
/// assert_eq!(file.load::<u32>()?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

/// Another process may be about to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

impl CheckpointFile {
    /// The checkpoint at this path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the checkpoint; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or, with [`io::ErrorKind::InvalidData`], if it holds
    /// something else.
    pub fn load<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(explain("cannot read", &self.path, &error)),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| explain("not a checkpoint", &self.path, &error.into()))
    }

    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// Fails if the folder is missing, may not be written, or its disk is full; the old file is
    /// still there then.
    pub fn store<T: Serialize + ?Sized>(&self, checkpoint: &T) -> io::Result<()> {
        let text = serde_json::to_vec(checkpoint)
            .map_err(|error| explain("cannot write", &self.path, &error.into()))?;
        // Always the same name beside it: a process that was killed leaves nothing for good.
        let mut file = PartFile::open_private(&self.path, "checkpoint", LOCK_PATIENCE)?;
        let written = file.cut(0).and_then(|()| file.write_all(&text)).and_then(|()| file.sync());
        if let Err(error) = written {
            // It is this error that tells what is wrong.
            let _ = file.discard();
            return Err(error);
        }
        file.finish().map(drop)
    }

    /// Removes the file. It is no error if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the folder may not be written.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(explain("cannot remove", &self.path, &error))
            }
            _ => Ok(()),
        }
    }
}
