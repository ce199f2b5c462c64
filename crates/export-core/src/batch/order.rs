//! Which operation is asked about first.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Which of the operations that may be polled is polled first.
///
/// It matters when there are more of them than polls: a poll that finds an operation still at
/// work is lost to one that is completed. Under each of these no job starves: what a job is
/// ranked by grows with each poll, so that every other one comes after it in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Order {
    /// The one that was not heard of for the longest time.
    ///
    /// There is no better one where nothing is known of how long exports take. Of jobs that were
    /// submitted together, the one whose last poll is the longest ago is the most likely to have
    /// completed since, whatever the distribution: if `F(t)` is the share that takes at most `t`,
    /// the chance is `1 - (1 - F(now)) / (1 - F(last))`, which only falls with `last`. Where the
    /// time that an export still takes does not depend on the time that it took, that holds for
    /// jobs of any age.
    #[default]
    Unheard,
    /// The one that was submitted first, as far as it was not asked about too lately: what counts
    /// is the middle between the acceptance and the last poll.
    Oldest,
    /// The one whose completion is expected first, by the time that exports took so far.
    Expected,
}

/// What is known of one operation by whoever ranks it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story {
    /// When it was accepted, or taken over.
    pub(super) since: Timestamp,
    /// When it was heard of last.
    pub(super) heard: Timestamp,
}

impl Order {
    /// A time; the lowest is first.
    pub(super) fn rank(self, story: Story, typical: Duration) -> Timestamp {
        let Story { since, heard } = story;
        let age = heard.since(since);
        match self {
            Self::Unheard => heard,
            Self::Oldest => since + age / 2,
            // One that takes longer than usual is taken to be half through with the rest.
            Self::Expected => since + typical.max(age + age / 2),
        }
    }
}

/// The usual age of an operation that is found completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Typical {
    millis: u64,
}

impl Typical {
    pub(super) const fn get(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Another one was found completed at this age. The last few dozen count.
    pub(super) fn learn(&mut self, age: Duration) {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.millis = match self.millis {
            0 => age,
            known if age > known => known.saturating_add((age - known) / 32),
            known => known - (known - age) / 32,
        };
    }
}
