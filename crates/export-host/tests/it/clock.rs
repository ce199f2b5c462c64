use std::time::{Duration, Instant, SystemTime};

use export_core::Timestamp;
use export_host::{Clock, random_number};

#[test]
fn clock_starts_at_wall_time_and_is_monotonic() {
    let wall = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
    };
    let before = wall();
    let clock = Clock::start();
    let first = clock.now();
    assert!(before <= first && first <= wall() + Duration::from_millis(1));
    assert!(clock.now() >= first);
}

#[test]
fn past_and_far_times_map_to_instants() {
    let clock = Clock::start();
    assert!(clock.instant(Timestamp::EPOCH) <= Instant::now());
    let century = Duration::from_secs(99 * 365 * 86_400);
    assert!(clock.instant(Timestamp::from_millis(u64::MAX)) > Instant::now() + century);
    let in_an_hour = clock.now() + Duration::from_secs(3_600);
    let instant = clock.instant(in_an_hour);
    assert!(instant <= Instant::now() + Duration::from_secs(3_601));
    assert!(instant > Instant::now() + Duration::from_secs(3_000));
}

#[test]
fn two_seeds_differ() {
    assert_ne!(random_number(), random_number());
}
