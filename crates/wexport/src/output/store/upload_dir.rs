//! The folder in which a file waits for its upload.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use export_host::CheckpointFile;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::receipt::Receipt;

/// A folder with a file that is to be uploaded. Clones are the same folder.
#[derive(Clone, Debug)]
pub(crate) struct UploadDir {
    folder: PathBuf,
    /// Removes the folder with the last clone, if no state is kept.
    temporary: Option<Arc<TempDir>>,
    /// Where other machines find which multipart upload was started.
    shared: Option<Arc<dyn SharedUpload>>,
}

/// A multipart upload that was started, for a process on another machine, which has no file.
pub(crate) trait SharedUpload: fmt::Debug + Send + Sync {
    /// Stores the upload; `None` if it was completed or aborted.
    fn store(&self, pending: Option<&PendingUpload>) -> io::Result<()>;

    /// The upload that a process has not completed, and not aborted.
    fn load(&self) -> io::Result<Option<PendingUpload>>;
}

/// A file that waits for its upload: what another process needs to resume it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingUpload {
    pub(super) version: u32,
    /// The key of the object, before a number is added to it.
    pub(super) key: String,
    pub(super) receipt: Receipt,
    /// The multipart upload that was started, until it is completed or aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<UploadId>,
}

/// Names a multipart upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct UploadId {
    pub(super) key: String,
    pub(super) id: String,
}

/// The version of `upload.json`.
const VERSION: u32 = 1;

impl UploadDir {
    /// A folder that outlives the process.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), temporary: None, shared: None }
    }

    /// Records multipart uploads there too.
    #[cfg(feature = "postgres")]
    pub(crate) fn shared_with(self, shared: Arc<dyn SharedUpload>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// A folder that is removed at the end of the process.
    pub(crate) fn temporary() -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("wexport-").tempdir()?;
        Ok(Self {
            folder: temporary.path().into(),
            temporary: Some(Arc::new(temporary)),
            shared: None,
        })
    }

    /// Where the file is, once it is complete.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("file")
    }

    /// Creates the folder.
    pub(crate) fn create(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether another process can find the folder.
    pub(super) const fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The upload that is pending, if there is one.
    pub(crate) fn load(&self) -> io::Result<Option<PendingUpload>> {
        let pending: Option<PendingUpload> = self.record().load()?;
        match pending {
            Some(pending) if pending.version > VERSION => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "upload.json was written by a newer wexport",
            )),
            pending => Ok(pending),
        }
    }

    /// Stores an upload, with its file on this machine.
    pub(crate) fn store(&self, pending: &PendingUpload) -> io::Result<()> {
        self.record().store(pending)
    }

    /// Stores which multipart upload was started, or that it has ended.
    pub(super) fn store_started(&self, pending: &PendingUpload) -> io::Result<()> {
        self.store(pending)?;
        let started = pending.started.is_some().then_some(pending);
        self.shared.as_ref().map_or(Ok(()), |shared| shared.store(started))
    }

    /// The multipart upload that a process on another machine has left.
    pub(super) fn left_elsewhere(&self) -> io::Result<Option<UploadId>> {
        let left = self.shared.as_ref().map(|shared| shared.load()).transpose()?;
        Ok(left.flatten().and_then(|pending| pending.started))
    }

    /// Removes the file after its upload.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.record().remove()?;
        match std::fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                // The folder of one export of a batch is empty now; that of a job is not.
                let _ = std::fs::remove_dir(&self.folder);
                Ok(())
            }
        }
    }

    fn record(&self) -> CheckpointFile {
        CheckpointFile::new(self.folder.join("upload.json"))
    }
}

impl PendingUpload {
    pub(super) const fn new(key: String, receipt: Receipt) -> Self {
        Self { version: VERSION, key, receipt, started: None }
    }
}
