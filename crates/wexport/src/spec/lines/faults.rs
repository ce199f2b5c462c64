//! What is wrong with a list.

use std::fmt::Write;

use crate::report::Problem;
use crate::show::harmless;

/// Something that is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    line: u64,
    column: Option<String>,
    text: String,
}

/// All that is wrong with a list.
#[derive(Debug, Default)]
pub(super) struct Faults {
    shown: Vec<Fault>,
    /// How many more there are.
    more: usize,
}

/// Nobody reads more than that at once.
const MOST_SHOWN: usize = 50;

/// Nobody reads further than this of one.
const LONGEST: usize = 300;

impl Fault {
    pub(super) fn new(line: u64, text: impl Into<String>) -> Self {
        Self { line, column: None, text: text.into() }
    }

    pub(super) fn in_column(line: u64, column: &str, text: impl Into<String>) -> Self {
        Self { line, column: Some(column.into()), text: text.into() }
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if self.shown.len() < MOST_SHOWN {
            self.shown.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Fails unless there are none.
    pub(super) fn none_in(mut self, name: &str) -> Result<(), Problem> {
        if self.is_empty() {
            return Ok(());
        }
        self.shown.sort_by_key(|fault| fault.line);
        let count = self.shown.len() + self.more;
        let mut text = match count {
            1 => format!("{name} cannot be used, and nothing was sent:"),
            _ => format!("{name} cannot be used, and nothing was sent: {count} things are wrong"),
        };
        for Fault { line, column, text: fault } in &self.shown {
            let column = column.as_ref().map(|column| format!("column {column}: "));
            let fault = format!("{name}:{line}: {}{fault}", column.unwrap_or_default());
            let fault: String = harmless(&fault).chars().take(LONGEST).collect();
            let _ = write!(text, "\n  {fault}");
        }
        if self.more > 0 {
            let _ = write!(text, "\n  and {} more", self.more);
        }
        Err(Problem::usage(text).advise("`wexport help batch-files` says how a list is written"))
    }
}
