//! Displays, and those that have no layout.

use std::io::{self, Write};
use std::time::Duration;

use super::level::level_of;
use crate::args::LogLevel;
use crate::event::Record;
use crate::problem::Problem;
use crate::text::json;

/// A way of showing events. It must not block for long: the run waits for it.
pub(crate) trait Display: Send {
    /// Shows an event.
    fn show(&mut self, record: &Record);

    /// How often the progress of a transfer is shown.
    fn progress_interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Why what programs read of it is not complete.
    fn failure(&self) -> Option<&Problem> {
        None
    }
}

/// One JSON object a line.
pub(super) struct Json {
    to_stderr: bool,
    level: LogLevel,
    /// Why the output is not complete.
    failure: Option<Problem>,
}

impl Json {
    pub(super) const fn new(to_stderr: bool, level: LogLevel) -> Self {
        Self { to_stderr, level, failure: None }
    }
}

impl Display for Json {
    fn show(&mut self, record: &Record) {
        if level_of(record) > self.level {
            return;
        }
        let Ok(mut line) = json(record) else { return };
        line.push('\n');
        let written = match self.to_stderr {
            false => write_to_stdout(&line),
            true => written_to("error", io::stderr().write_all(line.as_bytes())),
        };
        // The first one says why. The run goes on: its files are of use without the events.
        if let (Err(problem), None) = (written, &self.failure) {
            self.failure = Some(problem);
        }
    }

    /// The totals of a batch are for a log, unless everything is printed.
    fn progress_interval(&self) -> Duration {
        Duration::from_secs(if self.level == LogLevel::Debug { 1 } else { 30 })
    }

    fn failure(&self) -> Option<&Problem> {
        self.failure.as_ref()
    }
}

/// Writes to standard output.
pub(super) fn write_to_stdout(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    written_to("output", out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A closed pipe is not an error: its reader has what it wants.
fn written_to(stream: &str, written: io::Result<()>) -> Result<(), Problem> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::local(format!("cannot write to standard {stream}"), &error))
        }
        _ => Ok(()),
    }
}

/// Shows nothing.
#[cfg(feature = "demo")]
pub(super) struct Silent;

#[cfg(feature = "demo")]
impl Display for Silent {
    fn show(&mut self, _record: &Record) {}
}
