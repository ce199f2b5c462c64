//! Downloads of the file, and their faults.

use std::time::Duration;

use export_core::workiva::{ArchiveOptions, ExportSpec, FileExport};
use export_sim::{Certificate, Downloads, Framing};

use super::{
    CLOSE_AFTER_HEAD, CLOSE_BEFORE_HEAD, EVERY, HTML_PAGE, LOOP, close_at, encoding, status,
    status_body, status_retry_after,
};
use crate::case::{Case, Goal, LENGTH};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = sources();
    cases.extend(interruptions());
    cases.extend(responses());
    cases.extend(redirects());
    cases
}

fn download(name: &str, nth: &str, fault: &str) -> Case {
    Case::new(format!("download-{name}")).rule("download", nth, fault)
}

/// The sources of the file, with both kinds of framing.
fn sources() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, downloads) in [
        ("by-301", Downloads::Redirect(301)),
        ("by-302", Downloads::Redirect(302)),
        ("by-303", Downloads::Redirect(303)),
        ("by-307", Downloads::Redirect(307)),
        ("signed", Downloads::Signed),
    ] {
        for framing in [Framing::Length, Framing::Chunked] {
            let chunked = if framing == Framing::Chunked { "-chunked" } else { "" };
            cases.push(Case::new(format!("download-{name}{chunked}")).with(|case| {
                case.downloads = downloads;
                case.framing = framing;
            }));
        }
    }
    cases.push(Case::new("download-chunked").with(|case| case.framing = Framing::Chunked));
    cases
}

/// Interrupted downloads.
fn interruptions() -> Vec<Case> {
    let chunked = |case: &mut Case| case.framing = Framing::Chunked;
    let signed = |case: &mut Case| case.downloads = Downloads::Signed;
    let quick = |case: &mut Case| {
        case.limits.request_timeout = Duration::from_secs(1);
        case.limits.read_timeout = Duration::from_secs(1);
    };
    vec![
        download("unanswered", "1", CLOSE_BEFORE_HEAD),
        download("closed-after-head", "1", CLOSE_AFTER_HEAD),
        download("cut", "1", &close_at(100)),
        download("cut-chunked", "1", &close_at(100)).with(chunked),
        download("cut-twice", r#"{"to": 2}"#, &close_at(100)),
        download("cut-before-last-byte", "1", &close_at(LENGTH - 1)),
        download("cut-repeatedly", EVERY, &close_at(500)),
        download("cut-at-start-persistent", EVERY, CLOSE_AFTER_HEAD)
            .ends("the response was cut off"),
        Case::new("download-cut-at-storage").with(signed).rule("storage", "1", &close_at(100)),
        download("truncated", "1", r#"{"fault": "truncate", "to": 100}"#),
        download("stalled", "1", r#"{"fault": "stall", "at": {"byte": 100}}"#).with(quick),
        download("slow-head", "1", r#"{"fault": "stall", "at": "before_head"}"#).with(quick),
        download("slow", "1", r#"{"fault": "slow", "bytes": 100, "pause": "1ms"}"#),
        download("cut-then-changed", "1", &close_at(100)).rule(
            "download",
            "2",
            r#"{"fault": "change_artifact"}"#,
        ),
        download("cut-then-range-ignored", "1", &close_at(100)).rule(
            "download",
            "2",
            r#"{"fault": "ignore_range"}"#,
        ),
        download("cut-then-wrong-range", "1", &close_at(100))
            .rule("download", "2", r#"{"fault": "content_range", "shift": -10}"#)
            .ends("the range is not the requested one"),
        download("cut-then-416", "1", &close_at(100)).rule(
            "download",
            "2",
            &status_body(416, "empty"),
        ),
        download(
            "cut-without-etag",
            "1",
            &format!(r#"[{{"fault": "headers", "remove": ["etag"]}}, {}]"#, close_at(100)),
        ),
        download(
            "cut-weak-etag",
            "1",
            &format!(
                r#"[{{"fault": "headers", "set": {{"etag": "W/\"1\""}}}}, {}]"#,
                close_at(100)
            ),
        ),
        download("overlong", "1", r#"{"fault": "overlong", "by": 100, "length": "honest"}"#)
            .ends("not those of the file"),
        download("overlong-undeclared", "1", r#"{"fault": "overlong", "by": 100}"#),
    ]
}

/// Other responses than the file.
fn responses() -> Vec<Case> {
    // Otherwise the wait before the poll for a new URL depends on the time since the last poll.
    let no_interval = |case: &mut Case| case.limits.min_poll_interval = Duration::ZERO;
    let mut cases = vec![
        download("429", "1", &status(429)),
        download("429-retry-after-0", "1", &status_retry_after(429, "0")),
        download("503-retry-after-1", "1", &status_retry_after(503, "1")),
        download("500", "1", &status(500)),
        download("500-persistent", EVERY, &status(500))
            .ends("fetch failed 4 times in a row; the last time: 500"),
        download("502-gateway-page", "1", &status_body(502, "html")),
        download("202", "1", &status_body(202, "empty")),
        download("204", "1", &status_body(204, "empty")).ends("unexpected status"),
        download("409", "1", &status(409)).ends("fetch was refused with 409"),
        download("html-page", "1", HTML_PAGE),
        download(
            "html-page-typed-as-pdf",
            "1",
            &format!(
                r#"[{HTML_PAGE}, {{"fault": "headers", "set": {{"content-type": "application/pdf"}}}}]"#
            ),
        ),
        download("html-page-persistent", EVERY, HTML_PAGE).ends("an HTML page instead of the file"),
        download(
            "wrong-format",
            "1",
            r#"{"fault": "body", "body": {"text": "{\"a\": \"file\"}"}}"#,
        )
        .ends("expected a pdf file, got other content"),
        download("empty", "1", r#"{"fault": "body", "body": "empty"}"#)
            .ends("expected a pdf file, got other content"),
        download("compressed", "1", r#"{"fault": "content_encoding"}"#)
            .ends("the body is compressed"),
        download("encoding-that-is-none", "1", &encoding("aws-chunked")),
        download("encoding-that-is-empty", "1", &encoding("")),
        download("encoding-brotli", "1", &encoding("br")).ends("the body is compressed"),
        // The header describes the file, also that of a range.
        Case::new("download-gzip-of-an-archive")
            .with(|case| {
                case.spec = ExportSpec::file("f1", FileExport::folder(ArchiveOptions::default()))
            })
            .rule("download", "1", &format!("[{}, {}]", encoding("gzip"), close_at(600)))
            .rule("download", r#"{"from": 2}"#, &encoding("gzip")),
        download("huge-headers", "1", r#"{"fault": "huge_headers", "count": 6}"#),
        Case::new("download-over-size-limit")
            .with(|case| case.goal = Goal::File(LENGTH - 1))
            .ends("the 1205 bytes"),
        Case::new("download-at-size-limit").with(|case| case.goal = Goal::File(LENGTH)),
        Case::new("download-403-at-storage-persistent")
            .with(|case| case.downloads = Downloads::Signed)
            .with(no_interval)
            .rule("storage", EVERY, &status(403))
            .ends("403 Forbidden"),
    ];
    for expired in [401, 403, 404, 410] {
        cases.push(
            Case::new(format!("download-expired-{expired}"))
                .with(|case| case.downloads = Downloads::Signed)
                .with(no_interval)
                .rule("storage", "1", &status(expired)),
        );
    }
    cases
}

/// Redirects that are not followed, or that fail.
fn redirects() -> Vec<Case> {
    let to = |url: &str| format!(r#"{{"fault": "redirect", "to": {{"url": "{url}"}}}}"#);
    vec![
        download("redirect-loop", EVERY, LOOP).ends("too many redirects in a row"),
        download("redirect-without-location", "1", &status_body(302, "empty"))
            .ends("redirect without a usable Location"),
        download("redirect-to-plain-http", "1", &to("http://files.example.net/f"))
            .ends("it is plain http"),
        download("redirect-to-plain-http-over-tls", "1", &to("http://127.0.0.1:1/f"))
            .with(|case| case.tls = Some(Certificate::Valid))
            .ends("it is plain http"),
        // A closed port.
        download("redirect-to-foreign-origin", EVERY, &to("https://127.0.0.1:1/f?sig=1"))
            .ends("the request could not be sent"),
    ]
}
