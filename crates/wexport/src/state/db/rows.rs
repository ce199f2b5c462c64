//! Reading and writing rows of the database.

use std::vec;

use export_hyper::Checkpoint;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::BatchDb;
use crate::event::FINAL_CODES;
use crate::problem::Problem;
use crate::state::run::{Row, RowResult, RowStatus};

impl ToSql for RowStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for RowStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let known = Self::ALL.into_iter().find(|status| status.as_str() == word);
        known.ok_or(FromSqlError::InvalidType)
    }
}

/// The condition of rows with one status, for [`Pages`].
pub(super) const HAS_STATUS: &str = "status = ?3";

/// The condition of failures that [would repeat](crate::event::Failure::would_repeat).
pub(super) fn would_repeat() -> String {
    let [refused, failed] = FINAL_CODES;
    format!(
        "(exit_code IN ({refused}, {failed}) \
         OR coalesce(json_extract(outcome, '$.error.ending') = 'refused', FALSE))"
    )
}

/// The query for [`Row`]s.
pub(super) fn select_rows(condition: &str) -> String {
    format!(
        "SELECT number, line, subject, destination, status, coalesce(checkpoint, fresh) \
         FROM export WHERE {condition}"
    )
}

pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        number: number(row, 0)?,
        line: number(row, 1)?,
        subject: json(row, 2)?,
        destination: json(row, 3)?,
        status: row.get(4)?,
        checkpoint: json::<Checkpoint>(row, 5)?,
    })
}

/// The columns of a [`RowResult`].
pub(super) const RESULT_COLUMNS: &str = "number, line, subject, outcome";

/// The query for [`RowResult`]s.
pub(super) fn select_results(condition: &str) -> String {
    format!("SELECT {RESULT_COLUMNS} FROM export WHERE {condition}")
}

pub(super) fn read_result(row: &rusqlite::Row<'_>) -> rusqlite::Result<RowResult> {
    Ok(RowResult::new(number(row, 0)?, number(row, 1)?, json(row, 2)?, json(row, 3)?))
}

/// A number as SQLite stores it. No row has one that is too large.
pub(super) fn key(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a column with a number.
pub(super) fn number(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Reads a column with JSON.
pub(super) fn json<T: DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// A value for a column with JSON.
pub(super) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Iterates over rows in the order of their numbers, one page at a time. The database is free
/// between two pages; what others write then is seen if it is behind the current page.
pub(super) struct Pages<'a, T> {
    db: &'a BatchDb,
    sql: String,
    status: Option<RowStatus>,
    read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    number: fn(&T) -> u64,
    /// The last number of the current page.
    after: u64,
    page: vec::IntoIter<T>,
    is_last: bool,
}

/// The most items of a page, and the length of their columns in **bytes** at which it ends: all that is
/// in memory at once.
const PAGE: usize = 1_000;
const PAGE_BYTES: usize = 4 * 1_048_576;

impl<'a, T> Pages<'a, T> {
    /// `sql` ends in a condition, in which `?3` is the status.
    pub(super) fn new(
        db: &'a BatchDb,
        sql: String,
        status: Option<RowStatus>,
        read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        number: fn(&T) -> u64,
    ) -> Self {
        let sql = format!("{sql} AND number > ?1 ORDER BY number LIMIT ?2");
        let page = Vec::new().into_iter();
        Self { db, sql, status, read, number, after: 0, page, is_last: false }
    }

    /// Begins after this number.
    pub(super) fn after(self, number: u64) -> Self {
        Self { after: number, ..self }
    }

    fn next_page(&mut self) -> Result<(), Problem> {
        let (mut page, mut bytes, mut is_last) = (Vec::new(), 0, false);
        self.db.query(|connection| {
            let mut statement = connection.prepare(&self.sql)?;
            let (after, limit) = (key(self.after), key(PAGE as u64));
            let mut rows = match self.status {
                Some(status) => statement.query((after, limit, status))?,
                None => statement.query((after, limit))?,
            };
            while bytes < PAGE_BYTES {
                let Some(row) = rows.next()? else {
                    is_last = page.len() < PAGE;
                    break;
                };
                bytes += length(row)?;
                page.push((self.read)(row)?);
            }
            Ok(())
        })?;
        self.is_last = is_last;
        self.after = page.last().map_or(self.after, self.number);
        self.page = page.into_iter();
        Ok(())
    }
}

/// The length of the texts of a row, in **bytes**.
fn length(row: &rusqlite::Row<'_>) -> rusqlite::Result<usize> {
    let columns = 0..row.as_ref().column_count();
    columns.map(|column| Ok(row.get_ref(column)?.as_str().map_or(0, str::len))).sum()
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.page.next() {
            return Some(Ok(item));
        }
        if self.is_last {
            return None;
        }
        match self.next_page() {
            Ok(()) => self.page.next().map(Ok),
            Err(error) => {
                self.is_last = true;
                Some(Err(error))
            }
        }
    }
}
