//! The clocks: a monotonic one for the core, and the wall clock.

use std::time::{Duration, Instant, SystemTime};

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
    at: Timestamp,
    started: Instant,
    read_instant: fn() -> Instant,
}

impl Clock {
    /// Reads the wall clock.
    #[must_use]
    pub fn start() -> Self {
        Self::with_instants(wall_clock(), Instant::now)
    }

    /// A clock that shows `now`, and counts the time of a runtime from there, which tests may pause.
    #[must_use]
    pub fn with_instants(now: Timestamp, read_instant: fn() -> Instant) -> Self {
        Self { at: now, started: read_instant(), read_instant }
    }

    /// The time, rounded down to milliseconds, so that it is never ahead.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = (self.read_instant)().saturating_duration_since(self.started).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.at.as_millis().saturating_add(elapsed))
    }

    /// The instant at which this clock shows `time`; now, if that has passed.
    #[must_use]
    pub fn instant(&self, time: Timestamp) -> Instant {
        let left = time.since(self.now());
        let now = (self.read_instant)();
        // A time that an `Instant` cannot hold is replaced by one in a century.
        now.checked_add(left).unwrap_or(now + CENTURY)
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The current time by the wall clock, for what is stored and shown.
#[must_use]
pub fn wall_clock() -> Timestamp {
    timestamp(SystemTime::now())
}

/// Converts a time of the system, such as that of a file. A time before 1970 becomes 1970.
#[must_use]
pub fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::EPOCH + time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
