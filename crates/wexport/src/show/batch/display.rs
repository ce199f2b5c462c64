//! The ways of showing a batch to people.

use std::sync::Arc;
use std::time::Duration;

use super::line::line;
use super::narrate::{Narrator, ended};
use super::view::View;
use crate::show::living::{Clock, Living, clock};
use crate::show::narrate::Told;
use crate::show::record::{BatchEnd, Happening, Record, Tally};
use crate::show::sink::Display;
use crate::show::terminal::{self, Colour, Screen};

/// One line of totals that lives, and above it what went wrong.
pub(in crate::show) struct Live {
    line: Living<View>,
    narrator: Narrator,
}

impl Live {
    /// On the program's own terminal.
    pub(in crate::show) fn on_terminal() -> Self {
        Self::new(Living::on_terminal())
    }

    pub(super) fn new(line: Living<View>) -> Self {
        Self { line, narrator: Narrator::default() }
    }

    /// The line goes, and the last thing to say stays.
    fn end(&mut self, end: &BatchEnd) {
        self.line.end();
        self.line.screen().say_in(colour(end), &ended(end));
    }
}

fn colour(end: &BatchEnd) -> Option<Colour> {
    match end {
        BatchEnd { left: 1.., .. } => Some(Colour::Yellow),
        BatchEnd { over: Tally { failed: 1.., .. }, .. } => Some(Colour::Red),
        _ => None,
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        let now = self.line.now();
        if let Some(Told::Note(text)) = self.narrator.tell(now, record) {
            self.line.screen().say(&text);
        }
        match &record.what {
            Happening::BatchStarted(start) => self.line.begin(View::new(now, start), line),
            Happening::Totals(totals) => {
                self.line.change(|view| view.take(now, totals));
                self.line.draw();
            }
            Happening::BatchDone(end) => self.end(end),
            _ => {}
        }
    }

    fn progress_every(&self) -> Duration {
        Duration::from_millis(250)
    }
}

/// A line for each export that is over, for logs and for terminals that are none.
pub(in crate::show) struct Plain {
    narrator: Narrator,
    screen: Arc<Screen>,
    clock: Clock,
}

impl Plain {
    /// On standard error.
    pub(in crate::show) fn on_stderr() -> Self {
        Self::new(Arc::clone(terminal::stderr()), clock())
    }

    pub(super) fn new(screen: Arc<Screen>, clock: Clock) -> Self {
        Self { narrator: Narrator::default(), screen, clock }
    }
}

impl Display for Plain {
    fn show(&mut self, record: &Record) {
        let told = self.narrator.tell((self.clock)(), record);
        if let Some(Told::Course(text) | Told::Note(text)) = told {
            self.screen.say(&text);
        }
    }
}

/// Warnings and failures alone: nobody else tells of the failure of one export of many.
pub(in crate::show) struct Quiet(Plain);

impl Quiet {
    /// On standard error.
    pub(in crate::show) fn on_stderr() -> Self {
        Self::new(Plain::on_stderr())
    }

    pub(super) const fn new(plain: Plain) -> Self {
        Self(plain)
    }
}

impl Display for Quiet {
    fn show(&mut self, record: &Record) {
        if let Happening::Warning { .. } | Happening::Error(_) = record.what {
            self.0.show(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_failures_ends_in_red_and_one_that_was_stopped_in_yellow() {
        let end = |failed, left| {
            let (exports, over) = (40, Tally { failed, ..Tally::default() });
            BatchEnd { exports, over, left, not_begun: 0, seconds: 0.0, exit_code: 0 }
        };
        let colours = [end(0, 0), end(1, 0), end(1, 1), end(0, 1)].map(|end| colour(&end));
        assert_eq!(colours, [None, Some(Colour::Red), Some(Colour::Yellow), Some(Colour::Yellow)]);
    }
}
