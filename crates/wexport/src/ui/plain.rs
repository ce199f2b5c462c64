//! The display that prints lines which stay.

use std::sync::Arc;

use super::display::Display;
use super::event_text::detail;
use super::level::level_of;
use super::live_line::{Clock, clock};
use super::messages::{Message, Narrator};
use super::terminal::{self, Screen};
use crate::args::LogLevel;
use crate::event::{Event, Record};

/// A line for each message. The command prints the error that ends a run.
pub(super) struct Plain<N> {
    /// What the lines begin with: the run, if several are shown.
    prefix: String,
    narrator: N,
    level: LogLevel,
    screen: Arc<Screen>,
    clock: Clock,
}

impl<N: Narrator + Default> Plain<N> {
    /// Lines that begin with the name of a run, if there is one.
    pub(super) fn on_stderr(level: LogLevel, run: Option<&str>) -> Self {
        let prefix = run.map(|run| format!("{run}: ")).unwrap_or_default();
        Self { prefix, ..Self::new(level, terminal::stderr(), clock()) }
    }

    pub(super) fn new(level: LogLevel, screen: Arc<Screen>, clock: Clock) -> Self {
        Self { prefix: String::new(), narrator: N::default(), level, screen, clock }
    }
}

impl<N: Narrator> Display for Plain<N> {
    fn show(&mut self, record: &Record) {
        // A message of `info` may be about an event of `debug`: a wait, after a failure.
        if self.level < LogLevel::Info && level_of(record) > self.level {
            return;
        }
        match self.narrator.message((self.clock)(), record) {
            Some(Message::Progress(text) | Message::Notice(text)) => self.print(&text),
            None if self.level == LogLevel::Debug => self.print_detail(record),
            None => {}
        }
    }
}

impl<N> Plain<N> {
    fn print(&self, text: &str) {
        self.screen.print(&format!("{}{text}", self.prefix));
    }

    /// Prints an event that has no message.
    fn print_detail(&self, record: &Record) {
        if matches!(record.event, Event::Error(_) | Event::Totals(_)) {
            return;
        }
        if let Some(text) = detail(&record.event) {
            let row = record.row.map(|row| format!("row {row}: ")).unwrap_or_default();
            self.print(&format!("{row}{text}"));
        }
    }
}
