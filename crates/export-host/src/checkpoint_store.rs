//! Stores for the checkpoints of many jobs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use export_core::Checkpoint;

use crate::checkpoint_file::CheckpointFile;
use crate::stable_hash::stable_hash;

/// A store in which checkpoints outlive the process.
///
/// A job is stored under a key that its caller chooses. When [`store`](Self::store) returns, the
/// checkpoint must be on durable storage: the adapter sends no request before that. A store that
/// fails ends the job, unless the error may pass ([`io::ErrorKind::ResourceBusy`] or `TimedOut`, for
/// example): then it is tried again for as long as a request may take.
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// Loads the checkpoint under this key; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>>;

    /// Stores a checkpoint under this key, and replaces an older one.
    ///
    /// # Errors
    ///
    /// Fails if it may not be durable.
    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()>;

    /// Removes the checkpoint under this key, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if it was not removed.
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
    /// Checkpoints in this folder, which has to exist before a checkpoint is stored.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The file for a key. Its name is the key, with unsafe characters replaced, and a hash of it.
    #[must_use]
    pub fn file(&self, key: &str) -> CheckpointFile {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let prefix = key.chars().take(LONGEST_PREFIX);
        let prefix: String = prefix.map(|c| if legal(c) { c } else { '_' }).collect();
        CheckpointFile::new(self.folder.join(format!("{prefix}-{:016x}.json", stable_hash(key))))
    }
}

const LONGEST_PREFIX: usize = 64;

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
