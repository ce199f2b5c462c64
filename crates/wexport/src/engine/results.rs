//! `--results`: a file with a line for each export that ended.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::problem::Problem;
use crate::state::{Items, RowResult};
use crate::text::json;

/// The file, while a batch runs.
#[derive(Debug)]
pub(super) struct Results {
    path: PathBuf,
    file: Mutex<File>,
    /// Why a line is missing.
    failure: OnceLock<Problem>,
}

impl Results {
    /// Creates the file, with the results of earlier runs of the batch.
    pub(super) fn create(path: &Path, earlier: Items<'_, RowResult>) -> Result<Self, Problem> {
        let fail = |error: io::Error| {
            let what = format!("cannot write the results to {}", path.display());
            Problem::local(what, &error).advise("name another file with --results")
        };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).open(path).map_err(fail)?;
        let mut lines = BufWriter::new(&file);
        for result in earlier {
            lines.write_all(&line(&result?)).map_err(fail)?;
        }
        lines.flush().map_err(fail)?;
        drop(lines);
        Ok(Self { path: path.into(), file: Mutex::new(file), failure: OnceLock::new() })
    }

    /// Appends a line. A reader that has gone away, of a pipe, is not a failure.
    pub(super) fn append(&self, result: &RowResult) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match file.write_all(&line(result)) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let what = format!("the results in {} are incomplete", self.path.display());
                self.failure.get_or_init(|| Problem::local(what, &error));
            }
            _ => {}
        }
    }

    /// Why the results are incomplete, if they are.
    pub(super) fn failure(&self) -> Option<Problem> {
        self.failure.get().cloned()
    }
}

fn line(result: &RowResult) -> Vec<u8> {
    // Serialising strings and numbers does not fail.
    let mut line = json(result).unwrap_or_default().into_bytes();
    line.push(b'\n');
    line
}
