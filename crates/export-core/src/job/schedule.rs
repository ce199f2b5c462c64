//! When the next request may be sent, and what is left of the budgets.

use core::time::Duration;

use serde::Serialize;

use crate::config::{Limits, Pace};
use crate::time::Timestamp;

/// Why a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The service asked for it with `Retry-After`.
    RetryAfter,
    /// The interval before the next poll.
    Pace,
    /// The back-off after a failed request.
    BackOff,
    /// The rest of a wait in which the job was stopped and resumed.
    Resumed,
    /// Other requests of the same client go first.
    Turn,
    /// A token is requested for all jobs of the client, or must not be requested yet.
    Token,
}

/// The earliest time of the next request, and the budgets for time and failures.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) not_before: Timestamp,
    pub(super) why: Why,
    /// The whole length of the wait that ends at `not_before`.
    pub(super) length: Duration,
    /// When an earlier process began the job. The epoch if none did: each waiting job has these bytes.
    began: Timestamp,
    /// The time budget; `None` before the first step.
    pub(super) budget: Option<Budget>,
    /// The number of consecutive failures that count against [`Limits::max_failures`].
    pub(super) failures: u32,
    /// The number of consecutive back-offs: the failures, and rate-limited requests.
    pub(super) back_offs: u32,
    /// How many random numbers were drawn from the seed.
    jitter_draws: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// The first step.
    pub(super) started: Timestamp,
    /// When the operation has to be completed.
    pub(super) deadline: Timestamp,
    /// When the job has to be done.
    pub(super) end: Timestamp,
}

impl Schedule {
    /// The first request may be sent at once.
    pub(super) const fn due_now() -> Self {
        Self {
            not_before: Timestamp::EPOCH,
            why: Why::Pace,
            length: Duration::ZERO,
            began: Timestamp::EPOCH,
            budget: None,
            failures: 0,
            back_offs: 0,
            jitter_draws: 0,
        }
    }

    /// A wait that was saved in a checkpoint, and when the job was begun.
    pub(super) const fn resumed(
        began: Option<Timestamp>,
        not_before: Timestamp,
        length: Duration,
    ) -> Self {
        let mut schedule = Self::due_now();
        if let Some(began) = began {
            schedule.began = began;
        }
        schedule.not_before = not_before;
        schedule.length = length;
        schedule.why = Why::Resumed;
        schedule
    }

    /// Starts the time budget at the first step. It is the rest of that of the process which began the
    /// job, unless that has been used up: then the user has resumed it.
    ///
    /// The wait of a checkpoint is honoured for at most its own length, since the wall clock may
    /// have been set back since then.
    pub(super) fn begin(&mut self, now: Timestamp, limits: &Limits) {
        if self.budget.is_none() {
            let whole = limits.job_timeout.min(limits.max_time);
            let is_used_up = now + SHORTEST_REST.min(whole / 10) >= self.began + whole;
            let started = if is_used_up { now } else { self.began.min(now) };
            let end = started + limits.max_time;
            let deadline = (started + limits.job_timeout).min(end);
            self.budget = Some(Budget { started, deadline, end });
            self.not_before = self.not_before.min(now + self.length);
        }
    }

    pub(super) fn set(&mut self, now: Timestamp, wait: Duration, why: Why) {
        self.not_before = now + wait;
        self.length = self.not_before.since(now);
        self.why = why;
    }

    /// Shortens the wait to the deadline, at which a last request may be sent.
    pub(super) fn shorten_to(&mut self, now: Timestamp, deadline: Timestamp) {
        self.not_before = deadline;
        self.length = deadline.since(now);
    }

    /// Resets the failure count and the back-off after a success.
    pub(super) const fn reset_failures(&mut self) {
        self.failures = 0;
        self.back_offs = 0;
    }

    /// The wait after another failure. It doubles with each failure up to a cap, and jitter adds up
    /// to half of it.
    pub(super) fn back_off(&mut self, limits: &Limits, seed: Option<u64>) -> Duration {
        let doublings = self.back_offs.min(31);
        self.back_offs = self.back_offs.saturating_add(1);
        let wait = limits.backoff_base.saturating_mul(1 << doublings).min(limits.backoff_cap);
        let Some(seed) = seed else { return wait };
        self.jitter_draws += 1;
        let random = split_mix(seed.wrapping_add(self.jitter_draws.wrapping_mul(GOLDEN_GAMMA)));
        let half = (wait / 2).as_millis();
        // The upper 32 bits are a fraction of 2^32, so that the jitter never exceeds the half.
        let jitter = (half * u128::from(random >> 32)) >> 32;
        wait.saturating_add(Duration::from_millis(u64::try_from(jitter).unwrap_or(u64::MAX)))
    }
}

/// A rest of the time that is shorter than this, or than a tenth of it, is used up: a run that is repeated each
/// hour, with a limit of one hour, would fail for nothing.
const SHORTEST_REST: Duration = Duration::from_secs(30);

/// The shortest interval between polls, apart from what the service asks for.
pub(super) fn interval(pace: Pace, age: Duration, limits: &Limits) -> Duration {
    match pace {
        Pace::Gentle => (age / 10).min(limits.max_poll_interval).max(limits.min_poll_interval),
        Pace::Exact => limits.min_poll_interval,
    }
}

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014): neighbouring inputs give unrelated
/// numbers.
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
        let mut schedule = Schedule::due_now();
        let mut next = || schedule.back_off(&limits, seed).as_millis().try_into().unwrap();
        (0..8).map(|_| next()).collect()
    }

    #[test]
    fn back_off_doubles_up_to_its_cap() {
        assert_eq!(waits(None), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn jitter_only_lengthens_and_repeats_for_a_seed() {
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
    fn poll_interval_grows_with_the_age_of_the_job() {
        let limits = Limits::default();
        let gentle = |age| interval(Pace::Gentle, Duration::from_secs(age), &limits).as_millis();
        assert_eq!(
            [gentle(0), gentle(10), gentle(50), gentle(3_000)],
            [1_000, 1_000, 5_000, 30_000]
        );
        assert_eq!(interval(Pace::Exact, Duration::from_secs(3_000), &limits).as_millis(), 1_000);
    }

    #[test]
    fn saved_wait_is_not_longer_than_it_was() {
        let mut schedule =
            Schedule::resumed(None, Timestamp::from_millis(900_000), Duration::from_secs(5));
        schedule.begin(Timestamp::from_millis(1_000), &Limits::default());
        assert_eq!(schedule.not_before, Timestamp::from_millis(6_000));
    }
}
