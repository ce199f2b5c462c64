//! Why an export ended without a file, as clients report it.

use std::fmt;
use std::io;
use std::sync::Arc;

use export_core::origins::UrlError;
use export_core::workiva::SpecError;
use export_core::{Checkpoint, Error, Fault, ResumeError};

/// Why there is no file.
///
/// `Display` says in one line in which phase it happened, why, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The token must not be sent to the URL of the operation to attach to.
    #[error("cannot attach to the operation: {0}")]
    Attach(UrlError),
    /// The files of the workspace cannot be listed.
    #[error("cannot list the files: {0}")]
    Files(Box<Error>),
    /// The job ended.
    #[error("{error}{}", Recovery { error, checkpoint })]
    Job {
        /// Why it ended.
        error: Box<Error>,
        /// Resumes the job, if [`Error::is_resumable`].
        checkpoint: Box<Checkpoint>,
        /// The id by which the service's support finds the request, if the service sent one.
        original_request: Option<String>,
    },
    /// A job has a key, but the client has no store for its checkpoint.
    #[error("the export has a key, but the client has no checkpoint store")]
    NoStore,
    /// The checkpoint cannot be resumed.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The spec is invalid.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The caller stopped the job. The export continues at the service.
    #[error("the export was stopped; it continues at the service")]
    Stopped {
        /// Resumes the job.
        checkpoint: Box<Checkpoint>,
    },
    /// The stored checkpoint cannot be read or removed.
    #[error("the checkpoint under {key:?}: {error}")]
    Store {
        /// The key of the job.
        key: String,
        /// The error of the store.
        error: Arc<io::Error>,
    },
    /// There is no thread to drive the job: the system refused to start one, or it has panicked.
    #[error("cannot run the thread of the download: {0}")]
    Thread(Arc<io::Error>),
}

/// What to do about an error, and what is lost after a local one.
struct Recovery<'a> {
    error: &'a Error,
    checkpoint: &'a Checkpoint,
}

impl fmt::Display for Recovery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.error, Error::Local { .. }) {
            return write!(f, "; {}", self.error.advice());
        }
        match (self.checkpoint.operation(), self.checkpoint.submits()) {
            (None, 0) => {
                f.write_str("; no export was requested, so it is safe to fix this and run it again")
            }
            (None, _) => {
                f.write_str("; an export may have been requested: fix this, and resume the job")
            }
            (Some(operation), _) => {
                // The query of a URL may hold a secret.
                let operation = operation.split('?').next().unwrap_or_default();
                write!(
                    f,
                    "; the export continues at the service as {operation}: fix this, and resume \
                     the job"
                )
            }
        }
    }
}

impl ExportError {
    /// The artifact is complete, but the checkpoint under `key` could not be removed.
    #[must_use]
    pub fn checkpoint_not_removed(key: &str, error: &io::Error) -> Self {
        let text = format!(
            "the export is complete, but its checkpoint was not removed, and another run would \
             download the file again: {error}"
        );
        Self::Store { key: key.into(), error: Arc::new(io::Error::new(error.kind(), text)) }
    }

    /// The checkpoint that resumes the job, if it can be resumed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match self {
            Self::Job { error, checkpoint, .. } if error.is_resumable() => Some(checkpoint),
            Self::Stopped { checkpoint } => Some(checkpoint),
            _ => None,
        }
    }

    /// The error of the job, if it was started.
    #[must_use]
    pub fn job(&self) -> Option<&Error> {
        match self {
            Self::Files(error) | Self::Job { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The id by which the service's support finds the request, if the service sent one.
    #[must_use]
    pub fn original_request(&self) -> Option<&str> {
        match self {
            Self::Job { original_request, .. } => original_request.as_deref(),
            _ => None,
        }
    }

    /// Who has to act on this error.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.job().map_or(Fault::Local, Error::fault)
    }
}
