//! Local losses: dropped bodies, failing stores and lost bytes on disk.

use std::time::Duration;

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::{Checkpoint, Error, ExportJob, Failure, FailureKind};

use crate::harness::{Harness, ScriptedReply, start, status};
use crate::service::{PDF, accepted, artifact, completed, config, job, pending, refusal, rest};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The time between the `nth` request and the next one.
fn pause_after(sent: &[crate::harness::Sent], nth: usize) -> Duration {
    sent[nth + 1].at.since(sent[nth].at)
}

#[test]
fn retry_after_applies_without_the_body() {
    let busy = || status(503).header("retry-after", "70");
    let slow = || pending().header("retry-after", "70");
    for (before, reply, after) in [
        (vec![], busy(), vec![accepted(), completed(), artifact()]),
        (vec![accepted()], busy(), vec![completed(), artifact()]),
        (vec![accepted()], slow(), vec![completed(), artifact()]),
        (vec![accepted(), completed()], busy(), vec![artifact()]),
    ] {
        let nth = before.len();
        let mut harness = Harness::new(before.into_iter().chain([reply]).chain(after));
        let mut job = job();
        while harness.sent.len() < nth {
            harness.drive_once(&mut job);
        }
        harness.drop_body = true;
        let run = harness.run(job);
        assert!(run.outcome.is_ok(), "{}", run.log);
        assert!(pause_after(&run.sent, nth) >= seconds(70), "{}", run.log);
    }
}

#[test]
fn saved_wait_past_the_budget_ends_the_resumed_job() {
    let mut harness = Harness::new([accepted(), refusal(429).header("retry-after", "7200")]);
    let mut first = job();
    let retry_at = loop {
        if let Some(outcome) = harness.drive_once(&mut first) {
            match outcome {
                Err(Error::Deadline { retry_at, .. }) => break retry_at.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    };
    let (_, checkpoint) = harness.stored.clone().unwrap();
    let mut at_once = ExportJob::resume(checkpoint.clone(), &config()).unwrap();
    match at_once.step(harness.now) {
        Step::Done(Err(Error::Deadline { retry_at: again, .. })) => {
            assert_eq!(again, Some(retry_at));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(at_once.checkpoint().operation(), checkpoint.operation());
    harness.now = retry_at;
    harness.restart(vec![completed(), artifact()]);
    let run = harness.run(ExportJob::resume(checkpoint, &config()).unwrap());
    assert!(run.outcome.is_ok(), "{}", run.log);
}

#[test]
fn store_failure_after_any_head_ends_the_job() {
    let redirect = status(307).header("location", "/platform/v1/operations/op2");
    for reply in [pending(), refusal(500), refusal(404), refusal(429), redirect] {
        let mut job = job();
        let mut harness = Harness::new([accepted()]);
        while harness.sent.is_empty() || harness.now == start() {
            harness.drive_once(&mut job);
        }
        let Step::Transmit(transmit) = job.step(harness.now) else {
            panic!("the job does not send")
        };
        let token = Token::fixed("t").unwrap();
        let (_, in_flight) = transmit.start(harness.now, Some(&token), 0);
        let head = reply.head();
        let Reply::Collect(collect) = in_flight.handle_head(harness.now, &head) else {
            panic!("the body is streamed")
        };
        collect.handle_failure(harness.now, Failure::new(FailureKind::Store));
        match job.step(harness.now) {
            Step::Done(Err(error @ Error::Local { .. })) => assert!(error.is_resumable()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn retry_after_of_a_fetch_is_kept() {
    let expired = refusal(403).header("retry-after", "70");
    let script = [accepted(), completed(), expired, completed(), artifact()];
    let run = Harness::new(script).run(job());
    assert!(pause_after(&run.sent, 2) >= seconds(70), "{}", run.log);

    let gone = status(416).header("retry-after", "70");
    let script = [accepted(), completed(), artifact().cut_at(8), gone, artifact()];
    let run = Harness::new(script).run(job());
    assert!(pause_after(&run.sent, 3) >= seconds(70), "{}", run.log);
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn checkpoint_excludes_bytes_lost_on_disk() {
    let mut harness = Harness::new([accepted(), completed(), artifact().cut_at(16)]);
    let mut first = job();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut first);
    }
    let checkpoint = first.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    // The disk has lost half of the bytes, and the second process ends before a sync.
    harness.sink.truncate(8);
    harness.restart(vec![rest(8)]);
    harness.drop_stream = true;
    let mut second = ExportJob::resume(checkpoint, &config()).unwrap();
    while harness.sent.len() < 4 {
        harness.drive_once(&mut second);
    }
    let stored: &Checkpoint = &harness.stored.as_ref().unwrap().1;
    assert_eq!(stored.offset(), 8);
}

#[test]
fn lost_file_is_downloaded_again_in_pieces() {
    let mut harness = Harness::new([accepted(), completed(), artifact()]);
    let mut first = job();
    while harness.drive_once(&mut first).is_none() {}
    let checkpoint = first.checkpoint();
    // The file was complete, and was lost before the checkpoint was removed.
    harness.sink.clear();
    let pieces = [artifact().cut_at(9), rest(9).cut_at(9), rest(18)];
    harness.restart([vec![completed()], pieces.into()].concat());
    let run = harness.run(ExportJob::resume(checkpoint, &config()).unwrap());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}

#[test]
fn download_cut_at_its_last_byte_is_retried() {
    let unknown = || artifact().without("content-length");
    let whole = || ScriptedReply::clone(&unknown());
    let script = [accepted(), completed(), whole().cut_at(PDF.len()), status(416), whole()];
    let run = Harness::new(script).run(job());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}
