//! Simulations of small batches, with the assertions that also hold for large ones.

use std::time::Duration;

use allocation_counter::measure;
use conformance::batch_sim::{
    BatchReport, BatchSim, Curve, LimitKnowledge, Strategy, plot, waiting_jobs,
};
use export_sim::Completion;

const DURATION: Completion = Completion::Exponential(Duration::from_secs(20));

const STRATEGIES: [Strategy; 4] = [
    Strategy::Paced(LimitKnowledge::Known),
    Strategy::Paced(LimitKnowledge::LearnedEarlier),
    Strategy::Paced(LimitKnowledge::Unknown),
    Strategy::Independent,
];

/// The makespan as a multiple of the bound.
fn ratio(report: &BatchReport) -> f64 {
    let makespan = report.makespan.expect("the simulation has ended");
    makespan.as_secs_f64() / report.bound.as_secs_f64()
}

#[test]
fn known_limit_gives_minimal_makespan_without_429() {
    for limit in [1, 5, 50] {
        for exports in [10, 100, 1_000] {
            let report = BatchSim::new(exports, limit, DURATION).run();
            let name = format!("{exports} exports at {limit}/s");
            assert_eq!((report.files, report.throttled), (exports, 0), "{name}");
            assert!(ratio(&report) < 1.05, "{name}: {}", ratio(&report));
        }
    }
}

/// In the first night the limit is unknown, in the second it was learned.
#[test]
fn unknown_limit_costs_little_time_and_few_429s() {
    for (knowledge, max) in
        [(LimitKnowledge::Unknown, 1.05), (LimitKnowledge::LearnedEarlier, 1.02)]
    {
        let strategy = Strategy::Paced(knowledge);
        for (exports, limit) in [(1_000, 1), (1_000, 5), (1_000, 50), (10_000, 50)] {
            for seed in [1, 2] {
                let sim = BatchSim { strategy, seed, ..BatchSim::new(exports, limit, DURATION) };
                let report = sim.run();
                let name = format!("{knowledge:?}: {exports} exports at {limit}/s");
                assert_eq!(report.files, exports);
                assert!(ratio(&report) < max, "{name}: {}", ratio(&report));
                assert!(report.throttled <= 3, "{name}: {} times 429", report.throttled);
            }
        }
    }
}

/// Neither random faults, periods of 429 nor latency are taken for a low limit.
#[test]
fn unknown_limit_is_found_despite_faults() {
    let strategy = Strategy::Paced(LimitKnowledge::Unknown);
    let sim = BatchSim { strategy, ..BatchSim::new(1_000, 5, DURATION) };
    let latency = Duration::from_millis(20)..Duration::from_millis(200);
    let throttled = vec![30..60, 100..160];
    for (sim, max) in [
        (BatchSim { faults: 0.03, ..sim.clone() }, 1.2),
        (BatchSim { latency: latency.clone(), ..sim.clone() }, 1.4),
        (BatchSim { throttled: throttled.clone(), ..sim.clone() }, 1.2),
        (BatchSim { faults: 0.03, throttled, latency, ..sim }, 1.7),
    ] {
        let report = sim.run();
        assert_eq!(report.files, 1_000);
        assert!(ratio(&report) < max, "{sim:?}: {}", ratio(&report));
    }
}

/// Validates the bound.
#[test]
fn no_run_is_faster_than_the_clairvoyant_bound() {
    for duration in ["0s", "30s", "10s..50s", "~20s"] {
        for strategy in STRATEGIES {
            for (exports, limit, seed) in [(10, 1, 1), (100, 5, 2), (300, 50, 3), (50, 1, 4)] {
                let sim = BatchSim {
                    strategy,
                    seed,
                    ..BatchSim::new(exports, limit, duration.parse().expect("the text is valid"))
                };
                let report = sim.run();
                let makespan = report.makespan.expect("the simulation has ended");
                // Times are rounded to milliseconds.
                let min = report.clairvoyant_bound.saturating_sub(Duration::from_millis(1));
                assert!(makespan >= min, "{sim:?}: {makespan:?} is less than {min:?}");
                let lateness = report.lateness + Duration::from_millis(1);
                assert!(lateness >= report.min_lateness, "{sim:?}: {report:?}");
            }
        }
    }
}

/// Validates the bound, which is one of the mean.
#[test]
fn mean_of_many_runs_is_above_the_polling_bound() {
    for (exports, limit) in [(40, 1), (200, 5)] {
        let run = |seed| BatchSim { seed, ..BatchSim::new(exports, limit, DURATION) }.run();
        let reports: Vec<BatchReport> = (0..60).map(run).collect();
        let mean = reports.iter().map(ratio).sum::<f64>() / reports.len() as f64;
        assert!((1.0..1.1).contains(&mean), "{exports} exports at {limit}/s: {mean}");
    }
}

#[test]
fn all_exports_succeed_despite_faults_and_latency() {
    let sim = BatchSim::new(300, 5, DURATION);
    let latency = Duration::from_millis(20)..Duration::from_millis(200);
    for sim in [
        BatchSim { faults: 0.1, ..sim.clone() },
        BatchSim { throttled: std::iter::once(10..70).collect(), ..sim.clone() },
        BatchSim { latency: latency.clone(), ..sim.clone() },
        BatchSim { faults: 0.03, throttled: vec![10..30, 60..90], latency, ..sim },
    ] {
        let report = sim.run();
        assert_eq!((report.files, report.failed), (300, 0), "{sim:?}");
    }
}

#[test]
fn outages_pause_all_exports_and_cost_few_requests() {
    let latency = Duration::from_millis(20)..Duration::from_millis(200);
    let calm = BatchSim { latency, ..BatchSim::new(300, 5, DURATION) };
    let before = calm.run();
    for (length, probes) in [(300, 20), (1_800, 70), (5_400, 190)] {
        let outage = 40..40 + length;
        let report = BatchSim { outages: vec![outage], ..calm.clone() }.run();
        assert_eq!(report.files + report.failed, 300);
        // Jobs have an hour.
        assert_eq!(report.failed > 0, length > 3_600, "{} failed in {length} s", report.failed);
        // Those that are under way at its begin, and one at a time after that.
        let more = report.requests.saturating_sub(before.requests);
        assert!(more < 48 + probes, "{more} more requests in {length} s");
        let calm_end = before.makespan.unwrap() + Duration::from_secs(length);
        let later = report.makespan.unwrap().saturating_sub(calm_end);
        assert!(report.failed > 0 || later.as_secs() < 60, "{later:?} later than the outage");
    }
}

#[test]
fn unpaced_exports_are_slower_and_poll_more() {
    let run = |strategy| BatchSim { strategy, ..BatchSim::new(300, 1, DURATION) }.run();
    let paced = BatchSim::new(300, 1, DURATION).run();
    let independent = run(Strategy::Independent);
    let loops = run(Strategy::FixedInterval);
    assert!(independent.makespan > paced.makespan && loops.makespan > paced.makespan);
    assert!(independent.polls > 5 * paced.polls && loops.polls > 50 * paced.polls);
    assert_eq!([independent.files, loops.files], [300, 300]);
}

#[test]
fn waiting_job_takes_less_than_1_kib() {
    const JOBS: usize = 5_000;
    let mut batch = None;
    let memory = measure(|| batch = Some(waiting_jobs(JOBS)));
    assert_eq!(batch.map(|batch| batch.counts().open), Some(JOBS));
    let bytes = memory.bytes_current / JOBS as i64;
    assert!(bytes < 1_024, "{bytes} bytes");
}

#[test]
fn plot_draws_all_curves_within_the_axes() {
    let points = vec![(10.0, 1.0), (1e6, 1e5)];
    let [curve, unnamed] =
        ["one", ""].map(|name| Curve::new(name, "#000", "").with_points(points.clone()));
    let svg = plot("title", "x", &[(60.0, "1 min")], &[curve, unnamed]);
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert!(svg.contains(">one</text>") && svg.contains(">1,000,000</text>"));
    assert!(svg.contains("points=\"80.0,480.0 610.0,50.0\""), "{svg}");
}
