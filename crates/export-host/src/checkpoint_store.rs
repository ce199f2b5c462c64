//! Checkpoints of many jobs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use export_core::Checkpoint;

use crate::checkpoint_file::CheckpointFile;
use crate::stable_hash::stable_hash;

/// A place where checkpoints outlive the process.
///
/// A job has a key, which its caller chooses. What is stored under it must have reached a disk, or
/// whatever is as good as one, when [`store`](Self::store) returns: the adapter sends nothing
/// before that. A store that fails ends the job.
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// The checkpoint under this key; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out.
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>>;

    /// Replaces what is under this key.
    ///
    /// # Errors
    ///
    /// Fails if it is not safe there.
    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()>;

    /// Forgets what is under this key. It is no error if there is nothing.
    ///
    /// # Errors
    ///
    /// Fails if it is still there.
    fn remove(&self, key: &str) -> io::Result<()>;
}

/// A folder with one [`CheckpointFile`] for each key.
///
/// ```
/// use export_host::CheckpointFolder;
///
/// let jobs = CheckpointFolder::new("/var/lib/exports");
/// let file = jobs.file("annual report");
/// assert_eq!(file.path().to_str(), Some("/var/lib/exports/annual_report-930d1aecabac95ec.json"));
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    folder: PathBuf,
}

impl CheckpointFolder {
    /// Checkpoints in this folder, which has to exist when something is stored.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The file for a key. Its name begins with the key, as far as that is safe in a file name,
    /// and ends in a hash of all of it.
    #[must_use]
    pub fn file(&self, key: &str) -> CheckpointFile {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let shown = key.chars().take(LONGEST_SHOWN);
        let shown: String = shown.map(|c| if legal(c) { c } else { '_' }).collect();
        CheckpointFile::new(self.folder.join(format!("{shown}-{:016x}.json", stable_hash(key))))
    }
}

const LONGEST_SHOWN: usize = 64;

impl CheckpointStore for CheckpointFolder {
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        self.file(key).load()
    }

    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.file(key).store(checkpoint)
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.file(key).remove()
    }
}
