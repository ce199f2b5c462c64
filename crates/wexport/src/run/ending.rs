//! How a run ended: told, and written down.

use std::path::Path;
use std::sync::Arc;

use export_hyper::{Artifact, ExportError};

use super::plan::Outcome;
use crate::clock;
use crate::place::{Delivered, Delivery};
#[cfg(feature = "store")]
use crate::receipt::Receipt;
use crate::report::{Context, Exit, Problem, explain};
use crate::show::{Happening, Watcher};
use crate::state::{self, Description, Job};

/// A run that is over.
pub(super) struct Ending<'a> {
    pub(super) job: Option<&'a Job>,
    pub(super) description: Description,
    pub(super) watcher: &'a Arc<Watcher>,
    /// Where the token was given, if no client asks for it.
    pub(super) token_from: Option<String>,
}

impl Ending<'_> {
    /// What came of it. An `Err` inside the other one is a signal.
    pub(super) fn conclude(
        self,
        ended: Result<Result<Artifact, ExportError>, Exit>,
        delivery: &Delivery,
    ) -> Result<Outcome, Problem> {
        match ended {
            Err(signal) => Err(self.interrupted(signal)),
            Ok(Ok(artifact)) => Ok(self.done(artifact, delivery)),
            Ok(Err(error)) => match delivery.skipped() {
                Some(path) => Ok(self.skipped(&path)),
                None => Err(self.failed(&error)),
            },
        }
    }

    fn done(self, artifact: Artifact, delivery: &Delivery) -> Outcome {
        let place = delivery.delivered().unwrap_or(Delivered::Stdout);
        let file = match &place {
            Delivered::File(path) => path.display().to_string(),
            Delivered::Stdout => "-".into(),
        };
        self.watcher.tell(Happening::Done {
            file: file.clone(),
            bytes: artifact.length().unwrap_or_default(),
            media_type: artifact.media_type().map(String::from),
            operation: Some(artifact.operation().into()),
            original_request: artifact.original_request().map(String::from),
        });
        self.write_down(Exit::Done, file);
        Outcome::Delivered(place, Box::new(artifact))
    }

    #[cfg(feature = "store")]
    pub(super) fn uploaded(self, url: String, receipt: &Receipt) -> Outcome {
        self.watcher.tell(Happening::Done {
            file: url.clone(),
            bytes: receipt.bytes,
            media_type: receipt.media_type.clone(),
            operation: Some(receipt.operation.clone()),
            original_request: receipt.original_request.clone(),
        });
        self.forget_checkpoint();
        self.write_down(Exit::Done, url.clone());
        Outcome::Uploaded(url)
    }

    /// The file is here, and did not reach its place.
    #[cfg(feature = "store")]
    pub(super) fn not_uploaded(self, mut problem: Problem, receipt: &Receipt) -> Problem {
        problem.facts.operation = Some(receipt.operation.clone());
        problem.facts.original_request.clone_from(&receipt.original_request);
        problem.again = Some(match self.job {
            Some(job) => format!("yes, only the upload: wexport jobs resume {}", job.id()),
            None => "yes: wexport fetch with the operation above".into(),
        });
        self.write_down(problem.exit, problem.what.clone());
        problem
    }

    pub(super) fn skipped(self, path: &Path) -> Outcome {
        let file = path.display().to_string();
        self.watcher.tell(Happening::Skipped { file: file.clone() });
        self.forget_checkpoint();
        self.write_down(Exit::Done, format!("skipped: {file} exists"));
        Outcome::Skipped
    }

    /// Removes what may be left behind: a checkpoint that nobody goes on from.
    fn forget_checkpoint(&self) {
        if let Some(job) = self.job {
            let _ = job.checkpoint_file().remove();
        }
    }

    fn failed(self, error: &ExportError) -> Problem {
        let scope = &self.description.what.scope;
        let context = Context {
            scope: (!scope.is_empty()).then(|| scope.clone()),
            job: self.job.map(|job| job.id().into()),
            operation: self.operation(error),
            token_from: self.token_from.clone(),
        };
        let problem = explain(error, &context);
        self.write_down(problem.exit, problem.what.clone());
        problem
    }

    pub(super) fn interrupted(self, signal: Exit) -> Problem {
        let operation = self.watcher.operation();
        self.watcher.tell(Happening::Interrupted { exit_code: signal.code() });
        let how = if signal == Exit::Interrupted { "Ctrl-C" } else { "SIGTERM" };
        let mut problem = Problem::new(signal, format!("stopped by {how}"));
        problem.facts.operation.clone_from(&operation);
        problem.again = Some(match (self.job, &operation) {
            (Some(job), _) => format!("yes: wexport jobs resume {}", job.id()),
            (None, Some(operation)) => format!("yes: wexport fetch {operation}"),
            (None, None) => "yes: the service had accepted nothing yet".into(),
        });
        self.write_down(signal, problem.what.clone());
        problem
    }

    fn operation(&self, error: &ExportError) -> Option<String> {
        let known = error.checkpoint().and_then(|checkpoint| checkpoint.operation());
        known.map(String::from).or_else(|| self.watcher.operation())
    }

    /// Keeps how it ended. The file is there or not, whatever becomes of this.
    fn write_down(self, exit: Exit, text: String) {
        let Self { job: Some(job), mut description, watcher, .. } = self else { return };
        let ending = state::Ending { at: clock::now(), exit_code: exit.code(), text };
        description.ending = Some(ending);
        if let Err(error) = job.describe(&description) {
            watcher.warn(format!("the end of job {} was not written down: {error}", job.id()));
        }
    }
}
