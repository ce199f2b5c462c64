//! The displays. Each of them shows the same stream of events, which is also logged unchanged.

mod batch;
mod display;
#[cfg(test)]
mod display_fixture;
mod event_text;
mod level;
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
use self::display::{Display, Json, write_to_stdout};
pub(crate) use self::event_text::detail;
use self::plain::Plain;
pub(crate) use self::reporter::{BatchGauges, Reporter};
use self::single::ExportNarrator;
use self::terminal::suspend;
pub(crate) use self::terminal::{stdout_columns, streams_share_terminal};
use crate::args::{LogLevel, ShowArgs};
use crate::clock;
use crate::event::{Event, Record};
use crate::problem::Problem;

/// The display that the flags ask for.
#[derive(Clone, Copy, Debug)]
enum DisplayKind {
    Json,
    /// Lines that change, on a terminal.
    Live,
    /// Lines for a log.
    Plain,
}

impl DisplayKind {
    fn new(args: ShowArgs) -> Self {
        let is_interactive = terminal::stderr().is_interactive();
        match args.json {
            true => Self::Json,
            false if is_interactive && args.level() == LogLevel::Info => Self::Live,
            false => Self::Plain,
        }
    }
}

impl Reporter {
    /// The reporter of a single export, with the display that the flags ask for. `run` names it if
    /// there are others. `stdout_carries_file` moves JSON to standard error.
    pub(crate) fn of_single(args: ShowArgs, run: Option<&str>, stdout_carries_file: bool) -> Self {
        let level = args.level();
        Self::single(match DisplayKind::new(args) {
            DisplayKind::Json => Box::new(Json::new(stdout_carries_file, level)),
            DisplayKind::Live => Box::new(single::Live::on_terminal()),
            DisplayKind::Plain => Box::new(Plain::<ExportNarrator>::on_stderr(level, run)),
        })
    }

    /// The reporter of a batch, with the display that the flags ask for. `run` names it if there are
    /// others.
    pub(crate) fn of_batch(args: ShowArgs, run: Option<&str>) -> Self {
        let level = args.level();
        Self::batch(match DisplayKind::new(args) {
            DisplayKind::Json => Box::new(Json::new(false, level)),
            DisplayKind::Live => Box::new(batch::Live::on_terminal()),
            DisplayKind::Plain => Box::new(Plain::<BatchNarrator>::on_stderr(level, run)),
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

/// Prints a problem as the event `error`, for a command that reports no other events. If standard
/// output cannot be written, it is printed to standard error.
pub(crate) fn print_error_event(problem: &Problem, to_stderr: bool) -> ExitCode {
    let event = Event::Error(Box::new(problem.into()));
    let record = Record::new(clock::now(), None, event);
    let mut json = Json::new(to_stderr, LogLevel::Errors);
    json.show(&record);
    if json.failure().is_some() && !to_stderr {
        Json::new(true, LogLevel::Errors).show(&record);
    }
    problem.exit.into()
}
