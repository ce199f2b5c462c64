//! Random schedules, a few thousand of those that `cargo xtask soak` plays by the million.

use conformance::lab::{replay, soak};

#[test]
fn random_schedules_break_no_promise() {
    let soaked = soak(0..3_000);
    let first = soaked.broken.keys().next().map(|seed| (seed, replay(*seed).log));
    assert!(first.is_none(), "{soaked}\n{:#?}\n{first:?}", soaked.broken);
    assert_eq!(soaked.schedules, 3_000);
    let tally = soaked.tally;
    for (what, count, least) in [
        ("exports completed", soaked.ends["exports completed"], 800),
        ("faults", tally.faults, 10_000),
        ("deaths", tally.deaths, 5_000),
        ("drops", tally.drops, 5_000),
        ("failures", tally.failures, 800),
    ] {
        assert!(count >= least, "only {count} {what}");
    }
}

#[test]
fn a_seed_is_the_same_schedule_each_time() {
    for seed in 0..40 {
        assert_eq!(replay(seed).log, replay(seed).log);
    }
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    for seed in 100_000..100_400 {
        let played = replay(seed);
        assert_eq!(played.broken, [], "{}", played.log);
    }
}
