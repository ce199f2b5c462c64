//! When the next request may go out, and how much patience is left.

use core::time::Duration;

use crate::config::{Limits, Pace};
use crate::time::Timestamp;

/// Because of what a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The service said so.
    RetryAfter,
    /// It is polite to wait before the next poll.
    Pace,
    /// The last request failed.
    BackOff,
    /// The job was resumed within a wait.
    Resumed,
    /// Other requests of the same client go first.
    Turn,
}

/// The time at which the next request may go out, and the time budget.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) not_before: Timestamp,
    pub(super) why: Why,
    /// The length of the wait that `not_before` ends, as it was when it began.
    pub(super) length: Duration,
    /// When the first step was, and until when an operation may take.
    pub(super) budget: Option<Budget>,
    /// Consecutive failures that count against the budget.
    pub(super) failures: u32,
    /// Consecutive answers and failures that ask for a longer wait each: those, and 429s.
    pub(super) streak: u32,
    /// How often chance was asked.
    drawn: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) started: Timestamp,
    pub(super) deadline: Timestamp,
}

impl Schedule {
    pub(super) const fn now() -> Self {
        Self {
            not_before: Timestamp::EPOCH,
            why: Why::Pace,
            length: Duration::ZERO,
            budget: None,
            failures: 0,
            streak: 0,
            drawn: 0,
        }
    }

    /// The rest of a wait that a former process began.
    pub(super) const fn resumed(not_before: Timestamp, length: Duration) -> Self {
        let mut schedule = Self::now();
        schedule.not_before = not_before;
        schedule.length = length;
        schedule.why = Why::Resumed;
        schedule
    }

    /// Starts the clock at the first step.
    ///
    /// A wait of a former process is honoured for at most its own length: the wall clock may have
    /// been set back in between.
    pub(super) fn begin(&mut self, now: Timestamp, limits: &Limits) {
        if self.budget.is_none() {
            self.budget = Some(Budget { started: now, deadline: now + limits.job });
            self.not_before = self.not_before.min(now + self.length);
        }
    }

    pub(super) fn set(&mut self, now: Timestamp, wait: Duration, why: Why) {
        self.not_before = now + wait;
        self.length = self.not_before.since(now);
        self.why = why;
    }

    /// Ends the wait early, at the deadline: a last request may still go out then.
    pub(super) fn cut_to(&mut self, now: Timestamp, deadline: Timestamp) {
        self.not_before = deadline;
        self.length = deadline.since(now);
    }

    /// Something went well: the next failure is the first of its row again.
    pub(super) const fn forgive(&mut self) {
        self.failures = 0;
        self.streak = 0;
    }

    /// The wait after another failure: it doubles with each, up to a cap, and chance may lengthen
    /// it by up to a half.
    pub(super) fn back_off(&mut self, limits: &Limits, seed: Option<u64>) -> Duration {
        let doublings = self.streak.min(31);
        self.streak = self.streak.saturating_add(1);
        let wait = limits.backoff_base.saturating_mul(1 << doublings).min(limits.backoff_cap);
        let Some(seed) = seed else { return wait };
        self.drawn += 1;
        let chance = split_mix(seed.wrapping_add(self.drawn.wrapping_mul(GOLDEN))) >> 32;
        let half = (wait / 2).as_millis();
        // A fraction of 2^32: never more than the half itself.
        let more = (half * u128::from(chance)) >> 32;
        wait.saturating_add(Duration::from_millis(u64::try_from(more).unwrap_or(u64::MAX)))
    }
}

/// The wait before a poll that the service's own wish does not lengthen.
pub(super) fn interval(pace: Pace, age: Duration, limits: &Limits) -> Duration {
    match pace {
        Pace::Gentle => (age / 10).min(limits.max_interval).max(limits.min_interval),
        Pace::Exact => limits.min_interval,
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Steele, Lea and Flood's `SplitMix64` finaliser: neighbouring seeds give unrelated numbers.
const fn split_mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn waits(seed: Option<u64>) -> Vec<u64> {
        let limits = Limits::default();
        let mut schedule = Schedule::now();
        let mut next = || schedule.back_off(&limits, seed).as_millis().try_into().unwrap();
        (0..8).map(|_| next()).collect()
    }

    #[test]
    fn the_back_off_doubles_up_to_its_cap() {
        assert_eq!(waits(None), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn chance_only_lengthens_it_and_is_the_same_for_the_same_seed() {
        for seed in 0..500 {
            let jittered = waits(Some(seed));
            for (plain, jittered) in waits(None).into_iter().zip(&jittered) {
                assert!((plain..=plain * 3 / 2).contains(jittered), "{plain} {jittered}");
            }
            assert_eq!(jittered, waits(Some(seed)));
        }
        assert_ne!(waits(Some(1)), waits(Some(2)));
    }

    #[test]
    fn an_old_export_is_polled_less_often() {
        let limits = Limits::default();
        let gentle = |age| interval(Pace::Gentle, Duration::from_secs(age), &limits).as_millis();
        assert_eq!(
            [gentle(0), gentle(10), gentle(50), gentle(3_000)],
            [1_000, 1_000, 5_000, 30_000]
        );
        assert_eq!(interval(Pace::Exact, Duration::from_secs(3_000), &limits).as_millis(), 1_000);
    }

    #[test]
    fn a_wait_of_a_former_process_is_not_longer_than_it_was() {
        let mut schedule =
            Schedule::resumed(Timestamp::from_millis(900_000), Duration::from_secs(5));
        schedule.begin(Timestamp::from_millis(1_000), &Limits::default());
        assert_eq!(schedule.not_before, Timestamp::from_millis(6_000));
    }
}
