//! What is lost on this side takes nothing back of what the service has said.

use std::time::Duration;

use export_core::{
    Checkpoint, Error, ExportJob, Failure, FailureKind, Reply as Answer, Step, Token,
};

use crate::service::{PDF, accepted, artifact, completed, config, job, pending, refusal, rest};
use crate::world::{Reply, World, start, status};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long after the `nth` request the next one is sent.
fn pause_after(sent: &[crate::world::Sent], nth: usize) -> Duration {
    sent[nth + 1].at.since(sent[nth].at)
}

#[test]
fn what_a_head_asks_for_holds_without_its_body() {
    let busy = || status(503).header("retry-after", "70");
    let slow = || pending().header("retry-after", "70");
    for (before, odd, after) in [
        (vec![], busy(), vec![accepted(), completed(), artifact()]),
        (vec![accepted()], busy(), vec![completed(), artifact()]),
        (vec![accepted()], slow(), vec![completed(), artifact()]),
        (vec![accepted(), completed()], busy(), vec![artifact()]),
    ] {
        let nth = before.len();
        let mut world = World::new(before.into_iter().chain([odd]).chain(after));
        let mut job = job();
        while world.sent.len() < nth {
            world.turn(&mut job);
        }
        world.drop_body = true;
        let run = world.run(job);
        assert!(run.outcome.is_ok(), "{}", run.log);
        assert!(pause_after(&run.sent, nth) >= seconds(70), "{}", run.log);
    }
}

#[test]
fn a_wait_that_is_longer_than_a_new_budget_ends_the_new_job_too() {
    let mut world = World::new([accepted(), refusal(429).header("retry-after", "7200")]);
    let mut first = job();
    let retry_at = loop {
        if let Some(outcome) = world.turn(&mut first) {
            match outcome {
                Err(Error::Deadline { retry_at, .. }) => break retry_at.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    };
    let (_, checkpoint) = world.stored.clone().unwrap();
    let mut at_once = ExportJob::resume(checkpoint.clone(), &config()).unwrap();
    match at_once.step(world.now) {
        Step::Done(Err(Error::Deadline { retry_at: again, .. })) => {
            assert_eq!(again, Some(retry_at));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(at_once.checkpoint().operation(), checkpoint.operation());
    world.now = retry_at;
    world.rewind(vec![completed(), artifact()]);
    let run = world.run(ExportJob::resume(checkpoint, &config()).unwrap());
    assert!(run.outcome.is_ok(), "{}", run.log);
}

#[test]
fn a_store_that_fails_behind_any_head_stops_the_job() {
    let redirect = status(307).header("location", "/platform/v1/operations/op2");
    for answer in [pending(), refusal(500), refusal(404), refusal(429), redirect] {
        let mut job = job();
        let mut world = World::new([accepted()]);
        while world.sent.is_empty() || world.now == start() {
            world.turn(&mut job);
        }
        let Step::Transmit(transmit) = job.step(world.now) else { panic!("it waits") };
        let token = Token::fixed("t").unwrap();
        let (_, in_flight) = transmit.start(world.now, Some(&token), 0);
        let head = answer.head();
        let Answer::Collect(collect) = in_flight.handle_head(world.now, &head) else {
            panic!("it is no file")
        };
        collect.handle_failure(world.now, Failure::new(FailureKind::Store));
        match job.step(world.now) {
            Step::Done(Err(error @ Error::Local { .. })) => assert!(error.is_resumable()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_wait_that_is_asked_for_at_the_file_is_kept_too() {
    let expired = refusal(403).header("retry-after", "70");
    let script = [accepted(), completed(), expired, completed(), artifact()];
    let run = World::new(script).run(job());
    assert!(pause_after(&run.sent, 2) >= seconds(70), "{}", run.log);

    let gone = status(416).header("retry-after", "70");
    let script = [accepted(), completed(), artifact().cut_at(8), gone, artifact()];
    let run = World::new(script).run(job());
    assert!(pause_after(&run.sent, 3) >= seconds(70), "{}", run.log);
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn a_checkpoint_vouches_for_no_byte_that_the_disk_had_lost() {
    let mut world = World::new([accepted(), completed(), artifact().cut_at(16)]);
    let mut first = job();
    while world.sent.len() < 3 {
        world.turn(&mut first);
    }
    let checkpoint = first.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    // The disk has lost half of that, and the second process dies before it syncs anything.
    world.sink.truncate(8);
    world.rewind(vec![completed(), rest(8)]);
    world.drop_stream = true;
    let mut second = ExportJob::resume(checkpoint, &config()).unwrap();
    while world.sent.len() < 5 {
        world.turn(&mut second);
    }
    let stored: &Checkpoint = &world.stored.as_ref().unwrap().1;
    assert_eq!(stored.offset(), 8);
}

#[test]
fn a_file_that_is_gone_is_loaded_again_over_a_line_that_breaks_off() {
    let mut world = World::new([accepted(), completed(), artifact()]);
    let mut first = job();
    while world.turn(&mut first).is_none() {}
    let checkpoint = first.checkpoint();
    // It had its name, and the process died before it forgot the job.
    world.sink.clear();
    let pieces = [artifact().cut_at(9), rest(9).cut_at(9), rest(18)];
    world.rewind([vec![completed()], pieces.into()].concat());
    let run = world.run(ExportJob::resume(checkpoint, &config()).unwrap());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}

#[test]
fn a_file_whose_end_broke_off_exactly_there_is_asked_for_again() {
    let unknown = || artifact().without("content-length");
    let whole = || Reply::clone(&unknown());
    let script = [accepted(), completed(), whole().cut_at(PDF.len()), status(416), whole()];
    let run = World::new(script).run(job());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}
