//! Lists of exports: a CSV file or JSON lines, one export a row.
//!
//! A row is read by the command of its kind: its columns are the flags of that command without
//! their dashes, with the same meaning and the same errors. All rows are read before anything is
//! sent, so that all errors are reported at once.

mod csv_rows;
mod errors;
mod json_rows;
mod parsers;
mod row_parser;
mod rows;
mod source;
#[cfg(test)]
mod tests;

use export_hyper::Config;

use self::errors::{ListError, ListErrors};
use self::parsers::Parsers;
use self::row_parser::RowParsers;
use self::rows::{Fault, Row};
pub(crate) use self::source::{List, Source};
use super::ExportRequest;
use crate::args::OutputArgs;
use crate::output::{Destination, Moment};
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
const MAX_ROWS: u64 = 1_000_000;

/// Reads a list, and passes on its exports, which are of use only if all of the list is valid.
/// `defaults` has the output flags for rows that do not set their own.
///
/// # Errors
///
/// Fails with the errors of all rows, or with the first one of `pass_on`.
pub(crate) fn read(
    list: &mut List,
    defaults: &OutputArgs,
    moment: Moment,
    config: &Config,
    mut pass_on: impl FnMut(ListedExport) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let source = list.source().clone();
    let mut errors = ListErrors::default();
    let mut parsers = Parsers::default();
    let mut exports = 0;
    let mut rows = rows::rows(list).map_err(|error| source.problem(&error))?;
    let parse = |parsers: &mut RowParsers, row: &Row| parsers.parse(row, defaults, moment, config);
    loop {
        let (chunk, fault) = rows::chunk(&mut rows);
        for (line, parsed) in chunk.iter().map(|row| row.line).zip(parsers.parse(&chunk, parse)) {
            if exports == MAX_ROWS {
                errors.add(ListError::new(line, format!("more than {MAX_ROWS} exports")));
                return errors.into_result(source.name());
            }
            exports += 1;
            match parsed {
                Ok(export) if errors.is_empty() => pass_on(export)?,
                Ok(_) => {}
                Err(error) => errors.add(error),
            }
        }
        match fault {
            Some(Fault::Row(error)) => errors.add(error),
            Some(Fault::Encoding(line)) => return Err(source.invalid_line(line)),
            Some(Fault::Io(error)) => return Err(source.problem(&error)),
            None if chunk.is_empty() => break,
            None => {}
        }
    }
    if exports == 0 && errors.is_empty() {
        errors.add(ListError::new(1, "the list has no exports"));
    }
    errors.into_result(source.name())
}
