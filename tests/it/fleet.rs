//! Small fleets: the promises of the large ones, each night.

use std::time::Duration;

use allocation_counter::measure;
use conformance::fleet::{Curve, Fleet, Flight, Knows, Pilot, plot, waiting_jobs};
use export_core::Order;
use export_sim::Completion;

const TAKES: Completion = Completion::Exponential(Duration::from_secs(20));

const PILOTS: [Pilot; 4] = [
    Pilot::Together(Knows::TheLimit, Order::LeastRecentlyPolled),
    Pilot::Together(Knows::SinceYesterday, Order::LeastRecentlyPolled),
    Pilot::Together(Knows::Nothing, Order::LeastRecentlyPolled),
    Pilot::Alone,
];

fn over(flight: &Flight) -> f64 {
    flight.makespan.expect("it was played to its end").as_secs_f64() / flight.bound.as_secs_f64()
}

#[test]
fn a_fleet_that_knows_the_limit_loses_no_time_and_provokes_no_429() {
    for limit in [1, 5, 50] {
        for exports in [10, 100, 1_000] {
            let flight = Fleet::new(exports, limit, TAKES).fly();
            let name = format!("{exports} exports at {limit} a second");
            assert_eq!((flight.files, flight.refused), (exports, 0), "{name}");
            assert!(over(&flight) < 1.05, "{name}: {}", over(&flight));
        }
    }
}

#[test]
fn a_fleet_that_has_learnt_the_limit_once_loses_as_little_the_next_night() {
    for (exports, limit) in [(1_000, 1), (1_000, 5), (10_000, 50)] {
        let pilot = Pilot::Together(Knows::SinceYesterday, Order::LeastRecentlyPolled);
        let flight = Fleet { pilot, ..Fleet::new(exports, limit, TAKES) }.fly();
        assert_eq!(flight.files, exports);
        assert!(over(&flight) < 1.05, "{exports} at {limit}: {}", over(&flight));
        assert!(flight.refused <= 4, "{exports} at {limit}: {} refused", flight.refused);
    }
}

/// If one were, the bound would be none.
#[test]
fn no_fleet_is_faster_than_whoever_knows_the_future() {
    for takes in ["0s", "30s", "10s..50s", "~20s"] {
        for pilot in PILOTS {
            for (exports, limit, seed) in [(10, 1, 1), (100, 5, 2), (300, 50, 3), (50, 1, 4)] {
                let fleet = Fleet {
                    pilot,
                    seed,
                    ..Fleet::new(exports, limit, takes.parse().expect("it is a time"))
                };
                let flight = fleet.fly();
                let makespan = flight.makespan.expect("it was played to its end");
                // A time is told in whole milliseconds.
                let least = flight.known_bound.saturating_sub(Duration::from_millis(1));
                assert!(makespan >= least, "{fleet:?}: {makespan:?} is less than {least:?}");
                let late = flight.lateness + Duration::from_millis(1);
                assert!(late >= flight.least_lateness, "{fleet:?}: {flight:?}");
            }
        }
    }
}

/// The mean of many runs, since that bound is one of the mean.
#[test]
fn nobody_who_has_to_ask_is_faster_on_average() {
    for (exports, limit) in [(40, 1), (200, 5)] {
        let flights: Vec<Flight> =
            (0..60).map(|seed| Fleet { seed, ..Fleet::new(exports, limit, TAKES) }.fly()).collect();
        let mean = flights.iter().map(over).sum::<f64>() / flights.len() as f64;
        assert!((1.0..1.1).contains(&mean), "{exports} at {limit}: {mean}");
    }
}

#[test]
fn all_files_come_in_any_weather() {
    let calm = Fleet::new(300, 5, TAKES);
    let latency = Duration::from_millis(20)..Duration::from_millis(200);
    for fleet in [
        Fleet { faults: 0.1, ..calm.clone() },
        Fleet { storms: std::iter::once(10..70).collect(), ..calm.clone() },
        Fleet { latency: latency.clone(), ..calm.clone() },
        Fleet { faults: 0.03, storms: vec![10..30, 60..90], latency, ..calm },
    ] {
        let flight = fleet.fly();
        assert_eq!((flight.files, flight.failed), (300, 0), "{fleet:?}");
    }
}

#[test]
fn each_for_itself_takes_longer_and_asks_far_more() {
    let together = Fleet::new(300, 1, TAKES).fly();
    let alone = Fleet { pilot: Pilot::Alone, ..Fleet::new(300, 1, TAKES) }.fly();
    let loops = Fleet { pilot: Pilot::EveryTwoSeconds, ..Fleet::new(300, 1, TAKES) }.fly();
    assert!(alone.makespan > together.makespan && loops.makespan > together.makespan);
    assert!(alone.polls > 5 * together.polls && loops.polls > 50 * together.polls);
    assert_eq!([alone.files, loops.files], [300, 300]);
}

#[test]
fn a_job_that_waits_in_a_batch_holds_less_than_a_kibibyte() {
    const JOBS: usize = 5_000;
    let mut batch = None;
    let held = measure(|| batch = Some(waiting_jobs(JOBS)));
    assert_eq!(batch.map(|batch| batch.counts().open), Some(JOBS));
    let each = held.bytes_current / JOBS as i64;
    assert!(each < 1_024, "{each} bytes");
}

#[test]
fn a_picture_has_a_line_for_each_curve_and_all_of_it_is_inside() {
    let points = vec![(10.0, 1.0), (1e6, 1e5)];
    let curve = Curve { name: "one".into(), colour: "#000", dashes: "", points };
    let unnamed = Curve { name: String::new(), ..curve.clone() };
    let svg = plot("title", "across", &[(60.0, "1 min")], &[curve, unnamed]);
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert!(svg.contains(">one</text>") && svg.contains(">1,000,000</text>"));
    assert!(svg.contains("points=\"80.0,480.0 610.0,50.0\""), "{svg}");
}
