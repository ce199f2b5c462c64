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
            if let Some(failure) = error.downcast_ref::<io::Error>().and_then(Self::of) {
                return Some(failure.clone());
            }
            source = error.source();
        }
        None
    }

    /// The failure that is the error of a sink.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(file) => write!(f, "{file} exists"),
            Self::Problem(problem) => f.write_str(&problem.message),
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

#[cfg(test)]
mod tests {
    use export_core::ExportJob;
    use export_hyper::{
        AttemptError, Checkpoint, Config, DocumentExport, ExportSpec, Failure, FailureKind, Phase,
    };

    use super::*;

    fn checkpoint() -> Box<Checkpoint> {
        let spec = ExportSpec::document("d1", DocumentExport::pdf());
        let config = Config::new("https://api.example.com").unwrap();
        Box::new(ExportJob::new(spec, &config).unwrap().checkpoint())
    }

    fn job_error(error: JobError) -> ExportError {
        let (error, checkpoint) = (Box::new(error), checkpoint());
        ExportError::Job { error, checkpoint, original_request: None }
    }

    /// The failure of a sink, as the driver of a job reports it.
    fn sink_failure(error: impl Into<io::Error>) -> Failure {
        Failure::new(FailureKind::Sink).with_source(error.into())
    }

    fn local(failure: Failure) -> ExportError {
        job_error(JobError::Local { phase: Phase::Fetch, failure })
    }

    #[test]
    fn the_failure_of_a_sink_is_found() {
        let error = local(sink_failure(OpenFailure::Skipped("a.pdf".into())));
        let found = OpenFailure::find(&error);
        assert!(matches!(&found, Some(OpenFailure::Skipped(file)) if file == "a.pdf"), "{found:?}");
        let problem = Problem::usage("the key is empty").advise("name it");
        let found = OpenFailure::find(&local(sink_failure(OpenFailure::from(problem))));
        let Some(OpenFailure::Problem(found)) = found else { panic!("{found:?}") };
        assert_eq!(
            (found.message.as_str(), found.advice),
            ("the key is empty", vec!["name it".into()])
        );
    }

    #[test]
    fn other_errors_have_no_open_failure() {
        let skipped = || sink_failure(OpenFailure::Skipped("a.pdf".into()));
        let gave_up = JobError::GaveUp {
            phase: Phase::Fetch,
            failures: 1,
            last: AttemptError::Failure(skipped()),
        };
        let errors = [
            local(Failure::new(FailureKind::Sink)),
            local(sink_failure(io::Error::from(io::ErrorKind::AlreadyExists))),
            local(sink_failure(io::Error::new(io::ErrorKind::AlreadyExists, "a.pdf exists"))),
            local(Failure::new(FailureKind::Store)),
            job_error(gave_up),
            ExportError::NoStore,
            ExportError::Stopped { checkpoint: checkpoint() },
        ];
        for error in errors {
            assert!(OpenFailure::find(&error).is_none(), "{error:?}");
        }
    }
}
