//! When a driver leaves its loop, and when it brings a download to the disk.

use std::time::Duration;

use export_core::ExportJob;

/// When to leave the loop that drives a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver knows all of these")]
pub enum Until {
    /// The export was accepted.
    Accepted,
    /// The service has said how far the operation is.
    Polled,
    /// The job is over.
    Done,
}

impl Until {
    /// Whether a job has come so far.
    #[must_use]
    pub fn is_reached(self, job: &ExportJob) -> bool {
        match self {
            Self::Accepted => job.operation().is_some(),
            Self::Polled => job.facts().is_some(),
            Self::Done => false,
        }
    }
}

/// A download is synced, and its checkpoint stored, after this many **bytes** or this long,
/// whichever comes first.
pub const SYNC_EVERY: (u64, Duration) = (64 * 1_048_576, Duration::from_secs(5));
