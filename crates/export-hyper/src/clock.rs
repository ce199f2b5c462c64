//! The core's clock on tokio's time.

use export_core::Timestamp;
use tokio::time::{Instant, sleep_until};

/// A clock that follows a runtime whose time is paused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(export_host::Clock);

impl Clock {
    pub(crate) fn start(now: Timestamp) -> Self {
        Self(export_host::Clock::with_instants(now, || Instant::now().into_std()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// The instant at which this clock shows `time`; now, if that has passed.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        self.0.instant(time).into()
    }

    pub(crate) async fn wait_until(&self, time: Timestamp) {
        sleep_until(self.instant(time)).await;
    }
}
