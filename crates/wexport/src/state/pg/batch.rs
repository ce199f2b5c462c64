//! A batch whose exports this process runs: all of them, or those that it has taken as a worker.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::random_number;
use export_hyper::Checkpoint;
#[cfg(feature = "store")]
use tempfile::TempDir;
use tokio_postgres::Row as PgRow;

use super::error::{Cause, PgError};
use super::lease::{Renewal, Role};
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
pub(crate) struct PgBatch {
    pub(super) link: Link,
    pub(super) id: String,
    pub(super) role: Role,
    /// The number that the fence of this process has: see [`Role`].
    fence: i64,
    /// What a worker has taken.
    pub(super) share: Mutex<Share>,
    renewal: Renewal,
    /// Where files wait for their upload.
    #[cfg(feature = "store")]
    spool: TempDir,
}

impl PgBatch {
    pub(super) fn new(book: &PgBook, id: String, role: Role, fence: i64) -> Result<Self, Problem> {
        let fail = |error| Problem::local("cannot hold a batch", &error);
        let renewal = Renewal::begin(book.link.unflushed()?, id.clone(), role, fence, book.lease);
        let renewal = renewal.map_err(fail)?;
        #[cfg(feature = "store")]
        let spool = tempfile::tempdir().map_err(fail)?;
        Ok(Self {
            link: book.link.clone(),
            id,
            role,
            fence,
            share: Mutex::default(),
            renewal,
            #[cfg(feature = "store")]
            spool,
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
        self.link.call(self.fenced(sql, vec![Box::new(which == Reopen::All)]))?;
        Ok(())
    }

    /// Opens exports again that are done or skipped.
    pub(crate) fn start_over(&self, number: u64) -> Result<(), Problem> {
        let sql = "UPDATE wexport.export SET outcome = NULL, exit_code = NULL, ended = NULL, \
             checkpoint = NULL, status = 'waiting' FROM held WHERE batch = $1 AND number = $3";
        self.link.call(self.fenced(sql, vec![Box::new(key(number))]))?;
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
        some_rows(&self.link, &self.id, "")
    }

    /// A write, which changes something only if the lease is still that of this process.
    pub(super) fn fenced(&self, sql: impl AsRef<str>, more: Vec<Parameter>) -> Query {
        self.of_lease(format!("{}{}", self.role.held(), sql.as_ref()), more)
    }

    /// A statement whose first parameters are the batch and the number of the fence.
    pub(super) fn of_lease(
        &self,
        sql: impl Into<Cow<'static, str>>,
        more: Vec<Parameter>,
    ) -> Query {
        let lease: [Parameter; 2] = [Box::new(self.id.clone()), Box::new(self.fence)];
        Query::new(sql, lease.into_iter().chain(more).collect())
    }

    /// Makes a write that has to change a row; that of the export with this number, if there is one.
    fn write(
        &self,
        number: Option<u64>,
        query: Query,
    ) -> impl Future<Output = Result<PgRow, PgError>> + Send + use<> {
        let (link, lost) = (self.link.clone(), self.role.lost(self.id.clone()));
        let is_lost = Arc::clone(self.renewal.is_lost());
        let (still_held, written) = (self.still_held(), self.link.push(query));
        async move {
            match written.await?.into_iter().next() {
                Some(row) => Ok(row),
                None => {
                    let is_held = !link.push(still_held).await?.is_empty();
                    Err(not_written(&link, lost, &is_lost, number.filter(|_| is_held)))
                }
            }
        }
    }

    /// The same, and waits for it.
    pub(super) fn write_now(&self, number: Option<u64>, query: Query) -> Result<PgRow, PgError> {
        match self.link.call(query)?.into_iter().next() {
            Some(row) => Ok(row),
            None => {
                let is_held = !self.link.call(self.still_held())?.is_empty();
                let number = number.filter(|_| is_held);
                let lost = self.role.lost(self.id.clone());
                Err(not_written(&self.link, lost, self.renewal.is_lost(), number))
            }
        }
    }

    fn still_held(&self) -> Query {
        let sql = format!("SELECT 1 FROM {} WHERE {}", self.role.table(), self.role.is_held());
        self.of_lease(sql, Vec::new())
    }

    fn store_description(&self, description: &RunDescription) -> Result<(), Problem> {
        let sql = "UPDATE wexport.batch SET description = $3, halted = NULL FROM held \
             WHERE id = $1 RETURNING 1";
        self.write_now(None, self.fenced(sql, vec![Box::new(to_json(description)?)]))?;
        Ok(())
    }
}

/// Why a write has changed nothing: the export with this number has ended, or the lease is lost.
fn not_written(link: &Link, lost: Cause, is_lost: &AtomicBool, number: Option<u64>) -> PgError {
    match number {
        Some(number) => link.error(Cause::NotOpen(number)),
        None => {
            is_lost.store(true, Ordering::Relaxed);
            link.error(lost)
        }
    }
}

fn placement_of(number: u64) -> String {
    format!("placement {number}")
}

impl RunStore for PgBatch {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn is_batch(&self) -> bool {
        true
    }

    fn description(&self) -> Result<RunDescription, Problem> {
        let sql = "SELECT description FROM wexport.batch WHERE id = $1";
        let rows = self.link.call(query!(sql, self.id.clone()))?;
        let row = rows.first().ok_or_else(|| self.link.error(Cause::Removed(self.id.clone())))?;
        Ok(json(&self.link, row, 0)?)
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
        self.write_now(None, self.fenced(sql, vec![Box::new(description)]))?;
        Ok(())
    }

    /// The lease is renewed by a thread.
    fn beat(&self) {}

    fn lost(&self) -> Option<Problem> {
        let is_lost = self.renewal.is_lost().load(Ordering::Relaxed);
        is_lost.then(|| self.link.error(self.role.lost(self.id.clone())).into())
    }

    fn is_shared(&self) -> bool {
        self.role == Role::Worker
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
        self.write_now(None, self.fenced(sql, Vec::new()))?;
        Ok(())
    }

    fn open_log(&self) -> io::Result<Option<EventLog>> {
        let (link, id, fence) = (self.link.clone(), self.id.clone(), self.fence);
        let insert = "INSERT INTO wexport.event (batch, event, writer, sequence) \
                      SELECT $1, $3, $4, $5 FROM held ON CONFLICT DO NOTHING";
        let sql = self.role.held() + insert;
        let (writer, mut sequence) = (key(random_number() >> 1), 0_i64);
        Ok(Some(EventLog::remote(move |line| {
            sequence += 1;
            drop(link.push(query!(sql.clone(), id.clone(), fence, line, writer, sequence)));
        })))
    }

    fn totals(&self) -> Result<StatusCounts, Problem> {
        Ok(totals(&self.link, &self.id)?)
    }

    fn row(&self, number: u64) -> Result<Row, Problem> {
        let sql = format!("{SELECT_ROWS} AND number = $2");
        let rows = self.link.call(query!(sql, self.id.clone(), key(number)))?;
        let row = rows.first().ok_or_else(|| {
            Problem::new(Exit::Local, format!("the batch has no export {number}"))
        })?;
        Ok(read_row(&self.link, row)?)
    }

    fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row> {
        let sql = format!("{SELECT_ROWS} AND status = '{}'", status.as_str());
        pages(&self.link, &self.id, &sql, read_row, |row| row.number, after)
    }

    fn results(&self) -> Items<'_, RowResult> {
        results(&self.link, &self.id, "")
    }

    fn reserved_names(&self) -> Items<'_, (u64, String)> {
        let sql = "SELECT number, reserved_name FROM wexport.export \
                   WHERE batch = $1 AND reserved_name IS NOT NULL";
        let read = |link: &Link, row: &PgRow| {
            let name = row.try_get(1).map_err(|error| PgError::damaged(link, error))?;
            Ok((number(link, row, 0)?, name))
        };
        pages(&self.link, &self.id, sql, read, |(number, _)| *number, 0)
    }

    fn reserve_name(&self, number: u64, name: &str) {
        let sql = "UPDATE wexport.export SET reserved_name = $4 FROM held \
             WHERE batch = $1 AND number = $3";
        let query = self.fenced(sql, vec![Box::new(key(number)), Box::new(name.to_owned())]);
        drop(self.link.push(query));
    }

    fn load_checkpoint(&self, number: u64) -> io::Result<Option<Checkpoint>> {
        let sql = "SELECT checkpoint FROM wexport.export \
                   WHERE batch = $1 AND number = $2 AND checkpoint IS NOT NULL";
        let rows = self.link.call(query!(sql, self.id.clone(), key(number)))?;
        Ok(rows.first().map(|row| json(&self.link, row, 0)).transpose()?)
    }

    fn store_checkpoint(&self, number: u64, checkpoint: &Checkpoint) -> Written<(), io::Error> {
        let sql = "UPDATE wexport.export SET checkpoint = $4, status = 'open' FROM held \
             WHERE batch = $1 AND number = $3 AND status IN ('waiting', 'open') RETURNING 1";
        let checkpoint = match serde_json::to_string(checkpoint) {
            Ok(text) => text,
            Err(error) => return written(Err(error.into())),
        };
        let query = self.fenced(sql, vec![Box::new(key(number)), Box::new(checkpoint)]);
        let stored = self.write(Some(number), query);
        Box::pin(async move { Ok(stored.await.map(drop)?) })
    }

    fn store_destination(&self, number: u64, destination: &Destination) -> Result<(), Problem> {
        let sql = "UPDATE wexport.export SET destination = $4 FROM held \
             WHERE batch = $1 AND number = $3 RETURNING 1";
        let destination = to_json(destination)?;
        let query = self.fenced(sql, vec![Box::new(key(number)), Box::new(destination)]);
        Ok(self.write_now(Some(number), query).map(drop)?)
    }

    fn store_placement(&self, number: u64, placement: &Placement) -> Written<(), io::Error> {
        let sql = "INSERT INTO wexport.note (batch, name, value) SELECT $1, $3, $4 FROM held \
             ON CONFLICT (batch, name) DO UPDATE SET value = excluded.value RETURNING 1";
        let placement = match serde_json::to_string(placement) {
            Ok(text) => text,
            Err(error) => return written(Err(error.into())),
        };
        let query = self.fenced(sql, vec![Box::new(placement_of(number)), Box::new(placement)]);
        let stored = self.write(None, query);
        Box::pin(async move { Ok(stored.await.map(drop)?) })
    }

    /// What cannot be parsed counts as missing.
    fn load_placement(&self, number: u64) -> Result<Option<Placement>, Problem> {
        let sql = "SELECT value FROM wexport.note WHERE batch = $1 AND name = $2";
        let rows = self.link.call(query!(sql, self.id.clone(), placement_of(number)))?;
        Ok(rows.first().and_then(|row| json(&self.link, row, 0).ok()))
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
        let query = self.fenced(
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
        let (link, concluded) = (self.link.clone(), self.write(Some(number), query));
        self.share().taken.remove(&number);
        Box::pin(async move { Ok(read_result(&link, &concluded.await?)?) })
    }

    #[cfg(feature = "store")]
    fn upload_dir(&self, number: u64) -> io::Result<UploadDir> {
        let dir = UploadDir::new(self.spool.path().join(number.to_string()));
        let (link, id, name) = (self.link.clone(), self.id.clone(), upload_of(number));
        let (role, fence) = (self.role, self.fence);
        Ok(dir.shared_with(Arc::new(UploadNote { link, id, role, fence, name })))
    }
}

/// The note of a multipart upload that was started.
#[cfg(feature = "store")]
#[derive(Debug)]
struct UploadNote {
    link: Link,
    id: String,
    role: Role,
    fence: i64,
    name: String,
}

#[cfg(feature = "store")]
fn upload_of(number: u64) -> String {
    format!("upload {number}")
}

#[cfg(feature = "store")]
impl SharedUpload for UploadNote {
    fn store(&self, pending: Option<&PendingUpload>) -> io::Result<()> {
        let (held, id, name) = (self.role.held(), self.id.clone(), self.name.clone());
        let Some(pending) = pending else {
            let sql = format!(
                "{held} DELETE FROM wexport.note USING held WHERE batch = $1 AND name = $3"
            );
            self.link.call(query!(sql, id, self.fence, name))?;
            return Ok(());
        };
        let sql = format!(
            "{held} INSERT INTO wexport.note (batch, name, value) SELECT $1, $3, $4 FROM held \
             ON CONFLICT (batch, name) DO UPDATE SET value = excluded.value RETURNING 1"
        );
        let pending = serde_json::to_string(pending)?;
        let rows = self.link.call(query!(sql, id.clone(), self.fence, name, pending))?;
        if rows.is_empty() { Err(self.link.error(self.role.lost(id)).into()) } else { Ok(()) }
    }

    fn load(&self) -> io::Result<Option<PendingUpload>> {
        let sql = "SELECT value FROM wexport.note WHERE batch = $1 AND name = $2";
        let rows = self.link.call(query!(sql, self.id.clone(), self.name.clone()))?;
        Ok(rows.first().map(|row| json(&self.link, row, 0)).transpose()?)
    }
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
        let free = match self.role {
            Role::Holder => self.fenced(
                "UPDATE wexport.batch SET held_until = clock_timestamp() FROM held \
                 WHERE id = $1 AND held_until > clock_timestamp()",
                Vec::new(),
            ),
            Role::Worker => {
                self.of_lease("DELETE FROM wexport.worker WHERE batch = $1 AND id = $2", Vec::new())
            }
        };
        let _ = self.link.call(free);
    }
}

impl fmt::Debug for PgBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgBatch")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}
