//! Batches against a fake service: fairness, limits and resuming.

use std::collections::BTreeMap;
use std::time::Duration;

use export_core::batch::{Batch, BatchLimits, BatchStep, Turn};
use export_core::driver::{Reply, Step};
use export_core::pacer::{Pacer, Permit, Rate, Rates, RequestClass};
use export_core::token::Token;
use export_core::{Checkpoint, Config, ExportJob, Limits, Pace, Phase, Timestamp};
use http::Response;
use proptest::prelude::*;

use crate::limiter::{START, at};
use crate::service::job_with;

pub fn exact() -> Config {
    crate::service::config().with_pace(Pace::Exact)
}

/// A service whose exports take a given time.
#[derive(Clone, Debug)]
pub struct FakeService {
    /// Seconds from the acceptance of each export to its completion.
    takes: Vec<u64>,
    accepted: BTreeMap<u64, Timestamp>,
    submits: BTreeMap<u64, u32>,
    /// Exports whose file is behind a signed URL on another origin.
    pub signed: fn(u64) -> bool,
    /// Requests that are answered 503, by the milliseconds since the start.
    pub fails: fn(u64, u64, Phase) -> bool,
    /// Seconds of the `Retry-After` of these.
    pub retry_after: Option<u64>,
    /// Every request, in order.
    pub sent: Vec<(Timestamp, u64, Phase)>,
}

impl FakeService {
    pub fn new(takes: impl IntoIterator<Item = u64>) -> Self {
        let takes = takes.into_iter().collect();
        Self {
            takes,
            accepted: BTreeMap::new(),
            submits: BTreeMap::new(),
            signed: |_| false,
            fails: |_, _, _| false,
            retry_after: None,
            sent: Vec::new(),
        }
    }

    fn answer(&mut self, now: Timestamp, key: u64, phase: Phase) -> Response<Vec<u8>> {
        self.sent.push((now, key, phase));
        if (self.fails)(now.since(START).as_millis() as u64, key, phase) {
            let mut answer = Response::builder().status(503);
            if let Some(seconds) = self.retry_after {
                answer = answer.header("retry-after", seconds);
            }
            return answer.body(Vec::new()).unwrap();
        }
        let answer = Response::builder().header("retry-after", "1");
        let answer = match phase {
            Phase::Submit => {
                *self.submits.entry(key).or_default() += 1;
                self.accepted.insert(key, now);
                let url = format!("/platform/v1/operations/op{key}");
                answer.status(202).header("location", url).body(Vec::new())
            }
            Phase::Poll => {
                let age = now.since(self.accepted[&key]).as_secs();
                let origin = if (self.signed)(key) { "https://store.example" } else { "" };
                let url = format!("{origin}/platform/v1/downloads/{key}");
                let body = if age >= self.takes[key as usize] {
                    format!(r#"{{"status":"completed","resourceUrl":"{url}"}}"#)
                } else {
                    r#"{"status":"started","resourceUrl":null}"#.into()
                };
                answer.body(body.into_bytes())
            }
            Phase::Fetch => answer.body(b"%PDF-1.7".to_vec()),
            other => panic!("{other} is no request of this test"),
        };
        answer.unwrap()
    }

    fn polls_of(&self, key: u64) -> Vec<Timestamp> {
        let polls = self.sent.iter().filter(|(_, of, phase)| *of == key && *phase == Phase::Poll);
        polls.map(|(at, ..)| *at).collect()
    }
}

/// Takes one step of the job whose turn it is, in no time.
pub fn drive(now: Timestamp, turn: &mut Turn, pacer: &mut Pacer, service: &mut FakeService) {
    let (key, mut permit) = (turn.key(), turn.take_permit());
    let token = Token::fixed("t").unwrap();
    let Step::Transmit(transmit) = turn.job().step(now) else { panic!("nothing to send") };
    let phase = transmit.phase();
    assert_eq!(permit.as_ref().map(Permit::class), transmit.request_class());
    if let Some(permit) = &mut permit {
        assert_eq!(pacer.confirm(now, permit), Ok(()));
    }
    let (_, in_flight) = transmit.start(now, Some(&token), 0);
    let answer = service.answer(now, key, phase);
    if let Some(permit) = permit {
        pacer.handle_head(now, permit, &answer);
    }
    match in_flight.handle_head(now, &answer) {
        Reply::Collect(collect) => collect.handle_body(now, answer.body()),
        Reply::Stream(mut stream) => {
            let checked = stream.check(now, answer.body()).continue_value();
            stream.advance(now, checked.unwrap());
            stream.finish(now, answer.body().len() as u64);
        }
    }
    while turn.job().next_event().is_some() {}
}

/// Runs a batch until a time or its end. Returns the keys of the jobs that have their file.
fn run(
    batch: &mut Batch,
    pacer: &mut Pacer,
    service: &mut FakeService,
    from: Timestamp,
    until: Timestamp,
) -> Vec<u64> {
    let mut now = from;
    let mut files = Vec::new();
    while now < until {
        match batch.step(now, pacer) {
            BatchStep::Turn(mut turn) => {
                drive(now, &mut turn, pacer, service);
                if let Some(mut ended) = batch.put_back(now, pacer, turn) {
                    assert!(matches!(ended.job.step(now), Step::Done(Ok(_))), "{ended:?}");
                    files.push(ended.key);
                }
            }
            BatchStep::Wait(later) => {
                assert!(later > now, "the wait ended in the past");
                now = later;
            }
            BatchStep::Busy => panic!("no job is handed out"),
            BatchStep::Done => break,
        }
    }
    files
}

pub fn batch_of(count: u64, limits: BatchLimits, config: &Config) -> Batch {
    let mut batch = Batch::new(limits);
    for key in 0..count {
        batch.add(START, key, job_with(config));
    }
    batch
}

fn pacer(polls_a_second: f64) -> Pacer {
    Pacer::new(Rates::unlimited().with_operations(Rate::per_second(polls_a_second)))
}

fn day() -> Timestamp {
    at(86_400_000)
}

#[test]
fn every_export_ends_and_is_submitted_once() {
    let mut service = FakeService::new((0..100).map(|key| key * 7 % 60));
    let mut batch = batch_of(100, BatchLimits::default(), &exact());
    let mut pacer = pacer(2.0);
    let mut files = run(&mut batch, &mut pacer, &mut service, START, day());
    files.sort_unstable();
    assert_eq!(files, (0..100).collect::<Vec<_>>());
    assert!(service.submits.values().all(|submits| *submits == 1));
    assert!(batch.is_empty() && matches!(batch.step(day(), &mut pacer), BatchStep::Done));
    // Polls are not sent faster than the pacer allows.
    let polls = service.sent.iter().filter(|(.., phase)| *phase == Phase::Poll);
    let times: Vec<_> = polls.map(|(at, ..)| *at).collect();
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]).as_millis() >= 500));
}

#[test]
fn unsubmitted_jobs_can_be_withdrawn() {
    let rates = Rates::unlimited().with_submits(Rate::per_second(1.0));
    let mut pacer = Pacer::new(rates);
    let mut service = FakeService::new((0..10).map(|_| 60));
    let mut batch = batch_of(10, BatchLimits::default(), &exact());
    run(&mut batch, &mut pacer, &mut service, START, at(2_500));
    let withdrawn: Vec<u64> = batch.withdraw().map(|(key, _)| key).collect();
    assert_eq!(withdrawn.len(), 7);
    assert_eq!((batch.counts().to_submit, batch.counts().open), (0, 3));
    let files = run(&mut batch, &mut pacer, &mut service, at(2_500), day());
    assert_eq!((files.len(), service.submits.len(), batch.is_empty()), (3, 3, true));
    assert!(files.iter().all(|file| !withdrawn.contains(file)));
}

#[test]
fn drain_returns_all_waiting_jobs() {
    let rates = Rates::unlimited().with_submits(Rate::per_second(1.0));
    let mut pacer = Pacer::new(rates);
    let mut service = FakeService::new([0, 60, 60, 60, 60, 60]);
    let mut batch = batch_of(6, BatchLimits::default(), &exact());
    assert_eq!(run(&mut batch, &mut pacer, &mut service, START, at(2_500)), [0]);
    let BatchStep::Turn(mut turn) = batch.step(at(3_000), &mut pacer) else { panic!() };
    let mut drained: Vec<u64> = batch.drain().map(|(key, _)| key).collect();
    drained.push(turn.key());
    drained.sort_unstable();
    assert_eq!(drained, [1, 2, 3, 4, 5]);
    drive(at(3_000), &mut turn, &mut pacer, &mut service);
    assert!(batch.put_back(at(3_000), &mut pacer, turn).is_none());
    assert_eq!(batch.drain().count(), 1);
    assert!(batch.is_empty());
}

/// The documented bound: with `n` open exports, each is polled at least once in `n` polls.
#[test]
fn no_job_starves() {
    for count in [1, 2, 3, 10, 57] {
        // Half of them are older, and none is ever completed.
        let mut service = FakeService::new((0..count).map(|_| 1_000_000));
        let mut batch = batch_of(count / 2, BatchLimits::default(), &exact());
        let mut pacer = pacer(1.0);
        run(&mut batch, &mut pacer, &mut service, START, at(300_000));
        for key in count / 2..count {
            batch.add(at(300_000), key, job_with(&exact()));
        }
        run(&mut batch, &mut pacer, &mut service, at(300_000), at(3_000_000));
        let polls: Vec<u64> = service
            .sent
            .iter()
            .filter(|(at, _, phase)| *phase == Phase::Poll && *at > self::at(310_000))
            .map(|(_, key, _)| *key)
            .collect();
        for key in 0..count {
            let turns: Vec<usize> = (0..polls.len()).filter(|at| polls[*at] == key).collect();
            let gaps = turns.windows(2).map(|pair| pair[1] - pair[0]);
            let longest = gaps.max().unwrap_or(usize::MAX) as u64;
            assert!(longest <= count, "{count} jobs: {key} waits {longest}");
        }
    }
}

/// A stream of new exports does not keep older ones from being polled, downloaded or submitted.
#[test]
fn later_jobs_do_not_overtake() {
    let mut service = FakeService::new(std::iter::once(120).chain((1..2_000).map(|_| 3)));
    let mut batch = batch_of(1, BatchLimits::default(), &exact());
    let mut pacer = pacer(1.0);
    let mut files = Vec::new();
    for key in 1..2_000 {
        let from = at((key - 1) * 1_000);
        files.extend(run(&mut batch, &mut pacer, &mut service, from, at(key * 1_000)));
        batch.add(at(key * 1_000), key, job_with(&exact()));
    }
    assert!(files.contains(&0));
    let polled = service.polls_of(0);
    assert!(polled.len() >= 2 && polled.last().unwrap().since(START).as_secs() < 600, "{polled:?}");
}

#[test]
fn limits_bound_what_is_under_way() {
    let limits = BatchLimits::default()
        .with_max_submits(2)
        .with_max_polls(3)
        .with_max_downloads(1)
        .with_max_open(5);
    let mut batch = batch_of(20, limits, &exact());
    let mut pacer = Pacer::new(Rates::unlimited());
    let mut service = FakeService::new([0; 20]);

    let take = |batch: &mut Batch, pacer: &mut Pacer, now| {
        let mut turns = Vec::new();
        while let BatchStep::Turn(turn) = batch.step(now, pacer) {
            turns.push(turn);
        }
        turns
    };
    let submits = take(&mut batch, &mut pacer, START);
    assert_eq!(submits.len(), 2);
    assert!(matches!(batch.step(START, &mut pacer), BatchStep::Busy));
    for mut turn in submits {
        drive(START, &mut turn, &mut pacer, &mut service);
        assert!(batch.put_back(START, &mut pacer, turn).is_none());
    }
    // Three more make five open ones, in two rounds.
    for expected in [2, 1, 0] {
        let submits = take(&mut batch, &mut pacer, START);
        assert_eq!(submits.len(), expected);
        for mut turn in submits {
            drive(START, &mut turn, &mut pacer, &mut service);
            assert!(batch.put_back(START, &mut pacer, turn).is_none());
        }
    }
    let later = at(5_000);
    let polls = take(&mut batch, &mut pacer, later);
    assert!(polls.len() == 3 && polls.iter().all(|turn| turn.phase() == Phase::Poll));
    for mut turn in polls {
        drive(later, &mut turn, &mut pacer, &mut service);
        assert!(batch.put_back(later, &mut pacer, turn).is_none());
    }
    // Completed ones free slots for others.
    let turns = take(&mut batch, &mut pacer, later);
    let count = |phase| turns.iter().filter(|turn| turn.phase() == phase).count();
    assert_eq!([count(Phase::Fetch), count(Phase::Poll), count(Phase::Submit)], [1, 2, 2]);
    let counts = batch.counts();
    assert_eq!(
        [counts.to_submit, counts.open, counts.to_download, counts.under_way],
        [15, 2, 3, 5]
    );
}

/// An accepted export is polled long before its deadline.
#[test]
fn large_batch_polls_within_job_budgets() {
    let budget = Duration::from_secs(600);
    let config = exact().with_limits(Limits::default().with_job_timeout(budget));
    let limits = BatchLimits::default().with_max_poll_round(budget / 2);
    let mut service = FakeService::new((0..5_000).map(|key| key % 40));
    let mut batch = batch_of(5_000, limits, &config);
    let mut pacer = pacer(1.0);
    assert_eq!(run(&mut batch, &mut pacer, &mut service, START, day()).len(), 5_000);
    for (key, accepted) in &service.accepted {
        let polled = service.polls_of(*key)[0].since(*accepted);
        assert!(polled <= budget / 2 + Duration::from_secs(10), "{key} after {polled:?}");
    }
}

#[test]
fn untaken_permit_goes_to_the_next_job() {
    let mut batch = batch_of(2, BatchLimits::default(), &exact());
    let mut pacer = Pacer::new(Rates::unlimited().with_submits(Rate::per_second(0.1)));
    let BatchStep::Turn(turn) = batch.step(START, &mut pacer) else { panic!() };
    assert!(matches!(batch.step(START, &mut pacer), BatchStep::Wait(_)));
    assert!(batch.put_back(START, &mut pacer, turn).is_none());
    assert!(matches!(batch.step(START, &mut pacer), BatchStep::Turn(_)));
}

/// A store behind a signed URL has its own limits.
#[test]
fn signed_downloads_ignore_the_download_rate() {
    let rates = Rates::unlimited().with_downloads(Rate::per_minute(1.0));
    let mut pacer = Pacer::new(rates);
    let mut service = FakeService::new([0; 50]);
    service.signed = |_| true;
    let mut batch = batch_of(50, BatchLimits::default(), &exact());
    assert_eq!(run(&mut batch, &mut pacer, &mut service, START, at(5_000)).len(), 50);
    assert_eq!(pacer.earliest(at(5_000), RequestClass::Download), at(5_000));
}

#[test]
fn api_downloads_start_at_once() {
    let rates = Rates::unlimited().with_downloads(Rates::default().downloads);
    let mut pacer = Pacer::new(rates);
    let mut service = FakeService::new([0; 500]);
    let limits = BatchLimits::default().with_max_downloads(500);
    let mut batch = batch_of(500, limits, &exact());
    let mut files = run(&mut batch, &mut pacer, &mut service, START, at(1_000));
    assert_eq!((files.len(), batch.counts().open), (0, 500));
    files.extend(run(&mut batch, &mut pacer, &mut service, at(1_000), at(1_001)));
    assert_eq!(files.len(), 500);
}

/// Signed and API downloads do not overtake each other unless the rate holds one back.
#[test]
fn downloads_start_in_order() {
    let mut service = FakeService::new([0; 10]);
    service.signed = |key| key % 2 == 1;
    let limits = BatchLimits::default().with_max_downloads(1);
    let mut batch = batch_of(10, limits, &exact());
    let mut pacer = Pacer::new(Rates::unlimited());
    run(&mut batch, &mut pacer, &mut service, START, at(1_000));
    let now = at(1_000);
    let mut first = None;
    while let BatchStep::Turn(mut turn) = batch.step(now, &mut pacer) {
        if turn.phase() == Phase::Fetch {
            first = Some(turn);
            continue;
        }
        drive(now, &mut turn, &mut pacer, &mut service);
        assert!(batch.put_back(now, &mut pacer, turn).is_none());
    }
    // The other nine wait for this one to end.
    let mut first = first.unwrap();
    drive(now, &mut first, &mut pacer, &mut service);
    assert!(batch.put_back(now, &mut pacer, first).is_some());
    let files = run(&mut batch, &mut pacer, &mut service, now, day());
    assert_eq!(files, (1..10).collect::<Vec<_>>());
}

/// Postponed by a driver whose token came late, for example.
#[test]
fn postponed_job_keeps_its_place() {
    for phase in [Phase::Poll, Phase::Submit] {
        let mut service = FakeService::new([1_000; 3]);
        let mut pacer = Pacer::new(Rates::unlimited());
        let mut batch = batch_of(3, BatchLimits::default(), &exact());
        let mut now = START;
        if phase == Phase::Poll {
            now = at(5_000);
            run(&mut batch, &mut pacer, &mut service, START, now);
        }
        let BatchStep::Turn(mut turn) = batch.step(now, &mut pacer) else { panic!() };
        let first = turn.key();
        let Step::Transmit(transmit) = turn.job().step(now) else { panic!() };
        assert_eq!(transmit.phase(), phase);
        transmit.postpone(now, now + Duration::from_millis(10));
        assert!(batch.put_back(now, &mut pacer, turn).is_none());
        let later = now + Duration::from_millis(10);
        let BatchStep::Turn(turn) = batch.step(later, &mut pacer) else { panic!() };
        assert_eq!((turn.key(), turn.phase()), (first, phase));
    }
}

#[test]
fn signed_downloads_pass_others_that_wait() {
    let rates = Rates::unlimited().with_downloads(Rate::per_minute(1.0));
    let mut pacer = Pacer::new(rates);
    let mut service = FakeService::new([0; 50]);
    service.signed = |key| key % 2 == 1;
    let mut batch = batch_of(50, BatchLimits::default(), &exact());
    let files = run(&mut batch, &mut pacer, &mut service, START, at(5_000));
    assert_eq!(files.iter().filter(|key| **key % 2 == 1).count(), 25);
    assert_eq!(files.iter().filter(|key| **key % 2 == 0).count(), 1);
    assert_eq!(batch.counts().to_download, 24);
    // One a minute, each once.
    let files = run(&mut batch, &mut pacer, &mut service, at(5_000), day());
    assert_eq!((files.len(), batch.is_empty()), (24, true));
}

#[test]
fn jobs_keep_their_own_schedule() {
    let mut service = FakeService::new([30; 10]);
    let gentle = crate::service::config();
    let mut batch = batch_of(10, BatchLimits::default(), &gentle);
    let mut pacer = Pacer::new(Rates::unlimited());
    run(&mut batch, &mut pacer, &mut service, START, day());
    for key in 0..10 {
        let mut last = START;
        for poll in service.polls_of(key) {
            let age = last.since(START);
            assert!(poll.since(last) >= (age / 10).max(Duration::from_secs(1)), "{key} at {poll}");
            last = poll;
        }
    }
}

/// Stores the checkpoints of the jobs of a batch as JSON, and loads them again.
fn reload(batch: &Batch, pacer: &Pacer, now: Timestamp, config: &Config) -> (Batch, Pacer) {
    let pacer = serde_json::to_string(pacer).unwrap();
    let saved: Vec<(u64, String)> = batch
        .checkpoints()
        .map(|(key, checkpoint)| (key, serde_json::to_string(&checkpoint).unwrap()))
        .collect();
    let mut back = Batch::default();
    for (key, text) in saved {
        let checkpoint: Checkpoint = serde_json::from_str(&text).unwrap();
        back.add(now, key, ExportJob::resume(checkpoint, config).unwrap());
    }
    let pacer: Pacer = serde_json::from_str(&pacer).unwrap();
    (back, pacer.resumed(now))
}

/// All small batches: two exports of four durations each, at two rates, stopped at each second and
/// resumed by another process.
#[test]
fn batch_resumes_at_any_second() {
    let config = exact();
    for (first, second) in
        (0..16).map(|number| ([0, 1, 7, 12][number / 4], [0, 1, 7, 12][number % 4]))
    {
        for rate in [0.5, 3.0] {
            for stop in 0..25 {
                let mut service = FakeService::new([first, second]);
                let mut batch = batch_of(2, BatchLimits::default(), &config);
                let mut pacer = pacer(rate);
                let stop = at(stop * 1_000);
                let mut files = run(&mut batch, &mut pacer, &mut service, START, stop);
                let (mut batch, mut pacer) = reload(&batch, &pacer, stop, &config);
                files.extend(run(&mut batch, &mut pacer, &mut service, stop, day()));
                files.sort_unstable();
                assert_eq!(files, [0, 1], "{first} {second} {rate} {stop}");
                assert!(service.submits.values().all(|submits| *submits == 1));
                for key in [0, 1] {
                    let polls = service.polls_of(key);
                    assert!(polls.windows(2).all(|pair| pair[1].since(pair[0]).as_secs() >= 1));
                }
            }
        }
    }
}

#[test]
fn checkpoints_cover_every_phase() {
    let once = Rate::per_second(0.01);
    let rates = Rates::unlimited().with_submits(Rate::unlimited()).with_downloads(once);
    let mut pacer = Pacer::new(rates);
    let limits = BatchLimits::default().with_max_open(2);
    let mut service = FakeService::new([0, 0, 1_000, 1_000, 1_000]);
    let mut batch = batch_of(5, limits, &exact());
    let files = run(&mut batch, &mut pacer, &mut service, START, at(30_000));
    let counts = batch.counts();
    assert_eq!(files, [0]);
    assert_eq!([counts.to_submit, counts.open, counts.to_download], [1, 2, 1]);
    let mut keys: Vec<u64> = batch.checkpoints().map(|(key, _)| key).collect();
    keys.sort_unstable();
    assert_eq!(keys, [1, 2, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A batch whose jobs are put back at any time ends with all files.
    #[test]
    fn any_batch_downloads_every_file(
        takes in proptest::collection::vec(0..50_u64, 1..30),
        delays in proptest::collection::vec(0..4_000_u64, 1..50),
        limit in 1..6_usize,
    ) {
        let limits = BatchLimits::default()
            .with_max_submits(limit)
            .with_max_polls(limit)
            .with_max_downloads(limit)
            .with_max_open(limit * 2);
        let count = takes.len() as u64;
        let mut service = FakeService::new(takes);
        let mut batch = batch_of(count, limits, &exact());
        let mut pacer = pacer(5.0);
        let mut now = START;
        let mut handed_out: BTreeMap<(Timestamp, u64), Turn> = BTreeMap::new();
        let (mut files, mut number) = (Vec::new(), 0);
        loop {
            prop_assert!(now < day());
            prop_assert_eq!(batch.counts().under_way, handed_out.len());
            let until = match batch.step(now, &mut pacer) {
                BatchStep::Turn(mut turn) => {
                    drive(now, &mut turn, &mut pacer, &mut service);
                    number += 1;
                    let delay = delays[number as usize % delays.len()];
                    handed_out.insert((now + Duration::from_millis(delay), number), turn);
                    continue;
                }
                BatchStep::Wait(until) => Some(until),
                BatchStep::Busy => None,
                BatchStep::Done => break,
            };
            match handed_out.first_key_value().map(|((at, _), _)| *at) {
                Some(back) if until.is_none_or(|until| back <= until) => {
                    now = now.max(back);
                    let (_, turn) = handed_out.pop_first().unwrap();
                    files.extend(batch.put_back(now, &mut pacer, turn).map(|ended| ended.key));
                }
                _ => {
                    prop_assert!(until.is_some_and(|until| until > now), "no job is handed out");
                    now = until.unwrap();
                }
            }
        }
        prop_assert!(handed_out.is_empty());
        files.sort_unstable();
        prop_assert_eq!(files, (0..count).collect::<Vec<_>>());
    }
}
