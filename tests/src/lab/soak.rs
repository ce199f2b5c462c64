//! Exports by the thousand, each in a world of its own that a seed describes.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use export_core::Error;

use super::broken::Broken;
use super::play::{Ended, Played, Tally};
use super::schedule::{AtRandom, lab};

/// What came of many schedules.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Soaked {
    /// How many there were.
    pub schedules: u64,
    /// What happened, in numbers.
    pub tally: Tally,
    /// How the exports ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// Promises that were broken, by the seed of the schedule.
    pub broken: BTreeMap<u64, Vec<Broken>>,
}

/// Plays one schedule for each seed, on as many threads as there are processors.
///
/// The same seed gives the same schedule and the same end, always.
///
/// # Panics
///
/// Panics where the machine does: that is what it is for.
#[must_use]
pub fn soak(seeds: Range<u64>) -> Soaked {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Soaked::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Soaked::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    own.add(seed, &lab(seed).play());
                }
                total.lock().expect("no thread panics while it adds").merge(own);
            });
        }
    });
    total.into_inner().expect("no thread panics while it adds")
}

/// Plays one schedule, looks at everything that can be printed, and writes down what happens.
#[must_use]
pub fn replay(seed: u64) -> Played<AtRandom> {
    lab(seed).with_watch().with_log().play()
}

impl Soaked {
    fn add<F>(&mut self, seed: u64, played: &Played<F>) {
        self.schedules += 1;
        self.tally.add(&played.tally);
        *self.ends.entry(name(&played.ended)).or_default() += 1;
        if !played.broken.is_empty() {
            self.broken.insert(seed, played.broken.clone());
        }
    }

    fn merge(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.tally.add(&other.tally);
        for (name, count) in other.ends {
            *self.ends.entry(name).or_default() += count;
        }
        self.broken.extend(other.broken);
    }

    /// How many schedules broke a promise of this kind.
    fn count(&self, is: impl Fn(&Broken) -> bool) -> usize {
        self.broken.values().filter(|broken| broken.iter().any(&is)).count()
    }
}

impl fmt::Display for Soaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { requests, faults, deaths, drops, failures } = self.tally;
        let leaks = self.count(|it| matches!(it, Broken::Leak(_) | Broken::Shown(_)));
        let damaged = self.count(|it| matches!(it, Broken::Damaged(_)));
        let twice = self.count(|it| matches!(it, Broken::TwoMails(_) | Broken::SecondSubmit));
        let too_soon = self.count(|it| matches!(it, Broken::TooSoon(_)));
        let mut lines = String::new();
        for (what, count) in [
            ("schedules", self.schedules),
            ("requests", requests),
            ("faults injected", faults),
            ("processes killed", deaths),
            ("handles dropped", drops),
            ("stores and writes failed", failures),
        ] {
            let _ = writeln!(lines, "{what:<28} {count:>12}");
        }
        for (end, count) in &self.ends {
            let _ = writeln!(lines, "{end:<28} {count:>12}");
        }
        for (what, count) in [
            ("tokens or secrets leaked", leaks),
            ("files damaged", damaged),
            ("submitted twice", twice),
            ("requests too soon", too_soon),
            ("schedules with any fault of ours", self.broken.len()),
        ] {
            let _ = writeln!(lines, "{what:<32} {count:>8}");
        }
        f.write_str(&lines)
    }
}

/// How an export ended, in a word or two.
fn name(ended: &Ended) -> &'static str {
    match ended {
        Ended::File(_) => "exports completed",
        Ended::Nowhere => "ended nowhere",
        Ended::Error(error) => match **error {
            Error::Deadline { .. } => "out of time",
            Error::ExportFailed { .. } => "failed at the service",
            Error::Gateway { .. } => "a gateway in the way",
            Error::GaveUp { .. } => "gave up",
            Error::Local { .. } => "no place for the file",
            Error::WrongFormat { .. } => "another kind of file",
            Error::Protocol { .. } => "protocol broken",
            Error::Refused { .. } => "refused",
            Error::SubmitUnconfirmed { .. } => "submit unconfirmed",
            Error::SwitchedOff { .. } => "switched off",
            Error::Unauthorized { .. } => "not authorised",
            Error::Untrusted { .. } | Error::UntrustedUrl { .. } => "not trusted",
            _ => "something else",
        },
    }
}
