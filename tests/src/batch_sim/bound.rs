//! Lower bounds of the makespan of a batch, for any scheduling strategy.
//!
//! There are `N` exports. The service allows a burst of `B` polls and then `R` polls per second: in a
//! time `t`, at most `B + R t`. Export `i` takes the time `D_i`. Its first poll is at least `A` after
//! its submit, the `Retry-After` of the submit. Requests take no time.
//!
//! # Clairvoyant bound
//!
//! This bound holds for a client that knows all completion times in advance (a clairvoyant
//! scheduler).
//!
//! Export `i` is submitted at time 0 at the earliest. It is found completed no earlier than
//! `c_i = max(A, D_i)`, by a poll at that time or later. Sort the exports by `c_i`. The last `m` of
//! them, those from the `k`-th on, need a poll each, at `c_k` or later. If the last of all polls is
//! at `T`, these polls lie within `T - c_k`, in which at most `B + R (T - c_k)` polls are allowed. So
//! `m <= B + R (T - c_k)`, and
//!
//! > `T >= c_k + (N - k + 1 - B) / R`, for each `k` from 1 to `N`.
//!
//! This is the bound of single-machine scheduling with release times, where each export occupies the
//! machine for `1 / R`. In a throttled period no poll is allowed. It adds its own length to the time
//! that the polls need, and the limit may have saved up a burst of at most `B` by its end.
//!
//! # Polling bound
//!
//! This bound holds for a client that learns of a completion only by a poll. A poll that is too
//! early is wasted.
//!
//! Let the times that exports take be drawn independently from a distribution, where `F(t)` is the
//! probability of at most `t`, with 0 for `t < A`. Consider a poll at time `t` of an export whose
//! last poll, if there was one, found it incomplete at age `s`. Its age is at most `t`. Given all
//! that is known, the probability that it is completed is
//! `(F(t) - F(s)) / (1 - F(s)) <= F(t)`. So a poll at time `t` has an expected number of at most
//! `F(t)` completions, whatever the strategy and the results so far. The number of completions found
//! minus the sum of `F` over the polls so far is therefore a supermartingale. When the last of the
//! `N` completions is found, at `T`, the expected value of that sum is at least `N` (optional
//! stopping). `F` does not decrease, so that later polls are worth more: up to `T` the sum is at most
//! that of a steady stream of polls from 0 to `T`, plus `B` saved up polls at the end:
//!
//! > `N <= E[ R * integral of F from 0 to T ] + B`.
//!
//! With `G(t)` for the integral of `1 - F` from 0 to `t`, the integral of `F` is `T - G(T)`. `G`
//! does not decrease, and `T >= T_0 = (N - B) / R` always, because each export needs a poll. So
//!
//! > `E[T] >= (N - B) / R + G((N - B) / R)`.
//!
//! In words: besides the polls that find a completion, the polls of as much time as an export takes
//! on average are lost, until the first polls can be expected to find one. The bound is one of the
//! mean: a single run can be shorter. It does not include faults and throttled periods.

use std::time::Duration;

use export_sim::Completion;

use super::BatchSim;

/// An export that was completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompletedExport {
    /// The time that it took at the service, in milliseconds.
    pub(super) duration: u64,
    /// The time of its completion, in milliseconds from the start.
    pub(super) completed_at: u64,
}

/// The `Retry-After` of the simulator's response to a submit, in seconds.
const RETRY_AFTER: f64 = 5.0;

/// The clairvoyant bound of the makespan.
pub(super) fn clairvoyant(sim: &BatchSim, completed: &mut [CompletedExport]) -> Duration {
    completed.sort_unstable_by_key(|export| export.duration);
    let count = completed.len();
    let bounds = completed.iter().enumerate().map(|(before, export)| {
        let ready = RETRY_AFTER.max(export.duration as f64 / 1e3);
        earliest_end(sim, ready, (count - before) as f64)
    });
    seconds(bounds.fold(0.0, f64::max))
}

/// The earliest end of this number of polls that start at `from`.
fn earliest_end(sim: &BatchSim, from: f64, polls: f64) -> f64 {
    let (rate, burst) = (f64::from(sim.rate_limit), f64::from(sim.rate_limit.max(1)));
    let (mut from, mut polls) = (from, polls);
    for period in &sim.throttled {
        let (start, end) = (period.start as f64, period.end as f64);
        if from >= end {
            continue;
        }
        if from < start {
            let before = burst + rate * (start - from);
            if polls <= before {
                break;
            }
            polls -= before;
        }
        from = end;
    }
    from + (polls - burst).max(0.0) / rate
}

/// The polling bound of the expected makespan.
pub(super) fn polling(sim: &BatchSim) -> Duration {
    let (rate, burst) = (f64::from(sim.rate_limit), f64::from(sim.rate_limit.max(1)));
    let polling = (sim.exports as f64 - burst).max(0.0) / rate;
    seconds(polling + lost_time(sim.duration, polling))
}

/// `G(end)`: the integral of `1 - F` from 0 to `end`, in seconds.
fn lost_time(duration: Completion, end: f64) -> f64 {
    const STEPS: u32 = 100_000;
    // The integrand is 0 beyond the maximum duration.
    let max = match duration {
        Completion::Fixed(time) | Completion::Uniform(_, time) => time.as_secs_f64(),
        Completion::Exponential(mean) => mean.as_secs_f64() * 10.0,
        _ => 0.0,
    };
    let step = end.min(max.max(RETRY_AFTER)) / f64::from(STEPS);
    let middles = (0..STEPS).map(|number| (f64::from(number) + 0.5) * step);
    middles.map(|time| step * (1.0 - probability(duration, time))).sum()
}

/// `F(time)`: the probability that an export takes at most `time` seconds in the simulator.
fn probability(duration: Completion, time: f64) -> f64 {
    if time < RETRY_AFTER {
        return 0.0;
    }
    match duration {
        Completion::Fixed(fixed) => f64::from(u8::from(time >= fixed.as_secs_f64())),
        Completion::Uniform(from, to) => {
            let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
            ((time - from) / (to - from).max(1e-9)).clamp(0.0, 1.0)
        }
        Completion::Exponential(mean) => {
            let ratio = time / mean.as_secs_f64();
            if ratio >= 10.0 { 1.0 } else { 1.0 - (-ratio).exp() }
        }
        // An unknown distribution adds nothing to the bound.
        _ => 1.0,
    }
}

/// The clairvoyant bound of the mean time from a completion to the poll that finds it: polls in the
/// order of completion, each as early as the limit allows. All polls are alike, so that no other
/// order has a smaller mean.
pub(super) fn lateness(sim: &BatchSim, completed: &mut [CompletedExport]) -> Duration {
    completed.sort_unstable_by_key(|export| export.completed_at);
    let (rate, burst) = (f64::from(sim.rate_limit), f64::from(sim.rate_limit.max(1)));
    // The time at which the full burst is available again.
    let mut full_at = 0.0_f64;
    let mut lateness = 0.0;
    for export in completed.iter() {
        let ready = export.completed_at as f64 / 1e3;
        let at = earliest_end(sim, ready.max(full_at - (burst - 1.0) / rate), 1.0);
        full_at = full_at.max(at) + 1.0 / rate;
        lateness += at - ready;
    }
    seconds(lateness / completed.len().max(1) as f64)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
