//! `Retry-After` and `Date`, in the response to a poll.

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::workiva::Region;
use export_core::{Config, Event, ExportJob, Timestamp};
use http::{HeaderValue, Response, StatusCode};

use crate::harness::seconds;
use crate::script::lines;

/// The first line is the `Retry-After`, the second the `Date`.
pub(crate) fn check(data: &[u8]) {
    let mut lines = lines(data);
    let Some(value) = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok()) else {
        return;
    };
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    head.headers_mut().insert("retry-after", value.clone());
    if let Some(date) = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok()) {
        head.headers_mut().insert("date", date);
    }

    let config = Config::for_region(Region::Us);
    let mut job = ExportJob::attach("op1", &config).unwrap();
    let now = Timestamp::from_date(2026, 3, 1);
    let token = Token::fixed("token").unwrap();
    let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
    let (_, in_flight) = transmit.start(now, Some(&token), 0);
    let Reply::Collect(collect) = in_flight.handle_head(now, &head) else {
        panic!("the body is streamed")
    };
    collect.handle_body(now, b"");

    let (mut read, mut ignored) = (None, false);
    while let Some(event) = job.next_event() {
        match event {
            Event::Response { retry_after, .. } => read = retry_after,
            Event::Ignored { .. } => ignored = true,
            _ => {}
        }
    }
    assert_ne!(read.is_some(), ignored, "neither read nor reported: {value:?}");
    let expected = seconds(&value);
    assert!(expected.is_none() || read == expected, "{value:?} was read as {read:?}");
    let is_date = value.as_bytes().windows(3).any(|three| three[0] == b':' || three[2] == b':');
    assert!(read == expected || is_date, "{value:?} was read as {read:?}");

    let longest = config.limits().job_timeout;
    match (job.step(now), read) {
        (Step::Done(outcome), Some(asked)) => {
            assert!(outcome.is_err() && asked > longest, "{value:?} ended the job");
        }
        (Step::Wait(wait), asked) => {
            assert!(
                wait.until.since(now) >= asked.unwrap_or_default(),
                "the wait is shorter than {value:?}"
            );
            assert!(
                wait.until.since(now) <= longest,
                "the wait for {value:?} is longer than the job"
            );
        }
        (step, _) => panic!("{step:?} after {value:?}"),
    }
}
