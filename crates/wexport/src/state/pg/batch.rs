//! A batch whose exports this process runs: all of them, or those that it has taken as a worker.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::random_number;
use export_hyper::Checkpoint;
#[cfg(feature = "store")]
use tempfile::TempDir;
use tokio_postgres::Row as PgRow;

use super::error::{Cause, PgError};
use super::lease::{Fence, Renewal, Role};
use super::link::{Link, Parameter, Query, query};
use super::read::{SELECT_ROWS, number, pages, read_result, read_row, results, some_rows, totals};
use super::worker::Share;
use super::{PgBook, json, to_json};
use crate::event::FINAL_CODES;
use crate::output::Destination;
#[cfg(feature = "store")]
use crate::output::{PendingUpload, SharedUpload, UploadDir};
use crate::problem::{Exit, Problem};
use crate::state::db::Reopen;
use crate::state::log::EventLog;
use crate::state::pages::key;
use crate::state::placement::Placement;
use crate::state::run::{
    Items, Row, RowEnd, RowResult, RowStatus, RunDescription, RunEnd, RunOptions, RunStore,
    StatusCounts, Taken, Written, written,
};

/// A batch whose exports this process runs, until its lease ends.
#[derive(Debug)]
pub(crate) struct PgBatch {
    pub(super) fence: Fence,
    /// What a worker has taken.
    pub(super) share: Mutex<Share>,
    renewal: Renewal,
    /// Where files wait for their upload.
    #[cfg(feature = "store")]
    spool: TempDir,
}

impl PgBatch {
    pub(super) fn new(book: &PgBook, id: String, role: Role, number: i64) -> Result<Self, Problem> {
        let fence = Fence::new(book.link.clone(), id, role, number);
        Ok(Self {
            renewal: Renewal::begin(&fence, book.lease)?,
            fence,
            share: Mutex::default(),
            #[cfg(feature = "store")]
            spool: tempfile::tempdir()
                .map_err(|error| Problem::local("cannot hold a batch", &error))?,
        })
    }

    /// Opens the exports again that have failed.
    pub(crate) fn reopen(&self, which: Reopen) -> Result<(), Problem> {
        let [refused, failed] = FINAL_CODES;
        let sql = format!(
            "UPDATE wexport.export SET outcome = NULL, exit_code = NULL, ended = NULL, \
             status = CASE WHEN checkpoint IS NULL THEN 'waiting' ELSE 'open' END FROM held \
             WHERE batch = $1 AND status = 'failed' AND ($3 OR NOT (exit_code IN ({refused}, {failed}) \
             OR coalesce(outcome::jsonb #>> '{{error,ending}}' = 'refused', FALSE)))"
        );
        self.fence.link.call(self.fence.fenced(sql, vec![Box::new(which == Reopen::All)]))?;
        Ok(())
    }

    /// Opens exports again that are done or skipped.
    pub(crate) fn start_over(&self, number: u64) -> Result<(), Problem> {
        let sql = "UPDATE wexport.export SET outcome = NULL, exit_code = NULL, ended = NULL, \
             checkpoint = NULL, status = 'waiting' FROM held WHERE batch = $1 AND number = $3";
        self.fence.link.call(self.fence.fenced(sql, vec![Box::new(key(number))]))?;
        Ok(())
    }

    /// Opens the batch again, with these flags or those that it has. This is the last step: workers take
    /// its exports from now on.
    pub(crate) fn begin_again(&self, options: Option<RunOptions>) -> Result<(), Problem> {
        let mut description = RunDescription { end: None, ..self.description()? };
        description.options = options.unwrap_or(description.options);
        let totals = self.totals()?;
        if description.options.for_workers && totals.waiting + totals.open == 0 {
            // No worker would record its end.
            return Ok(());
        }
        self.store_description(&description)
    }

    /// All exports.
    pub(crate) fn all_rows(&self) -> Items<'_, Row> {
        some_rows(&self.fence.link, &self.fence.id, "")
    }

    fn store_description(&self, description: &RunDescription) -> Result<(), Problem> {
        let sql = "UPDATE wexport.batch SET description = $3, halted = NULL FROM held \
             WHERE id = $1 RETURNING 1";
        self.fence
            .write_now(None, self.fence.fenced(sql, vec![Box::new(to_json(description)?)]))?;
        Ok(())
    }
}

fn placement_of(number: u64) -> String {
    format!("placement {number}")
}

impl RunStore for PgBatch {
    fn id(&self) -> Option<&str> {
        Some(&self.fence.id)
    }

    fn is_batch(&self) -> bool {
        true
    }

    fn description(&self) -> Result<RunDescription, Problem> {
        let sql = "SELECT description FROM wexport.batch WHERE id = $1";
        let rows = self.fence.link.call(query!(sql, self.fence.id.clone()))?;
        let row = rows
            .first()
            .ok_or_else(|| self.fence.link.error(Cause::Removed(self.fence.id.clone())))?;
        Ok(json(&self.fence.link, row, 0)?)
    }

    fn bind_client(&self, client_id: &str) -> Result<(), Problem> {
        let mut description = self.description()?;
        if description.client_id.is_some() {
            return Ok(());
        }
        description.client_id = Some(client_id.into());
        self.store_description(&description)
    }

    /// Frees the batch as well: a process that waits for it goes on.
    fn finish(&self, end: RunEnd) -> Result<(), Problem> {
        if self.is_shared() {
            return self.finish_shared(end);
        }
        let description = RunDescription { end: Some(end), ..self.description()? };
        let description = to_json(&description)?;
        let sql = "UPDATE wexport.batch SET description = $3, held_until = clock_timestamp() \
             FROM held WHERE id = $1 RETURNING 1";
        self.renewal.end();
        self.fence.write_now(None, self.fence.fenced(sql, vec![Box::new(description)]))?;
        Ok(())
    }

    /// The lease is renewed by a thread.
    fn beat(&self) {}

    fn lost(&self) -> Option<Problem> {
        self.fence.is_lost().then(|| self.fence.lost().into())
    }

    fn is_shared(&self) -> bool {
        self.fence.role == Role::Worker
    }

    fn take(&self, ahead: usize) -> Result<Taken, Problem> {
        self.take_exports(ahead)
    }

    fn give_back(&self, numbers: &[u64], halted: Option<Exit>) -> Result<(), Problem> {
        self.give_back_exports(numbers, halted)
    }

    fn is_short_of_space(&self) -> bool {
        false
    }

    fn remove(&self) -> io::Result<()> {
        let sql = "DELETE FROM wexport.batch USING held WHERE id = $1 RETURNING 1";
        self.renewal.end();
        self.fence.write_now(None, self.fence.fenced(sql, Vec::new()))?;
        Ok(())
    }

    fn open_log(&self) -> io::Result<Option<EventLog>> {
        let fence = self.fence.clone();
        let (writer, mut sequence) = (key(random_number() >> 1), 0_i64);
        Ok(Some(EventLog::remote(move |line| {
            sequence += 1;
            let insert = "INSERT INTO wexport.event (batch, event, writer, sequence) \
                          SELECT $1, $3, $4, $5 FROM held ON CONFLICT DO NOTHING";
            let event: Vec<Parameter> = vec![Box::new(line), Box::new(writer), Box::new(sequence)];
            drop(fence.link.push(fence.fenced(insert, event)));
        })))
    }

    fn totals(&self) -> Result<StatusCounts, Problem> {
        Ok(totals(&self.fence.link, &self.fence.id)?)
    }

    fn row(&self, number: u64) -> Result<Row, Problem> {
        let sql = format!("{SELECT_ROWS} AND number = $2");
        let rows = self.fence.link.call(query!(sql, self.fence.id.clone(), key(number)))?;
        let row = rows.first().ok_or_else(|| {
            Problem::new(Exit::Local, format!("the batch has no export {number}"))
        })?;
        Ok(read_row(&self.fence.link, row)?)
    }

    fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row> {
        let sql = format!("{SELECT_ROWS} AND status = '{}'", status.as_str());
        pages(&self.fence.link, &self.fence.id, &sql, read_row, |row| row.number, after)
    }

    fn results(&self) -> Items<'_, RowResult> {
        results(&self.fence.link, &self.fence.id, "")
    }

    fn reserved_names(&self) -> Items<'_, (u64, String)> {
        let sql = "SELECT number, reserved_name FROM wexport.export \
                   WHERE batch = $1 AND reserved_name IS NOT NULL";
        let read = |link: &Link, row: &PgRow| {
            let name = row.try_get(1).map_err(|error| PgError::damaged(link, error))?;
            Ok((number(link, row, 0)?, name))
        };
        pages(&self.fence.link, &self.fence.id, sql, read, |(number, _)| *number, 0)
    }

    fn reserve_name(&self, number: u64, name: &str) {
        let sql = "UPDATE wexport.export SET reserved_name = $4 FROM held \
             WHERE batch = $1 AND number = $3";
        let query = self.fence.fenced(sql, vec![Box::new(key(number)), Box::new(name.to_owned())]);
        drop(self.fence.link.push(query));
    }

    fn load_checkpoint(&self, number: u64) -> io::Result<Option<Checkpoint>> {
        let sql = "SELECT checkpoint FROM wexport.export \
                   WHERE batch = $1 AND number = $2 AND checkpoint IS NOT NULL";
        let rows = self.fence.link.call(query!(sql, self.fence.id.clone(), key(number)))?;
        Ok(rows.first().map(|row| json(&self.fence.link, row, 0)).transpose()?)
    }

    fn store_checkpoint(&self, number: u64, checkpoint: &Checkpoint) -> Written<(), io::Error> {
        let sql = "UPDATE wexport.export SET checkpoint = $4, status = 'open' FROM held \
             WHERE batch = $1 AND number = $3 AND status IN ('waiting', 'open') RETURNING 1";
        let checkpoint = match serde_json::to_string(checkpoint) {
            Ok(text) => text,
            Err(error) => return written(Err(error.into())),
        };
        let query = self.fence.fenced(sql, vec![Box::new(key(number)), Box::new(checkpoint)]);
        let stored = self.fence.write(Some(number), query);
        Box::pin(async move { Ok(stored.await.map(drop)?) })
    }

    fn store_destination(&self, number: u64, destination: &Destination) -> Result<(), Problem> {
        let sql = "UPDATE wexport.export SET destination = $4 FROM held \
             WHERE batch = $1 AND number = $3 RETURNING 1";
        let destination = to_json(destination)?;
        let query = self.fence.fenced(sql, vec![Box::new(key(number)), Box::new(destination)]);
        Ok(self.fence.write_now(Some(number), query).map(drop)?)
    }

    fn store_placement(&self, number: u64, placement: &Placement) -> Written<(), io::Error> {
        let placement = match serde_json::to_string(placement) {
            Ok(text) => text,
            Err(error) => return written(Err(error.into())),
        };
        let put = put_note(&self.fence, placement_of(number), placement);
        let stored = self.fence.write(None, put);
        Box::pin(async move { Ok(stored.await.map(drop)?) })
    }

    /// What cannot be parsed counts as missing.
    fn load_placement(&self, number: u64) -> Result<Option<Placement>, Problem> {
        let sql = "SELECT value FROM wexport.note WHERE batch = $1 AND name = $2";
        let rows =
            self.fence.link.call(query!(sql, self.fence.id.clone(), placement_of(number)))?;
        Ok(rows.first().and_then(|row| json(&self.fence.link, row, 0).ok()))
    }

    fn conclude(&self, number: u64, end: &RowEnd) -> Written<RowResult> {
        // An end that is recorded already is that of this call, whose answer was lost.
        let sql = ", gone AS (DELETE FROM wexport.note USING held \
             WHERE batch = $1 AND name = $8 AND NOT $7) \
             UPDATE wexport.export SET status = $4, exit_code = $5, outcome = $6, worker = NULL, \
             ended = coalesce(ended, clock_timestamp()), \
             checkpoint = CASE WHEN $7 THEN checkpoint END FROM held \
             WHERE batch = $1 AND number = $3 AND (status IN ('waiting', 'open') OR outcome = $6) \
             RETURNING number, line, subject, outcome";
        let outcome = match to_json(end) {
            Ok(text) => text,
            Err(problem) => return written(Err(problem)),
        };
        let query = self.fence.fenced(
            sql,
            vec![
                Box::new(key(number)),
                Box::new(end.status().as_str()),
                Box::new(i32::from(end.exit_code())),
                Box::new(outcome),
                Box::new(end.is_resumable()),
                Box::new(placement_of(number)),
            ],
        );
        let (link, concluded) = (self.fence.link.clone(), self.fence.write(Some(number), query));
        self.share().taken.remove(&number);
        Box::pin(async move { Ok(read_result(&link, &concluded.await?)?) })
    }

    #[cfg(feature = "store")]
    fn upload_dir(&self, number: u64) -> io::Result<UploadDir> {
        let dir = UploadDir::new(self.spool.path().join(number.to_string()));
        let (fence, name) = (self.fence.clone(), format!("upload {number}"));
        Ok(dir.shared_with(Arc::new(UploadNote { fence, name })))
    }
}

/// The note of a multipart upload that was started.
#[cfg(feature = "store")]
#[derive(Debug)]
struct UploadNote {
    fence: Fence,
    name: String,
}

#[cfg(feature = "store")]
impl SharedUpload for UploadNote {
    fn store(&self, pending: Option<&PendingUpload>) -> io::Result<()> {
        let Some(pending) = pending else {
            let sql = "DELETE FROM wexport.note USING held WHERE batch = $1 AND name = $3";
            self.fence.link.call(self.fence.fenced(sql, vec![Box::new(self.name.clone())]))?;
            return Ok(());
        };
        let pending = serde_json::to_string(pending)?;
        self.fence.write_now(None, put_note(&self.fence, self.name.clone(), pending))?;
        Ok(())
    }

    fn load(&self) -> io::Result<Option<PendingUpload>> {
        let Fence { link, id, .. } = &self.fence;
        let sql = "SELECT value FROM wexport.note WHERE batch = $1 AND name = $2";
        let rows = link.call(query!(sql, id.clone(), self.name.clone()))?;
        Ok(rows.first().map(|row| json(link, row, 0)).transpose()?)
    }
}

/// Stores a note, in place of one with this name.
fn put_note(fence: &Fence, name: String, value: String) -> Query {
    let sql = "INSERT INTO wexport.note (batch, name, value) SELECT $1, $3, $4 FROM held \
               ON CONFLICT (batch, name) DO UPDATE SET value = excluded.value RETURNING 1";
    fence.fenced(sql, vec![Box::new(name), Box::new(value)])
}

impl PgBatch {
    pub(super) fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frees the batch, or the exports of a worker, so that no other process need wait for the end of the lease.
impl Drop for PgBatch {
    fn drop(&mut self) {
        self.renewal.end();
        let free = match self.fence.role {
            Role::Holder => self.fence.fenced(
                "UPDATE wexport.batch SET held_until = clock_timestamp() FROM held \
                 WHERE id = $1 AND held_until > clock_timestamp()",
                Vec::new(),
            ),
            Role::Worker => self
                .fence
                .query("DELETE FROM wexport.worker WHERE batch = $1 AND id = $2", Vec::new()),
        };
        let _ = self.fence.link.call(free);
    }
}
