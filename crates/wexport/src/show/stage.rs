//! A screen that can be read, and a clock that can be set: for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::living::{Clock, Living};
use super::terminal::{Glass, Screen};

/// Where a display is seen.
pub(super) struct Stage {
    pub(super) glass: Glass,
    now: Arc<AtomicU64>,
    pub(super) screen: Arc<Screen>,
}

impl Stage {
    pub(super) fn new(rows: u16, columns: u16) -> Self {
        let (glass, now) = (Glass::new(rows, columns), Arc::default());
        let screen = Arc::new(glass.screen());
        Self { glass, now, screen }
    }

    /// A line on this screen, by this clock.
    pub(super) fn living<V: Send + 'static>(&self) -> Living<V> {
        Living::new(Arc::clone(&self.screen), self.clock())
    }

    pub(super) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || Duration::from_millis(now.load(Ordering::Relaxed)))
    }

    /// It is this time.
    pub(super) fn at(&self, millis: u64) {
        self.now.store(millis, Ordering::Relaxed);
    }
}
