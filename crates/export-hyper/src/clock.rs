//! A monotonic clock on tokio's time.

use std::time::{Duration, SystemTime};

use export_core::Timestamp;
use tokio::time::Instant;

/// A clock that reads the wall clock once and counts tokio's time from there, so that it follows a
/// runtime whose time is paused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { started: Instant::now(), at: Timestamp::EPOCH + since_epoch.unwrap_or_default() }
    }

    /// The time, rounded down to milliseconds, so that it is never ahead.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.at.as_millis().saturating_add(elapsed))
    }

    /// The instant at which this clock shows `time`; now, if that has passed.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        let now = Instant::now();
        now.checked_add(time.since(self.now())).unwrap_or(now + CENTURY)
    }

    pub(crate) async fn wait_until(&self, time: Timestamp) {
        tokio::time::sleep_until(self.instant(time)).await;
    }
}

/// Replaces later times, which an `Instant` may not be able to hold.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
