//! The display of a batch: its totals, and how each of its exports ended.
//!
//! The other events of each export are only in the log and in the JSON output.

mod eta;
mod line;
mod messages;
mod outages;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use self::eta::EtaEstimator;
use self::line::{BatchView, line};
pub(super) use self::messages::BatchNarrator;
use super::display::Display;
use super::event_text::ended;
use super::live_line::LiveLine;
use super::messages::{Message, Narrator};
use super::terminal::Color;
use crate::event::{BatchEnd, EndCounts, Event, Record};

/// A line of totals that changes, and above it warnings and failures.
pub(in crate::ui) struct Live {
    line: LiveLine<BatchView>,
    narrator: BatchNarrator,
}

impl Live {
    pub(in crate::ui) fn on_terminal() -> Self {
        Self::new(LiveLine::on_terminal())
    }

    fn new(line: LiveLine<BatchView>) -> Self {
        Self { line, narrator: BatchNarrator::default() }
    }

    /// Replaces the line with the last message.
    fn end(&mut self, end: &BatchEnd) {
        self.line.end();
        self.line.screen().print_in(colour(end), &ended(end));
    }
}

fn colour(end: &BatchEnd) -> Option<Color> {
    match end {
        BatchEnd { left: 1.., .. } => Some(Color::Yellow),
        BatchEnd { ended: EndCounts { failed: 1.., .. }, .. } => Some(Color::Red),
        _ => None,
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        let now = self.line.now();
        if let Some(Message::Notice(text)) = self.narrator.message(now, record) {
            self.line.screen().print(&text);
        }
        match &record.event {
            Event::BatchStarted(start) => self.line.begin(BatchView::new(now, start), line),
            Event::Totals(totals) => {
                self.line.update(|view| view.update(now, totals));
                self.line.draw();
            }
            Event::BatchDone(end) => self.end(end),
            _ => {}
        }
    }

    fn progress_interval(&self) -> Duration {
        Duration::from_millis(250)
    }
}
