//! Errors in a list.

use std::fmt::Write;

use crate::problem::Problem;
use crate::text::sanitize;

/// An error in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListError {
    line: u64,
    column: Option<String>,
    text: String,
}

/// The errors of a list.
#[derive(Debug, Default)]
pub(super) struct ListErrors {
    shown: Vec<ListError>,
    /// The number of errors beyond those in `shown`.
    more: usize,
}

/// The number of errors that are printed. A list that is wrong throughout has one in each row.
const MAX_SHOWN: usize = 50;

/// The longest error that is printed, in characters. Some quote a whole cell.
const MAX_LENGTH: usize = 300;

impl ListError {
    pub(super) fn new(line: u64, text: impl Into<String>) -> Self {
        Self { line, column: None, text: text.into() }
    }

    pub(super) fn in_column(line: u64, column: &str, text: impl Into<String>) -> Self {
        Self { line, column: Some(column.into()), text: text.into() }
    }
}

impl ListErrors {
    pub(super) fn add(&mut self, error: ListError) {
        if self.shown.len() < MAX_SHOWN {
            self.shown.push(error);
        } else {
            self.more += 1;
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Fails unless there are no errors.
    pub(super) fn into_result(mut self, list: &str) -> Result<(), Problem> {
        if self.is_empty() {
            return Ok(());
        }
        self.shown.sort_by_key(|error| error.line);
        let mut text = match self.shown.len() + self.more {
            1 => format!("{list} is invalid, nothing was sent:"),
            count => format!("{list} is invalid, nothing was sent: {count} errors"),
        };
        for ListError { line, column, text: error } in &self.shown {
            let column = column.as_ref().map(|column| format!("column {column}: "));
            let error = format!("{list}:{line}: {}{error}", column.unwrap_or_default());
            let error: String = sanitize(&error).chars().take(MAX_LENGTH).collect();
            let _ = write!(text, "\n  {error}");
        }
        if self.more > 0 {
            let _ = write!(text, "\n  and {} more", self.more);
        }
        Err(Problem::usage(text).advise("`wexport help batch-files` describes the format"))
    }
}
