//! `soak [--schedules N] [--seed S]`: plays N schedules from a seed on, each in virtual time, and
//! prints what came of them. `soak --replay SEED` plays one, and prints all that happens in it.

use std::env;
use std::process::ExitCode;

use conformance::lab::{replay, soak};

/// As many as are worth an hour's work in a few minutes.
const SCHEDULES: u64 = 1_000_000;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--replay") {
        let played = replay(seed);
        print!("{}", played.log);
        println!("{:?}", played.ended);
        return if played.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (schedules, first) =
        (number("--schedules").unwrap_or(SCHEDULES), number("--seed").unwrap_or_default());
    let soaked = soak(first..first.saturating_add(schedules));
    print!("{soaked}");
    for (seed, broken) in soaked.broken.iter().take(10) {
        for promise in broken {
            println!("seed {seed}: {promise}");
        }
    }
    if soaked.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
