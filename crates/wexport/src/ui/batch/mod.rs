//! The display of a batch: a bar, its totals, and how each of its exports ended.
//!
//! The other events of each export are only in the log and in the JSON output.

mod bar;
mod eta;
mod line;
mod messages;
mod outages;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use self::eta::EtaEstimator;
use self::line::{BatchView, lines};
pub(super) use self::messages::BatchNarrator;
use super::display::Display;
use super::event_text::ended;
use super::live_line::LiveLine;
use super::terminal::Color;
use crate::event::{BatchEnd, EndCounts, Event, Record};

/// A bar and a line of totals that change, and above them warnings and failures.
pub(in crate::ui) type Live = LiveLine<BatchView, BatchNarrator>;

fn colour(end: &BatchEnd) -> Option<Color> {
    match end {
        BatchEnd { left: 1.., .. } => Some(Color::Yellow),
        BatchEnd { ended: EndCounts { failed: 1.., .. }, .. } => Some(Color::Red),
        _ => Some(Color::Green),
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        self.print_notice(record);
        let now = self.now();
        match &record.event {
            Event::BatchStarted(start) => self.begin(BatchView::new(now, start), lines),
            Event::Totals(totals) => {
                self.update(|view| view.update(now, totals));
                self.draw();
            }
            // The last message replaces the line.
            Event::BatchDone(end) => {
                self.end();
                self.screen().print_in(colour(end), &ended(end));
            }
            _ => {}
        }
    }

    fn progress_interval(&self) -> Duration {
        Duration::from_millis(250)
    }
}
