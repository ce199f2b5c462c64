//! Drivers that do something wrong: the table of `docs/drivers.md`. Those that do not compile are in the
//! documentation of the crate.

use std::ops::ControlFlow;
use std::time::Duration;

use export_core::driver::{Reply, RequestInfo, Step, Stream};
use export_core::token::Token;
use export_core::{Artifact, Error, Event, ExportJob, FailureKind, Phase, Timestamp};
use http::header::AUTHORIZATION;

use crate::harness::{Harness, ScriptedReply, start, status};
use crate::service::{
    PDF, accepted, artifact, completed, completed_at, job, mailing_job, pending, refusal,
};

/// A job that is about to download, and the time.
fn about_to_fetch() -> (ExportJob, Timestamp) {
    let mut job = job();
    let mut harness = Harness::new([accepted(), completed()]);
    while job.phase() != Phase::Fetch {
        assert!(harness.drive_once(&mut job).is_none());
    }
    (job, harness.now)
}

/// Downloads as `download` does, and returns the outcome.
fn download_with(download: impl FnOnce(Stream<'_>, Timestamp)) -> Result<Artifact, Error> {
    let (mut job, now) = about_to_fetch();
    let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(now, None, 0);
    let head = artifact().head();
    let Reply::Stream(stream) = in_flight.handle_head(now, &head) else { panic!("no stream") };
    download(stream, now);
    match job.step(now) {
        Step::Done(outcome) => outcome,
        step => panic!("the job goes on: {step:?}"),
    }
}

fn is_mistake(outcome: &Result<Artifact, Error>, text: &str) -> bool {
    let Err(error @ Error::Local { failure, .. }) = outcome else { return false };
    failure.kind() == FailureKind::Driver && error.to_string().contains(text)
}

#[test]
fn sink_that_was_not_truncated_is_told() {
    let outcome = download_with(|mut stream, now| {
        let ControlFlow::Continue(checked) = stream.check(now, PDF.as_bytes()) else { panic!() };
        stream.advance(now, checked);
        // The sink had 5 bytes, to which the file was appended.
        stream.finish(now, PDF.len() as u64 + 5);
    });
    assert!(is_mistake(&outcome, "the sink has 32 bytes, but 27 were received"), "{outcome:?}");
}

#[test]
fn chunk_that_was_not_written_is_told() {
    let outcome = download_with(|mut stream, now| {
        for chunk in PDF.as_bytes().chunks(9) {
            let ControlFlow::Continue(checked) = stream.check(now, chunk) else { panic!() };
            stream.advance(now, checked);
        }
        stream.finish(now, 18);
    });
    assert!(is_mistake(&outcome, "the sink has 18 bytes, but 27 were received"), "{outcome:?}");
}

#[test]
fn job_with_a_wrong_sink_loads_the_file_again() {
    let (mut job, now) = about_to_fetch();
    let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(now, None, 0);
    let head = artifact().head();
    let Reply::Stream(mut stream) = in_flight.handle_head(now, &head) else { panic!("no stream") };
    let ControlFlow::Continue(checked) = stream.check(now, PDF.as_bytes()) else { panic!() };
    stream.advance(now, checked);
    assert_eq!(stream.mark_durable(27).offset(), 27);
    stream.finish(now, 28);
    assert_eq!(job.checkpoint().offset(), 0);
}

/// A read that failed is not the end of the file.
#[test]
fn error_that_is_taken_for_the_end_is_retried() {
    let (mut job, now) = about_to_fetch();
    let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(now, None, 0);
    let head = artifact().head();
    let Reply::Stream(mut stream) = in_flight.handle_head(now, &head) else { panic!("no stream") };
    let ControlFlow::Continue(checked) = stream.check(now, &PDF.as_bytes()[..9]) else { panic!() };
    stream.advance(now, checked);
    stream.finish(now, 9);
    assert!(matches!(job.step(now), Step::Wait(_)));
}

#[test]
fn clock_that_counts_seconds_is_told() {
    let mut job = job();
    let seconds = Timestamp::from_millis(start().as_millis() / 1_000);
    let Step::Done(outcome) = job.step(seconds) else { panic!("the job goes on") };
    assert!(is_mistake(&outcome, "its clock shows 1970-01-21"), "{outcome:?}");
    assert_eq!(job.checkpoint().submits(), 0);
}

#[test]
fn waits_that_did_not_happen_are_told() {
    let dated = |reply: ScriptedReply| reply.header("date", "Sun, 01 Mar 2026 00:00:00 GMT");
    let slow = dated(pending()).header("retry-after", "60");
    let mut harness = Harness::new([dated(accepted())]).then_always(slow);
    harness.record_events = true;
    let mut job = job();
    while harness.sent.len() < 9 {
        assert!(harness.drive_once(&mut job).is_none());
    }
    let is_told = |event: &&Event| matches!(event, Event::ClockDiffers { .. });
    assert_eq!(harness.events.iter().filter(is_told).count(), 1, "told once");
}

#[test]
fn step_before_the_end_of_a_wait_is_harmless() {
    let mut harness = Harness::new([accepted().header("retry-after", "60")]);
    let mut job = job();
    while harness.sent.is_empty() {
        harness.drive_once(&mut job);
    }
    let revision = job.revision();
    for _ in 0..9 {
        let Step::Wait(wait) = job.step(harness.now) else { panic!("the job does not wait") };
        assert_eq!(wait.until.since(harness.now), Duration::from_secs(60));
    }
    assert_eq!(job.revision(), revision);
}

/// A token that never comes, for a driver that asks again and again.
#[test]
fn driver_without_a_token_waits_and_ends() {
    let mut job = job();
    let (mut now, mut steps, mut waits) = (start(), 0, 0);
    let error = loop {
        steps += 1;
        assert!(steps < 20_000, "the job spins");
        match job.step(now) {
            Step::Transmit(transmit) => drop(transmit),
            Step::Wait(wait) => {
                waits += 1;
                now = wait.until;
            }
            Step::Done(outcome) => break outcome.unwrap_err(),
            step => panic!("{step:?}"),
        }
    };
    assert!(error.to_string().contains("perhaps because no token came"), "{error}");
    assert!(error.is_resumable() && waits > 3_000, "{waits} waits in {steps} steps");
    assert_eq!(job.checkpoint().submits(), 0);
}

#[test]
fn driver_that_looks_at_a_request_before_it_sends_it_is_not_delayed() {
    let mut job = job();
    for _ in 0..90 {
        assert!(matches!(job.step(start()), Step::Transmit(_)));
    }
}

#[test]
fn request_without_its_token_is_refused_by_the_service() {
    let mut job = job();
    for _ in 0..2 {
        let Step::Transmit(transmit) = job.step(start()) else { panic!("the job does not send") };
        let (request, in_flight) = transmit.start(start(), None, 0);
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let head = refusal(401).head();
        let Reply::Collect(collect) = in_flight.handle_head(start(), &head) else { panic!() };
        collect.handle_body(start(), b"");
    }
    assert!(matches!(job.step(start()), Step::Done(Err(Error::Unauthorized { .. }))));
}

#[test]
fn token_for_another_origin_is_not_sent() {
    let mut job = job();
    let mut harness = Harness::new([accepted(), completed_at("https://store.example/f")]);
    while job.phase() != Phase::Fetch {
        harness.drive_once(&mut job);
    }
    let Step::Transmit(transmit) = job.step(harness.now) else { panic!("the job does not send") };
    let token = Token::fixed("s3cret").unwrap();
    let (request, _) = transmit.start(harness.now, Some(&token), 0);
    assert!(!request.headers().contains_key(AUTHORIZATION));
}

#[test]
fn body_beyond_the_limit_is_an_error() {
    let mut harness = Harness::new([accepted()]);
    let mut job = job();
    while harness.sent.is_empty() {
        harness.drive_once(&mut job);
    }
    while let Step::Wait(wait) = job.step(harness.now) {
        harness.now = wait.until;
    }
    let Step::Transmit(transmit) = job.step(harness.now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(harness.now, None, 0);
    let head = status(200).head();
    let Reply::Collect(collect) = in_flight.handle_head(harness.now, &head) else { panic!() };
    let body = vec![b' '; collect.limit() + 1];
    collect.handle_body(harness.now, &body);
    let Step::Done(Err(error)) = job.step(harness.now) else { panic!("the job goes on") };
    assert!(error.to_string().contains("longer than allowed"), "{error}");
}

#[test]
fn offset_beyond_the_written_bytes_is_not_stored() {
    let outcome = download_with(|mut stream, now| {
        assert_eq!(stream.mark_durable(1_000).offset(), 0);
        stream.finish(now, 1);
    });
    assert!(is_mistake(&outcome, "the sink has 1 bytes, but 0 were received"), "{outcome:?}");
}

/// A layer below the job, such as one that retries, can see what it must leave alone, and the transport
/// that it was sent.
#[test]
fn request_says_what_it_is() {
    for (mut job, is_repeatable) in [(job(), true), (mailing_job(), false)] {
        let Step::Transmit(transmit) = job.step(start()) else { panic!("the job does not send") };
        let info = transmit.info();
        let (mut request, _) = transmit.start(start(), None, 0);
        request.extensions_mut().insert(info.clone());
        assert_eq!((info.phase(), info.is_repeatable()), (Phase::Submit, is_repeatable));
        let again = request.clone();
        let of_clone = RequestInfo::of(again.extensions()).unwrap();
        assert_eq!((info.mark_sent(), of_clone.mark_sent()), (true, is_repeatable));
    }
}
