//! How much of a batch may be under way at once.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How many jobs may be under way, for each phase.
///
/// | limit | default | what it bounds |
/// |---|---|---|
/// | `submits` | 8 | submit requests under way |
/// | `polls` | 32 | polls under way |
/// | `downloads` | 8 | downloads under way |
/// | `open` | unlimited | exports that were accepted and are not completed |
/// | `ahead` | 30 min | the same, as the number that can be polled once in this time |
///
/// `ahead` keeps a batch of any size within the budgets of its jobs: an export that was accepted is
/// polled within that time, half of the hour that a job may take ([`Limits::job`](crate::Limits)),
/// and a killed process leaves no more exports behind than that. A shorter time would slow the
/// batch down: with fewer open exports than can be polled while one export takes, polls find none
/// that is completed.
///
/// ```
/// use core::time::Duration;
/// use export_core::BatchLimits;
///
/// let limits = BatchLimits::default();
/// assert_eq!((limits.submits, limits.polls, limits.downloads), (8, 32, 8));
/// assert_eq!(limits.open, usize::MAX);
/// assert_eq!(limits.ahead, Duration::from_secs(1_800));
///
/// let few = BatchLimits { open: 100, ..BatchLimits::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written with struct update syntax")]
#[expect(missing_docs, reason = "the table above describes each field")]
pub struct BatchLimits {
    pub submits: usize,
    pub polls: usize,
    pub downloads: usize,
    pub open: usize,
    pub ahead: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            submits: 8,
            polls: 32,
            downloads: 8,
            open: usize::MAX,
            ahead: Duration::from_secs(1_800),
        }
    }
}
