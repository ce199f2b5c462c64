//! The exports of a batch, in a SQLite database of their own.
//!
//! Each row is an export:
//!
//! ```text
//! waiting ── store ──► open ── conclude ──► done, skipped, failed
//!    ▲                  ▲                                    │
//!    └──────────────────┴───────────── reopen ───────────────┘
//! ```
//!
//! Any process may read the database of a batch; only the holder of the batch's lock writes. A
//! change is on disk when its call returns, and a crash leaves all of it or nothing: SQLite keeps a
//! write-ahead log, which `synchronous = FULL` flushes at the end of each transaction
//! (<https://www.sqlite.org/pragma.html#pragma_synchronous>). Changes that wait for each other are made
//! in [one transaction](queue).

mod draft;
mod error;
mod queue;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension};

pub(crate) use self::draft::BatchDraft;
use self::error::Cause;
pub(crate) use self::error::DbError;
use self::rows::{HAS_STATUS, pages, read_result, read_row, select_results, select_rows};
use self::schema::Access;
pub(crate) use self::writer::{BatchDbWriter, Reopen};
use super::batch_dir::BatchDir;
use super::run::{Items, Row, RowResult, RowStatus, RunDescription, StatusCounts};
use crate::output::Destination;
use crate::subject::Subject;

/// The database of a batch, for reading.
#[derive(Debug)]
pub(crate) struct BatchDb {
    batch: BatchDir,
    connection: Arc<Mutex<Connection>>,
}

/// The name of the note with the description of the batch.
const DESCRIPTION: &str = "description";

impl BatchDb {
    /// Opens the database of a batch, which another process may run.
    pub(crate) fn open(batch: &BatchDir) -> Result<Self, DbError> {
        let connection = schema::open(&batch.db_path(), Access::Read);
        let connection = connection.map_err(|cause| DbError::new(batch, cause))?;
        Ok(Self::new(batch, connection))
    }

    fn new(batch: &BatchDir, connection: Connection) -> Self {
        Self { batch: batch.clone(), connection: Arc::new(Mutex::new(connection)) }
    }

    pub(crate) const fn batch(&self) -> &BatchDir {
        &self.batch
    }

    /// The description of the batch.
    pub(crate) fn description(&self) -> Result<RunDescription, DbError> {
        let text = self.note(DESCRIPTION)?;
        let description = text.and_then(|text| serde_json::from_str(&text).ok());
        description.ok_or_else(|| self.error(Cause::Damaged("the description is missing".into())))
    }

    fn note(&self, name: &str) -> Result<Option<String>, DbError> {
        self.query(|connection| {
            let sql = "SELECT value FROM note WHERE name = ?1";
            connection.query_one(sql, [name], |note| note.get(0)).optional()
        })
    }

    /// The number of exports with each status.
    pub(crate) fn totals(&self) -> Result<StatusCounts, DbError> {
        self.query(|connection| {
            let sql = "SELECT status, count(*) FROM export GROUP BY status";
            let mut totals = StatusCounts::default();
            for counted in connection.prepare(sql)?.query_map([], |row| {
                let count: i64 = row.get(1)?;
                Ok((row.get::<_, RowStatus>(0)?, count.unsigned_abs()))
            })? {
                let (status, count) = counted?;
                *totals.count_mut(status) += count;
            }
            Ok(totals)
        })
    }

    /// One export; `None` if there are not that many.
    pub(crate) fn row(&self, number: u64) -> Result<Option<Row>, DbError> {
        self.query(|connection| {
            let mut select = connection.prepare_cached(&select_rows("number = ?1"))?;
            select.query_one([rows::key(number)], read_row).optional()
        })
    }

    /// All exports.
    pub(crate) fn all_rows(&self) -> Items<'_, Row> {
        pages(self, &select_rows("TRUE"), None, read_row, |row| row.number, 0)
    }

    /// The exports with this status after this number.
    pub(crate) fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row> {
        let sql = select_rows(HAS_STATUS);
        pages(self, &sql, Some(status), read_row, |row| row.number, after)
    }

    /// Where the files of the exports with this status go, and what they are, by their numbers.
    pub(crate) fn destinations(&self, status: RowStatus) -> Items<'_, (u64, Destination, Subject)> {
        let sql = format!("SELECT number, destination, subject FROM export WHERE {HAS_STATUS}");
        let read = |row: &rusqlite::Row<'_>| {
            Ok((rows::number(row, 0)?, rows::json(row, 1)?, rows::json(row, 2)?))
        };
        pages(self, &sql, Some(status), read, |(number, ..)| *number, 0)
    }

    /// The exports that ended.
    pub(crate) fn results(&self) -> Items<'_, RowResult> {
        let sql = select_results("outcome IS NOT NULL");
        pages(self, &sql, None, read_result, |result| result.row, 0)
    }

    /// The exports that failed.
    pub(crate) fn failures(&self) -> Items<'_, RowResult> {
        let (sql, status) = (select_results(HAS_STATUS), Some(RowStatus::Failed));
        pages(self, &sql, status, read_result, |result| result.row, 0)
    }

    /// The number of exports that would fail again.
    pub(crate) fn repeating(&self) -> Result<u64, DbError> {
        self.query(|connection| {
            let condition = rows::would_repeat();
            let sql =
                format!("SELECT count(*) FROM export WHERE status = 'failed' AND {condition}");
            connection.query_one(&sql, [], |row| rows::number(row, 0))
        })
    }

    /// How one export ended; `None` if it has not.
    pub(crate) fn result(&self, number: u64) -> Result<Option<RowResult>, DbError> {
        self.query(|connection| {
            let sql = select_results("number = ?1 AND outcome IS NOT NULL");
            connection.query_one(&sql, [rows::key(number)], read_result).optional()
        })
    }

    /// The names that files have reserved, each with the number of its export.
    fn reserved_names(&self) -> Items<'_, (u64, String)> {
        let sql = "SELECT number, reserved_name FROM export WHERE reserved_name IS NOT NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((rows::number(row, 0)?, row.get(1)?));
        pages(self, sql, None, read, |(number, _)| *number, 0)
    }

    fn query<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        query(&mut self.connection()).map_err(|error| self.error(error.into()))
    }

    /// A call that panicked has rolled back its transaction.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, cause: Cause) -> DbError {
        DbError::new(&self.batch, cause)
    }
}
