//! What is exported, as file names, messages and receipts show it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The item that is exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// `document`, `graph report` and so on; `operation` for one that was started elsewhere.
    pub(crate) kind: String,
    pub(crate) id: String,
    /// The format, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    /// The OAuth scope that the export needs; empty if it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        self.format.as_ref().map_or(Ok(()), |format| write!(f, " as {format}"))
    }
}
