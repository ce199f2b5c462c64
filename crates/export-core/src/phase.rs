//! The phases of an export.

use core::fmt;

use serde::Serialize;

/// The kinds of request of an export, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Request the export.
    Submit,
    /// Request the status of the operation.
    Poll,
    /// Download the artifact.
    Fetch,
    /// Cancel the operation, after [`ExportJob::cancel`](crate::ExportJob::cancel).
    Cancel,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
            Self::Cancel => "cancel",
        })
    }
}
