//! A list as rows of named cells, whichever way it is written.

use serde_json::Value;

use super::faults::Faults;
use super::{csv, json};

/// One line of a list.
#[derive(Debug)]
pub(super) struct Row {
    /// The line on which it begins, from 1 on.
    pub(super) number: u64,
    /// Those that are not empty. Names are as columns are written.
    pub(super) cells: Vec<(String, Value)>,
}

impl Row {
    /// The text of a cell, if it is there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.cells.iter().find(|(column, _)| column == name)?;
        value.as_str()
    }
}

/// The rows of a list; what is wrong with its form goes to the faults. JSON lines begin with a
/// brace, and no name of a column does.
pub(super) fn rows(text: &str, faults: &mut Faults) -> Vec<Row> {
    if text.trim_start().starts_with(['{', '[']) {
        json::rows(text, faults)
    } else {
        csv::rows(text, faults)
    }
}

/// The name of a column, however it is spelt: `If exists`, `if_exists` and `if-exists` are one.
pub(super) fn name_of(spelling: &str) -> String {
    spelling.trim().to_lowercase().replace(['_', ' '], "-")
}
