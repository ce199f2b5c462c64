//! The displays that print lines which stay.

use std::sync::Arc;

use super::display::Display;
use super::live_line::{Clock, clock};
use super::messages::{Message, Narrator};
use super::terminal::{self, Screen};
use crate::event::{Event, Record};

/// A line for each message.
pub(super) struct Plain<N> {
    /// What the lines begin with: the run, if several are shown.
    prefix: String,
    narrator: N,
    screen: Arc<Screen>,
    clock: Clock,
}

impl<N: Narrator + Default> Plain<N> {
    /// Lines that begin with the name of a run, if there is one.
    pub(super) fn on_stderr(run: Option<&str>) -> Self {
        let prefix = run.map(|run| format!("{run}: ")).unwrap_or_default();
        Self { prefix, ..Self::new(Arc::clone(terminal::stderr()), clock()) }
    }

    pub(super) fn new(screen: Arc<Screen>, clock: Clock) -> Self {
        Self { prefix: String::new(), narrator: N::default(), screen, clock }
    }
}

impl<N: Narrator> Display for Plain<N> {
    fn show(&mut self, record: &Record) {
        let message = self.narrator.message((self.clock)(), record);
        if let Some(Message::Progress(text) | Message::Notice(text)) = message {
            self.screen.print(&format!("{}{text}", self.prefix));
        }
    }
}

/// Warnings, and the exports of a batch that failed. The command prints the error that ends a run.
pub(super) struct Quiet<N>(pub(super) Plain<N>);

impl<N: Narrator> Display for Quiet<N> {
    fn show(&mut self, record: &Record) {
        if let Event::Warning { .. } | Event::Error(_) = record.event {
            self.0.show(record);
        }
    }
}
