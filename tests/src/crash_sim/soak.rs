//! Runs many simulations with random schedules.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use export_core::Error;

use super::schedule::{RandomInjector, random_sim};
use super::sim::{Counters, Outcome, SimReport};
use super::violation::Violation;

/// The results of many schedules.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SoakReport {
    /// The number of schedules.
    pub schedules: u64,
    /// Counters of what happened.
    pub counters: Counters,
    /// The number of exports by their outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// The violated invariants, by the seed of the schedule.
    pub violations: BTreeMap<u64, Vec<Violation>>,
}

/// Runs one schedule for each seed, on all processors.
///
/// The result of a seed is reproducible.
///
/// # Panics
///
/// Panics if the core panics, which the soak test is meant to find.
#[must_use]
pub fn soak(seeds: Range<u64>) -> SoakReport {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(SoakReport::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = SoakReport::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    own.add(seed, &random_sim(seed).run());
                }
                total.lock().expect("no thread panics while it adds").merge(own);
            });
        }
    });
    total.into_inner().expect("no thread panics while it adds")
}

/// Runs one schedule with a log, and with the search for secrets in all output.
#[must_use]
pub fn replay(seed: u64) -> SimReport<RandomInjector> {
    random_sim(seed).with_output_check().with_log().run()
}

impl SoakReport {
    fn add<F>(&mut self, seed: u64, report: &SimReport<F>) {
        self.schedules += 1;
        self.counters.add(&report.counters);
        *self.outcomes.entry(name(&report.outcome)).or_default() += 1;
        if !report.violations.is_empty() {
            self.violations.insert(seed, report.violations.clone());
        }
    }

    fn merge(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.counters.add(&other.counters);
        for (name, count) in other.outcomes {
            *self.outcomes.entry(name).or_default() += count;
        }
        self.violations.extend(other.violations);
    }

    /// The number of schedules with a violation of this kind.
    fn count(&self, is: impl Fn(&Violation) -> bool) -> usize {
        self.violations.values().filter(|violations| violations.iter().any(&is)).count()
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { requests, faults, kills, drops, failures } = self.counters;
        let leaks =
            self.count(|it| matches!(it, Violation::TokenLeak(_) | Violation::SecretShown(_)));
        let damaged = self.count(|it| matches!(it, Violation::DamagedFile(_)));
        let twice =
            self.count(|it| matches!(it, Violation::DuplicateEmail(_) | Violation::SecondSubmit));
        let too_soon = self.count(|it| matches!(it, Violation::TooSoon(_)));
        let mut lines = String::new();
        for (what, count) in [
            ("schedules", self.schedules),
            ("requests", requests),
            ("faults injected", faults),
            ("processes killed", kills),
            ("handles dropped", drops),
            ("stores and writes failed", failures),
        ] {
            let _ = writeln!(lines, "{what:<28} {count:>12}");
        }
        for (outcome, count) in &self.outcomes {
            let _ = writeln!(lines, "{outcome:<28} {count:>12}");
        }
        for (what, count) in [
            ("schedules with leaked secrets", leaks),
            ("schedules with damaged files", damaged),
            ("schedules with duplicate submits", twice),
            ("schedules with early requests", too_soon),
            ("schedules with any violation", self.violations.len()),
        ] {
            let _ = writeln!(lines, "{what:<32} {count:>8}");
        }
        f.write_str(&lines)
    }
}

/// The name of an outcome.
fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::File(_) => "exports completed",
        Outcome::None => "simulation aborted",
        Outcome::Error(error) => match **error {
            Error::Deadline { .. } => "deadline exceeded",
            Error::ExportFailed { .. } => "failed at the service",
            Error::Gateway { .. } => "gateway error",
            Error::GaveUp { .. } => "gave up",
            Error::Local { .. } => "local failure",
            Error::WrongFormat { .. } => "wrong file format",
            Error::Protocol { .. } => "protocol error",
            Error::Refused { .. } => "refused",
            Error::SubmitUnconfirmed { .. } => "submit unconfirmed",
            Error::SwitchedOff { .. } => "switched off",
            Error::Unauthorized { .. } => "not authorised",
            Error::Untrusted { .. } | Error::UntrustedUrl { .. } => "not trusted",
            _ => "other error",
        },
    }
}
