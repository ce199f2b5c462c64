//! Plain lines, for logs and for terminals that are none.

use super::narrate::{Narrator, Told};
use super::record::Record;
use super::sink::Display;
use super::terminal::say;

/// One line for everything that a person wants to know of a run.
#[derive(Default)]
pub(super) struct Plain {
    narrator: Narrator,
}

impl Display for Plain {
    fn show(&mut self, record: &Record) {
        if let Some(Told::Course(text) | Told::Note(text)) = self.narrator.tell(&record.what) {
            say(&text);
        }
    }
}
