//! `--results`: a file with a line for each export that ended.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::problem::Problem;
use crate::state::{RowResult, RunStore};
use crate::text::json;

/// The file, while a batch runs.
#[derive(Debug)]
pub(super) struct Results {
    path: PathBuf,
    file: Mutex<File>,
}

impl Results {
    /// Creates the file, with the results of earlier runs of the batch.
    pub(super) fn create(path: &Path, store: &dyn RunStore) -> Result<Self, Problem> {
        let fail = |error: io::Error| {
            let what = format!("cannot write the results to {}", path.display());
            Problem::local(what, &error).advise("name another file with --results")
        };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).open(path).map_err(fail)?;
        let mut lines = BufWriter::new(&file);
        for result in store.results() {
            lines.write_all(&line(&result?)).map_err(fail)?;
        }
        lines.flush().map_err(fail)?;
        drop(lines);
        Ok(Self { path: path.into(), file: Mutex::new(file) })
    }

    /// Appends a line.
    pub(super) fn append(&self, result: &RowResult) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(&line(result));
        written.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }
}

fn line(result: &RowResult) -> Vec<u8> {
    // Serialising strings and numbers does not fail.
    let mut line = json(result).unwrap_or_default().into_bytes();
    line.push(b'\n');
    line
}
