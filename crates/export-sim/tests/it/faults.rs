//! What each fault does to an answer, in virtual time.

use std::time::Duration;

use export_sim::{Downloads, Ending, Endpoint, Fault, Nth, Role, Rule, Scenario, Seen};
use serde_json::{Value, json};

use crate::world::{World, config, get, header, json, post, text, with, world};

const BODY: &str = r#"{"format":"pdf"}"#;

/// A world with one rule, given as its JSON.
fn faulty(endpoint: &str, fault: Value) -> World {
    let rule = json!({ "match": { "endpoint": endpoint, "nth": 1 }, "then": fault });
    let scenario = json!({ "rules": [rule] }).to_string();
    world(config().with_artifact_size(1000).with_scenario(Scenario::from_json(&scenario).unwrap()))
}

fn submit(fault: Value) -> http::Response<bytes::Bytes> {
    faulty("submit", fault).send(post("/documents/d1/export", BODY))
}

fn poll(fault: Value) -> http::Response<bytes::Bytes> {
    let mut world = faulty("operation", fault);
    let operation = world.submit("/documents/d1/export", BODY);
    world.get(&operation)
}

/// The first download of a file, whose true content comes along.
fn download(fault: Value, range: &str) -> (Seen, bytes::Bytes) {
    let mut world = faulty("download", fault);
    let operation = world.submit("/documents/d1/export", BODY);
    let url = world.resource(&operation);
    let content = world.service.exports()[0].content().to_bytes().unwrap();
    let request = if range.is_empty() { get(&url) } else { with(get(&url), "range", range) };
    (world.handle(request).play().unwrap(), content)
}

#[test]
fn a_status_stands_in_for_the_answer_and_nothing_is_started() {
    let mut world = faulty("submit", json!({"fault": "status", "status": 503, "retry_after": 17}));
    let answer = world.send(post("/documents/d1/export", BODY));
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, "17"));
    assert_eq!(json(&answer)["code"], "503ServiceUnavailable");
    assert!(world.service.exports().is_empty());
    assert_eq!(world.service.requests()[0].faults(), ["status"]);
    world.submit("/documents/d1/export", BODY);
}

#[test]
fn the_service_may_act_before_its_answer_is_lost() {
    for (role, exports) in [(Role::Acts, 1), (Role::Idle, 0)] {
        let rule = Rule::new(Endpoint::Submit, Fault::status(500)).with_service(role);
        let mut world = world(config().with_scenario(Scenario::default().with_rule(rule)));
        assert_eq!(world.send(post("/documents/d1/export", BODY)).status(), 500);
        assert_eq!(world.service.exports().len(), exports, "{role:?}");
    }
    let mut world = faulty("submit", json!({"fault": "close", "at": "before_head"}));
    let seen = world.handle(post("/documents/d1/export", BODY)).play().unwrap();
    assert!(seen.response().is_none());
    assert_eq!(world.service.exports().len(), 1);
    assert_eq!(world.service.requests()[0].status(), None);
}

#[test]
fn a_retry_after_may_be_anything() {
    let value = |retry_after: Value| {
        let answer = submit(json!({"fault": "status", "status": 429, "retry_after": retry_after}));
        header(&answer, "retry-after").to_owned()
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
fn a_body_may_be_of_another_kind() {
    let body = |kind: &str| {
        let answer = poll(json!({"fault": "status", "status": 502, "body": kind}));
        (header(&answer, "content-type").to_owned(), text(&answer))
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
fn errors_at_the_token_endpoint_and_the_storage_speak_their_own_language() {
    let mut world = faulty("token", json!({"fault": "status", "status": 503}));
    let answer = world.send(post("/oauth2/token", ""));
    assert_eq!(json(&answer)["error"], "temporarily_unavailable");
    let rule = Rule::new(Endpoint::Storage, Fault::status(403));
    let scenario = Scenario::default().with_rule(rule);
    let signed = config().with_downloads(Downloads::Signed).with_scenario(scenario);
    let mut world = crate::world::world(signed);
    let answer = world.export("/documents/d1/export", BODY);
    assert_eq!(answer.status(), 403);
    assert!(text(&answer).contains("<Code>Forbidden</Code>"));
}

#[test]
fn members_of_an_operation_can_be_changed_and_taken_away() {
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
fn the_url_of_the_operation_comes_in_every_form() {
    let forms = |url: Value| {
        let answer = submit(json!({"fault": "location", "url": url}));
        let location = header(&answer, "location").to_owned();
        (location, json(&answer)["operationLocation"].clone())
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
fn the_resource_url_comes_in_every_form() {
    let url = |url: Value| json(&poll(json!({"fault": "resource_url", "url": url})));
    assert!(url(json!("missing")).get("resourceUrl").is_none());
    assert_eq!(url(json!("null"))["resourceUrl"], Value::Null);
    assert_eq!(url(json!("empty"))["resourceUrl"], "");
    let cluster = url(json!("cluster_domain"))["resourceUrl"].as_str().unwrap().to_owned();
    assert!(cluster.starts_with("https://api.${WORKIVA_CLUSTER_DOMAIN}/exports/"), "{cluster}");
    assert_eq!(url(json!("missing"))["status"], "completed");
}

#[test]
fn redirects_lead_to_the_storage_to_themselves_and_anywhere() {
    let location = |to: Value| {
        let fault = json!({"fault": "redirect", "status": 307, "to": to});
        let seen = download(fault, "").0.into_response().unwrap();
        assert_eq!(seen.status(), 307);
        header(&seen, "location").to_owned()
    };
    assert!(location(json!("storage")).starts_with("http://127.0.0.1:8081/artifacts/"));
    assert!(location(json!("itself")).starts_with("http://127.0.0.1:8080/exports/"));
    assert_eq!(location(json!({"url": "https://x.example.net/"})), "https://x.example.net/");
}

#[test]
fn an_operation_can_fail_and_stays_failed() {
    let fault =
        json!({"fault": "end_operation", "status": "cancelled", "code": "C", "message": "M"});
    let mut world = faulty("operation", fault);
    let operation = world.submit("/documents/d1/export", BODY);
    for _ in 0..2 {
        let answer = json(&world.get(&operation));
        assert_eq!(answer["status"], "cancelled");
        assert_eq!(answer["resourceUrl"], Value::Null);
        assert_eq!(answer["details"], json!([{"code": "C", "message": "M", "target": null}]));
    }
}

#[test]
fn a_token_can_be_revoked_in_mid_job() {
    let mut world = faulty("operation", json!({"fault": "revoke_token"}));
    let operation = world.submit("/documents/d1/export", BODY);
    assert_eq!(world.get(&operation).status(), 401);
    assert_eq!(world.get(&operation).status(), 401, "for good");
}

#[test]
fn the_first_polls_may_not_find_the_operation() {
    let scenario = r#"{"rules": [{
        "match": {"endpoint": "operation", "nth": {"from": 1, "to": 2}, "per": "operation"},
        "then": {"fault": "status", "status": 404}
    }]}"#;
    let mut world = world(config().with_scenario(Scenario::from_json(scenario).unwrap()));
    let first = world.submit("/documents/d1/export", BODY);
    let second = world.submit("/documents/d2/export", BODY);
    let mut log = Vec::new();
    for url in [&first, &first, &second, &first, &second, &second] {
        log.push(world.get(url).status().as_u16());
    }
    assert_eq!(log, [404, 404, 404, 200, 404, 200]);
}

#[test]
fn an_artifact_can_change_between_two_downloads() {
    let rule = Rule::new(Endpoint::Download, Fault::ChangeArtifact).on(Nth::Only(2));
    for config in [config(), config().with_artifact_size(1000)] {
        let mut world = world(config.with_scenario(Scenario::default().with_rule(rule.clone())));
        let operation = world.submit("/documents/d1/export", BODY);
        let url = world.resource(&operation);
        let first = world.get(&url);
        let resumed = with(get(&url), "range", "bytes=10-");
        let second = world.send(with(resumed, "if-range", header(&first, "etag")));
        assert_eq!(second.status(), 200, "the tag has changed");
        assert_ne!(first.body(), second.body());
        assert_ne!(header(&first, "etag"), header(&second, "etag"));
    }
}

#[test]
fn ranges_can_be_ignored_and_misstated() {
    let (seen, content) = download(json!({"fault": "ignore_range"}), "bytes=10-");
    let whole = seen.into_response().unwrap();
    assert_eq!((whole.status().as_u16(), whole.body()), (200, &content));
    let (seen, _) = download(json!({"fault": "content_range", "shift": -3}), "bytes=10-19");
    assert_eq!(header(seen.response().unwrap(), "content-range"), "bytes 7-16/1000");
}

#[test]
fn a_gzipped_answer_says_so_and_is() {
    let (seen, content) = download(json!({"fault": "content_encoding"}), "");
    let answer = seen.into_response().unwrap();
    assert_eq!(header(&answer, "content-encoding"), "gzip");
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body()[..]), &mut plain)
        .unwrap();
    assert_eq!(plain, content);
}

#[test]
fn connections_end_and_stall_where_they_are_told_to() {
    let check = |fault: Value, len: Option<usize>, ending: Ending| {
        let (seen, content) = download(fault.clone(), "");
        assert_eq!(seen.ending(), ending, "{fault}");
        assert_eq!(seen.response().map(|it| it.body().len()), len, "{fault}");
        if let Some(head) = seen.response() {
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
fn a_stall_and_a_slow_body_take_their_time() {
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
fn a_surplus_is_declared_or_not() {
    let length = |length: &str| {
        let (seen, content) = download(json!({"fault": "overlong", "by": 5, "length": length}), "");
        let answer = seen.into_response().unwrap();
        assert_eq!(answer.body().len(), 1005);
        assert!(answer.body().starts_with(&content));
        header(&answer, "content-length").to_owned()
    };
    assert_eq!(length("lying"), "1000");
    assert_eq!(length("honest"), "1005");
    let (seen, _) = download(json!({"fault": "chunked"}), "");
    assert_eq!(header(seen.response().unwrap(), "content-length"), "");
}

#[test]
fn headers_can_be_set_taken_away_and_huge() {
    let fault = json!({"fault": "headers", "set": {"etag": "W/\"a\"", "x\n": "?", "x-a": "b\nc"}, "remove": ["Accept-Ranges"]});
    let seen = download(fault, "").0.into_response().unwrap();
    assert_eq!((header(&seen, "etag"), header(&seen, "accept-ranges")), ("W/\"a\"", ""));
    assert_eq!(header(&seen, "x-a"), "b?c", "no fault can break the head apart");
    let huge = submit(json!({"fault": "huge_headers", "count": 20, "bytes": 9000}));
    assert_eq!(header(&huge, "x-huge-19").len(), 9000);
}

#[test]
fn several_faults_apply_in_their_order() {
    let faults = json!([
        {"fault": "status", "status": 200, "body": "html"},
        {"fault": "headers", "set": {"server": "gateway"}},
        {"fault": "close", "at": {"byte": 10}},
    ]);
    let mut world = faulty("operation", faults);
    let operation = world.submit("/documents/d1/export", BODY);
    let seen = world.handle(get(&operation)).play().unwrap();
    assert_eq!(seen.ending(), Ending::Closed);
    let answer = seen.into_response().unwrap();
    assert_eq!((text(&answer).as_str(), header(&answer, "server")), ("<!DOCTYPE ", "gateway"));
}
