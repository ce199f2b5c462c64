//! One event a line, for scripts.

use std::io::{self, Write};

use super::record::Record;
use super::sink::Display;

/// Which stream the lines go to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Output,
    Error,
}

/// Prints each event as it is.
pub(super) struct Json {
    stream: Stream,
}

impl Json {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream }
    }
}

impl Display for Json {
    fn show(&mut self, record: &Record) {
        let Ok(mut line) = serde_json::to_string(record) else { return };
        line.push('\n');
        // A reader that has gone does not stop the export.
        let _ = match self.stream {
            Stream::Output => io::stdout().write_all(line.as_bytes()),
            Stream::Error => io::stderr().write_all(line.as_bytes()),
        };
    }
}
