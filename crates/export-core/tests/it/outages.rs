//! Batches while the service does not respond.

use std::time::Duration;

use export_core::batch::{Batch, BatchLimits, BatchStep};
use export_core::driver::Step;
use export_core::pacer::{Pacer, Rate, Rates, RequestClass};
use export_core::{Config, Error, Failure, FailureKind, Limits, Phase, Timestamp};
use http::Response;

use crate::batch::{FakeService, batch_of, drive, exact};
use crate::limiter::{START, at};
use crate::service::job_with;

const MINUTE: u64 = 60_000;

/// How each job of a batch ended, and when.
type Ends = Vec<(u64, Timestamp, Result<(), Error>)>;

/// Runs a batch to its end, one request at a time and in no time.
fn run(batch: &mut Batch, pacer: &mut Pacer, service: &mut FakeService) -> Ends {
    let mut now = START;
    let mut ends = Vec::new();
    loop {
        match batch.step(now, pacer) {
            BatchStep::Turn(mut turn) => {
                if matches!(turn.job().step(now), Step::Transmit(_)) {
                    drive(now, &mut turn, pacer, service);
                }
                if let Some(mut ended) = batch.put_back(now, pacer, turn) {
                    let Step::Done(outcome) = ended.job.step(now) else { panic!("{ended:?}") };
                    ends.push((ended.key, now, outcome.map(drop)));
                }
            }
            BatchStep::Wait(later) => {
                assert!(later > now, "the wait ended in the past");
                now = later;
            }
            BatchStep::Busy => panic!("no job is handed out"),
            BatchStep::Done => return ends,
        }
    }
}

/// Runs a number of exports of 5 s each at a service that fails.
fn run_with(
    count: u64,
    config: &Config,
    fails: fn(u64, u64, Phase) -> bool,
) -> (Ends, FakeService) {
    let mut service = FakeService::new((0..count).map(|_| 5));
    service.fails = fails;
    let mut batch = batch_of(count, BatchLimits::default(), config);
    let mut pacer = Pacer::new(Rates::unlimited().with_submits(Rate::per_second(10.0)));
    let ends = run(&mut batch, &mut pacer, &mut service);
    (ends, service)
}

/// The requests that were sent in a period, in **milliseconds** since the start.
fn sent_in(service: &FakeService, from: u64, to: u64) -> usize {
    service.sent.iter().filter(|(time, ..)| (at(from)..at(to)).contains(time)).count()
}

fn all_done(ends: &Ends) -> bool {
    ends.iter().all(|(.., outcome)| outcome.is_ok())
}

#[test]
fn outage_is_probed_by_one_request_at_a_time() {
    let (ends, service) = run_with(200, &exact(), |ms, _, _| ms < 50 * MINUTE);
    assert_eq!((ends.len(), all_done(&ends)), (200, true));
    // Three failures, waits of 1 to 16 s, and one probe in 30 s after that.
    let times: Vec<u64> =
        service.sent[..9].iter().map(|(time, ..)| time.since(START).as_millis() as u64).collect();
    assert_eq!(times, [0, 100, 200, 1_200, 3_200, 7_200, 15_200, 31_200, 61_200]);
    let probes = sent_in(&service, 0, 50 * MINUTE);
    assert!((100..=110).contains(&probes), "{probes}");
    // Different jobs have sent them.
    let keys: std::collections::BTreeSet<u64> =
        service.sent.iter().map(|(_, key, _)| *key).collect();
    assert_eq!(keys.len(), 200);
    // The end is noticed by the next probe, and the other exports take as long as they would have.
    let last = ends.iter().map(|(_, time, _)| *time).max().unwrap();
    assert!(last < at(50 * MINUTE + 30_000 + 20_000 + 10_000), "{last}");
}

#[test]
fn outage_in_the_middle_pauses_polls_and_downloads() {
    let (ends, service) = run_with(200, &exact(), |ms, _, _| (8_000..20 * MINUTE).contains(&ms));
    assert!(all_done(&ends));
    // Three requests of each class find it out.
    let failed = sent_in(&service, 8_000, 20 * MINUTE);
    assert!((40..=55).contains(&failed), "{failed}");
    // Probes are polls as long as there are some: these harm nothing.
    let submits = service.sent.iter().filter(|(time, _, phase)| {
        *phase == Phase::Submit && (at(9_000)..at(20 * MINUTE)).contains(time)
    });
    assert_eq!(submits.count(), 0);
    // As soon as a poll is answered, the submits are probed.
    let first = |wanted: Phase| {
        let after = service.sent.iter().filter(|(time, ..)| *time >= at(20 * MINUTE));
        after.filter(|(.., phase)| *phase == wanted).map(|(time, ..)| *time).min().unwrap()
    };
    assert_eq!(first(Phase::Submit), first(Phase::Poll));
}

#[test]
fn outage_beyond_the_time_limit_ends_all_jobs_together() {
    let (ends, service) = run_with(500, &exact(), |_, _, _| true);
    assert_eq!(ends.len(), 500);
    for (key, time, outcome) in &ends {
        let Err(error) = outcome else { panic!("{key} has a file") };
        assert!(error.is_resumable(), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("the last time: 503 Service Unavailable: no reason was given"),
            "{error}"
        );
        assert!((at(60 * MINUTE)..=at(61 * MINUTE)).contains(time), "{key} ended at {time}");
    }
    assert!(service.sent.len() < 150, "{}", service.sent.len());
}

/// While the token endpoint does not respond, the first jobs wait for a token until their deadline.
#[test]
fn others_do_not_wait_for_a_token_again() {
    let mut batch = batch_of(100, BatchLimits::default(), &exact());
    let mut pacer = Pacer::new(Rates::unlimited());
    let mut turns = Vec::new();
    while let BatchStep::Turn(turn) = batch.step(START, &mut pacer) {
        turns.push(turn);
    }
    let now = at(60 * MINUTE);
    let mut ends = 0;
    for mut turn in turns {
        let Step::Transmit(transmit) = turn.job().step(START) else { panic!("nothing to send") };
        transmit.decline(now, Failure::new(FailureKind::NoToken));
        ends += usize::from(batch.put_back(now, &mut pacer, turn).is_some());
    }
    while let BatchStep::Turn(mut turn) = batch.step(now, &mut pacer) {
        let Step::Done(Err(error)) = turn.job().step(now) else { panic!("it waits for a token") };
        assert!(error.is_resumable(), "{error}");
        ends += usize::from(batch.put_back(now, &mut pacer, turn).is_some());
    }
    assert!(batch.is_empty());
    assert_eq!(ends, 100);
}

#[test]
fn allowed_number_of_failures_ends_all_jobs_sooner() {
    let config = exact().with_limits(Limits::default().with_max_failures(5));
    let (ends, service) = run_with(500, &config, |_, _, _| true);
    assert_eq!((ends.len(), service.sent.len()), (500, 20));
}

#[test]
fn jobs_that_fail_by_themselves_hold_up_no_other() {
    let config = exact().with_limits(Limits::default().with_max_failures(5));
    let (ends, _) = run_with(100, &config, |_, key, _| (10..20).contains(&key));
    for (key, time, outcome) in &ends {
        assert_eq!(outcome.is_err(), (10..20).contains(key), "{key}");
        assert!(outcome.is_err() || *time < at(3 * MINUTE), "{key} ended at {time}");
    }
}

#[test]
fn only_the_requests_that_fail_are_paused() {
    let fails = |ms, _, phase| phase == Phase::Submit && (3_000..10 * MINUTE).contains(&ms);
    let (ends, service) = run_with(60, &exact(), fails);
    assert!(all_done(&ends));
    let early = ends.iter().filter(|(_, time, _)| *time < at(12_000)).count();
    assert_eq!(early, 30, "those that were accepted before");
    let probes = sent_in(&service, 12_000, 10 * MINUTE);
    assert!((18..30).contains(&probes), "{probes}");
}

#[test]
fn other_origins_are_not_paused() {
    let mut service = FakeService::new((0..20).map(|_| 5));
    service.signed = |_| true;
    service.fails = |ms, _, phase| phase != Phase::Fetch && (6_000..MINUTE).contains(&ms);
    let mut batch = batch_of(20, BatchLimits::default(), &exact());
    let rates = Rates::unlimited().with_submits(Rate::per_second(2.0));
    let ends = run(&mut batch, &mut Pacer::new(rates), &mut service);
    assert!(all_done(&ends));
    let fetches = service.sent.iter().filter(|(_, _, phase)| *phase == Phase::Fetch);
    assert_eq!(fetches.count(), 20);
}

#[test]
fn probes_wait_as_long_as_the_service_asks() {
    for (asked, waits) in [(120, 120), (1_000, 300)] {
        let mut service = FakeService::new((0..20).map(|_| 5));
        service.fails = |ms, _, _| ms < 30 * MINUTE;
        service.retry_after = Some(asked);
        let mut batch = batch_of(20, BatchLimits::default(), &exact());
        let ends = run(&mut batch, &mut Pacer::new(Rates::unlimited()), &mut service);
        assert!(all_done(&ends));
        let times: Vec<_> = service.sent[2..6].iter().map(|(time, ..)| *time).collect();
        for pair in times.windows(2) {
            assert_eq!(pair[1].since(pair[0]), Duration::from_secs(waits));
        }
    }
}

/// A batch of one, as a program may run a single export.
#[test]
fn single_job_has_its_turn_before_its_deadline_or_ends() {
    let limits = Limits::default().with_job_timeout(Duration::from_secs(20));
    let config = exact().with_limits(limits);
    for (hold, ends) in [(15, false), (25, true)] {
        let mut pacer = Pacer::new(Rates::unlimited());
        let permit = pacer.reserve(START, RequestClass::Submit);
        let refused = Response::builder().status(429).header("retry-after", hold).body(());
        pacer.handle_head(START, permit, &refused.unwrap());
        let mut batch = Batch::default();
        batch.add(START, 1, job_with(&config));
        match batch.step(START, &mut pacer) {
            BatchStep::Wait(until) if !ends => assert_eq!(until, at(hold * 1_000)),
            BatchStep::Turn(turn) if ends => {
                let mut ended = batch.put_back(START, &mut pacer, turn).unwrap();
                let Step::Done(Err(error)) = ended.job.step(START) else { panic!("{ended:?}") };
                let again = at(hold * 1_000);
                assert!(
                    matches!(error, Error::Deadline { retry_at, .. } if retry_at == Some(again))
                );
            }
            step => panic!("{step:?}"),
        }
    }
}

/// Nothing is saved if it waits for a probe, which only it could send.
#[test]
fn single_job_retries_at_its_own_pace() {
    let base = Duration::from_millis(100);
    let config = exact().with_limits(Limits::default().with_backoff_base(base));
    let (ends, service) = run_with(1, &config, |ms, _, phase| phase == Phase::Poll && ms < 12_000);
    assert!(all_done(&ends));
    let polls = service.sent.iter().filter(|(.., phase)| *phase == Phase::Poll);
    let times: Vec<Timestamp> = polls.map(|(time, ..)| *time).collect();
    assert_eq!(times[4].since(times[0]), Duration::from_secs(4), "{times:?}");
}

/// The time of a job runs while it waits for the rate alone, and that of a job behind others does not.
#[test]
fn time_runs_while_a_single_job_waits_for_its_turn() {
    let limits = Limits::default().with_job_timeout(Duration::from_secs(20));
    let config = exact().with_limits(limits);
    let mut pacer = Pacer::new(Rates::unlimited());
    let permit = pacer.reserve(START, RequestClass::Submit);
    let refused = Response::builder().status(429).header("retry-after", 15).body(()).unwrap();
    pacer.handle_head(START, permit, &refused);
    let mut batch = Batch::default();
    batch.add(START, 1, job_with(&config));
    assert!(matches!(batch.step(START, &mut pacer), BatchStep::Wait(_)));
    let mut service = FakeService::new([0, 100]);
    service.fails = |_, _, _| true;
    let BatchStep::Turn(mut turn) = batch.step(at(15_000), &mut pacer) else { panic!() };
    drive(at(15_000), &mut turn, &mut pacer, &mut service);
    assert!(batch.put_back(at(15_000), &mut pacer, turn).is_none());
    let mut now = at(15_000);
    let ended = loop {
        match batch.step(now, &mut pacer) {
            BatchStep::Wait(later) => now = later,
            BatchStep::Turn(mut turn) => {
                if matches!(turn.job().step(now), Step::Transmit(_)) {
                    drive(now, &mut turn, &mut pacer, &mut service);
                }
                if batch.put_back(now, &mut pacer, turn).is_some() {
                    break now;
                }
            }
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(ended, at(20_000));
}
