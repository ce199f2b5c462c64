//! The phases of an export.

use core::fmt;

/// The three kinds of request of an export, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an export has these phases and no others")]
pub enum Phase {
    /// Request the export.
    Submit,
    /// Request the status of the operation.
    Poll,
    /// Download the artifact.
    Fetch,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
        })
    }
}
