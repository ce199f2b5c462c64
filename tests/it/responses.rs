//! The interpretation of responses by the Workiva dialect: a snapshot for each documented response,
//! and assertions for undocumented ones.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::borrow::Cow;
use std::fmt::Write as _;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading};
use export_core::workiva::{Region, Workiva};
use export_core::{ApiError, Config, ErrorOrigin, Phase};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

const OPERATION: &str = "https://api.app.wdesk.com/platform/v1/operations/op-1";

#[test]
fn accepted_submits() {
    let accepted = || TestResponse::new(202).with("retry-after", "5");
    let json = format!(r#"{{"operationLocation": "{OPERATION}"}}"#);
    accepted().with("location", OPERATION).snapshot("submit_202_location", Phase::Submit);
    accepted().body(&json).snapshot("submit_202_body", Phase::Submit);
    accepted()
        .with("location", "/operations/op-1")
        .body(&json)
        .snapshot("submit_202_both", Phase::Submit);
    accepted()
        .with("location", "https://api.${WORKIVA_CLUSTER_DOMAIN}/operations/op-1")
        .snapshot("submit_202_cluster", Phase::Submit);
    accepted().body("{}").snapshot("submit_202_neither", Phase::Submit);
}

#[test]
fn operation_statuses() {
    for status in ["acknowledged", "queued", "started", "completed", "cancelled", "failed"] {
        let resource = match status {
            "completed" => r#""https://api.app.wdesk.com/files/result/1""#,
            _ => "null",
        };
        let details = match status {
            "failed" => {
                r#"[
    {"code": "BadArgument", "message": "no such section", "target": "sections[1]"},
    {"code": null, "message": "the rest was not tried", "target": null}
  ]"#
            }
            _ => "null",
        };
        operation(status, resource, details).snapshot(&format!("poll_{status}"), Phase::Poll);
    }
    operation("completed", "null", "null").snapshot("poll_completed_without_url", Phase::Poll);
    operation("paused-by-a-later-release", "null", "null").snapshot("poll_unknown", Phase::Poll);
}

#[test]
fn error_statuses() {
    for (status, code, message) in [
        (400, "400BadRequest", "the body is invalid"),
        (401, "401Unauthorized", "the token has expired"),
        (403, "403Forbidden", "the scope file:read is missing"),
        (404, "404NotFound", "no such document"),
        (409, "409Conflict", "the document is being published"),
        (429, "429TooManyRequests", "slow down"),
        (500, "500InternalServerError", "something went wrong"),
        (503, "503ServiceUnavailable", "come back later"),
    ] {
        let details = match status {
            400 => {
                r#"[
    {"code": "BadArgument", "message": "unknown format", "target": "format"},
    {"code": "BadArgument", "message": null, "target": "sections"}
  ]"#
            }
            _ => "null",
        };
        TestResponse::new(status)
            .with("x-request-id", "7f9c24e8")
            .body(&format!(
                r#"{{
  "code": "{code}",
  "message": "{message}",
  "target": "body",
  "details": {details},
  "documentationUrl": "https://developers.workiva.com",
  "version": "2022-01-01"
}}"#
            ))
            .snapshot(&format!("error_{status}"), Phase::Poll);
    }
}

#[test]
fn error_formats() {
    TestResponse::new(403)
        .body(r#"{"error": {"code": "403Forbidden", "message": "not yours"}}"#)
        .snapshot("error_nested", Phase::Poll);
    TestResponse::new(401)
        .body(
            r#"{
  "error": "invalid_client",
  "error_description": "unknown client",
  "error_uri": "https://developers.workiva.com"
}"#,
        )
        .snapshot("error_token", Phase::Poll);
    TestResponse::new(502)
        .html("<html>\n<head><title>502 Bad Gateway</title></head>\n<body>nginx</body>\n</html>")
        .snapshot("error_html", Phase::Poll);
    TestResponse::new(504).snapshot("error_empty", Phase::Poll);
    TestResponse::new(503)
        .body(r#"{"message": "Service Unavailable"}"#)
        .snapshot("error_gateway_json", Phase::Poll);
    TestResponse::new(403)
        .with("content-type", "application/xml")
        .raw(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"#,
        )
        .snapshot("error_storage_xml", Phase::Poll);
    TestResponse::new(500)
        .with("content-type", "text/plain")
        .raw("upstream connect error")
        .snapshot("error_plain_text", Phase::Poll);
}

#[test]
fn html_page_is_a_foreign_response() {
    let page = "<!DOCTYPE html><title>Please wait</title>";
    for (phase, status) in [(Phase::Submit, 200), (Phase::Submit, 202), (Phase::Poll, 200)] {
        assert_eq!(TestResponse::new(status).html(page).read(phase), Reading::Foreign);
        assert_eq!(
            TestResponse::new(status).with("content-type", "text/plain").raw("hi").read(phase),
            Reading::Foreign
        );
    }
    assert_eq!(TestResponse::new(202).html(page).read(Phase::Poll), Reading::Foreign);
    let text = TestResponse::new(202).with("content-type", "text/plain").raw("hi");
    assert_eq!(text.read(Phase::Poll), Reading::Foreign);
    assert_eq!(TestResponse::new(200).raw(page).read(Phase::Poll), Reading::Foreign);
    assert_eq!(TestResponse::new(202).raw(page).read(Phase::Submit), Reading::Foreign);
    assert_eq!(TestResponse::new(200).body(page).read(Phase::Poll), Reading::Foreign);
    let located = TestResponse::new(202).with("location", "/operations/1").html(page);
    assert!(matches!(located.read(Phase::Submit), Reading::Accepted { .. }));
}

#[test]
fn json_media_types_are_recognized() {
    for media in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/hal+json",
        "text/x+JSON",
    ] {
        let response =
            TestResponse::new(200).with("content-type", media).raw(r#"{"status":"queued"}"#);
        assert_eq!(response.read(Phase::Poll), pending("queued"), "{media}");
    }
    assert_eq!(
        TestResponse::new(200).raw("\u{feff} {\"status\":\"queued\"}").read(Phase::Poll),
        pending("queued")
    );
}

#[test]
fn final_statuses_have_synonyms() {
    let read = |status: &str| operation(status, r#""/r""#, "null").read(Phase::Poll);
    for status in ["completed", "COMPLETED", "succeeded", "Success", " completed "] {
        assert!(
            matches!(read(status), Reading::ReadyAt { resource, .. } if resource == "/r"),
            "{status}"
        );
    }
    for status in ["failed", "error", "cancelled", "canceled", "Cancelled"] {
        assert!(matches!(read(status), Reading::Failed(..)), "{status}");
    }
    for status in ["running", "complete", "done", "failed?", "cancelling", "\u{0}"] {
        assert!(matches!(read(status), Reading::Pending(_)), "{status}");
    }
}

#[test]
fn malformed_members_of_an_operation_are_ignored() {
    let read = |body: &str| TestResponse::new(200).body(body).read(Phase::Poll);
    let unknown = Reading::Pending(OperationFacts::default());
    for body in [
        "{}",
        r#"{"status":null}"#,
        r#"{"status":5}"#,
        r#"{"status":{"a":[]}}"#,
        r#"{"status":""}"#,
    ] {
        assert_eq!(read(body), unknown, "{body}");
    }
    assert_eq!(
        read(
            r#"{"status":"queued","created":"now","updated":[1],"details":"x","originalRequest":{}}"#
        ),
        pending("queued")
    );
    for resource in ["null", "5", r#""""#, r#"" ""#, "{}", "[\"/r\"]"] {
        let reading = operation("completed", resource, "null").read(Phase::Poll);
        assert!(matches!(reading, Reading::CompletedWithoutUrl(_)), "{resource}");
    }
    assert!(matches!(
        read(r#"{"status":"completed","resourceUrl":"https:\/\/h.example\/r"}"#),
        Reading::ReadyAt { resource, .. } if resource == "https://h.example/r"
    ));
}

#[test]
fn failure_reason_is_read_from_all_formats() {
    let reason = |rest: &str| match TestResponse::new(200)
        .body(&format!(r#"{{"status":"failed",{rest}}}"#))
        .read(Phase::Poll)
    {
        Reading::Failed(error, _) => {
            assert_eq!(error.origin(), ErrorOrigin::Service);
            error.to_string()
        }
        other => format!("{other:?}"),
    };
    assert_eq!(reason(r#""details":null"#), "the service gave no reason");
    assert_eq!(reason(r#""details":[]"#), "the service gave no reason");
    assert_eq!(reason(r#""details":[null,5,{}]"#), "the service gave no reason");
    assert_eq!(reason(r#""details":{"code":"A","message":"b"}"#), "A: b");
    assert_eq!(reason(r#""details":[{"target":"t"}]"#), "the service gave no reason (t)");
    assert_eq!(reason(r#""message":"b","details":[{"code":"A"}]"#), "b; A");
    assert_eq!(reason(r#""error":{"code":"A","message":"b"}"#), "A: b");
    assert_eq!(reason(r#""error":"A""#), "A");
}

#[test]
fn protocol_errors_have_a_reason() {
    let poll = |body: &str| TestResponse::new(200).body(body).read(Phase::Poll);
    assert_eq!(poll(""), Reading::Malformed("the body is empty"));
    assert_eq!(poll(" \r\n"), Reading::Malformed("the body is empty"));
    assert_eq!(poll("[]"), Reading::Malformed("the body is not a JSON object"));
    assert_eq!(poll("queued"), Reading::Malformed("the body is not a JSON object"));
    let broken = Reading::Malformed("the body is not valid JSON");
    assert_eq!(poll(r#"{"status":"queued""#), broken);
    assert_eq!(poll(&format!(r#"{{"x":{}"#, "[".repeat(100_000))), broken);
    assert_eq!(poll(&r#"{"created":"#.repeat(100_000)), broken);
    assert_eq!(poll("{\"status\":\"\\ud800\"}"), broken);

    let other = "expected 200, 202, 303 or an error for a poll";
    assert_eq!(TestResponse::new(204).read(Phase::Poll), Reading::Malformed(other));
    assert_eq!(TestResponse::new(206).read(Phase::Poll), Reading::Malformed(other));
    for status in [200, 201, 204, 303] {
        let other = "expected 202 or an error for a submit";
        assert_eq!(TestResponse::new(status).read(Phase::Submit), Reading::Malformed(other));
    }
    for body in ["", "{}", r#"{"operationLocation":null}"#, r#"{"operationLocation":7}"#] {
        assert_eq!(
            TestResponse::new(202).with("location", " ").body(body).read(Phase::Submit),
            Reading::Malformed(
                "the export was accepted, but without a Location header or an operationLocation in the body"
            )
        );
    }
}

#[test]
fn sufficient_head_needs_no_body() {
    let read = |response: TestResponse, phase| response.read_head(phase);
    assert!(matches!(
        read(TestResponse::new(202).with("location", "/o"), Phase::Submit),
        Reading::Accepted { operation, .. } if operation == "/o"
    ));
    assert_eq!(read(TestResponse::new(202), Phase::Submit), Reading::NeedBody);
    assert_eq!(read(TestResponse::new(200), Phase::Poll), Reading::NeedBody);
    assert_eq!(
        read(TestResponse::new(202), Phase::Poll),
        Reading::Pending(OperationFacts::default())
    );
    assert_eq!(read(TestResponse::new(303).with("location", "/r"), Phase::Poll), Reading::Redirect);
}

#[test]
fn unknown_cluster_domain_is_a_protocol_error() {
    let config = Config::new("https://wdesk.example").unwrap();
    let response = TestResponse::new(202).with("location", "https://${WORKIVA_CLUSTER_DOMAIN}/o");
    let head = Head::new(response.status, &response.headers);
    let reading = Workiva::attached(&config).read(Phase::Submit, &head, None);
    assert!(matches!(reading, Reading::Malformed(what) if what.contains("WORKIVA_CLUSTER_DOMAIN")));
}

fn pending(status: &'static str) -> Reading<'static> {
    Reading::Pending(OperationFacts::default().with_status(status))
}

fn operation(status: &str, resource: &str, details: &str) -> TestResponse {
    let status = serde_json::Value::from(status);
    TestResponse::new(200).with("retry-after", "1").body(&format!(
        r#"{{
  "id": "op-1",
  "status": {status},
  "resourceUrl": {resource},
  "details": {details},
  "originalRequest": "9b2ff8f6-5d5c-4a3a-8d9b-6d0b0b1b7c11",
  "created": {{"dateTime": "2026-11-24T08:00:00Z", "user": {{"id": "user-1"}}}},
  "updated": {{"dateTime": "2026-11-24T08:00:05Z", "user": {{"id": "user-1"}}}}
}}"#
    ))
}

struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl TestResponse {
    fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { status, headers: HeaderMap::new(), body: String::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    fn raw(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    fn body(self, json: &str) -> Self {
        self.with("content-type", "application/json").raw(json)
    }

    fn html(self, page: &str) -> Self {
        self.with("content-type", "text/html").raw(page)
    }

    fn read_head(self, phase: Phase) -> Reading<'static> {
        self.leak().reading(phase, None)
    }

    /// Reads the response as the core does: first the head, then the body if it is needed.
    fn read(self, phase: Phase) -> Reading<'static> {
        let response = self.leak();
        match response.reading(phase, None) {
            Reading::NeedBody => response.reading(phase, Some(response.body.as_bytes())),
            reading => reading,
        }
    }

    fn reading<'a>(&'a self, phase: Phase, body: Option<&'a [u8]>) -> Reading<'a> {
        workiva().read(phase, &Head::new(self.status, &self.headers), body)
    }

    /// A reading borrows from its response. Leaking the response lets a test create both in one line.
    fn leak(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    fn snapshot(self, name: &str, phase: Phase) {
        let mut text = format!("HTTP {}\n", self.status.as_u16());
        for (name, value) in &self.headers {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        if !self.body.is_empty() {
            writeln!(text, "\n{}", self.body).unwrap();
        }
        if self.status.is_success() {
            write!(text, "\n=> {}", reading_as_text(&self.read(phase))).unwrap();
        } else {
            let head = Head::new(self.status, &self.headers);
            let error = workiva().error(&head, self.body.as_bytes());
            write!(text, "\n=> {}", error_as_text(&error)).unwrap();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/responses");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

fn reading_as_text(reading: &Reading<'_>) -> String {
    match reading {
        Reading::Accepted { operation, .. } => format!("accepted: {operation}"),
        Reading::Pending(facts) => format!("pending\n{}", facts_as_text(facts)),
        Reading::CompletedWithoutUrl(facts) => {
            format!("completed without URL\n{}", facts_as_text(facts))
        }
        Reading::ReadyAt { resource, facts } => {
            format!("ready: {resource}\n{}", facts_as_text(facts))
        }
        Reading::Failed(error, facts) => {
            format!("failed: {}\n{}", error_as_text(error), facts_as_text(facts))
        }
        other => format!("{other:?}"),
    }
}

fn error_as_text(error: &ApiError) -> String {
    format!("{:?} says {error}", error.origin())
}

fn facts_as_text(facts: &OperationFacts<'_>) -> String {
    let OperationFacts { status, original_request, created, updated, .. } = facts;
    let shown = |fact: &Option<Cow<'_, str>>| fact.as_deref().unwrap_or("-").to_owned();
    let mut text = format!(
        "   status {}\n   original request {}\n   created {}\n   updated {}",
        shown(status),
        shown(original_request),
        shown(created),
        shown(updated)
    );
    for detail in facts.details() {
        text.push_str(&format!("\n   detail {detail}"));
    }
    text
}

fn workiva() -> Workiva {
    Workiva::attached(&Config::for_region(Region::Us))
}
