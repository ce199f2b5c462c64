//! A terminal that tests can read, and a clock that they can set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use export_hyper::Timestamp;

use super::live_line::{Clock, LiveLine};
use super::messages::Narrator;
use super::terminal::{Screen, TestTerminal};

pub(super) struct DisplayFixture {
    pub(super) terminal: TestTerminal,
    now: Arc<AtomicU64>,
    pub(super) screen: Arc<Screen>,
}

impl DisplayFixture {
    pub(super) fn new(rows: u16, columns: u16) -> Self {
        let terminal = TestTerminal::new(rows, columns);
        let screen = Arc::new(terminal.screen());
        Self { terminal, now: Arc::default(), screen }
    }

    pub(super) fn coloured(rows: u16, columns: u16) -> Self {
        let terminal = TestTerminal::new(rows, columns);
        let screen = Arc::new(terminal.coloured_screen());
        Self { terminal, now: Arc::default(), screen }
    }

    pub(super) fn live_line<V: Send + 'static, N: Narrator + Default>(&self) -> LiveLine<V, N> {
        LiveLine::new(Arc::clone(&self.screen), self.clock())
    }

    pub(super) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        let start = Timestamp::from_date(2026, 11, 25);
        Arc::new(move || start + Duration::from_millis(now.load(Ordering::Relaxed)))
    }

    /// Sets the clock.
    pub(super) fn at(&self, millis: u64) {
        self.now.store(millis, Ordering::Relaxed);
    }
}
