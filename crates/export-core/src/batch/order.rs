//! Which operation is polled first.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Which of the operations that are due is polled first.
///
/// The order matters when more operations are due than may be polled: a poll of an operation that
/// is not completed delays one that is.
///
/// No job starves. Under [`LeastRecentlyPolled`](Self::LeastRecentlyPolled), an operation that is
/// due waits for at most as many polls as there are other operations. The others prefer some
/// operations for at most a minute; after that, the same holds for them.
///
/// With the default [limits](crate::BatchLimits) all orders perform alike, since nearly every
/// operation is completed by the time it is polled. With few open operations they differ, in
/// simulation: `Expected` saves up to 6 % of the polls if exports take about the same time, and
/// costs as much if a few take very long; `Oldest` costs a third more in that case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Order {
    /// The operation whose last poll is the longest ago.
    ///
    /// No other order is better if the time that exports take is unknown. Of jobs that were
    /// submitted together, the one whose last poll is the longest ago is the most likely to have
    /// completed since, for any distribution: if `F(t)` is the share that takes at most `t`, the
    /// chance is `1 - (1 - F(now)) / (1 - F(last))`, which only falls with `last`. If the time that
    /// an export still takes does not depend on its age, that holds for jobs of any age.
    #[default]
    #[serde(alias = "Unheard")]
    LeastRecentlyPolled,
    /// The oldest operation.
    Oldest,
    /// The operation that is expected to complete first, by the time that earlier exports took.
    Expected,
}

/// When an operation was accepted and polled.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollHistory {
    /// When it was accepted, or added to the batch.
    pub(super) accepted: Timestamp,
    /// When it was last polled; at first, when it was accepted.
    pub(super) polled: Timestamp,
}

/// An operation is preferred for at most this time to one that was polled less recently.
const PREFERENCE: Duration = Duration::from_secs(60);

impl Order {
    /// The rank of an operation; the lowest is polled first. It is the time of the last poll, moved
    /// by at most the preference: an operation that was polled again comes behind all that have
    /// waited for longer.
    pub(super) fn rank(self, history: PollHistory, typical: Duration) -> Timestamp {
        let PollHistory { accepted, polled } = history;
        let age = polled.since(accepted);
        match self {
            Self::LeastRecentlyPolled => polled + PREFERENCE,
            Self::Oldest => polled + PREFERENCE.saturating_sub(age),
            // One that takes longer than usual is assumed to be two thirds done.
            Self::Expected => polled + typical.saturating_sub(age).max(age / 2).min(PREFERENCE),
        }
    }
}

/// A moving average of the age at which operations are found completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct TypicalAge {
    millis: u64,
}

impl TypicalAge {
    pub(super) const fn get(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Adds a sample with a weight of 1/32, so that the last few dozen count.
    pub(super) fn add(&mut self, age: Duration) {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.millis = match self.millis {
            0 => age,
            known if age > known => known.saturating_add((age - known) / 32),
            known => known - (known - age) / 32,
        };
    }
}
