//! Reading and writing rows of the database.

use export_hyper::Checkpoint;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::BatchDb;
use crate::event::FINAL_CODES;
pub(super) use crate::state::pages::key;
use crate::state::pages::{PAGE, Page, Pages};
use crate::state::run::{Items, Row, RowResult, RowStatus};

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

/// The condition of rows with one status, for [`pages`].
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

/// The length of the columns of a page, in **bytes**, at which it ends.
const PAGE_BYTES: usize = 4 * 1_048_576;

/// The rows that a query finds after a number. `sql` ends in a condition, in which `?3` is the status.
pub(super) fn pages<'a, T: 'a>(
    db: &'a BatchDb,
    sql: &str,
    status: Option<RowStatus>,
    read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    number: fn(&T) -> u64,
    after: u64,
) -> Items<'a, T> {
    let sql = format!("{sql} AND number > ?1 ORDER BY number LIMIT ?2");
    let page = move |after| {
        let (mut page, mut bytes, mut is_last) = (Vec::new(), 0, false);
        db.query(|connection| {
            let mut statement = connection.prepare(&sql)?;
            let (after, limit) = (key(after), key(PAGE as u64));
            let mut rows = match status {
                Some(status) => statement.query((after, limit, status))?,
                None => statement.query((after, limit))?,
            };
            while bytes < PAGE_BYTES {
                let Some(row) = rows.next()? else {
                    is_last = page.len() < PAGE;
                    break;
                };
                bytes += length(row)?;
                page.push(read(row)?);
            }
            Ok(())
        })?;
        Ok(Page { rows: page, is_last })
    };
    Box::new(Pages::new(after, number, page))
}

/// The length of the texts of a row, in **bytes**.
fn length(row: &rusqlite::Row<'_>) -> rusqlite::Result<usize> {
    let columns = 0..row.as_ref().column_count();
    columns.map(|column| Ok(row.get_ref(column)?.as_str().map_or(0, str::len))).sum()
}
