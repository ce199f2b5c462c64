//! Which operation is asked about first.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Which of the operations that may be polled is polled first.
///
/// It matters when there are more of them than polls: a poll that finds an operation still at
/// work is lost to one that is completed.
///
/// No job starves. Under [`Unheard`](Self::Unheard), one that is due waits for at most as many
/// polls as there are other operations. The others prefer some to others, but for no longer than a
/// minute: after that, it is the same for them.
///
/// With the usual [limits](crate::BatchLimits) they come out alike, since nearly every operation is
/// completed by the time it is polled. Where few are open at once they differ, in simulation:
/// `Expected` saves up to 6 % of the polls where exports take about the same time, and costs as
/// much where a few take very long; `Oldest` costs a third more there.
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
    /// The older one.
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

/// The longest time for which one is preferred to another that was not heard of for longer.
const PREFERENCE: Duration = Duration::from_secs(60);

impl Order {
    /// A time; the lowest is first. It is the time at which the operation was heard of, moved by
    /// at most the preference: whatever is polled again comes behind all that waited for longer.
    pub(super) fn rank(self, story: Story, typical: Duration) -> Timestamp {
        let Story { since, heard } = story;
        let age = heard.since(since);
        match self {
            Self::Unheard => heard + PREFERENCE,
            Self::Oldest => heard + PREFERENCE.saturating_sub(age),
            // One that takes longer than usual is taken to be two thirds through.
            Self::Expected => heard + typical.saturating_sub(age).max(age / 2).min(PREFERENCE),
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
