//! What is exported, for names and for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// `document`, `graph report` and so on; `operation` for one that was started elsewhere.
    pub(crate) kind: String,
    /// Its id.
    pub(crate) id: String,
    /// The format, if it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    /// The OAuth scope that it needs; empty if that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        self.format.as_ref().map_or(Ok(()), |format| write!(f, " as {format}"))
    }
}
