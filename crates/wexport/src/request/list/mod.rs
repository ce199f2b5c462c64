//! Lists of exports: a CSV file or JSON lines, one export a row.
//!
//! A row is read by the command of its kind: its columns are the flags of that command without
//! their dashes, with the same meaning and the same errors. All rows are read before anything is
//! sent, so that all errors are reported at once.

mod errors;
mod row_parser;
mod rows;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};

use export_hyper::{Config, Timestamp};

use self::errors::{ListError, ListErrors};
use self::row_parser::RowParsers;
use super::ExportRequest;
use crate::args::OutputArgs;
use crate::output::Destination;
use crate::problem::Problem;

/// One export of a list.
#[derive(Debug)]
pub(crate) struct ListedExport {
    /// The line of the list that its row begins on, from 1.
    pub(crate) line: u64,
    pub(crate) request: ExportRequest,
    pub(crate) destination: Destination,
}

/// The most rows that a list may have.
const MAX_ROWS: usize = 1_000_000;

/// Reads a list. `defaults` has the output flags for rows that do not set their own.
///
/// # Errors
///
/// Fails with the errors of all rows.
pub(crate) fn read(
    source: &Source,
    defaults: &OutputArgs,
    at: Timestamp,
    config: &Config,
) -> Result<Vec<ListedExport>, Problem> {
    let mut errors = ListErrors::default();
    let mut parsers = RowParsers::new();
    let mut exports = Vec::new();
    let text = source.read()?;
    for row in rows::rows(&text, &mut errors) {
        if exports.len() == MAX_ROWS {
            errors.add(ListError::new(row.line, format!("more than {MAX_ROWS} exports")));
            break;
        }
        match parsers.parse(&row, defaults, at, config) {
            Ok(export) => exports.push(export),
            Err(error) => errors.add(error),
        }
    }
    if exports.is_empty() && errors.is_empty() {
        errors.add(ListError::new(1, "the list has no exports"));
    }
    errors.into_result(source.name()).map(|()| exports)
}

/// Where a list is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

/// The longest list that is read, in **bytes**.
const MAX_LIST: u64 = 256 * 1_048_576;

impl Source {
    /// `-` is standard input.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        if self.0 == "-" { "standard input" } else { &self.0 }
    }

    fn read(&self) -> Result<String, Problem> {
        let fail =
            |error: &io::Error| Problem::local(format!("cannot read {}", self.name()), error);
        let reader: Box<dyn Read> = match self.0.as_str() {
            "-" => Box::new(io::stdin()),
            path => Box::new(File::open(path).map_err(|error| fail(&error))?),
        };
        let mut bytes = Vec::new();
        reader.take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        if bytes.len() as u64 > MAX_LIST {
            let what = format!("{} is longer than {} MiB", self.name(), MAX_LIST / 1_048_576);
            return Err(Problem::usage(what).advise("split it into several lists"));
        }
        decode(bytes, self.name())
    }
}

/// Decodes UTF-8, without a byte order mark.
fn decode(bytes: Vec<u8>, name: &str) -> Result<String, Problem> {
    // A text has no zero bytes; UTF-16 has one beside each ASCII character.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
        return Err(Problem::usage(format!("{name}: not UTF-8 but UTF-16, or not a text"))
            .advise("save it as UTF-8; Excel calls that \"CSV UTF-8\""));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
        Problem::usage(format!("{name}:{line}: not valid UTF-8"))
            .advise("save it as UTF-8; Excel calls that \"CSV UTF-8\"")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => text,
    })
}
