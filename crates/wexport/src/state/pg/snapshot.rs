//! A copy of the batches in a state folder, for the commands that read.

use std::fs::File;
use std::io;
use std::io::Write as _;

use tempfile::TempDir;

use super::batch::{all_rows, results};
use super::link::query;
use super::{FoundBatch, PgBook};
use crate::problem::Problem;
use crate::state::dir::StateDir;
use crate::state::lock::Lock;
use crate::state::presence::RunningProcess;
use crate::state::run::{NewRow, RowStatus};

/// A copy of the batches of a database. It is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    state: StateDir,
    /// The locks of the batches that are running.
    _running: Vec<Lock>,
    _folder: TempDir,
}

impl Snapshot {
    /// Copies all batches of a database.
    pub(crate) fn take(book: &PgBook) -> Result<Self, Problem> {
        let unusable = |error| Problem::local("cannot copy the batches", &error);
        let folder = tempfile::tempdir().map_err(unusable)?;
        let state = StateDir::open(folder.path())?;
        let mut running = Vec::new();
        for row in book.link.call(query!("SELECT id FROM wexport.batch ORDER BY id"))? {
            let found = book.find("batch.id = $1", row.get(0))?;
            if let Some(found) = found {
                running.extend(copy(book, &state, &found)?);
            }
        }
        Ok(Self { state, _running: running, _folder: folder })
    }

    pub(crate) fn state(&self) -> &StateDir {
        &self.state
    }
}

/// Copies a batch. Returns its lock if it is running.
fn copy(book: &PgBook, state: &StateDir, found: &FoundBatch) -> Result<Option<Lock>, Problem> {
    let unusable = |error| Problem::local("cannot copy a batch", &error);
    let (mut draft, batch) = state.begin_copy(&found.id)?;
    let mut begun = Vec::new();
    for row in all_rows(&book.link, &found.id) {
        let row = row?;
        if row.status != RowStatus::Waiting {
            begun.push((row.number, row.checkpoint.clone()));
        }
        let (line, subject, destination) = (row.line, row.subject, row.destination);
        draft.add(NewRow { line, subject, destination, fresh: row.checkpoint })?;
    }
    draft.flush()?;
    for (number, checkpoint) in begun {
        draft.take_over_checkpoint(number, &checkpoint)?;
    }
    for result in results(&book.link, &found.id) {
        let result = result?;
        draft.take_over(result.row, &result.end)?;
    }
    drop(draft.commit(&found.description(&book.link)?)?);
    write_events(book, &found.id, &batch.path().join("events.ndjson"))?;
    if !found.is_held {
        return Ok(None);
    }
    if let Some(holder) = &found.holder {
        RunningProcess::write(batch.path(), holder.pid, &holder.host, found.silence)
            .map_err(unusable)?;
    }
    batch.lock().map_err(unusable)
}

/// Copies the events of a batch, one page at a time.
fn write_events(book: &PgBook, id: &str, path: &std::path::Path) -> Result<(), Problem> {
    let unusable = |error: io::Error| Problem::local("cannot copy the events of a batch", &error);
    let mut file = io::BufWriter::new(File::create(path).map_err(unusable)?);
    let mut after = 0;
    loop {
        let sql = "SELECT number, event FROM wexport.event WHERE batch = $1 AND number > $2 \
                   ORDER BY number LIMIT 10000";
        let rows = book.link.call(query!(sql, id.to_owned(), after))?;
        let Some(last) = rows.last() else { break };
        after = last.get::<_, i64>(0);
        for row in &rows {
            writeln!(file, "{}", row.get::<_, &str>(1)).map_err(unusable)?;
        }
    }
    file.flush().map_err(unusable)
}
