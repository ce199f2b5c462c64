//! A checkpoint in a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::part_file::{PartFile, explain};

/// One file that holds one checkpoint, as JSON.
///
/// A write replaces the file atomically and returns when it has reached the disk: after a crash the
/// file holds either the old checkpoint or the new one. Only its owner may read it, since it says
/// what was exported. It never holds a token.
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

/// For how long to wait for another process that writes the same file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

impl CheckpointFile {
    /// The checkpoint at this path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the checkpoint; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or, with [`io::ErrorKind::InvalidData`], if it is not a
    /// checkpoint.
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
    /// Fails if the folder is missing or not writable, or if the disk is full. The old file is kept
    /// then.
    pub fn store<T: Serialize + ?Sized>(&self, checkpoint: &T) -> io::Result<()> {
        let text = serde_json::to_vec(checkpoint)
            .map_err(|error| explain("cannot write", &self.path, &error.into()))?;
        // The name of the part is always the same, so that the next store replaces what a killed
        // process has left.
        let mut file = PartFile::open_private(&self.path, "checkpoint", LOCK_TIMEOUT)?;
        let written = file.cut(0).and_then(|()| file.write_all(&text)).and_then(|()| file.sync());
        if let Err(error) = written {
            // Report the first error, not one of the cleanup.
            let _ = file.discard();
            return Err(error);
        }
        file.finish_durably().map(drop)
    }

    /// Removes the file, if it exists.
    ///
    /// # Errors
    ///
    /// Fails if the folder is not writable.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(explain("cannot remove", &self.path, &error))
            }
            _ => Ok(()),
        }
    }
}
