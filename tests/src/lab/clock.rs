//! A clock that only moves when it is told to.

use std::time::Duration;

use export_core::Timestamp;

/// The time, as the machine and the simulator each name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Timestamp);

impl Clock {
    /// Some time before any endpoint was deprecated: what a job does must not depend on the day.
    pub(super) const fn start() -> Self {
        Self(Timestamp::from_date(2026, 1, 5))
    }

    pub(super) const fn now(self) -> Timestamp {
        self.0
    }

    pub(super) const fn at_service(self) -> export_sim::Timestamp {
        export_sim::Timestamp::from_millis(self.0.as_millis())
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.0 = self.0 + time;
    }

    pub(super) fn pass_until(&mut self, until: Timestamp) {
        self.0 = self.0.max(until);
    }
}
