//! When a driver leaves its loop, and when it brings a download to the disk.

use std::time::Duration;

use export_core::{ExportJob, Phase, Why};

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
    /// Whether a job has come so far; `polled` if its last request was a poll.
    #[must_use]
    pub fn is_reached(self, job: &ExportJob, polled: bool) -> bool {
        match self {
            Self::Accepted => job.operation().is_some(),
            Self::Polled => {
                let is_named = job.facts().is_some_and(|facts| facts.status.is_some());
                polled && (is_named || job.phase() == Phase::Fetch)
            }
            Self::Done => false,
        }
    }

    /// Whether a job that waits after a poll has come so far: the answer had no word for the
    /// state. A failure would wait for a back-off.
    #[must_use]
    pub fn is_reached_by(self, why: Why, polled: bool) -> bool {
        self == Self::Polled && polled && why == Why::Pace
    }
}

/// A download is synced, and its checkpoint stored, after this many **bytes** or this long,
/// whichever comes first.
pub const SYNC_EVERY: (u64, Duration) = (64 * 1_048_576, Duration::from_secs(5));
