//! How an export ends without a file, for a caller who has a client.

use std::fmt;
use std::io;
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
    #[error("{error}{}", Aftermath { error, checkpoint })]
    Job {
        /// Why.
        error: Box<Error>,
        /// Where the job can go on, if [`Error::is_resumable`].
        checkpoint: Box<Checkpoint>,
        /// The id by which the service's support finds the request, if the service said it.
        original_request: Option<String>,
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
        error: Arc<io::Error>,
    },
    /// There is no thread to drive the job: the system gives none, or it is gone.
    #[error("no thread to download with: {0}")]
    Thread(Arc<io::Error>),
}

/// What an error on this side has not cost, and how to go on after it.
struct Aftermath<'a> {
    error: &'a Error,
    checkpoint: &'a Checkpoint,
}

impl fmt::Display for Aftermath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.error, Error::Local { .. }) {
            return Ok(());
        }
        match (self.checkpoint.operation(), self.checkpoint.submits()) {
            (None, 0) => f.write_str(
                "; no export was asked for, so it is safe to run this again once that is mended",
            ),
            (None, _) => f.write_str(
                "; an export may have been asked for: once that is mended, resume this one",
            ),
            (Some(operation), _) => {
                // Nobody knows what a service puts into the query of a URL.
                let operation = operation.split('?').next().unwrap_or_default();
                write!(
                    f,
                    "; nothing is lost: once that is mended, resume the export, which goes on at \
                     the service as {operation}"
                )
            }
        }
    }
}

impl ExportError {
    /// The artifact is where it belongs, and the checkpoint under `key` could not be removed.
    #[must_use]
    pub fn not_forgotten(key: &str, error: &io::Error) -> Self {
        let text = format!(
            "the export is complete, but this is still here and another run would load the file \
             again: {error}"
        );
        Self::Store { key: key.into(), error: Arc::new(io::Error::new(error.kind(), text)) }
    }

    /// Where the job can go on, if it can.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match self {
            Self::Job { error, checkpoint, .. } if error.is_resumable() => Some(checkpoint),
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

    /// The id by which the service's support finds the request, if the service said it.
    #[must_use]
    pub fn original_request(&self) -> Option<&str> {
        match self {
            Self::Job { original_request, .. } => original_request.as_deref(),
            _ => None,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.job().map_or(Fault::Local, Error::fault)
    }
}
