//! What the handles tell a driver.

use std::time::Duration;

use export_core::{
    Access, Error, ExportJob, Failure, FailureKind, Phase, Reply as Answer, Step, Wait, Why,
};

use crate::service::{
    PDF, SIGNED, accepted, artifact, completed, completed_at, job, mailing_job, page, rest,
};
use crate::world::{Reply, World, start};

/// Drives a job until it has sent so many requests and may send the next.
fn about_to_send(job: &mut ExportJob, replies: Vec<Reply>) -> World {
    let sent = replies.len();
    let mut world = World::new(replies);
    while world.sent.len() < sent {
        assert!(world.turn(job).is_none());
    }
    while let Step::Wait(wait) = job.step(world.now) {
        world.now = wait.until;
    }
    world
}

#[test]
fn a_transmit_tells_what_it_is_and_where_it_goes() {
    for (mut job, replies, phase, access, fresh) in [
        (job(), vec![], Phase::Submit, Access::Trusted, false),
        (mailing_job(), vec![], Phase::Submit, Access::Trusted, true),
        (mailing_job(), vec![accepted()], Phase::Poll, Access::Trusted, false),
        (job(), vec![accepted(), completed()], Phase::Fetch, Access::Trusted, false),
        (job(), vec![accepted(), completed_at(SIGNED)], Phase::Fetch, Access::Anonymous, false),
    ] {
        let world = about_to_send(&mut job, replies);
        let Step::Transmit(transmit) = job.step(world.now) else { panic!("it waits") };
        assert_eq!(transmit.phase(), phase);
        assert_eq!(transmit.access(), access);
        assert_eq!(transmit.token_need().is_some(), access == Access::Trusted);
        assert_eq!(transmit.wants_fresh_connection(), fresh, "{phase}");
        assert_eq!(transmit.operation().is_some(), phase != Phase::Submit);
        assert!(transmit.token_by() >= start() + Duration::from_secs(3_600));
        let (_, in_flight) = transmit.start(world.now, None, 0);
        assert_eq!(in_flight.phase(), phase);
        assert!(!format!("{in_flight:?}").contains("s3cret"), "{in_flight:?}");
        let attempt = in_flight.give_up_at(world.now).since(world.now);
        assert_eq!(attempt, Duration::from_secs(30));
    }
}

#[test]
fn a_request_that_is_postponed_waits_for_its_turn_and_nothing_has_to_be_stored_for_that() {
    for replies in [vec![], vec![accepted()], vec![accepted(), completed()]] {
        let mut job = job();
        let world = about_to_send(&mut job, replies);
        let (revision, until) = (job.revision(), world.now + Duration::from_secs(7));
        let Step::Transmit(transmit) = job.step(world.now) else { panic!("it waits") };
        transmit.postpone(world.now, until);
        let Step::Wait(wait) = job.step(world.now) else { panic!("it does not wait") };
        assert_eq!((wait.until, wait.why, job.revision()), (until, Why::Turn, revision));
        assert!(matches!(job.step(until), Step::Transmit(_)));
    }
}

/// Others may take hours, and the time of an export begins when it is asked for.
#[test]
fn a_submit_may_be_postponed_for_longer_than_an_export_may_take() {
    let mut job = job();
    let mut now = start();
    for _ in 0..10 {
        let Step::Transmit(transmit) = job.step(now) else { panic!("it waits") };
        transmit.postpone(now, now + Duration::from_secs(1_800));
        now = now + Duration::from_secs(1_800);
    }
    assert!(matches!(job.step(now), Step::Transmit(_)));
}

#[test]
fn a_poll_that_is_postponed_beyond_the_deadline_is_tried_at_the_deadline_and_not_after_it() {
    let mut job = job();
    let world = about_to_send(&mut job, vec![accepted()]);
    let (deadline, far) =
        (start() + Duration::from_secs(3_600), start() + Duration::from_secs(9_000));
    let Step::Transmit(transmit) = job.step(world.now) else { panic!("it waits") };
    transmit.postpone(world.now, far);
    let Step::Wait(Wait { until, .. }) = job.step(world.now) else { panic!("it does not wait") };
    assert_eq!(until, deadline);
    let Step::Transmit(transmit) = job.step(deadline) else { panic!("it waits") };
    transmit.postpone(deadline, far);
    let Step::Done(Err(error)) = job.step(deadline) else { panic!("it is not over") };
    assert!(matches!(error, Error::Deadline { retry_at: Some(at), .. } if at == far), "{error}");
    assert!(error.is_resumable());
}

#[test]
fn a_request_that_is_declined_ends_the_job() {
    for (kind, resumable, expected) in [
        (FailureKind::Unauthorized, true, "submit: not authorised: no token available: x"),
        (FailureKind::Untrusted, true, "submit: the peer is not trusted: x"),
        (FailureKind::Sink, true, "the file could not be written: x"),
        (FailureKind::Unanswered, true, "submit failed: no response: x"),
    ] {
        let mut job = job();
        let Step::Transmit(transmit) = job.step(start()) else { panic!("it waits") };
        transmit.decline(start(), Failure::new(kind).with_detail("x"));
        let Step::Done(Err(error)) = job.step(start()) else { panic!("it goes on") };
        assert_eq!((error.to_string().as_str(), error.is_resumable()), (expected, resumable));
        assert_eq!(job.checkpoint().submits(), 0, "nothing was sent");
    }
}

#[test]
fn a_stream_tells_how_far_it_is_and_what_to_do_with_silence() {
    let mut job = job();
    let replies = vec![accepted(), completed(), artifact().cut_at(8)];
    let world = about_to_send(&mut job, replies);
    let Step::Transmit(transmit) = job.step(world.now) else { panic!("it waits") };
    let (_, in_flight) = transmit.start(world.now, None, 8);
    let head = rest(8).head();
    let Answer::Stream(mut stream) = in_flight.handle_head(world.now, &head) else {
        panic!("it is the artifact")
    };
    assert_eq!((stream.offset(), stream.position()), (8, 8));
    assert_eq!(stream.stall(), Duration::from_secs(60));
    assert_eq!(stream.artifact().length(), Some(PDF.len() as u64));
    stream.advance(4);
    assert_eq!(stream.position(), 12);
    assert_eq!(stream.mark_durable(99).offset(), 12, "not more than there is");
    assert!(stream.check(&[0; 99]).is_break(), "not more than was announced");
    stream.finish(world.now);
    let Step::Done(Err(Error::Protocol { .. })) = job.step(world.now) else { panic!("it goes on") };
}

#[test]
fn the_first_bytes_are_looked_at_however_they_come() {
    for chunk in [1, 3, 5, 7, 8, 9, 100] {
        let script = [accepted(), completed(), page(200), artifact()];
        let mut world = World::new(script);
        world.chunk = chunk;
        let run = world.run(job());
        assert_eq!(run.sink, PDF.as_bytes(), "in pieces of {chunk}:\n{}", run.log);
        let zip = artifact().body("PK\u{3}\u{4} this is a zip file....");
        let mut world = World::new([accepted(), completed(), zip]);
        world.chunk = chunk;
        let run = world.run(job());
        assert!(matches!(run.outcome, Err(Error::WrongFormat { .. })), "{}", run.log);
        assert!(run.sink.len() < 8);
    }
}

#[test]
fn a_body_that_ends_early_has_to_bring_the_download_further() {
    let short = |offset: usize, end: usize| rest(offset).body(&PDF[offset..end]);
    let start = || vec![accepted(), completed(), artifact().body(&PDF[..8])];
    let run = World::new(start()).then_forever(short(8, 8)).run(job());
    assert!(run.log.ends_with("the last time: the response was cut off: the connection ended before all announced bytes were received\n"), "{}", run.log);
    assert_eq!(run.sent.len(), 5);
}

#[test]
fn a_part_that_ends_in_good_order_and_too_early_is_not_kept() {
    let odd = rest(8).body("something else");
    let run = World::new([accepted(), completed(), artifact().cut_at(8), odd, rest(8)]).run(job());
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
    assert_eq!(run.sent.last().unwrap().header("range"), "bytes=8-");
}

#[test]
fn a_part_whose_length_contradicts_its_range_is_refused() {
    let odd = rest(8).header("content-length", "14").body("something else");
    let run = World::new([accepted(), completed(), artifact().cut_at(8), odd]).run(job());
    assert!(matches!(run.outcome, Err(Error::Protocol { .. })), "{}", run.log);
    assert_eq!(run.sink, &PDF.as_bytes()[..8]);
}
