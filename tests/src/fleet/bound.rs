//! The least time that a fleet takes, whoever flies it.
//!
//! There are `N` exports. The service lets through `B` polls at once and `R` a second after that:
//! in a time `t`, at most `B + R t`. Export `i` takes `D_i`; its first poll may come no sooner
//! than the `Retry-After` of its submit allows, which is `A` after it. Requests take no time.
//!
//! # For whoever knows the future
//!
//! Export `i` is submitted at time 0 at the earliest, and so it is found completed no sooner than
//! `c_i = max(A, D_i)`, by a poll at that time or later. Sort the exports by `c_i`. The last `m`
//! of them, those from the `k`-th on, need a poll each, at `c_k` or later. If the last of all
//! polls is at `T`, all of these lie within `T - c_k`, where at most `B + R (T - c_k)` polls are
//! let through. So `m <= B + R (T - c_k)`, and
//!
//! > `T >= c_k + (N - k + 1 - B) / R`, for each `k` from 1 to `N`.
//!
//! This is the bound of one machine with release times, where each export keeps the limit busy
//! for `1 / R`. While a storm lasts, nothing is let through: it adds its own length to the time
//! in which the polls have to fit, and at most `B` to what has been saved up behind it.
//!
//! # For whoever has to ask
//!
//! Nobody knows when an export is completed; who asks too early has wasted a poll. Let the times
//! that exports take be drawn independently from a distribution, where `F(t)` is the chance of at
//! most `t`, and 0 for `t < A`. Consider a poll at time `t`, of an export whose last poll (if there
//! was one) found it at work at age `s`. Its age is at most `t`. By all that is known, the chance
//! that it is completed is `(F(t) - F(s)) / (1 - F(s)) <= F(t)`. So of each poll at time `t`, under
//! any rule and whatever was learnt before, at most `F(t)` completions are to be expected, and the
//! completions found so far, less the sum of `F` over the polls so far, never grow on average (a
//! supermartingale). When the last of the `N` is found, at `T`, that sum must on average be at
//! least `N` (optional stopping). What is the most that it can be? `F` does not fall, so that a
//! poll is worth the more the later it is: by `T` it is at most what a steady stream from 0 to `T`
//! gives, and `B` saved up for the very end:
//!
//! > `N <= E[ R * integral of F from 0 to T ] + B`.
//!
//! With `G(t)` for the integral of `1 - F` from 0 to `t`, the integral of `F` is `T - G(T)`. `G`
//! does not fall, and `T >= T_0 = (N - B) / R` always, since each export needs a poll. So
//!
//! > `E[T] >= (N - B) / R + G((N - B) / R)`.
//!
//! In words: beside the polls that find something, as many are lost as exports take time on
//! average, until the first polls can be expected to find anything. This one is about averages: a
//! single run may be lucky. A share of faults is not in it, nor is a storm.

use std::time::Duration;

use export_sim::Completion;

use super::Fleet;

/// An export that was completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// How long it took at the service, in milliseconds.
    pub(super) takes: u64,
    /// When it was completed, in milliseconds from the start of the flight.
    pub(super) completed: u64,
}

/// What the simulator's 202 asks for, in seconds.
const RETRY_AFTER: f64 = 5.0;

/// The least makespan for whoever knows when each export is completed.
pub(super) fn knowing(fleet: &Fleet, ended: &mut [Ended]) -> Duration {
    ended.sort_unstable_by_key(|export| export.takes);
    let count = ended.len();
    let bounds = ended.iter().enumerate().map(|(before, export)| {
        let ready = RETRY_AFTER.max(export.takes as f64 / 1e3);
        fit(fleet, ready, (count - before) as f64)
    });
    seconds(bounds.fold(0.0, f64::max))
}

/// The earliest end of so many polls that begin at a time.
fn fit(fleet: &Fleet, from: f64, polls: f64) -> f64 {
    let (rate, burst) = (f64::from(fleet.limit), f64::from(fleet.limit.max(1)));
    let (mut from, mut polls) = (from, polls);
    for storm in &fleet.storms {
        let (begins, ends) = (storm.start as f64, storm.end as f64);
        if from >= ends {
            continue;
        }
        if from < begins {
            let before = burst + rate * (begins - from);
            if polls <= before {
                break;
            }
            polls -= before;
        }
        from = ends;
    }
    from + (polls - burst).max(0.0) / rate
}

/// The least makespan to be expected for whoever has to ask.
pub(super) fn asking(fleet: &Fleet) -> Duration {
    let (rate, burst) = (f64::from(fleet.limit), f64::from(fleet.limit.max(1)));
    let polling = (fleet.exports as f64 - burst).max(0.0) / rate;
    seconds(polling + lost(fleet.takes, polling))
}

/// The integral of `1 - F` from 0 to `end`, in seconds.
fn lost(takes: Completion, end: f64) -> f64 {
    const STEPS: u32 = 100_000;
    // Nobody takes longer than the longest.
    let longest = match takes {
        Completion::Fixed(time) | Completion::Uniform(_, time) => time.as_secs_f64(),
        Completion::Exponential(mean) => mean.as_secs_f64() * 10.0,
        _ => 0.0,
    };
    let step = end.min(longest.max(RETRY_AFTER)) / f64::from(STEPS);
    let middles = (0..STEPS).map(|number| (f64::from(number) + 0.5) * step);
    middles.map(|time| step * (1.0 - found(takes, time))).sum()
}

/// The chance that an export takes at most so many seconds, as the simulator draws it.
fn found(takes: Completion, time: f64) -> f64 {
    if time < RETRY_AFTER {
        return 0.0;
    }
    match takes {
        Completion::Fixed(fixed) => f64::from(u8::from(time >= fixed.as_secs_f64())),
        Completion::Uniform(from, to) => {
            let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
            ((time - from) / (to - from).max(1e-9)).clamp(0.0, 1.0)
        }
        Completion::Exponential(mean) => {
            let times = time / mean.as_secs_f64();
            if times >= 10.0 { 1.0 } else { 1.0 - (-times).exp() }
        }
        // A distribution that this does not know has no bound.
        _ => 1.0,
    }
}

/// The least mean time from a completion to the poll that finds it, for whoever knows when each
/// export is completed: in that order, each as soon as the limit allows. All polls are alike, so
/// that no other order is better on average.
pub(super) fn lateness(fleet: &Fleet, ended: &mut [Ended]) -> Duration {
    ended.sort_unstable_by_key(|export| export.completed);
    let (rate, burst) = (f64::from(fleet.limit), f64::from(fleet.limit.max(1)));
    // When the limit would be full again.
    let mut full_at = 0.0_f64;
    let mut late = 0.0;
    for export in ended.iter() {
        let ready = export.completed as f64 / 1e3;
        let at = fit(fleet, ready.max(full_at - (burst - 1.0) / rate), 1.0);
        full_at = full_at.max(at) + 1.0 / rate;
        late += at - ready;
    }
    seconds(late / ended.len().max(1) as f64)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
