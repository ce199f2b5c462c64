//! The output and the exit code of commands that export one file.

use std::sync::Arc;

use crate::args::{LogLevel, ShowArgs};
use crate::engine::RunOutcome;
use crate::hooks::{Hooks, Shown};
use crate::problem::{Exit, Problem};
use crate::state::RowEnd;
use crate::ui::{Reporter, print, print_problem, streams_share_terminal};

/// A command that exports one file.
#[derive(Debug)]
pub(super) struct SingleCommand {
    pub(super) reporter: Arc<Reporter>,
    pub(super) show: ShowArgs,
    /// The job, if there are others.
    run: Option<String>,
    /// Whether the file itself goes to standard output.
    stdout_carries_file: bool,
}

impl SingleCommand {
    pub(super) fn new(show: ShowArgs, stdout_carries_file: bool) -> Self {
        Self::of_run(show, None, stdout_carries_file)
    }

    /// A command that resumes a job, which `run` names if there are others.
    pub(super) fn of_run(show: ShowArgs, run: Option<&str>, stdout_carries_file: bool) -> Self {
        let reporter = Arc::new(Reporter::of_single(show, run, stdout_carries_file));
        Self { reporter, show, run: run.map(String::from), stdout_carries_file }
    }

    /// Prints the path of the file to standard output, or the problem to standard error.
    pub(super) fn finish(self, outcome: Result<Option<RunOutcome>, Problem>) -> Exit {
        let exit = self.print_outcome(outcome);
        self.reporter.exit_code(exit)
    }

    /// Finishes a command that has hooks. Those of one that sends nothing are `None`.
    pub(super) async fn finish_with_hooks(
        self,
        outcome: Result<Option<RunOutcome>, Problem>,
        hooks: Option<Hooks>,
    ) -> Exit {
        let shown = Shown { show: self.show, stdout_carries_file: self.stdout_carries_file };
        let reporter = Arc::clone(&self.reporter);
        let exit = self.finish(outcome);
        if let Some(hooks) = hooks {
            hooks.end(exit, &[reporter.facts()], shown).await;
        }
        exit
    }

    fn print_outcome(&self, outcome: Result<Option<RunOutcome>, Problem>) -> Exit {
        let problem = match outcome {
            Ok(None) => return Exit::Done,
            Ok(Some(RunOutcome { problem: Some(problem), .. })) => problem,
            Ok(Some(RunOutcome { end, .. })) => match self.print_file(end.as_ref()) {
                Ok(()) => return Exit::Done,
                Err(problem) => problem,
            },
            Err(problem) => {
                self.reporter.failed(&problem);
                problem
            }
        };
        self.reporter.keep_problem(&problem);
        // With `--json`, it was reported as an event.
        if !self.show.json {
            print_problem(&problem.of_run(self.run.as_deref()));
        }
        problem.exit
    }

    fn print_file(&self, end: Option<&RowEnd>) -> Result<(), Problem> {
        let Some(RowEnd::Done { file, .. }) = end else { return Ok(()) };
        // On a terminal that shows both streams, the display has just printed it.
        let is_quiet = self.show.level() < LogLevel::Info;
        let is_shown = is_quiet || self.show.json || streams_share_terminal();
        if is_shown || self.stdout_carries_file {
            return Ok(());
        }
        print(&format!("{file}\n"))
    }
}
