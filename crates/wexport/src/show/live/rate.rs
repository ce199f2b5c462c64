//! How fast a file comes.

use std::collections::VecDeque;
use std::time::Duration;

/// What is older does not count: a rate is for the next seconds, and not for the whole file.
const WINDOW: Duration = Duration::from_secs(5);

/// A rate over less time than this says nothing.
const SHORTEST: Duration = Duration::from_millis(500);

/// What has come, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// So many bytes are there by now.
    pub(super) fn sample(&mut self, now: Duration, bytes: u64) {
        self.samples.push_back((now, bytes));
        // The one before the window stays: the window begins where it ends.
        while self.samples.get(1).is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; `None` while nobody can tell.
    pub(super) fn per_second(&self, now: Duration) -> Option<u64> {
        let (since, before) = *self.samples.front()?;
        let (_, bytes) = *self.samples.back()?;
        let time = now.saturating_sub(since);
        if time < SHORTEST {
            return None;
        }
        Some((bytes.saturating_sub(before) as f64 / time.as_secs_f64()) as u64)
    }

    /// How long so many bytes take; `None` if nobody can tell, or nothing comes.
    pub(super) fn time_for(&self, now: Duration, bytes: u64) -> Option<Duration> {
        let rate = self.per_second(now).filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(bytes.div_ceil(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        rate.sample(at(0), 0);
        assert_eq!(rate.per_second(at(499)), None);
        for second in 1..=10 {
            rate.sample(at(1000 * second), 1000 * second);
        }
        assert_eq!(rate.per_second(at(10_000)), Some(1000));
        for second in 11..=20 {
            rate.sample(at(1000 * second), 10_000 + (second - 10) * 100);
        }
        assert_eq!(rate.per_second(at(20_000)), Some(100));
        assert_eq!(rate.time_for(at(20_000), 1000), Some(at(10_000)));
        assert!(rate.samples.len() < 8);
    }

    #[test]
    fn a_rate_sinks_while_nothing_comes() {
        let mut rate = Rate::default();
        rate.sample(at(0), 0);
        rate.sample(at(1000), 1000);
        assert_eq!(rate.per_second(at(1000)), Some(1000));
        assert_eq!(rate.per_second(at(10_000)), Some(100));
        assert_eq!(Rate::default().time_for(at(1000), 1), None);
    }
}
