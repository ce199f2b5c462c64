//! Responses to polls, until the operation is completed.

use std::time::Duration;

use super::{
    CLOSE_AFTER_HEAD, CLOSE_BEFORE_HEAD, EVERY, GARBAGE, HTML_PAGE, LOGIN, LOOP, PLAIN_TEXT,
    close_at, status, status_body, status_retry_after, status_text,
};
use crate::case::{Case, Goal};

pub(super) fn cases() -> Vec<Case> {
    let poll = |name: &str, nth: &str, fault: &str| {
        Case::new(format!("poll-{name}")).rule("operation", nth, fault)
    };
    let with_status = |status: &str| {
        format!(r#"{{"fault": "json", "set": {{"status": {status}, "resourceUrl": null}}}}"#)
    };
    vec![
        poll("pending", r#"{"to": 3}"#, &with_status(r#""started""#)),
        poll("unknown-status", "1", &with_status(r#""polishing""#)),
        poll("null-status", "1", &with_status("null")),
        poll("empty", "1", &status_body(200, "empty")).ends("the body is empty"),
        poll("empty-object", "1", r#"{"fault": "body", "body": {"text": "{}"}}"#),
        poll("404-at-first", r#"{"to": 2}"#, &status(404)),
        poll("404-persistent", EVERY, &status(404))
            .with(|case| case.limits.grace_period = Duration::ZERO)
            .ends("poll was refused with 404"),
        poll("completed-without-url", "1", r#"{"fault": "resource_url", "url": "missing"}"#),
        poll(
            "completed-without-url-persistent",
            EVERY,
            r#"{"fault": "resource_url", "url": "null"}"#,
        )
        .with(|case| case.limits.grace_period = Duration::ZERO)
        .ends("completed, but has no result URL"),
        poll(
            "failed",
            "1",
            r#"{"fault": "end_operation", "code": "TooLarge", "message": "many cells"}"#,
        )
        .ends("the service ended the export as failed: TooLarge: many cells"),
        poll("cancelled", "1", r#"{"fault": "end_operation", "status": "cancelled"}"#)
            .ends("the service ended the export as cancelled"),
        poll("202", "1", &status_body(202, "empty")),
        poll("429", r#"{"to": 5}"#, &status(429)),
        poll("429-retry-after-0", "1", &status_retry_after(429, "0")),
        poll("429-retry-after-date", "1", &status_retry_after(429, r#"{"date_in": 1}"#)),
        poll("429-retry-after-invalid", "1", &status_retry_after(429, r#""soon""#)),
        poll(
            "retry-after-hours",
            "1",
            &format!(
                r#"[{}, {{"fault": "retry_after", "value": 7200}}]"#,
                with_status(r#""started""#)
            ),
        )
        .ends("the next request is allowed at TIME1"),
        poll("503-retry-after-0", "1", &status_retry_after(503, "0")),
        poll("500", r#"{"to": 3}"#, &status(500)),
        poll("500-persistent", EVERY, &status(500))
            .ends("poll failed 4 times in a row; the last time: 500"),
        poll("502-gateway-page", "1", &status_body(502, "html")),
        poll("502-gateway-page-persistent", EVERY, &status_body(502, "html"))
            .ends("a gateway or proxy responded"),
        poll("504", "1", &status_body(504, "empty")),
        poll("unanswered", "1", CLOSE_BEFORE_HEAD),
        poll("closed-after-head", "1", CLOSE_AFTER_HEAD),
        poll("cut", "1", &close_at(10)),
        poll("truncated", "1", r#"{"fault": "truncate"}"#),
        poll("overlong", "1", r#"{"fault": "overlong", "by": 2000000, "length": "honest"}"#)
            .ends("the body is longer than allowed"),
        poll("stalled", "1", r#"{"fault": "stall", "at": {"byte": 10}}"#)
            .with(|case| case.limits.request_timeout = Duration::from_secs(1)),
        poll("slow-head", "1", r#"{"fault": "stall", "at": "before_head"}"#)
            .with(|case| case.limits.request_timeout = Duration::from_secs(1)),
        poll("garbage", "1", GARBAGE).ends("the body is not valid JSON"),
        poll("html-page", "1", HTML_PAGE),
        poll("html-page-persistent", EVERY, HTML_PAGE).ends("a gateway or proxy responded"),
        poll("compressed", "1", r#"{"fault": "content_encoding"}"#).ends("the body is compressed"),
        poll("plain-text", EVERY, PLAIN_TEXT),
        poll(
            "text-page",
            "1",
            r#"{"fault": "raw", "text": "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbusy"}"#,
        ),
        poll("redirect", "1", LOOP),
        poll("redirect-loop", EVERY, LOOP).ends("too many redirects in a row"),
        poll("login-redirect", "1", LOGIN),
        poll("403", EVERY, &status(403)).ends("poll was refused with 403"),
        poll("409", "1", &status(409)),
        poll("409-persistent", EVERY, &status(409)).ends("poll failed 4 times in a row"),
        poll("huge-headers", "1", r#"{"fault": "huge_headers", "count": 6}"#),
        poll("chunked", "1", r#"{"fault": "chunked"}"#),
        Case::new("status-unknown-operation")
            .with(|case| case.goal = Goal::Status("op1"))
            .ends("poll was refused with 404"),
        Case::new("status-after-failures")
            .with(|case| case.goal = Goal::Status("op1"))
            .rule("operation", "1", CLOSE_BEFORE_HEAD)
            .rule("operation", "2", &status(503))
            .rule("operation", "3", &status_text(200, r#"{"status": "queued"}"#))
            .ends("queued, not ready"),
    ]
}
