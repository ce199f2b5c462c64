//! The displays. Each of them shows the same stream of events, which is also logged unchanged.

mod batch;
mod display;
#[cfg(test)]
mod display_fixture;
mod event_text;
mod live_line;
mod messages;
mod plain;
mod recorder;
mod reporter;
mod segments;
mod single;
mod terminal;

use std::process::ExitCode;

use self::batch::BatchNarrator;
#[cfg(feature = "demo")]
use self::display::Silent;
use self::display::{Json, write_to_stdout};
pub(crate) use self::event_text::sentence;
use self::plain::{Plain, Quiet};
pub(crate) use self::reporter::{BatchGauges, Reporter};
use self::single::ExportNarrator;
pub(crate) use self::terminal::streams_share_terminal;
use self::terminal::suspend;
use crate::args::ShowArgs;
use crate::problem::Problem;

/// The display that the flags ask for.
#[derive(Clone, Copy, Debug)]
enum DisplayKind {
    Json,
    /// Warnings and errors only.
    Quiet,
    /// Lines that change, on a terminal.
    Live,
    /// Lines for a log.
    Plain,
}

impl DisplayKind {
    fn new(args: ShowArgs) -> Self {
        match args {
            ShowArgs { json: true, .. } => Self::Json,
            ShowArgs { quiet: true, .. } => Self::Quiet,
            _ if terminal::stderr().is_interactive() => Self::Live,
            _ => Self::Plain,
        }
    }
}

impl Reporter {
    /// The reporter of a single export, with the display that the flags ask for. `run` names it if
    /// there are others. `stdout_carries_file` moves JSON to standard error.
    pub(crate) fn of_single(args: ShowArgs, run: Option<&str>, stdout_carries_file: bool) -> Self {
        Self::single(match DisplayKind::new(args) {
            DisplayKind::Json => Box::new(Json::new(stdout_carries_file)),
            DisplayKind::Quiet => Box::new(Quiet(Plain::<ExportNarrator>::on_stderr(run))),
            DisplayKind::Live => Box::new(single::Live::on_terminal()),
            DisplayKind::Plain => Box::new(Plain::<ExportNarrator>::on_stderr(run)),
        })
    }

    /// The reporter of a batch, with the display that the flags ask for. `run` names it if there are
    /// others.
    pub(crate) fn of_batch(args: ShowArgs, run: Option<&str>) -> Self {
        Self::batch(match DisplayKind::new(args) {
            DisplayKind::Json => Box::new(Json::new(false)),
            DisplayKind::Quiet => Box::new(Quiet(Plain::<BatchNarrator>::on_stderr(run))),
            DisplayKind::Live => Box::new(batch::Live::on_terminal()),
            DisplayKind::Plain => Box::new(Plain::<BatchNarrator>::on_stderr(run)),
        })
    }

    /// A reporter of a single export that shows nothing.
    #[cfg(feature = "demo")]
    pub(crate) fn silent() -> Self {
        Self::single(Box::new(Silent))
    }
}

/// Prints to standard output. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    // Both streams may be the same terminal.
    suspend(|| write_to_stdout(text))
}

/// Prints a problem to standard error.
pub(crate) fn print_problem(problem: &Problem) -> ExitCode {
    terminal::print(&problem.to_string());
    problem.exit.into()
}
