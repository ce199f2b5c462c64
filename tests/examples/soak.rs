//! Runs random schedules of exports with faults and crashes in virtual time. Run by
//! `cargo xtask soak`.
//!
//! `soak [--schedules N] [--seed S]` runs N schedules from a seed and prints a summary.
//! `soak --replay SEED` runs one schedule and prints its log.

use std::env;
use std::process::ExitCode;

use conformance::crash_sim::{replay, soak};

const DEFAULT_SCHEDULES: u64 = 1_000_000;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--replay") {
        let report = replay(seed);
        print!("{}", report.log);
        println!("{:?}", report.outcome);
        return if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (schedules, first) =
        (number("--schedules").unwrap_or(DEFAULT_SCHEDULES), number("--seed").unwrap_or_default());
    let report = soak(first..first.saturating_add(schedules));
    print!("{report}");
    for (seed, violations) in report.violations.iter().take(10) {
        for violation in violations {
            println!("seed {seed}: {violation}");
        }
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
