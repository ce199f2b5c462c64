//! Why an export gets no file, as an error that passes through the driver of its job.

use std::error::Error;
use std::fmt;
use std::io;

use export_hyper::{Error as JobError, ExportError};

use crate::problem::Problem;

/// Why an output does not take a file. The driver of a job reports it as the source of a sink's
/// error, where [`find`](Self::find) finds it again.
#[derive(Clone, Debug)]
pub(crate) enum OpenFailure {
    /// A file with this path or URL exists, and is to be kept.
    Skipped(String),
    Problem(Problem),
}

impl OpenFailure {
    /// Finds the failure that ended an export.
    pub(crate) fn find(error: &ExportError) -> Option<Self> {
        let Some(JobError::Local { failure, .. }) = error.job() else { return None };
        let mut source = failure.get_ref().map(|source| source as &(dyn Error + 'static));
        while let Some(error) = source {
            let found = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(failure) = found.and_then(|found| found.downcast_ref::<Self>()) {
                return Some(failure.clone());
            }
            source = error.source();
        }
        None
    }
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(file) => write!(f, "{file} exists"),
            Self::Problem(problem) => f.write_str(&problem.what),
        }
    }
}

impl Error for OpenFailure {}

impl From<Problem> for OpenFailure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OpenFailure> for io::Error {
    fn from(failure: OpenFailure) -> Self {
        let kind = match &failure {
            OpenFailure::Skipped(_) => io::ErrorKind::AlreadyExists,
            OpenFailure::Problem(_) => io::ErrorKind::Other,
        };
        Self::new(kind, failure)
    }
}
