//! The effect of each fault on a response, in virtual time.

use std::time::Duration;

use export_sim::{Downloads, Ending, Endpoint, Fault, Nth, ReceivedResponse, Role, Rule, Scenario};
use serde_json::{Value, json};

use crate::fixture::{Fixture, config, fixture, get, header, json, post, text, with};

const BODY: &str = r#"{"format":"pdf"}"#;

/// A fixture with one fault for the first request to the endpoint.
fn faulty(endpoint: &str, fault: Value) -> Fixture {
    let rule = json!({ "match": { "endpoint": endpoint, "nth": 1 }, "then": fault });
    let scenario = json!({ "rules": [rule] }).to_string();
    fixture(
        config().with_artifact_size(1000).with_scenario(Scenario::from_json(&scenario).unwrap()),
    )
}

fn submit(fault: Value) -> http::Response<bytes::Bytes> {
    faulty("submit", fault).send(post("/documents/d1/export", BODY))
}

fn poll(fault: Value) -> http::Response<bytes::Bytes> {
    let mut fixture = faulty("operation", fault);
    let operation = fixture.submit("/documents/d1/export", BODY);
    fixture.get(&operation)
}

/// The first download of a file, and the correct content of the file.
fn download(fault: Value, range: &str) -> (ReceivedResponse, bytes::Bytes) {
    let mut fixture = faulty("download", fault);
    let operation = fixture.submit("/documents/d1/export", BODY);
    let url = fixture.resource(&operation);
    let content = fixture.service.exports()[0].content().to_bytes().unwrap();
    let request = if range.is_empty() { get(&url) } else { with(get(&url), "range", range) };
    (fixture.handle(request).deliver().unwrap(), content)
}

#[test]
fn status_replaces_response_and_starts_nothing() {
    let mut fixture =
        faulty("submit", json!({"fault": "status", "status": 503, "retry_after": 17}));
    let response = fixture.send(post("/documents/d1/export", BODY));
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "17"));
    assert_eq!(json(&response)["code"], "503ServiceUnavailable");
    assert!(fixture.service.exports().is_empty());
    assert_eq!(fixture.service.requests()[0].faults(), ["status"]);
    fixture.submit("/documents/d1/export", BODY);
}

#[test]
fn role_decides_whether_service_acts() {
    for (role, exports) in [(Role::Acts, 1), (Role::Idle, 0)] {
        let rule = Rule::new(Endpoint::Submit, Fault::status(500)).with_service(role);
        let mut fixture = fixture(config().with_scenario(Scenario::default().with_rule(rule)));
        assert_eq!(fixture.send(post("/documents/d1/export", BODY)).status(), 500);
        assert_eq!(fixture.service.exports().len(), exports, "{role:?}");
    }
    let mut fixture = faulty("submit", json!({"fault": "close", "at": "before_head"}));
    let received = fixture.handle(post("/documents/d1/export", BODY)).deliver().unwrap();
    assert!(received.response().is_none());
    assert_eq!(fixture.service.exports().len(), 1);
    assert_eq!(fixture.service.requests()[0].status(), None);
}

#[test]
fn retry_after_accepts_any_value() {
    let value = |retry_after: Value| {
        let response =
            submit(json!({"fault": "status", "status": 429, "retry_after": retry_after}));
        header(&response, "retry-after").to_owned()
    };
    assert_eq!(value(json!(0)), "0");
    assert_eq!(value(json!({"date_in": 90})), "Thu, 01 Jan 2026 12:01:30 GMT");
    assert_eq!(value(json!({"date_in": -60})), "Thu, 01 Jan 2026 11:59:00 GMT");
    assert_eq!(value(json!("-5")), "-5");
    assert_eq!(value(json!("18446744073709551616")), "18446744073709551616");
    let poll = poll(json!({"fault": "retry_after", "value": "soon"}));
    assert_eq!((poll.status().as_u16(), header(&poll, "retry-after")), (200, "soon"));
    assert_eq!(header(&submit(json!({"fault": "retry_after", "value": null})), "retry-after"), "");
}

#[test]
fn body_kinds_replace_the_body() {
    let body = |kind: &str| {
        let response = poll(json!({"fault": "status", "status": 502, "body": kind}));
        (header(&response, "content-type").to_owned(), text(&response))
    };
    assert!(body("service").1.contains("502BadGateway"));
    assert!(body("nested").1.starts_with(r#"{"error":{"#));
    let (media_type, page) = body("html");
    assert_eq!(media_type, "text/html");
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert_eq!(body("empty"), (String::new(), String::new()));
    assert!(serde_json::from_str::<Value>(&body("garbage").1).is_err());
    let page = poll(json!({"fault": "body", "body": "html"}));
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html"));
    let text_body = poll(json!({"fault": "body", "body": {"text": "hello"}}));
    assert_eq!(text(&text_body), "hello");
    assert_eq!(header(&text_body, "content-length"), "5");
}

#[test]
fn token_and_storage_errors_use_own_formats() {
    let mut fixture = faulty("token", json!({"fault": "status", "status": 503}));
    let response = fixture.send(post("/oauth2/token", ""));
    assert_eq!(json(&response)["error"], "temporarily_unavailable");
    let rule = Rule::new(Endpoint::Storage, Fault::status(403));
    let scenario = Scenario::default().with_rule(rule);
    let signed = config().with_downloads(Downloads::Signed).with_scenario(scenario);
    let mut fixture = crate::fixture::fixture(signed);
    let response = fixture.export("/documents/d1/export", BODY);
    assert_eq!(response.status(), 403);
    assert!(text(&response).contains("<Code>Forbidden</Code>"));
}

#[test]
fn json_sets_and_removes_members() {
    let fault = json!({
        "fault": "json",
        "set": {"status": "polishing", "/created/user": null},
        "remove": ["id", "/updated/dateTime"],
    });
    let operation = json(&poll(fault));
    assert_eq!(operation["status"], "polishing");
    assert_eq!(operation["created"]["user"], Value::Null);
    assert!(operation.get("id").is_none());
    assert_eq!(operation["updated"], json!({"user": {"id": "sim"}}));
    assert_eq!(
        json(&poll(json!({"fault": "json", "set": {"status": null}})))["status"],
        Value::Null
    );
}

#[test]
fn location_supports_all_url_forms() {
    let forms = |url: Value| {
        let response = submit(json!({"fault": "location", "url": url}));
        let location = header(&response, "location").to_owned();
        (location, json(&response)["operationLocation"].clone())
    };
    let starts = |url: &str, start: &str| {
        let (header, body) = forms(json!(url));
        assert!(header.starts_with(start), "{header}");
        assert_eq!(body, header);
    };
    starts("relative", "/operations/");
    starts("scheme_relative", "//127.0.0.1:8080/operations/");
    starts("foreign", "https://exports.example.net/operations/");
    starts("http", "http://127.0.0.1:8080/operations/");
    starts("cluster_domain", "https://api.${WORKIVA_CLUSTER_DOMAIN}/operations/");
    starts("user_info", "http://user:password@127.0.0.1:8080/operations/");
    assert_eq!(forms(json!({"literal": "ftp://x"})), ("ftp://x".to_owned(), json!("ftp://x")));
    assert_eq!(forms(json!("missing")), (String::new(), Value::Null));
    let (header, body) = forms(json!("body_only"));
    assert!(header.is_empty() && body.is_string());
    let (header, body) = forms(json!("header_only"));
    assert!(!header.is_empty() && body.is_null());
}

#[test]
fn resource_url_supports_all_url_forms() {
    let url = |url: Value| json(&poll(json!({"fault": "resource_url", "url": url})));
    assert!(url(json!("missing")).get("resourceUrl").is_none());
    assert_eq!(url(json!("null"))["resourceUrl"], Value::Null);
    assert_eq!(url(json!("empty"))["resourceUrl"], "");
    let cluster = url(json!("cluster_domain"))["resourceUrl"].as_str().unwrap().to_owned();
    assert!(cluster.starts_with("https://api.${WORKIVA_CLUSTER_DOMAIN}/exports/"), "{cluster}");
    assert_eq!(url(json!("missing"))["status"], "completed");
}

#[test]
fn redirect_supports_all_targets() {
    let location = |to: Value| {
        let fault = json!({"fault": "redirect", "status": 307, "to": to});
        let received = download(fault, "").0.into_response().unwrap();
        assert_eq!(received.status(), 307);
        header(&received, "location").to_owned()
    };
    assert!(location(json!("storage")).starts_with("http://127.0.0.1:8081/artifacts/"));
    assert!(location(json!("itself")).starts_with("http://127.0.0.1:8080/exports/"));
    assert_eq!(location(json!({"url": "https://x.example.net/"})), "https://x.example.net/");
}

#[test]
fn end_operation_is_permanent() {
    let fault =
        json!({"fault": "end_operation", "status": "cancelled", "code": "C", "message": "M"});
    let mut fixture = faulty("operation", fault);
    let operation = fixture.submit("/documents/d1/export", BODY);
    for _ in 0..2 {
        let response = json(&fixture.get(&operation));
        assert_eq!(response["status"], "cancelled");
        assert_eq!(response["resourceUrl"], Value::Null);
        assert_eq!(response["details"], json!([{"code": "C", "message": "M", "target": null}]));
    }
}

#[test]
fn revoke_token_is_permanent() {
    let mut fixture = faulty("operation", json!({"fault": "revoke_token"}));
    let operation = fixture.submit("/documents/d1/export", BODY);
    assert_eq!(fixture.get(&operation).status(), 401);
    assert_eq!(fixture.get(&operation).status(), 401, "permanently");
}

#[test]
fn per_operation_rule_counts_each_operation() {
    let scenario = r#"{"rules": [{
        "match": {"endpoint": "operation", "nth": {"from": 1, "to": 2}, "per": "operation"},
        "then": {"fault": "status", "status": 404}
    }]}"#;
    let mut fixture = fixture(config().with_scenario(Scenario::from_json(scenario).unwrap()));
    let first = fixture.submit("/documents/d1/export", BODY);
    let second = fixture.submit("/documents/d2/export", BODY);
    let mut log = Vec::new();
    for url in [&first, &first, &second, &first, &second, &second] {
        log.push(fixture.get(url).status().as_u16());
    }
    assert_eq!(log, [404, 404, 404, 200, 404, 200]);
}

#[test]
fn rule_of_a_source_counts_the_requests_of_its_exports() {
    let scenario = r#"{"rules": [
        {"match": {"endpoint": "submit", "source": "d2", "nth": 2}, "then": {"fault": "status", "status": 404}},
        {"match": {"endpoint": "operation", "source": "d2", "nth": 2}, "then": {"fault": "status", "status": 503}}
    ]}"#;
    let mut fixture = fixture(config().with_scenario(Scenario::from_json(scenario).unwrap()));
    let submitted = ["d1", "d2", "d1", "d2"].map(|id| {
        let response = fixture.send(post(&format!("/documents/{id}/export"), BODY));
        response.status().as_u16()
    });
    assert_eq!(submitted, [202, 202, 202, 404]);
    let first = fixture.submit("/documents/d1/export", BODY);
    let second = fixture.submit("/documents/d2/export", BODY);
    let polled = [&first, &second, &first, &second].map(|url| fixture.get(url).status().as_u16());
    assert_eq!(polled, [200, 200, 200, 503]);
}

#[test]
fn change_artifact_changes_content_and_etag() {
    let rule = Rule::new(Endpoint::Download, Fault::ChangeArtifact).on(Nth::Only(2));
    for config in [config(), config().with_artifact_size(1000)] {
        let mut fixture =
            fixture(config.with_scenario(Scenario::default().with_rule(rule.clone())));
        let operation = fixture.submit("/documents/d1/export", BODY);
        let url = fixture.resource(&operation);
        let first = fixture.get(&url);
        let resumed = with(get(&url), "range", "bytes=10-");
        let second = fixture.send(with(resumed, "if-range", header(&first, "etag")));
        assert_eq!(second.status(), 200, "the ETag has changed");
        assert_ne!(first.body(), second.body());
        assert_ne!(header(&first, "etag"), header(&second, "etag"));
    }
}

#[test]
fn ignore_range_and_content_range() {
    let (received, content) = download(json!({"fault": "ignore_range"}), "bytes=10-");
    let whole = received.into_response().unwrap();
    assert_eq!((whole.status().as_u16(), whole.body()), (200, &content));
    let (received, _) = download(json!({"fault": "content_range", "shift": -3}), "bytes=10-19");
    assert_eq!(header(received.response().unwrap(), "content-range"), "bytes 7-16/1000");
}

#[test]
fn content_encoding_compresses_the_body() {
    let (received, content) = download(json!({"fault": "content_encoding"}), "");
    let response = received.into_response().unwrap();
    assert_eq!(header(&response, "content-encoding"), "gzip");
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&response.body()[..]), &mut plain)
        .unwrap();
    assert_eq!(plain, content);
}

#[test]
fn close_stall_and_truncate_apply_at_their_moment() {
    let check = |fault: Value, len: Option<usize>, ending: Ending| {
        let (received, content) = download(fault.clone(), "");
        assert_eq!(received.ending(), ending, "{fault}");
        assert_eq!(received.response().map(|it| it.body().len()), len, "{fault}");
        if let Some(head) = received.response() {
            assert_eq!(header(head, "content-length"), "1000", "{fault}");
            assert!(content.starts_with(head.body()), "{fault}");
        }
    };
    check(json!({"fault": "close", "at": "before_head"}), None, Ending::Closed);
    check(json!({"fault": "close", "at": "after_head"}), Some(0), Ending::Closed);
    check(json!({"fault": "close", "at": {"byte": 123}}), Some(123), Ending::Closed);
    check(json!({"fault": "stall", "at": "before_head"}), None, Ending::Hung);
    check(json!({"fault": "stall", "at": {"byte": 5}}), Some(5), Ending::Hung);
    check(json!({"fault": "truncate"}), Some(500), Ending::Complete);
    check(json!({"fault": "truncate", "to": 999}), Some(999), Ending::Complete);
    check(json!({"fault": "stall", "at": "after_head", "for": "1s"}), Some(1000), Ending::Complete);
}

#[test]
fn stall_and_slow_take_the_configured_time() {
    let took = |fault: Value| download(fault, "").0.took();
    assert_eq!(
        took(json!({"fault": "stall", "at": "before_head", "for": "29s"})),
        Duration::from_secs(29)
    );
    assert_eq!(
        took(json!({"fault": "stall", "at": {"byte": 7}, "for": "250ms"})),
        Duration::from_millis(250)
    );
    assert_eq!(took(json!({"fault": "slow", "bytes": 100, "pause": "1s"})), Duration::from_secs(9));
}

#[test]
fn overlong_length_claim() {
    let length = |length: &str| {
        let (received, content) =
            download(json!({"fault": "overlong", "by": 5, "length": length}), "");
        let response = received.into_response().unwrap();
        assert_eq!(response.body().len(), 1005);
        assert!(response.body().starts_with(&content));
        header(&response, "content-length").to_owned()
    };
    assert_eq!(length("lying"), "1000");
    assert_eq!(length("honest"), "1005");
    let (received, _) = download(json!({"fault": "chunked"}), "");
    assert_eq!(header(received.response().unwrap(), "content-length"), "");
}

#[test]
fn headers_are_set_removed_and_huge() {
    let fault = json!({"fault": "headers", "set": {"etag": "W/\"a\"", "x\n": "?", "x-a": "b\nc"}, "remove": ["Accept-Ranges"]});
    let received = download(fault, "").0.into_response().unwrap();
    assert_eq!((header(&received, "etag"), header(&received, "accept-ranges")), ("W/\"a\"", ""));
    assert_eq!(header(&received, "x-a"), "b?c", "line breaks are replaced");
    let huge = submit(json!({"fault": "huge_headers", "count": 20, "bytes": 9000}));
    assert_eq!(header(&huge, "x-huge-19").len(), 9000);
}

#[test]
fn faults_apply_in_order() {
    let faults = json!([
        {"fault": "status", "status": 200, "body": "html"},
        {"fault": "headers", "set": {"server": "gateway"}},
        {"fault": "close", "at": {"byte": 10}},
    ]);
    let mut fixture = faulty("operation", faults);
    let operation = fixture.submit("/documents/d1/export", BODY);
    let received = fixture.handle(get(&operation)).deliver().unwrap();
    assert_eq!(received.ending(), Ending::Closed);
    let response = received.into_response().unwrap();
    assert_eq!((text(&response).as_str(), header(&response, "server")), ("<!DOCTYPE ", "gateway"));
}
