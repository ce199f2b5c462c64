//! How an export of a batch ended: what `--results` has a line of.

use serde::{Deserialize, Serialize};

use super::row;
use crate::receipt::Receipt;
use crate::show::Failure;
use crate::spec::What;

/// How an export of a batch ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub(crate) enum RowEnd {
    /// Its file is where it should be.
    Done {
        /// A path, or the URL of an object.
        file: String,
        /// What the file is, if that was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<Box<Receipt>>,
    },
    /// There was a file already, and it was to be left.
    Skipped {
        /// A path, or the URL of an object.
        file: String,
    },
    /// It ended without its file.
    Failed {
        /// As in the event `error`.
        error: Box<Failure>,
    },
}

/// An export that is over: a line of `--results`. Members are added in later releases and never
/// change their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowResult {
    /// The version of this form.
    pub(crate) v: u32,
    /// Its number, from 1 on.
    pub(crate) row: u64,
    /// The line of the source on which it stands, from 1 on.
    pub(crate) line: u64,
    pub(crate) what: What,
    #[serde(flatten)]
    pub(crate) end: RowEnd,
}

const VERSION: u32 = 1;

/// The columns that a result is made of.
pub(super) const COLUMNS: &str = "number, line, what, outcome";

impl RowResult {
    /// Asks for results.
    pub(super) fn select(condition: &str) -> String {
        format!("SELECT {COLUMNS} FROM export WHERE {condition}")
    }

    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            v: VERSION,
            row: row::number(row, 0)?,
            line: row::number(row, 1)?,
            what: row::json(row, 2)?,
            end: row::json(row, 3)?,
        })
    }
}
