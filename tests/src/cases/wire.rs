//! Slow, unusual and invalid HTTP.

use std::time::Duration;

use export_core::workiva::{ExportSpec, SpreadsheetExport};
use export_sim::{Downloads, Framing};

use super::{EVERY, PLAIN_TEXT, status, status_body};
use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for endpoint in ["token", "submit", "operation", "download"] {
        cases.extend(heads(endpoint));
        cases.extend(unusual(endpoint));
    }
    cases.extend(bodies());
    cases.extend(lengths());
    cases.extend(connections());
    cases.extend(storage());
    cases
}

const RESET: &str = r#"{"fault": "reset", "at": "before_head"}"#;
const CLOSE_AT_END: &str = r#"{"fault": "close", "at": "end"}"#;

fn wire(endpoint: &str, name: &str, nth: &str, fault: &str) -> Case {
    let named = if endpoint == "operation" { "poll" } else { endpoint };
    Case::new(format!("wire-{named}-{name}")).rule(endpoint, nth, fault)
}

fn short_attempt(case: &mut Case) {
    case.limits.request_timeout = Duration::from_secs(1);
}

fn lines(lines: &[&str]) -> String {
    format!(r#"{{"fault": "head_lines", "lines": {}}}"#, serde_json::json!(lines))
}

const RESET_AT_END: &str = r#"{"fault": "reset", "at": "end"}"#;
const PENDING: &str = r#"{"fault": "json", "set": {"status": "started", "resourceUrl": null}}"#;

/// Leaves time for bytes that arrive after the end of a message, before the connection is used again.
fn long_interval(case: &mut Case) {
    case.limits.min_poll_interval = Duration::from_millis(100);
}

/// Interrupted and slow heads.
fn heads(endpoint: &str) -> Vec<Case> {
    let case = |name: &str, fault: &str| wire(endpoint, name, "1", fault);
    vec![
        case("reset", RESET),
        case("reset-in-head", r#"{"fault": "reset", "at": {"head_byte": 20}}"#),
        case("closed-in-head", r#"{"fault": "close", "at": {"head_byte": 20}}"#),
        case("head-stalls", r#"{"fault": "stall", "at": {"head_byte": 20}}"#).with(short_attempt),
        case("slow-head-timeout", r#"{"fault": "slow_head", "pause": "50ms"}"#).with(short_attempt),
        case("slow-head", r#"{"fault": "slow_head", "bytes": 20, "pause": "2ms"}"#),
    ]
}

/// Unusual but valid responses, and invalid ones.
fn unusual(endpoint: &str) -> Vec<Case> {
    let case = |name: &str, fault: &str| wire(endpoint, name, "1", fault);
    vec![
        case("interim", r#"{"fault": "interim", "statuses": [100, 102, 103]}"#),
        case("http10", r#"{"fault": "http10"}"#),
        case("http10-without-length", r#"[{"fault": "chunked"}, {"fault": "http10"}]"#),
        case("garbage", r#"{"fault": "raw", "text": "220 mail.example.net ESMTP\r\n\r\n"}"#),
        case("four-digit-status", r#"{"fault": "raw", "text": "HTTP/1.1 2000 OK\r\n\r\n"}"#),
        case("conflicting-lengths", &lines(&["content-length: 5"])),
        case("folded-header", &lines(&["x-note: one", " two"])),
        case("invalid-header-line", &lines(&["this is no header"])),
    ]
}

/// Bodies that are too large, endless or compressed.
fn bodies() -> Vec<Case> {
    const HUGE: &str = r#"{"fault": "status", "status": 500, "body": {"page": 104857600}}"#;
    const ENDLESS: &str = r#"{"fault": "body", "body": "endless"}"#;
    let case = |endpoint, name, fault, ends| wire(endpoint, name, EVERY, fault).ends(ends);
    vec![
        case("token", "huge-error", HUGE, "submit failed: the response is too long"),
        case(
            "submit",
            "huge-error",
            HUGE,
            "submit failed 4 times in a row; the last time: 500 Internal Server Error",
        ),
        case("operation", "huge-error", HUGE, "the last time: 500 Internal Server Error"),
        case("download", "huge-error", HUGE, "the last time: 500 Internal Server Error"),
        case("token", "endless", ENDLESS, "submit failed: the response is too long"),
        case("operation", "endless", ENDLESS, "the body is longer than allowed"),
        wire("submit", "endless-with-location", "1", ENDLESS),
        wire("submit", "compressed", "1", r#"{"fault": "content_encoding"}"#),
        wire("token", "compressed", EVERY, r#"{"fault": "content_encoding"}"#)
            .ends("the token response is compressed"),
        wire("token", "plain-text", EVERY, PLAIN_TEXT),
        wire("submit", "plain-text-error", EVERY, &format!("[{}, {PLAIN_TEXT}]", status(400)))
            .ends("submit was refused with 400"),
    ]
}

/// Lengths that differ from that of the body.
fn lengths() -> Vec<Case> {
    const SURPLUS: &str = r#"{"fault": "overlong", "by": 100}"#;
    let chunks = r#"{"fault": "body", "body": {"text": "no chunk\r\n"}}"#;
    let chunks = format!("[{chunks}, {}]", lines(&["transfer-encoding: chunked"]));
    let chunked = |case: &mut Case| case.framing = Framing::Chunked;
    vec![
        wire("submit", "truncated", "1", r#"{"fault": "truncate"}"#),
        wire("token", "truncated", "1", r#"{"fault": "truncate"}"#),
        wire("submit", "surplus", "1", SURPLUS).with(long_interval),
        wire("operation", "surplus", "1", &format!("[{PENDING}, {SURPLUS}]")).with(long_interval),
        // Chunked encoding overrides the length (RFC 9112, 6.3).
        wire("operation", "chunks-and-length", "1", &lines(&["content-length: 5"])).rule(
            "operation",
            "1",
            r#"{"fault": "chunked"}"#,
        ),
        wire("download", "chunks-and-length", "1", &lines(&["content-length: 5"]))
            .with(chunked)
            .ends("the body is longer than announced"),
        wire("operation", "invalid-chunks", "1", &chunks),
        wire("download", "invalid-chunks", "1", &chunks),
        wire("operation", "short-content-length", "1", &headers_length(10))
            .ends("the body is not valid JSON"),
        wire("download", "206-unrequested", "1", &status_body(206, "html"))
            .ends("the range is not the requested one"),
    ]
}

fn headers_length(length: u32) -> String {
    format!(r#"{{"fault": "headers", "set": {{"content-length": "{length}"}}}}"#)
}

/// Broken connections.
fn connections() -> Vec<Case> {
    let connection =
        |name: &str, then: &str| Case::new(format!("connection-{name}")).first_connection(then);
    let early = |status: &str| format!(r#"[{{"fault": "early"}}, {status}]"#);
    let large = |case: &mut Case| {
        // Larger than the socket buffers, so that the client is still sending when the response arrives.
        let sheets = (0..60_000).map(|sheet| format!("sheet-{sheet:0>80}"));
        let xlsx = SpreadsheetExport::xlsx().with_sheets(sheets);
        case.spec = ExportSpec::spreadsheet("s1", xlsx);
    };
    vec![
        connection("closed", "close"),
        connection("reset", "reset"),
        connection("hangs", "hang").with(short_attempt),
        connection("garbage", "garbage"),
        connection("closed-email", "close")
            .sends_email()
            .ends("may have started an export, but no response confirms it: no response"),
        wire("submit", "reset-email", EVERY, RESET)
            .sends_email()
            .ends("may have started an export, but no response confirms it: no response"),
        // A connection that was closed in the meantime is not reused.
        wire("submit", "closed-at-end", "1", CLOSE_AT_END).with(long_interval),
        wire("operation", "closed-at-end", "1", &format!("[{PENDING}, {CLOSE_AT_END}]"))
            .with(long_interval),
        wire("operation", "reset-at-end", "1", &format!("[{PENDING}, {RESET_AT_END}]"))
            .with(long_interval),
        // A submit with side effects uses a new connection.
        wire("token", "closed-at-end-email", "1", CLOSE_AT_END).sends_email(),
        wire("submit", "early-503", "1", &early(&status(503))).with(large),
        wire("submit", "early-400", EVERY, &early(&status(400)))
            .with(large)
            .ends("submit was refused with 400"),
    ]
}

/// Downloads from the storage origin by signed URLs.
fn storage() -> Vec<Case> {
    let to = |to: &str| format!(r#"{{"fault": "redirect", "to": {to}}}"#);
    let signed = |name: &str, nth: &str, fault: &str| {
        let case = Case::new(format!("wire-storage-{name}")).rule("storage", nth, fault);
        case.with(|case| {
            case.downloads = Downloads::Signed;
            // Otherwise the wait before the poll for a new URL depends on the time since the last poll.
            case.limits.min_poll_interval = Duration::ZERO;
        })
    };
    vec![
        signed("reset", "1", RESET),
        signed("closed-in-head", "1", r#"{"fault": "close", "at": {"head_byte": 20}}"#),
        signed("interim", "1", r#"{"fault": "interim"}"#),
        signed(
            "huge-error",
            EVERY,
            r#"{"fault": "status", "status": 500, "body": {"page": 104857600}}"#,
        )
        .ends("the last time: 500 Internal Server Error"),
        signed("redirect-loop", EVERY, &to(r#""itself""#)).ends("too many redirects in a row"),
        signed("redirect-to-api", EVERY, &to(r#""other_port""#)).ends("fetch was refused with 404"),
        signed("redirect-to-file", EVERY, &to(r#"{"url": "file:///etc/passwd"}"#))
            .ends("from the service is refused: it is not a URL"),
        signed("expired-url", "1", "[]").rule("operation", "1", r#"{"fault": "expire_url"}"#),
        signed("expired-url-persistent", EVERY, "[]")
            .rule("operation", EVERY, r#"{"fault": "expire_url"}"#)
            .ends("403 Forbidden"),
        Case::new("wire-storage-connection-reset")
            .with(|case| case.downloads = Downloads::Signed)
            .with(|case| {
                let rule = r#"{"origin": "storage", "nth": 1, "then": "reset"}"#;
                case.connections.push(rule.into());
            }),
    ]
}
