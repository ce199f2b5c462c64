//! Sends one request of a job and handles its response.

use std::ops::ControlFlow;

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::{ExportJob, Failure, FailureKind, Timestamp};
use http::Response;

use super::service::{PartialResponse, Service};

/// The result of an exchange.
#[derive(Debug)]
pub(super) enum Exchanged {
    /// The job had nothing to send.
    Nothing,
    /// The time of the response and its head, or `None` if the request failed.
    Response(Timestamp, Option<Response<()>>),
}

/// Sends the request of a job, if it has one, at `sent`. It arrives at the service at `arrived`.
pub(super) fn exchange(
    job: &mut ExportJob,
    sent: Timestamp,
    arrived: Timestamp,
    token: &Token,
    service: &mut Service,
) -> Exchanged {
    while job.next_event().is_some() {}
    let Step::Transmit(transmit) = job.step(sent) else { return Exchanged::Nothing };
    let (request, in_flight) = transmit.start(sent, Some(token), 0);
    let PartialResponse { response, is_cut, took } = service.handle(arrived, request);
    let now = arrived + took;
    let (head, body) = match response {
        Ok(response) => response.into_parts(),
        Err(kind) => {
            in_flight.handle_failure(now, Failure::new(kind));
            return Exchanged::Response(now, None);
        }
    };
    let head = Response::from_parts(head, ());
    match in_flight.handle_head(now, &head) {
        Reply::Collect(collect) if is_cut => collect.handle_failure(now, FailureKind::Cut.into()),
        Reply::Collect(collect) => collect.handle_body(now, &body),
        Reply::Stream(mut stream) => {
            if let ControlFlow::Continue(checked) = stream.check(now, &body) {
                stream.advance(now, checked);
            }
            let have = stream.position();
            if is_cut {
                stream.handle_failure(now, FailureKind::Cut.into());
            } else {
                stream.finish(now, have);
            }
        }
    }
    while job.next_event().is_some() {}
    Exchanged::Response(now, Some(head))
}
