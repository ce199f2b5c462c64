//! Reads of batches, by any process.

use std::collections::HashMap;

use tokio_postgres::Row as PgRow;

use super::error::PgError;
use super::link::{Link, query};
use super::{json, number_of};
#[cfg(feature = "store")]
use crate::output::PendingUpload;
use crate::state::pages::{PAGE, Page, Pages, key};
use crate::state::run::{Items, Row, RowResult, RowStatus, StatusCounts};

pub(super) const SELECT_ROWS: &str = "SELECT number, line, subject, destination, status, \
                           coalesce(checkpoint, fresh) FROM wexport.export WHERE batch = $1";

/// The exports with a condition, which begins with `AND`.
pub(super) fn some_rows<'a>(link: &'a Link, id: &str, condition: &str) -> Items<'a, Row> {
    pages(link, id, &format!("{SELECT_ROWS} {condition}"), read_row, |row| row.number, 0)
}

/// The exports that ended, with a condition.
pub(super) fn results<'a>(link: &'a Link, id: &str, condition: &str) -> Items<'a, RowResult> {
    let sql = format!(
        "SELECT number, line, subject, outcome FROM wexport.export \
         WHERE batch = $1 AND outcome IS NOT NULL {condition}"
    );
    pages(link, id, &sql, read_result, |result| result.row, 0)
}

/// The multipart uploads that were started and have not ended, by the numbers of their exports.
#[cfg(feature = "store")]
pub(super) fn uploads(link: &Link, id: &str) -> Result<Vec<(u64, PendingUpload)>, PgError> {
    let sql = "SELECT split_part(name, ' ', 2)::BIGINT, value FROM wexport.note \
               WHERE batch = $1 AND name LIKE 'upload %'";
    let rows = link.call(query!(sql, id.to_owned()))?;
    rows.iter().map(|row| Ok((number(link, row, 0)?, json(link, row, 1)?))).collect()
}

/// The totals of all batches, by their IDs.
pub(super) fn all_totals(link: &Link) -> Result<HashMap<String, StatusCounts>, PgError> {
    let sql = "SELECT status, count(*), batch FROM wexport.export GROUP BY batch, status";
    let mut totals = HashMap::<String, StatusCounts>::new();
    for row in link.call(query!(sql))? {
        let totals = totals.entry(row.get(2)).or_default();
        *totals.count_mut(status(link, &row, 0)?) += number(link, &row, 1)?;
    }
    Ok(totals)
}

pub(super) fn totals(link: &Link, id: &str) -> Result<StatusCounts, PgError> {
    let sql = "SELECT status, count(*) FROM wexport.export WHERE batch = $1 GROUP BY status";
    let mut totals = StatusCounts::default();
    for row in link.call(query!(sql, id.to_owned()))? {
        *totals.count_mut(status(link, &row, 0)?) += number(link, &row, 1)?;
    }
    Ok(totals)
}

pub(super) fn number(link: &Link, row: &PgRow, column: usize) -> Result<u64, PgError> {
    number_of(row, column).ok_or_else(|| PgError::damaged(link, "a number is invalid"))
}

pub(super) fn status(link: &Link, row: &PgRow, column: usize) -> Result<RowStatus, PgError> {
    let word: &str = row.try_get(column).map_err(|error| PgError::damaged(link, error))?;
    let known = RowStatus::ALL.into_iter().find(|status| status.as_str() == word);
    known.ok_or_else(|| PgError::damaged(link, "a status is unknown"))
}

pub(super) fn read_row(link: &Link, row: &PgRow) -> Result<Row, PgError> {
    Ok(Row {
        number: number(link, row, 0)?,
        line: number(link, row, 1)?,
        subject: json(link, row, 2)?,
        destination: json(link, row, 3)?,
        status: status(link, row, 4)?,
        checkpoint: json(link, row, 5)?,
    })
}

pub(super) fn read_result(link: &Link, row: &PgRow) -> Result<RowResult, PgError> {
    let (row_number, line) = (number(link, row, 0)?, number(link, row, 1)?);
    Ok(RowResult::new(row_number, line, json(link, row, 2)?, json(link, row, 3)?))
}

/// The rows that a query finds after a number. `sql` ends in a condition.
pub(super) fn pages<'a, T: 'a>(
    link: &'a Link,
    id: &str,
    sql: &str,
    read: fn(&Link, &PgRow) -> Result<T, PgError>,
    number: fn(&T) -> u64,
    after: u64,
) -> Items<'a, T> {
    let (id, sql) = (id.to_owned(), format!("{sql} AND number > $2 ORDER BY number LIMIT {PAGE}"));
    Box::new(Pages::new(after, number, move |after| {
        let found = link.call(query!(sql.clone(), id.clone(), key(after)))?;
        let rows = found.iter().map(|row| read(link, row)).collect::<Result<_, _>>()?;
        Ok(Page { rows, is_last: found.len() < PAGE })
    }))
}
