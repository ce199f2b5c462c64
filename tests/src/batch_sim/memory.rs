//! Waiting jobs, for measurements of their memory.

use bytes::Bytes;
use export_core::batch::{Batch, BatchStep};
use export_core::driver::{Reply, Step};
use export_core::pacer::{Pacer, Rates};
use export_core::{Limits, Timestamp};
use http::Response;

use super::service::{config, job, token};

const START: Timestamp = Timestamp::from_date(2026, 1, 5);

/// A batch of jobs that were submitted and polled once, and wait for the next poll.
#[must_use]
pub fn waiting_jobs(count: usize) -> Batch {
    let config = config(Limits::default().job_timeout);
    let mut pacer = Pacer::new(Rates::unlimited());
    let mut batch = Batch::default();
    for number in 0..count {
        batch.add(START, number as u64, job(number, &config));
    }
    let later = Timestamp::from_millis(START.as_millis() + 10_000);
    for now in [START, later] {
        while let BatchStep::Turn(mut turn) = batch.step(now, &mut pacer) {
            let response = response(turn.key(), now);
            if let Some(mut permit) = turn.take_permit() {
                let confirmed = pacer.confirm(now, &mut permit);
                debug_assert!(confirmed.is_ok(), "there is no limit");
                pacer.handle_head(now, permit, &response);
            }
            let job = turn.job();
            if let Step::Transmit(transmit) = job.step(now) {
                let (_, in_flight) = transmit.start(now, Some(&token()), 0);
                if let Reply::Collect(collect) = in_flight.handle_head(now, &response) {
                    collect.handle_body(now, response.body());
                }
            }
            while job.next_event().is_some() {}
            let over = batch.put_back(now, &mut pacer, turn);
            debug_assert!(over.is_none(), "no job has ended");
        }
    }
    batch
}

/// The response to a request: 202 at the start, an operation with the status `started` later.
fn response(key: u64, now: Timestamp) -> Response<Bytes> {
    let id = format!("{key:032x}");
    let response = Response::builder().header("retry-after", "60");
    let response = if now == START {
        let url = format!("http://127.0.0.1:8080/operations/{id}");
        response.status(202).header("location", url).body(Bytes::new())
    } else {
        let body = format!(
            r#"{{"id":"{id}","status":"started","resourceUrl":null,"details":null,
            "originalRequest":"11111111-2222-3333-4444-555555555555",
            "created":{{"dateTime":"2026-03-01T00:00:00.000Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4"}}}},
            "updated":{{"dateTime":"2026-03-01T00:00:05.000Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4"}}}}}}"#
        );
        response.body(Bytes::from(body))
    };
    response.expect("the response is valid")
}
