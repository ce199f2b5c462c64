//! How an export ends without a file, for a caller who has a client.

use std::sync::Arc;

use export_core::{Checkpoint, Error, Fault, ResumeError, SpecError, UrlError};

/// Why there is no file.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The operation to attach to has a URL that the token may not go to.
    #[error("the operation is not followed: {0}")]
    Attach(UrlError),
    /// The job ended.
    #[error("{error}")]
    Job {
        /// Why.
        error: Box<Error>,
        /// Where the job can go on, if [`Error::is_resumable`].
        checkpoint: Box<Checkpoint>,
    },
    /// A job with a key has nowhere to keep its checkpoint.
    #[error("the export has a key, but the client has no place for checkpoints")]
    NoStore,
    /// The checkpoint cannot be gone on from.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// What was asked for makes no sense.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Somebody stopped it. The export goes on at the service.
    #[error("the export was stopped here; it goes on at the service")]
    Stopped {
        /// Where the job can go on.
        checkpoint: Box<Checkpoint>,
    },
    /// The stored checkpoint cannot be read, or not be removed.
    #[error("the checkpoint under {key:?}: {error}")]
    Store {
        /// The key of the job.
        key: String,
        /// What the store said.
        error: Arc<std::io::Error>,
    },
    /// There is no thread to drive the job: the system gives none, or it is gone.
    #[error("no thread to download with: {0}")]
    Thread(Arc<std::io::Error>),
}

impl ExportError {
    /// Where the job can go on, if it can.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match self {
            Self::Job { error, checkpoint } if error.is_resumable() => Some(checkpoint),
            Self::Stopped { checkpoint } => Some(checkpoint),
            _ => None,
        }
    }

    /// How the job ended, if it began.
    #[must_use]
    pub fn job(&self) -> Option<&Error> {
        match self {
            Self::Job { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.job().map_or(Fault::Local, Error::fault)
    }
}
