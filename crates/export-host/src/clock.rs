//! A monotonic clock for the core.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Instant, SystemTime};

use export_core::Timestamp;

/// A clock that reads the wall clock once and counts monotonic time from there.
///
/// Otherwise a clock that is set back during a job would make the job wait twice, and one that
/// jumps ahead would end it.
///
/// ```
/// use export_host::Clock;
///
/// let clock = Clock::start();
/// let before = clock.now();
/// assert!(clock.now() >= before);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    /// Reads the wall clock. A time before 1970 counts as 1970.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = Timestamp::EPOCH + since_epoch.unwrap_or_default();
        Self { started: Instant::now(), at }
    }

    /// The time, rounded down to milliseconds, so that it is never ahead.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.at.as_millis().saturating_add(elapsed))
    }

    /// The instant at which this clock shows `time`; now, if that has passed.
    #[must_use]
    pub fn instant(&self, time: Timestamp) -> Instant {
        let left = time.since(self.now());
        let now = Instant::now();
        // A time that an `Instant` cannot hold is replaced by one in a century.
        now.checked_add(left).unwrap_or(now + CENTURY)
    }
}

const CENTURY: std::time::Duration = std::time::Duration::from_secs(100 * 365 * 86_400);

/// A random seed for [`Config::with_jitter`](export_core::Config::with_jitter).
#[must_use]
pub fn jitter_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
