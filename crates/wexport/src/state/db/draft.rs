//! A batch that is being stored.

use export_hyper::{Checkpoint, Timestamp};
use rusqlite::params;

use super::error::Cause;
use super::rows::{key, to_json};
use super::writer::{conclude, store_note, update_checkpoint};
use super::{BatchDbWriter, DESCRIPTION, DbError, schema};
use crate::problem::Problem;
use crate::state::batch_dir::BatchDir;
use crate::state::lock::Lock;
#[cfg(feature = "postgres")]
use crate::state::run::RowResult;
use crate::state::run::{Items, NewRow, Row, RowEnd, RowStatus, RunDescription, RunStore};

/// A batch that is being stored, in one transaction. Nothing of it is left unless it is committed.
#[derive(Debug)]
pub(crate) struct BatchDraft {
    writer: BatchDbWriter,
    folder: RemovedUnlessKept,
    /// The exports that are not inserted yet.
    pending: Vec<NewRow>,
    /// The length of their requests, in **bytes**.
    pending_bytes: usize,
    /// The time that orders the exports, if it is not that of their command.
    order: Option<Timestamp>,
}

/// The most exports that are inserted by one statement, and the length of their requests in **bytes**
/// from which they are: that of one is up to a mebibyte.
const CHUNK: usize = 1_000;
const CHUNK_BYTES: usize = 1_048_576;

/// The folder of the batch, which must not be listed before the batch is stored.
#[derive(Debug)]
struct RemovedUnlessKept(Option<BatchDir>);

impl BatchDraft {
    pub(in crate::state) fn begin(
        batch: BatchDir,
        lock: Lock,
        order: Option<Timestamp>,
    ) -> Result<Self, Problem> {
        let folder = RemovedUnlessKept(Some(batch.clone()));
        let connection = schema::begin(&batch.draft_path());
        let connection = connection.map_err(|cause| not_stored(DbError::new(&batch, cause)))?;
        let writer = BatchDbWriter::new(&batch, lock, connection);
        Ok(Self { writer, folder, pending: Vec::new(), pending_bytes: 0, order })
    }

    /// Adds an export. Its number is its line in the list.
    pub(crate) fn add(&mut self, mut row: NewRow) -> Result<(), Problem> {
        row.destination.moment = row.destination.moment.with_order(self.order);
        self.pending_bytes += row.fresh.spec().len();
        self.pending.push(row);
        let is_full = self.pending.len() == CHUNK || self.pending_bytes >= CHUNK_BYTES;
        if is_full { self.flush() } else { Ok(()) }
    }

    /// Inserts the exports that were added.
    pub(crate) fn flush(&mut self) -> Result<(), Problem> {
        let inserted = self.writer.db.query(|connection| {
            let mut insert = connection.prepare(
                "INSERT INTO export (number, line, subject, destination, fresh) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for row in &self.pending {
                insert.execute(params![
                    key(row.line),
                    key(row.line),
                    to_json(&row.subject)?,
                    to_json(&row.destination)?,
                    to_json(&row.fresh)?
                ])?;
            }
            Ok(())
        });
        inserted.map_err(not_stored)?;
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    /// The id of the batch.
    #[cfg(feature = "postgres")]
    pub(in crate::state) fn id(&self) -> &str {
        self.writer.db.batch().id()
    }

    /// The exports that were flushed.
    pub(crate) fn all_rows(&self) -> Items<'_, Row> {
        self.writer.db.all_rows()
    }

    /// The exports that were concluded.
    #[cfg(feature = "postgres")]
    pub(in crate::state) fn results(&self) -> Items<'_, RowResult> {
        self.writer.db.results()
    }

    /// The exports that were flushed, without those that are skipped.
    pub(crate) fn rows(&self) -> Items<'_, Row> {
        self.writer.rows(RowStatus::Waiting, 0)
    }

    /// One of the exports that were flushed.
    pub(crate) fn row(&self, number: u64) -> Result<Row, Problem> {
        self.writer.row(number)
    }

    /// Records that the file of an export exists and is kept.
    pub(crate) fn skip(&self, number: u64, file: String) -> Result<(), Problem> {
        self.take_over(number, &RowEnd::Skipped { file })
    }

    /// Records that an earlier run has brought the file of an export.
    pub(crate) fn take_over(&self, number: u64, end: &RowEnd) -> Result<(), Problem> {
        let concluded = self.writer.write(|connection| conclude(connection, number, end));
        Ok(concluded.map(drop)?)
    }

    /// Records where an export can be resumed that an earlier run has begun.
    pub(crate) fn take_over_checkpoint(
        &self,
        number: u64,
        checkpoint: &Checkpoint,
    ) -> Result<(), Problem> {
        let stored =
            self.writer.write(|connection| update_checkpoint(connection, number, checkpoint));
        stored.map(drop).map_err(not_stored)
    }

    /// Stores the batch.
    pub(crate) fn commit(mut self, description: &RunDescription) -> Result<BatchDbWriter, Problem> {
        self.flush()?;
        let connection = self.writer.db.connection();
        let committed = store_note(&connection, DESCRIPTION, description)
            .map_err(Cause::from)
            .and_then(|()| schema::commit(&connection));
        drop(connection);
        committed.map_err(|cause| not_stored(self.writer.db.error(cause)))?;
        let writer =
            self.writer.publish().and_then(BatchDbWriter::with_reserve).map_err(not_stored)?;
        self.folder.0 = None;
        Ok(writer)
    }
}

/// The problem of a batch that cannot be stored, and so cannot be resumed.
fn not_stored(error: DbError) -> Problem {
    let advice = "free disk space, or use another folder with --state or WEXPORT_STATE_DIR";
    Problem { advice: vec![advice.into()], ..Problem::from(error) }
}

impl Drop for RemovedUnlessKept {
    fn drop(&mut self) {
        if let Some(batch) = &self.0 {
            // If it cannot be removed, the batch is listed as incomplete.
            let _ = batch.remove();
        }
    }
}
