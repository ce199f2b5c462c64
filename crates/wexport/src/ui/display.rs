//! Displays, and those that have no layout.

use std::io::{self, Write};
use std::time::Duration;

use crate::event::Record;
use crate::text::json;

/// A way of showing events. It must not block for long: the run waits for it.
pub(crate) trait Display: Send {
    /// Shows an event.
    fn show(&mut self, record: &Record);

    /// How often the progress of a transfer is shown.
    fn progress_interval(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// One JSON object a line.
pub(super) struct Json {
    pub(super) to_stderr: bool,
}

impl Display for Json {
    fn show(&mut self, record: &Record) {
        let Ok(mut line) = json(record) else { return };
        line.push('\n');
        // A reader that has gone away does not stop the run.
        let _ = match self.to_stderr {
            false => io::stdout().write_all(line.as_bytes()),
            true => io::stderr().write_all(line.as_bytes()),
        };
    }
}

/// Shows nothing.
#[cfg(feature = "demo")]
pub(super) struct Silent;

#[cfg(feature = "demo")]
impl Display for Silent {
    fn show(&mut self, _record: &Record) {}
}
