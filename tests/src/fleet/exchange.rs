//! One request of a job, and its answer.

use export_core::{ExportJob, Failure, FailureKind, Reply, Step, Timestamp, Token};
use http::Response;

use super::service::{Heard, Service};

/// What came of a step.
#[derive(Debug)]
pub(super) enum Exchanged {
    /// The job had nothing to send.
    Nothing,
    /// The answer was there at a time, with this head; or none came.
    Heard(Timestamp, Option<Response<()>>),
}

/// Sends what a job has to send at `sent`; it arrives at `arrives`.
pub(super) fn exchange(
    job: &mut ExportJob,
    sent: Timestamp,
    arrives: Timestamp,
    token: &Token,
    service: &mut Service,
) -> Exchanged {
    while job.next_event().is_some() {}
    let Step::Transmit(transmit) = job.step(sent) else { return Exchanged::Nothing };
    let (request, in_flight) = transmit.start(sent, Some(token), 0);
    let Heard { answer, cut, took } = service.answer(arrives, request);
    let now = arrives + took;
    let (head, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(kind) => {
            in_flight.handle_failure(now, Failure::new(kind));
            return Exchanged::Heard(now, None);
        }
    };
    let head = Response::from_parts(head, ());
    match in_flight.handle_head(now, &head) {
        Reply::Collect(collect) if cut => collect.handle_failure(now, FailureKind::Cut.into()),
        Reply::Collect(collect) => collect.handle_body(now, &body),
        Reply::Stream(mut stream) => {
            if stream.check(&body).is_continue() {
                stream.advance(body.len() as u64);
            }
            if cut {
                stream.handle_failure(now, FailureKind::Cut.into());
            } else {
                stream.finish(now);
            }
        }
    }
    while job.next_event().is_some() {}
    Exchanged::Heard(now, Some(head))
}
