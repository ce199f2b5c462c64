//! Submits, and whether they are sent again.

use export_core::Resubmit;

use super::{
    CLOSE_AFTER_HEAD, CLOSE_BEFORE_HEAD, EVERY, GARBAGE, HTML_PAGE, LOGIN, LOOP, close_at, status,
    status_body, status_retry_after,
};
use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = harmless();
    cases.extend(with_email());
    cases
}

/// Exports without side effects: the submit can be repeated.
fn harmless() -> Vec<Case> {
    let submit = |name: &str, nth: &str, fault: &str| {
        Case::new(format!("submit-{name}")).rule("submit", nth, fault)
    };
    vec![
        submit("429", r#"{"to": 5}"#, &status(429)),
        submit("429-retry-after-0", "1", &status_retry_after(429, "0")),
        submit("429-retry-after-1", "1", &status_retry_after(429, "1")),
        submit("429-retry-after-hours", "1", &status_retry_after(429, "7200"))
            .ends("the next request is allowed at TIME1"),
        submit("503", "1", &status(503)),
        submit("503-retry-after-0", "1", &status_retry_after(503, "0")),
        submit("503-persistent", EVERY, &status(503))
            .ends("submit failed 4 times in a row; the last time: 503"),
        submit("500", "1", &status(500)),
        submit("502", "1", &status_body(502, "html")),
        submit("504", "1", &status_body(504, "empty")),
        submit("unanswered", "1", CLOSE_BEFORE_HEAD),
        submit("unanswered-persistent", EVERY, CLOSE_BEFORE_HEAD)
            .ends("submit failed 4 times in a row; the last time: no response"),
        submit("unanswered-resubmit-never", "1", CLOSE_BEFORE_HEAD)
            .with(|case| case.resubmit = Resubmit::Never)
            .ends("may have started an export, but no response confirms it"),
        submit("closed-after-head", "1", CLOSE_AFTER_HEAD),
        submit("cut", "1", &close_at(10)),
        submit(
            "cut-without-location",
            "1",
            &format!(r#"[{{"fault": "location", "url": "body_only"}}, {}]"#, close_at(10)),
        ),
        submit("garbage-with-location", "1", GARBAGE),
        submit("html-page-with-location", "1", HTML_PAGE),
        submit("html-page", EVERY, &status_body(200, "html")).ends("a gateway or proxy responded"),
        submit("redirect", EVERY, LOOP).ends("a submit must not be redirected"),
        submit("login-redirect", EVERY, LOGIN).ends("a gateway or proxy responded"),
        submit("200", EVERY, &status_body(200, "empty"))
            .ends("expected 202 or an error for a submit"),
        submit("400", EVERY, &status(400))
            .ends("submit was refused with 400 Bad Request: 400BadRequest"),
        submit("403-nested", EVERY, &status_body(403, "nested"))
            .ends("submit was refused with 403 Forbidden: Forbidden"),
        submit("403-gateway-page", EVERY, &status_body(403, "html"))
            .ends("a gateway or proxy responded"),
        submit("404", EVERY, &status(404)).ends("submit was refused with 404"),
        submit("407", EVERY, &status_body(407, "empty")).ends("a proxy requires credentials (407)"),
        submit("409", EVERY, &status(409)).ends("submit was refused with 409"),
        submit("huge-headers", "1", r#"{"fault": "huge_headers", "count": 6}"#),
        submit("endless-headers", "1", r#"{"fault": "huge_headers", "count": 100, "bytes": 9000}"#)
            .ends("the head is too long"),
    ]
}

/// Exports that send an email: a submit that may have arrived is not repeated.
fn with_email() -> Vec<Case> {
    let email = |name: &str, nth: &str, fault: &str| {
        Case::new(format!("email-{name}")).sends_email().rule("submit", nth, fault)
    };
    vec![
        email("429", "1", &status(429)),
        email("503-service-error", "1", &status(503)),
        email("503-empty", "1", &status_body(503, "empty"))
            .ends("may have started an export, but no response confirms it: 503"),
        email("500", "1", &status(500))
            .ends("may have started an export, but no response confirms it: 500"),
        email("unanswered", EVERY, CLOSE_BEFORE_HEAD)
            .ends("may have started an export, but no response confirms it: no response"),
        email("unanswered-resubmit-always", "1", CLOSE_BEFORE_HEAD)
            .with(|case| case.resubmit = Resubmit::Always),
        email("closed-after-head", EVERY, CLOSE_AFTER_HEAD),
    ]
}
