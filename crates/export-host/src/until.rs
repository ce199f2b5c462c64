//! When a driver returns.

use export_core::ExportJob;

/// When the loop that drives a job returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Until {
    /// When the export was accepted.
    Accepted,
    /// When a poll was answered.
    Polled,
    /// When the job has ended.
    Done,
}

impl Until {
    /// Whether the job has come this far.
    #[must_use]
    pub fn is_reached(self, job: &ExportJob) -> bool {
        match self {
            Self::Accepted => job.operation().is_some(),
            Self::Polled => job.facts().is_some(),
            Self::Done => false,
        }
    }
}
