//! Lists of exports: a CSV file or JSON lines, in which each line is an export.
//!
//! A line is read as the command of its kind would be: its columns are that command's flags, without
//! their dashes, and they mean and refuse the same. All lines are read before anything is done, so
//! that all that is wrong with them is told at once.

mod cells;
mod csv;
mod faults;
mod json;
mod shelf;
mod source;

use export_hyper::{Config, ExportSpec, Timestamp};

use self::faults::{Fault, Faults};
use self::shelf::Shelves;
pub(crate) use self::source::Source;
use super::What;
use crate::cli::PlaceArgs;
use crate::place::Order;
use crate::report::Problem;

/// One export of a list.
#[derive(Debug)]
pub(crate) struct Line {
    /// The line on which it stands, from 1 on.
    pub(crate) number: u64,
    pub(crate) what: What,
    pub(crate) spec: ExportSpec,
    pub(crate) place: Order,
    /// Fields that are sent as they are, since this release knows nothing of them.
    pub(crate) unknown: Vec<String>,
}

/// So many lines are read at most.
const MOST_LINES: usize = 1_000_000;

/// Reads a list. What a line does not say of the place of its file is as in `defaults`.
///
/// # Errors
///
/// Fails with everything that is wrong with any line.
pub(crate) fn read(
    source: &Source,
    defaults: &PlaceArgs,
    at: Timestamp,
    config: &Config,
) -> Result<Vec<Line>, Problem> {
    let mut faults = Faults::default();
    let mut shelves = Shelves::new();
    let mut lines = Vec::new();
    let text = source.text()?;
    for row in cells::rows(&text, &mut faults) {
        if lines.len() == MOST_LINES {
            faults.add(Fault::new(row.number, format!("there are more than {MOST_LINES} exports")));
            break;
        }
        match shelves.read(&row, defaults, at, config) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.add(fault),
        }
    }
    if lines.is_empty() && faults.is_empty() {
        faults.add(Fault::new(1, "there is no export in it"));
    }
    faults.none_in(source.name()).map(|()| lines)
}

#[cfg(test)]
mod tests;
