//! The database of a batch, for the process that runs it.

use std::io;
use std::mem::replace;
use std::sync::Arc;
use std::time::Duration;

use export_host::StoreRetries;
use export_hyper::Checkpoint;
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::error::Cause;
use super::queue::{WriteQueue, WriteSender};
use super::rows::{RESULT_COLUMNS, key, read_result, to_json};
use super::schema::{self, Access};
use super::{BatchDb, DESCRIPTION, DbError, rows};
use crate::output::Destination;
#[cfg(feature = "store")]
use crate::output::UploadDir;
use crate::problem::{Exit, Problem};
use crate::state::batch_dir::BatchDir;
use crate::state::lock::Lock;
use crate::state::log::EventLog;
use crate::state::placement::Placement;
use crate::state::presence::Presence;
use crate::state::reserve::Reserve;
use crate::state::run::{
    Items, Row, RowEnd, RowResult, RowStatus, RunDescription, RunEnd, RunOptions, RunStore,
    StatusCounts, Written,
};

/// The database of a batch, for writing. It holds the lock of the batch.
#[derive(Debug)]
pub(crate) struct BatchDbWriter {
    pub(super) db: BatchDb,
    queue: WriteQueue,
    presence: Option<Presence>,
    _lock: Lock,
}

/// Which failed exports are run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reopen {
    /// Those that may succeed.
    Resumable,
    /// Also those that would fail again if nothing was changed. What has ended starts over.
    All,
}

/// The space to reserve, in **bytes**: twice that of the write-ahead log, and some for each export,
/// whose receipt and placement are stored.
const MIN_RESERVE: u64 = 524_288;
const RESERVE_OF_ROW: u64 = 16_384;
const MAX_RESERVED_ROWS: u64 = 512;

/// For how long the end of an export is stored again while the database is busy: as a checkpoint, for as
/// long as a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn placement_of(number: u64) -> String {
    format!("placement {number}")
}

impl BatchDbWriter {
    /// Opens the database of a batch, and resumes exports that failed.
    pub(crate) fn resume(batch: &BatchDir, which: Reopen) -> Result<Self, DbError> {
        let fail = |cause| DbError::new(batch, cause);
        let locked = batch.lock().map_err(Cause::from);
        let lock = locked
            .and_then(|lock| lock.ok_or_else(|| Cause::Locked(batch.process())))
            .map_err(fail)?;
        let connection = schema::open(&batch.db_path(), Access::Write).map_err(fail)?;
        let writer = Self::new(batch, lock, connection).with_reserve()?;
        let description = RunDescription { end: None, ..writer.db.description()? };
        writer.db.query(|connection| store_note(connection, DESCRIPTION, &description))?;
        writer.reopen(which)?;
        Ok(writer)
    }

    pub(super) fn new(batch: &BatchDir, lock: Lock, connection: Connection) -> Self {
        let db = BatchDb::new(batch, connection);
        let queue = WriteQueue::new(Arc::clone(&db.connection));
        Self { db, queue, presence: Presence::announce(batch.path()), _lock: lock }
    }

    /// Moves the database of a draft, which is committed, to where others find it.
    pub(super) fn publish(self) -> Result<Self, DbError> {
        let BatchDb { batch, .. } = &self.db;
        let publish = || {
            let mut connection = self.db.connection();
            // SQLite has to close a database before it is renamed.
            let draft = replace(&mut *connection, Connection::open_in_memory()?);
            *connection = schema::publish(draft, &batch.draft_path(), &batch.db_path())?;
            Ok(())
        };
        publish().map_err(|cause| self.db.error(cause))?;
        Ok(self)
    }

    /// Reserves the space to record what is under way when the disk is full.
    pub(super) fn with_reserve(self) -> Result<Self, DbError> {
        let totals = self.db.totals()?;
        let rows = (totals.waiting + totals.open).min(MAX_RESERVED_ROWS);
        let path = self.db.batch().reserve_path();
        let reserve = Reserve::take(path, MIN_RESERVE + rows * RESERVE_OF_ROW);
        self.queue.set_reserve(reserve.map_err(|error| self.db.error(error.into()))?);
        Ok(self)
    }

    /// Writes to the database, in one transaction. If the disk is full, reserved space is released.
    pub(super) fn write<T: Send>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send,
    ) -> Result<T, DbError> {
        self.queue.write(write).map_err(|error| self.db.error(error.into()))
    }

    /// The same on another thread, in a transaction that may be that of other exports too.
    fn push<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Written<T, DbError> {
        pushed(&self.queue.sender(), self.db.batch().clone(), write)
    }

    /// Reopens exports that failed, and returns their number. Those that are done or skipped stay.
    pub(super) fn reopen(&self, which: Reopen) -> Result<usize, DbError> {
        self.db.query(|connection| {
            let sql = format!(
                "UPDATE export SET outcome = NULL, exit_code = NULL, \
                 status = CASE WHEN checkpoint IS NULL THEN 'waiting' ELSE 'open' END \
                 WHERE status = 'failed' AND (?1 OR NOT {})",
                rows::would_repeat()
            );
            connection.execute(&sql, [which == Reopen::All])
        })
    }

    /// Reopens exports that are done or skipped, to export them again.
    pub(crate) fn start_over(&self, numbers: &[u64]) -> Result<(), DbError> {
        self.write(|connection| {
            let sql = "UPDATE export SET outcome = NULL, exit_code = NULL, checkpoint = NULL, \
                       status = 'waiting' WHERE number = ?1";
            for number in numbers {
                connection.execute(sql, [key(*number)])?;
            }
            Ok(())
        })
    }

    /// Replaces the flags of the batch by those of the command that continues it.
    pub(crate) fn set_options(&self, options: RunOptions) -> Result<(), DbError> {
        let description = RunDescription { options, ..self.db.description()? };
        self.write(|connection| store_note(connection, DESCRIPTION, &description))
    }

    /// Loads a note; `None` if it is missing or cannot be parsed. No such note is essential.
    fn load_note<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DbError> {
        Ok(self.db.note(name)?.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

impl RunStore for BatchDbWriter {
    fn id(&self) -> Option<&str> {
        Some(self.db.batch().id())
    }

    fn is_batch(&self) -> bool {
        true
    }

    fn description(&self) -> Result<RunDescription, Problem> {
        Ok(self.db.description()?)
    }

    fn bind_client(&self, client_id: &str) -> Result<(), Problem> {
        let mut description = self.db.description()?;
        if description.client_id.is_some() {
            return Ok(());
        }
        description.client_id = Some(client_id.into());
        Ok(self.write(|connection| store_note(connection, DESCRIPTION, &description))?)
    }

    fn finish(&self, end: RunEnd) -> Result<(), Problem> {
        let description = RunDescription { end: Some(end), ..self.db.description()? };
        Ok(self.write(|connection| store_note(connection, DESCRIPTION, &description))?)
    }

    fn beat(&self) {
        if let Some(presence) = &self.presence {
            presence.beat();
        }
    }

    fn is_short_of_space(&self) -> bool {
        self.queue.is_short_of_space()
    }

    fn remove(&self) -> io::Result<()> {
        self.db.batch().remove()
    }

    fn open_log(&self) -> io::Result<Option<EventLog>> {
        self.db.batch().open_log().map(Some)
    }

    fn totals(&self) -> Result<StatusCounts, Problem> {
        Ok(self.db.totals()?)
    }

    fn row(&self, number: u64) -> Result<Row, Problem> {
        let row = self.db.row(number)?;
        row.ok_or_else(|| Problem::new(Exit::Local, format!("the batch has no export {number}")))
    }

    fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row> {
        self.db.rows(status, after)
    }

    fn results(&self) -> Items<'_, RowResult> {
        self.db.results()
    }

    fn reserved_names(&self) -> Items<'_, (u64, String)> {
        self.db.reserved_names()
    }

    fn reserve_name(&self, number: u64, name: &str) {
        let name = name.to_owned();
        drop(self.queue.sender().push(move |connection| {
            let sql = "UPDATE export SET reserved_name = ?2 WHERE number = ?1";
            connection.prepare_cached(sql)?.execute((key(number), &name))
        }));
    }

    fn load_checkpoint(&self, number: u64) -> io::Result<Option<Checkpoint>> {
        Ok(self.db.query(|connection| {
            let sql = "SELECT checkpoint FROM export WHERE number = ?1 AND checkpoint IS NOT NULL";
            connection.query_one(sql, [key(number)], |found| rows::json(found, 0)).optional()
        })?)
    }

    fn store_checkpoint(&self, number: u64, checkpoint: &Checkpoint) -> Written<(), io::Error> {
        let (checkpoint, batch) = (checkpoint.clone(), self.db.batch().clone());
        let stored =
            self.push(move |connection| update_checkpoint(connection, number, &checkpoint));
        Box::pin(async move {
            match stored.await? {
                1 => Ok(()),
                _ => Err(DbError::new(&batch, Cause::NotOpen(number)).into()),
            }
        })
    }

    fn store_destination(&self, number: u64, destination: &Destination) -> Result<(), Problem> {
        let updated = self.write(|connection| {
            let sql = "UPDATE export SET destination = ?2 WHERE number = ?1";
            connection.execute(sql, (key(number), to_json(destination)?))
        })?;
        if updated == 1 { Ok(()) } else { Err(self.db.error(Cause::NotOpen(number)).into()) }
    }

    fn store_placement(&self, number: u64, placement: &Placement) -> Written<(), io::Error> {
        let placement = placement.clone();
        let store = move |connection: &Connection| {
            store_note(connection, &placement_of(number), &placement)
        };
        let stored = self.push(store);
        Box::pin(async move { Ok(stored.await?) })
    }

    fn load_placement(&self, number: u64) -> Result<Option<Placement>, Problem> {
        Ok(self.load_note(&placement_of(number))?)
    }

    fn conclude(&self, number: u64, end: &RowEnd) -> Written<RowResult> {
        let (end, batch) = (Arc::new(end.clone()), self.db.batch().clone());
        let queue = self.queue.sender();
        let write = move || {
            let end = Arc::clone(&end);
            let write = move |connection: &Connection| conclude(connection, number, &end);
            pushed(&queue, batch.clone(), write)
        };
        let (first, batch) = (write(), self.db.batch().clone());
        Box::pin(async move {
            let mut retries = StoreRetries::new(PATIENCE);
            let mut concluded = first.await;
            while let Err(error) = &concluded {
                let Some(wait) = retries.wait_after_kind(error.kind()) else { break };
                sleep(wait).await;
                concluded = write().await;
            }
            let not_open = || DbError::new(&batch, Cause::NotOpen(number)).into();
            concluded?.ok_or_else(not_open)
        })
    }

    #[cfg(feature = "store")]
    fn upload_dir(&self, number: u64) -> io::Result<UploadDir> {
        Ok(self.db.batch().upload_dir(number))
    }
}

/// A write that waits in the queue from now on.
fn pushed<T: Send + 'static>(
    queue: &WriteSender,
    batch: BatchDir,
    write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Written<T, DbError> {
    let pushed = queue.push(write);
    Box::pin(async move {
        let written = pushed.await.map_err(|_| Cause::Lost);
        written.and_then(|written| Ok(written?)).map_err(|cause| DbError::new(&batch, cause))
    })
}

pub(super) fn store_note(
    connection: &Connection,
    name: &str,
    value: &impl Serialize,
) -> Result<(), Error> {
    let sql = "INSERT INTO note (name, value) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute((name, to_json(value)?)).map(drop)
}

/// Stores the checkpoint of an export that has not ended. Returns the number of such exports.
pub(super) fn update_checkpoint(
    connection: &Connection,
    number: u64,
    checkpoint: &Checkpoint,
) -> Result<usize, Error> {
    let sql = "UPDATE export SET checkpoint = ?2, status = 'open' \
               WHERE number = ?1 AND status IN ('waiting', 'open')";
    connection.prepare_cached(sql)?.execute((key(number), to_json(checkpoint)?))
}

/// Stores how an export ended; `None` if it had ended.
pub(super) fn conclude(
    connection: &Connection,
    number: u64,
    end: &RowEnd,
) -> Result<Option<RowResult>, Error> {
    let sql = format!(
        "UPDATE export SET status = ?2, exit_code = ?3, outcome = ?4, \
         checkpoint = CASE WHEN ?5 THEN checkpoint END \
         WHERE number = ?1 AND status IN ('waiting', 'open') RETURNING {RESULT_COLUMNS}"
    );
    let values =
        params![key(number), end.status(), end.exit_code(), to_json(end)?, end.is_resumable()];
    let mut update = connection.prepare_cached(&sql)?;
    let result = update.query_one(values, read_result).optional()?;
    if !end.is_resumable() {
        let sql = "DELETE FROM note WHERE name = ?1";
        connection.prepare_cached(sql)?.execute([placement_of(number)])?;
    }
    Ok(result)
}
