//! FHIR Bulk Data: kick-off by GET, status by 202 and `X-Progress`, and the result in the response to
//! the last poll (<https://hl7.org/fhir/uv/bulkdata/>).

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::header::{ACCEPT, CONTENT_LOCATION};
use http::{Request, StatusCode, Uri};
use insta::assert_snapshot;

use super::run;
use crate::harness::{ScriptedReply, status};

#[derive(Debug)]
struct BulkData;

impl Dialect for BulkData {
    fn name(&self) -> &str {
        "fhir-bulk-data"
    }

    fn save(&self) -> String {
        String::new()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match (phase, target) {
            (_, Some(target)) => Request::get(target).header(ACCEPT, "application/json"),
            (_, None) => Request::get("https://api.example.com/Patient/$export?_type=Patient")
                .header(ACCEPT, "application/fhir+json")
                .header("prefer", "respond-async"),
        };
        request.body(Vec::new()).expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, _: Option<&'b [u8]>) -> Reading<'b> {
        match (phase, head.status()) {
            (Phase::Submit, StatusCode::ACCEPTED) => match head.text(CONTENT_LOCATION.as_str()) {
                Some(operation) => Reading::Accepted { operation: operation.into() },
                None => Reading::Malformed("no Content-Location"),
            },
            (Phase::Poll, StatusCode::ACCEPTED) => Reading::Pending(OperationFacts {
                status: head.text("x-progress").map(Into::into),
                ..OperationFacts::default()
            }),
            (Phase::Poll, StatusCode::OK) => Reading::ReadyHere,
            _ => Reading::Malformed("an unexpected status"),
        }
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let outcome: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        ApiError::new(ErrorOrigin::Service)
            .with_message(outcome["issue"][0]["diagnostics"].as_str())
    }
}

fn kicked_off() -> ScriptedReply {
    status(202).header("content-location", "https://api.example.com/bulkstatus/1")
}

fn progress(text: &str) -> ScriptedReply {
    status(202).header("x-progress", text).header("retry-after", "120")
}

fn manifest() -> ScriptedReply {
    status(200)
        .header("content-type", "application/json")
        .body(r#"{"requiresAccessToken":true,"output":[]}"#)
}

#[test]
fn last_poll_response_is_the_result() {
    let busy = status(429).header("retry-after", "240");
    assert_snapshot!(run(
        BulkData,
        vec![kicked_off(), progress("30%"), busy, progress("80%"), manifest()]
    ));
}

#[test]
fn cut_result_is_polled_again() {
    assert_snapshot!(run(BulkData, vec![kicked_off(), manifest().cut_at(10), manifest()]));
}

#[test]
fn operation_outcome_is_read() {
    let outcome = status(422).body(r#"{"issue":[{"diagnostics":"no such group"}]}"#);
    assert_snapshot!(run(BulkData, vec![outcome]));
}
