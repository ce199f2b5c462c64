//! One export of a batch.

use std::fmt;

use export_hyper::Checkpoint;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::place::Order;
use crate::spec::What;

/// An export that a batch is to have.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    /// The line of the source on which it stands, from 1 on.
    pub(crate) line: u64,
    pub(crate) what: What,
    pub(crate) place: Order,
    /// That of a job which was not begun.
    pub(crate) fresh: Checkpoint,
}

/// An export of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// From 1 on, in the order of the source.
    pub(crate) number: u64,
    /// The line of the source on which it stands, from 1 on.
    pub(crate) line: u64,
    pub(crate) what: What,
    pub(crate) place: Order,
    pub(crate) standing: RowStanding,
    /// Where to go on: with the request for it, if it was not begun.
    pub(crate) checkpoint: Checkpoint,
    /// The name that was given to its file.
    pub(crate) claim: Option<String>,
}

/// How an export of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowStanding {
    /// Nothing was sent for it.
    Waiting,
    /// It was begun, and is not over.
    Open,
    Done,
    /// There was a file already, and it was to be left.
    Skipped,
    Failed,
}

impl RowStanding {
    pub(crate) const ALL: [Self; 5] =
        [Self::Waiting, Self::Open, Self::Done, Self::Skipped, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl ToSql for RowStanding {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for RowStanding {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let known = Self::ALL.into_iter().find(|standing| standing.as_str() == word);
        known.ok_or(FromSqlError::InvalidType)
    }
}

/// How many exports stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) waiting: u64,
    pub(crate) open: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
}

impl Totals {
    pub(crate) const fn all(&self) -> u64 {
        self.waiting + self.open + self.done + self.skipped + self.failed
    }

    /// How many there are, in words.
    pub(crate) fn size(&self) -> String {
        match self.all() {
            1 => "1 export".into(),
            all => format!("{all} exports"),
        }
    }

    /// Each standing with its number, in the order of an export's life.
    pub(crate) fn by_standing(mut self) -> [(RowStanding, u64); 5] {
        RowStanding::ALL.map(|standing| (standing, *self.of(standing)))
    }

    pub(super) const fn of(&mut self, standing: RowStanding) -> &mut u64 {
        match standing {
            RowStanding::Waiting => &mut self.waiting,
            RowStanding::Open => &mut self.open,
            RowStanding::Done => &mut self.done,
            RowStanding::Skipped => &mut self.skipped,
            RowStanding::Failed => &mut self.failed,
        }
    }
}

/// Those that there are.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there_are = self.by_standing().into_iter().filter(|(_, count)| *count > 0);
        for (index, (standing, count)) in there_are.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", standing.as_str())?;
        }
        Ok(())
    }
}

/// The condition of a page of rows that stand alike; what they are to be and where the page before
/// ended are asked for by [`Pages`](super::Pages).
pub(super) const ONE_STANDING: &str = "standing = ?3";

/// Asks for rows.
pub(super) fn select(condition: &str) -> String {
    format!(
        "SELECT number, line, what, place, standing, coalesce(checkpoint, fresh), claim \
         FROM export WHERE {condition}"
    )
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: number(row, 0)?,
            line: number(row, 1)?,
            what: json(row, 2)?,
            place: json(row, 3)?,
            standing: row.get(4)?,
            checkpoint: json(row, 5)?,
            claim: row.get(6)?,
        })
    }
}

/// A number as SQLite has them. One that is too large is nobody's.
pub(super) fn key(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column with a number from 1 on.
pub(super) fn number(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A column with JSON.
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
