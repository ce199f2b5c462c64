//! A few thousand of the random schedules that `cargo xtask soak` runs by the million.

use conformance::crash_sim::{replay, soak};

#[test]
fn random_schedules_violate_no_invariant() {
    let report = soak(0..3_000);
    let first = report.violations.keys().next().map(|seed| (seed, replay(*seed).log));
    assert!(first.is_none(), "{report}\n{:#?}\n{first:?}", report.violations);
    assert_eq!(report.schedules, 3_000);
    let counters = report.counters;
    for (what, count, min) in [
        ("exports completed", report.outcomes["exports completed"], 800),
        ("faults", counters.faults, 10_000),
        ("kills", counters.kills, 5_000),
        ("drops", counters.drops, 5_000),
        ("failures", counters.failures, 800),
    ] {
        assert!(count >= min, "only {count} {what}");
    }
}

#[test]
fn seeds_are_reproducible() {
    for seed in 0..40 {
        assert_eq!(replay(seed).log, replay(seed).log);
    }
}

#[test]
fn output_shows_no_secret() {
    for seed in 100_000..100_400 {
        let report = replay(seed);
        assert_eq!(report.violations, [], "{}", report.log);
    }
}
