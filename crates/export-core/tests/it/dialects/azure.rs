//! An Azure-style operation: `Operation-Location`, the status in the body, and a URL of the result.

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Request, Uri};
use insta::assert_snapshot;
use serde_json::Value;

use super::run;
use crate::harness::{ScriptedReply, status};

#[derive(Debug)]
struct Operations;

impl Dialect for Operations {
    fn name(&self) -> &str {
        "azure-operations"
    }

    fn save(&self) -> String {
        String::new()
    }

    fn repeat(&self) -> Repeat {
        Repeat::SideEffect
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        match target {
            Some(target) => Request::get(target).body(Vec::new()).expect("the URL is legal"),
            None => Request::post("https://api.example.com/translate?api-version=1")
                .body(b"{}".to_vec())
                .expect("the URL is legal"),
        }
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        if phase == Phase::Submit {
            let operation = head.text("operation-location").map(Into::into);
            return operation.map_or(Reading::Malformed("no Operation-Location"), |operation| {
                Reading::Accepted { operation }
            });
        }
        let Some(body) = body else { return Reading::NeedBody };
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return Reading::Malformed("not JSON");
        };
        let status = json["status"].as_str().map(String::from);
        let facts =
            OperationFacts { status: status.clone().map(Into::into), ..OperationFacts::default() };
        match (status.as_deref(), json["resourceLocation"].as_str()) {
            (Some("Succeeded"), Some(at)) => {
                Reading::ReadyAt { resource: String::from(at).into(), facts }
            }
            (Some("Succeeded"), None) => Reading::CompletedWithoutUrl(facts),
            (Some("Failed" | "Canceled"), _) => Reading::Failed(self.error(head, body), facts),
            _ => Reading::Pending(facts),
        }
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        ApiError::new(ErrorOrigin::Service)
            .with_code(json["error"]["code"].as_str())
            .with_message(json["error"]["message"].as_str())
    }
}

fn accepted() -> ScriptedReply {
    status(202).header("operation-location", "/operations/7?api-version=1")
}

fn operation(body: &str) -> ScriptedReply {
    status(200).body(body)
}

#[test]
fn result_is_fetched_from_resource_location() {
    let done = operation(r#"{"status":"Succeeded","resourceLocation":"/results/7"}"#);
    let result = status(200).header("content-length", "5").body("hello");
    assert_snapshot!(run(
        Operations,
        vec![accepted(), operation(r#"{"status":"Running"}"#), done, result]
    ));
}

#[test]
fn failed_operation_has_a_reason() {
    let failed = operation(
        r#"{"status":"Failed","error":{"code":"InvalidDocument","message":"cannot be read"}}"#,
    );
    assert_snapshot!(run(Operations, vec![accepted(), failed]));
}

#[test]
fn operation_is_not_started_twice() {
    let lost = ScriptedReply::failure(export_core::FailureKind::Unanswered);
    assert_snapshot!(run(Operations, vec![lost]));
}
