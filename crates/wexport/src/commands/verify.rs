//! `wexport verify`.

use std::path::PathBuf;

use crate::problem::Problem;
use crate::receipt;
use crate::ui::{print, print_problem};

/// Checks all files against their receipts. The exit code is that of the first failure.
pub(super) fn run(files: &[PathBuf]) -> Result<(), Problem> {
    let mut first = Ok(());
    for file in files {
        match receipt::verify(file) {
            Ok(text) => print(&text)?,
            Err(problem) if first.is_ok() => first = Err(problem),
            Err(problem) => drop(print_problem(&problem)),
        }
    }
    first
}
