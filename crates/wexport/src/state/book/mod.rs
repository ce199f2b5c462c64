//! The exports of a batch on disk, in a database of their own: where each of them can go on, or how
//! it ended.
//!
//! A row is an export. Its life is a line:
//!
//! ```text
//! waiting ── store ──► open ── conclude ──► done, skipped, failed
//!    ▲                  ▲                                    │
//!    └──────────────────┴───────────── reopen ───────────────┘
//! ```
//!
//! Anybody may read the book of a batch; only whoever holds its lock may write. What was written
//! has reached the disk when the call returns, and a crash leaves each call's changes or none of
//! them: SQLite keeps a write-ahead log, which `synchronous = FULL` flushes at the end of each
//! transaction (<https://www.sqlite.org/pragma.html#pragma_synchronous>).

mod checkpoints;
mod end;
mod error;
mod file;
mod held;
mod pages;
mod row;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;

pub(crate) use self::checkpoints::RowCheckpoints;
pub(crate) use self::end::{RowEnd, RowResult};
pub(crate) use self::error::BookError;
use self::error::Why;
use self::file::Access;
pub(crate) use self::held::{HeldBook, Reopen};
use self::pages::Pages;
pub(crate) use self::row::{NewRow, Row, RowStanding, Totals};
use super::batch::{Batch, BatchDescription};

/// The book of a batch, for reading.
#[derive(Debug)]
pub(crate) struct Book {
    batch: Batch,
    connection: Mutex<Connection>,
}

/// Something that is kept of a batch beside its exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The [`Pacer`](export_hyper::Pacer): what was learnt of the service's limits.
    Pacer,
    /// The [`BatchState`](export_hyper::BatchState).
    Batch,
}

impl Note {
    const fn name(self) -> &'static str {
        match self {
            Self::Pacer => "pacer",
            Self::Batch => "batch",
        }
    }
}

/// The note that is the description of the batch.
const DESCRIPTION: &str = "description";

impl Book {
    /// Opens the book of a batch, which may be running.
    pub(super) fn open(batch: &Batch) -> Result<Self, BookError> {
        let connection = file::open(&batch.book(), Access::Read);
        let connection = connection.map_err(|why| BookError::new(batch, why))?;
        Ok(Self { batch: batch.clone(), connection: Mutex::new(connection) })
    }

    /// The folder that it is in.
    pub(crate) const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// What was asked for, and how it ended.
    pub(crate) fn description(&self) -> Result<BatchDescription, BookError> {
        let text = self.note(DESCRIPTION)?;
        let description = text.and_then(|text| serde_json::from_str(&text).ok());
        description.ok_or_else(|| self.fail(Why::Damaged("it has no description".into())))
    }

    /// What was kept; `None` if nothing was, or if it cannot be read: a batch can do without.
    pub(crate) fn kept<T: DeserializeOwned>(&self, note: Note) -> Result<Option<T>, BookError> {
        let text = self.note(note.name())?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn note(&self, name: &str) -> Result<Option<String>, BookError> {
        self.ask(|connection| {
            let sql = "SELECT value FROM note WHERE name = ?1";
            connection.query_one(sql, [name], |note| note.get(0)).optional()
        })
    }

    /// How many exports stand how.
    pub(crate) fn totals(&self) -> Result<Totals, BookError> {
        self.ask(|connection| {
            let sql = "SELECT standing, count(*) FROM export GROUP BY standing";
            let mut totals = Totals::default();
            for counted in connection.prepare(sql)?.query_map([], |row| {
                let count: i64 = row.get(1)?;
                Ok((row.get::<_, RowStanding>(0)?, count.unsigned_abs()))
            })? {
                let (standing, count) = counted?;
                *totals.of(standing) += count;
            }
            Ok(totals)
        })
    }

    /// One export; `None` if there are not that many.
    pub(crate) fn row(&self, number: u64) -> Result<Option<Row>, BookError> {
        self.ask(|connection| {
            let sql = row::select("number = ?1");
            connection.query_one(&sql, [row::key(number)], Row::read).optional()
        })
    }

    /// The exports that stand so, by their numbers.
    pub(crate) fn rows(&self, standing: RowStanding) -> Pages<'_, Row> {
        Pages::new(self, row::select(row::ONE_STANDING), Some(standing), Row::read, |row| {
            row.number
        })
    }

    /// The exports that are over, by their numbers.
    pub(crate) fn results(&self) -> Pages<'_, RowResult> {
        let read = RowResult::read;
        Pages::new(self, RowResult::select("outcome IS NOT NULL"), None, read, |row| row.row)
    }

    /// The exports that failed, by their numbers.
    pub(crate) fn failures(&self) -> Pages<'_, RowResult> {
        let sql = RowResult::select(row::ONE_STANDING);
        Pages::new(self, sql, Some(RowStanding::Failed), RowResult::read, |row| row.row)
    }

    /// How one export ended; `None` if it is not over.
    pub(crate) fn result(&self, number: u64) -> Result<Option<RowResult>, BookError> {
        self.ask(|connection| {
            let sql = RowResult::select("number = ?1 AND outcome IS NOT NULL");
            connection.query_one(&sql, [row::key(number)], RowResult::read).optional()
        })
    }

    /// The names of files that were given away, each with the number of the export that has it.
    pub(crate) fn claims(&self) -> Pages<'_, (u64, String)> {
        let sql = "SELECT number, claim FROM export WHERE claim IS NOT NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((row::number(row, 0)?, row.get(1)?));
        Pages::new(self, sql.into(), None, read, |(number, _)| *number)
    }

    /// Asks the database.
    fn ask<T>(
        &self,
        question: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, BookError> {
        question(&mut self.connection()).map_err(|error| self.fail(error.into()))
    }

    /// A call that panicked has rolled back what it had begun.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, why: Why) -> BookError {
        BookError::new(&self.batch, why)
    }
}
