//! The handles of a driver.

use std::time::Duration;

use export_core::driver::{Reply, Step, Wait, Why};
use export_core::origins::Access;
use export_core::{Error, ExportJob, Failure, FailureKind, Phase};

use crate::harness::{Harness, ScriptedReply, start, status};
use crate::service::{
    PDF, SIGNED, accepted, artifact, completed, completed_at, job, mailing_job, page, rest,
};

/// Drives a job through these replies, until it may send the next request.
fn about_to_send(job: &mut ExportJob, replies: Vec<ScriptedReply>) -> Harness {
    let sent = replies.len();
    let mut harness = Harness::new(replies);
    while harness.sent.len() < sent {
        assert!(harness.drive_once(job).is_none());
    }
    while let Step::Wait(wait) = job.step(harness.now) {
        harness.now = wait.until;
    }
    harness
}

#[test]
fn transmit_getters_describe_the_request() {
    for (mut job, replies, phase, access, fresh) in [
        (job(), vec![], Phase::Submit, Access::Trusted, false),
        (mailing_job(), vec![], Phase::Submit, Access::Trusted, true),
        (mailing_job(), vec![accepted()], Phase::Poll, Access::Trusted, false),
        (job(), vec![accepted(), completed()], Phase::Fetch, Access::Trusted, false),
        (job(), vec![accepted(), completed_at(SIGNED)], Phase::Fetch, Access::Anonymous, false),
    ] {
        let harness = about_to_send(&mut job, replies);
        let Step::Transmit(transmit) = job.step(harness.now) else {
            panic!("the job does not send")
        };
        assert_eq!(transmit.phase(), phase);
        assert_eq!(transmit.access(), access);
        assert_eq!(transmit.token_need().is_some(), access == Access::Trusted);
        assert_eq!(transmit.wants_fresh_connection(), fresh, "{phase}");
        assert_eq!(transmit.operation().is_some(), phase != Phase::Submit);
        assert!(transmit.token_by() >= start() + Duration::from_secs(3_600));
        let (_, in_flight) = transmit.start(harness.now, None, 0);
        assert_eq!(in_flight.phase(), phase);
        assert!(!format!("{in_flight:?}").contains("s3cret"), "{in_flight:?}");
        let attempt = in_flight.give_up_at(harness.now).since(harness.now);
        assert_eq!(attempt, Duration::from_secs(30));
    }
}

#[test]
fn postponed_request_keeps_the_revision() {
    for replies in [vec![], vec![accepted()], vec![accepted(), completed()]] {
        let mut job = job();
        let harness = about_to_send(&mut job, replies);
        let (revision, until) = (job.revision(), harness.now + Duration::from_secs(7));
        let Step::Transmit(transmit) = job.step(harness.now) else {
            panic!("the job does not send")
        };
        transmit.postpone(harness.now, until);
        let Step::Wait(wait) = job.step(harness.now) else { panic!("the job does not wait") };
        assert_eq!((wait.until, wait.why, job.revision()), (until, Why::Turn, revision));
        assert!(matches!(job.step(until), Step::Transmit(_)));
    }
}

/// Other requests may take hours; the deadline of an export starts with its submit.
#[test]
fn postponed_submit_extends_the_deadline() {
    let mut job = job();
    let mut now = start();
    for _ in 0..10 {
        let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
        transmit.postpone(now, now + Duration::from_secs(1_800));
        now = now + Duration::from_secs(1_800);
    }
    assert!(matches!(job.step(now), Step::Transmit(_)));
}

/// The submit was sent, and its time has begun.
#[test]
fn postponed_retry_of_a_submit_keeps_the_deadline() {
    for answer in [status(503), status(429)] {
        let mut job = job();
        let harness = about_to_send(&mut job, vec![answer]);
        let (deadline, far) =
            (start() + Duration::from_secs(3_600), start() + Duration::from_secs(9_000));
        let Step::Transmit(transmit) = job.step(harness.now) else {
            panic!("the job does not send")
        };
        transmit.postpone(harness.now, far);
        let Step::Wait(wait) = job.step(harness.now) else { panic!("the job does not wait") };
        assert_eq!(wait.until, deadline);
    }
}

#[test]
fn postponed_poll_is_sent_at_the_deadline() {
    let mut job = job();
    let harness = about_to_send(&mut job, vec![accepted()]);
    let (deadline, far) =
        (start() + Duration::from_secs(3_600), start() + Duration::from_secs(9_000));
    let Step::Transmit(transmit) = job.step(harness.now) else { panic!("the job does not send") };
    transmit.postpone(harness.now, far);
    let Step::Wait(Wait { until, .. }) = job.step(harness.now) else {
        panic!("the job does not wait")
    };
    assert_eq!(until, deadline);
    let Step::Transmit(transmit) = job.step(deadline) else { panic!("the job does not send") };
    transmit.postpone(deadline, far);
    let Step::Done(Err(error)) = job.step(deadline) else { panic!("the job has not ended") };
    assert!(matches!(error, Error::Deadline { retry_at: Some(at), .. } if at == far), "{error}");
    assert!(error.is_resumable());
}

#[test]
fn declined_request_ends_the_job() {
    for (kind, resumable, expected) in [
        (FailureKind::Unauthorized, true, "submit: not authorised: no token available: x"),
        (FailureKind::Untrusted, true, "submit: the peer is not trusted: x"),
        (FailureKind::Sink, true, "the file could not be written: x"),
        (FailureKind::Unanswered, true, "submit failed: no response: x"),
    ] {
        let mut job = job();
        let Step::Transmit(transmit) = job.step(start()) else { panic!("the job does not send") };
        transmit.decline(start(), Failure::new(kind).with_detail("x"));
        let Step::Done(Err(error)) = job.step(start()) else { panic!("the job has not ended") };
        assert_eq!((error.to_string().as_str(), error.is_resumable()), (expected, resumable));
        assert_eq!(job.checkpoint().submits(), 0, "nothing was sent");
    }
}

#[test]
fn stream_getters_describe_the_download() {
    let mut job = job();
    let replies = vec![accepted(), completed(), artifact().cut_at(8)];
    let harness = about_to_send(&mut job, replies);
    let Step::Transmit(transmit) = job.step(harness.now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(harness.now, None, 8);
    let head = rest(8).head();
    let Reply::Stream(mut stream) = in_flight.handle_head(harness.now, &head) else {
        panic!("the body is not streamed")
    };
    assert_eq!((stream.offset(), stream.position()), (8, 8));
    assert_eq!(stream.read_timeout(harness.now), Duration::from_secs(60));
    assert_eq!(stream.artifact().length(), Some(PDF.len() as u64));
    let checked = stream.check(harness.now, &[0; 4]).continue_value();
    stream.advance(harness.now, checked.unwrap());
    assert_eq!(stream.position(), 12);
    assert_eq!(stream.mark_durable(99).offset(), 12, "not beyond the written bytes");
    assert!(stream.check(harness.now, &[0; 99]).is_break(), "not beyond the announced length");
    stream.finish(harness.now, 12);
    let Step::Done(Err(Error::Protocol { .. })) = job.step(harness.now) else {
        panic!("the job has not ended")
    };
}

#[test]
fn first_bytes_are_checked_in_any_chunk_size() {
    for chunk in [1, 3, 5, 7, 8, 9, 100] {
        let script = [accepted(), completed(), page(200), artifact()];
        let mut harness = Harness::new(script);
        harness.chunk = chunk;
        let run = harness.run(job());
        assert_eq!(run.sink, PDF.as_bytes(), "in chunks of {chunk}:\n{}", run.log);
        let zip = artifact().body("PK\u{3}\u{4} this is a zip file....");
        let mut harness = Harness::new([accepted(), completed(), zip]);
        harness.chunk = chunk;
        let run = harness.run(job());
        assert!(matches!(run.outcome, Err(Error::WrongFormat { .. })), "{}", run.log);
        assert!(run.sink.len() < 8);
    }
}

#[test]
fn short_body_must_bring_progress() {
    let short = |offset: usize, end: usize| rest(offset).body(&PDF[offset..end]);
    let start = || vec![accepted(), completed(), artifact().body(&PDF[..8])];
    let run = Harness::new(start()).then_always(short(8, 8)).run(job());
    assert!(run.log.ends_with("the last time: the response was cut off: the connection ended before all announced bytes were received\n"), "{}", run.log);
    assert_eq!(run.sent.len(), 5);
}

#[test]
fn short_part_is_discarded() {
    let part = rest(8).body("something else");
    let run =
        Harness::new([accepted(), completed(), artifact().cut_at(8), part, rest(8)]).run(job());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
    assert_eq!(run.sent.last().unwrap().header("range"), "bytes=8-");
}

#[test]
fn range_that_contradicts_its_length_is_refused() {
    let part = rest(8).header("content-length", "14").body("something else");
    let run = Harness::new([accepted(), completed(), artifact().cut_at(8), part]).run(job());
    assert!(matches!(run.outcome, Err(Error::Protocol { .. })), "{}", run.log);
    assert_eq!(run.sink, &PDF.as_bytes()[..8]);
}

/// A driver that always drops the handles of its downloads would otherwise send requests without end.
#[test]
fn dropped_downloads_back_off_unless_they_bring_bytes() {
    let drive = |bytes: usize| {
        let mut job = job();
        let mut harness = about_to_send(&mut job, vec![accepted(), completed()]);
        let mut requests = 0;
        loop {
            match job.step(harness.now) {
                Step::Wait(wait) => harness.now = wait.until,
                Step::Done(outcome) => return (requests, outcome.map(|_| ())),
                Step::Inline(_) | Step::Complete(_) => panic!("the result is one file at a URL"),
                Step::Transmit(transmit) => {
                    requests += 1;
                    let have = harness.sink.len() as u64;
                    let (_, in_flight) = transmit.start(harness.now, None, have);
                    let head =
                        if have == 0 { artifact().head() } else { rest(have as usize).head() };
                    let Reply::Stream(mut stream) = in_flight.handle_head(harness.now, &head)
                    else {
                        panic!("the body is not streamed")
                    };
                    let end = PDF.len().min(stream.offset() as usize + bytes);
                    let chunk = &PDF.as_bytes()[stream.offset() as usize..end];
                    let checked = stream.check(harness.now, chunk).continue_value().unwrap();
                    harness.sink.truncate(stream.offset() as usize);
                    harness.sink.extend_from_slice(chunk);
                    stream.advance(harness.now, checked);
                    if end == PDF.len() {
                        stream.finish(harness.now, harness.sink.len() as u64);
                    }
                }
            }
        }
    };
    let (requests, outcome) = drive(0);
    assert_eq!(requests, 100, "as many as Limits::max_downloads");
    assert!(outcome.unwrap_err().to_string().contains("the client stopped before"));
    let (requests, outcome) = drive(2);
    assert!(outcome.is_ok() && requests > 11, "{requests} {outcome:?}");
}
