//! `wexport verify`.

use std::path::PathBuf;

use crate::receipt;
use crate::report::Problem;
use crate::show::print;

/// Checks each file against its receipt. All are checked; the first that differs is the answer.
pub(super) fn run(files: &[PathBuf]) -> Result<(), Problem> {
    let mut first = Ok(());
    for file in files {
        match receipt::verify(file) {
            Ok(text) => print(&text)?,
            Err(problem) if first.is_ok() => first = Err(problem),
            Err(problem) => drop(problem.print()),
        }
    }
    first
}
