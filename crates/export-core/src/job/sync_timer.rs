//! When a driver syncs a download.

use core::time::Duration;

/// Says when a download is synced and its checkpoint stored.
///
/// That is after 64 MiB, or after a time that grows from a quarter of a second to five seconds: a
/// caller that cancels a download again and again keeps most of what came each time, and a long one
/// is rarely interrupted.
#[derive(Clone, Copy, Debug)]
pub struct SyncTimer {
    position: u64,
    at: Duration,
}

impl SyncTimer {
    const BYTES: u64 = 64 * 1_048_576;
    const SHORTEST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);

    /// For a download that continues at this offset.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        Self { position, at: Duration::ZERO }
    }

    /// Whether a sync is due at this offset, `elapsed` after the start. If so, the next one is due
    /// later.
    pub fn is_due(&mut self, elapsed: Duration, position: u64) -> bool {
        let interval = self.at.clamp(Self::SHORTEST, Self::LONGEST);
        let is_due = position.saturating_sub(self.position) >= Self::BYTES
            || elapsed.saturating_sub(self.at) >= interval;
        if is_due {
            *self = Self { position, at: elapsed };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn syncs_become_rarer() {
        let mut timer = SyncTimer::new(0);
        let due = (0..400).filter(|tenth| timer.is_due(Duration::from_millis(tenth * 100), 1));
        assert_eq!(due.collect::<Vec<_>>(), [3, 6, 12, 24, 48, 96, 146, 196, 246, 296, 346, 396]);
    }

    #[test]
    fn fast_download_is_synced_by_its_bytes() {
        let mut timer = SyncTimer::new(10);
        assert!(!timer.is_due(Duration::ZERO, SyncTimer::BYTES));
        assert!(timer.is_due(Duration::ZERO, SyncTimer::BYTES + 10));
        assert!(!timer.is_due(Duration::ZERO, SyncTimer::BYTES + 11));
    }
}
