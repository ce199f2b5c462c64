//! The book of a batch in the hands of whoever runs it.

use std::ops::Deref;
use std::sync::Mutex;

use export_hyper::Checkpoint;
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde::Serialize;

use super::error::Why;
use super::file::{self, Access};
use super::row::{key, to_json};
use super::{Book, BookError, DESCRIPTION, NewRow, Note, RowEnd, RowResult, RowStanding, end, row};
use crate::state::batch::{Batch, BatchDescription};
use crate::state::job::HOPELESS;
use crate::state::lock::Lock;

/// A book for writing: nobody else has one of this batch, for as long as it is there.
#[derive(Debug)]
pub(crate) struct HeldBook {
    book: Book,
    _lock: Lock,
}

/// Which exports that failed are taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reopen {
    /// Those that can go on from where they ended.
    Unfinished,
    /// Those too that the service refused or could not make: they are begun anew.
    All,
}

impl Deref for HeldBook {
    type Target = Book;

    fn deref(&self) -> &Book {
        &self.book
    }
}

impl HeldBook {
    /// Writes down a batch, in one step.
    pub(in crate::state) fn create(
        batch: &Batch,
        description: &BatchDescription,
        rows: impl IntoIterator<Item = NewRow>,
    ) -> Result<Self, BookError> {
        let fill = |connection: &Connection| {
            note(connection, DESCRIPTION, description)?;
            let mut insert = connection.prepare(
                "INSERT INTO export (number, line, what, place, fresh) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (number, row) in (1..).zip(rows) {
                insert.execute(params![
                    key(number),
                    key(row.line),
                    to_json(&row.what)?,
                    to_json(&row.place)?,
                    to_json(&row.fresh)?
                ])?;
            }
            Ok(())
        };
        Self::held(batch, || file::create(&batch.book(), fill))
    }

    /// Takes up a batch that is there.
    pub(in crate::state) fn open(batch: &Batch) -> Result<Self, BookError> {
        Self::held(batch, || file::open(&batch.book(), Access::Write))
    }

    /// Opens the database with the lock in hand.
    fn held(
        batch: &Batch,
        open: impl FnOnce() -> Result<Connection, Why>,
    ) -> Result<Self, BookError> {
        let held = || {
            let lock = batch.lock()?.ok_or(Why::Held)?;
            Ok((open()?, lock))
        };
        let (connection, lock) = held().map_err(|why| BookError::new(batch, why))?;
        let book = Book { batch: batch.clone(), connection: Mutex::new(connection) };
        Ok(Self { book, _lock: lock })
    }

    /// Replaces the description.
    pub(crate) fn describe(&self, description: &BatchDescription) -> Result<(), BookError> {
        self.ask(|connection| note(connection, DESCRIPTION, description))
    }

    /// Keeps something, instead of what was kept before.
    pub(crate) fn keep(&self, of: Note, value: &impl Serialize) -> Result<(), BookError> {
        self.ask(|connection| note(connection, of.name(), value))
    }

    /// Writes down the name that the file of an export is to have, before there is such a file.
    pub(crate) fn claim(&self, number: u64, name: &str) -> Result<(), BookError> {
        self.change(number, |connection| {
            let sql = "UPDATE export SET claim = ?2 WHERE number = ?1";
            connection.execute(sql, (key(number), name))
        })
    }

    /// Writes down where an export can go on.
    pub(super) fn store(&self, number: u64, checkpoint: &Checkpoint) -> Result<(), BookError> {
        self.change(number, |connection| {
            let sql = "UPDATE export SET checkpoint = ?2, standing = 'open' \
                       WHERE number = ?1 AND standing IN ('waiting', 'open')";
            connection.execute(sql, (key(number), to_json(checkpoint)?))
        })
    }

    /// The checkpoint that was stored last, if the export was begun.
    pub(super) fn load(&self, number: u64) -> Result<Option<Checkpoint>, BookError> {
        let checkpoint = self.ask(|connection| {
            let sql = "SELECT checkpoint FROM export WHERE number = ?1 AND checkpoint IS NOT NULL";
            connection.query_one(sql, [key(number)], |found| row::json(found, 0)).optional()
        })?;
        Ok(checkpoint)
    }

    /// Writes down how an export ended. Its checkpoint is forgotten in the same step, unless there
    /// is something left to go on with.
    pub(crate) fn conclude(&self, number: u64, end: &RowEnd) -> Result<RowResult, BookError> {
        let (standing, exit_code) = match end {
            RowEnd::Done { .. } => (RowStanding::Done, None),
            RowEnd::Skipped { .. } => (RowStanding::Skipped, None),
            RowEnd::Failed { error } => (RowStanding::Failed, Some(error.exit_code)),
        };
        let can_go_on = exit_code.is_some_and(|code| !HOPELESS.contains(&code));
        let result = self.ask(|connection| {
            let transaction = connection.transaction()?;
            let sql = format!(
                "UPDATE export SET standing = ?2, exit_code = ?3, outcome = ?4, \
                 checkpoint = CASE WHEN ?5 THEN checkpoint END \
                 WHERE number = ?1 AND standing IN ('waiting', 'open') RETURNING {}",
                end::COLUMNS
            );
            let values = params![key(number), standing, exit_code, to_json(end)?, can_go_on];
            let result = transaction.query_one(&sql, values, RowResult::read).optional()?;
            transaction.commit()?;
            Ok(result)
        })?;
        result.ok_or_else(|| self.no_such(number))
    }

    /// Takes up exports that failed, and says how many. Those that are done or skipped stay so.
    pub(crate) fn reopen(&self, which: Reopen) -> Result<usize, BookError> {
        let [refused, failed] = HOPELESS;
        self.ask(|connection| {
            let sql = "UPDATE export SET outcome = NULL, exit_code = NULL, \
                       standing = CASE WHEN checkpoint IS NULL THEN 'waiting' ELSE 'open' END \
                       WHERE standing = 'failed' AND (?1 OR exit_code NOT IN (?2, ?3))";
            connection.execute(sql, (which == Reopen::All, refused, failed))
        })
    }

    /// Changes one row, which has to be there.
    fn change(
        &self,
        number: u64,
        change: impl FnOnce(&Connection) -> Result<usize, Error>,
    ) -> Result<(), BookError> {
        match self.ask(|connection| change(connection))? {
            1 => Ok(()),
            _ => Err(self.no_such(number)),
        }
    }

    fn no_such(&self, number: u64) -> BookError {
        self.fail(Why::NotOpen(number))
    }
}

fn note(connection: &Connection, name: &str, value: &impl Serialize) -> Result<(), Error> {
    let sql = "INSERT INTO note (name, value) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(sql, (name, to_json(value)?)).map(drop)
}
