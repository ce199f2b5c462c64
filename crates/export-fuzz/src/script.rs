//! Scripts: what a service and its network do, as text that a fuzzer can mutate and a person can read.
//!
//! ```text
//! mail
//! ===
//! 202 +250
//! location: /platform/v1/operations/op1
//! ===
//! lost unanswered
//! ===
//! 200
//! content-type: application/json
//!
//! {"status":"completed","resourceUrl":"/f"}
//! ===
//! 200 cut
//!
//! %PDF-1.7
//! ```
//!
//! The first block has flags that choose the job. Each further block is what one request gets: a first
//! line with a status and words, then headers, an empty line, and the body. What cannot be parsed is
//! ignored.

use std::time::Duration;

use export_core::FailureKind;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub(crate) struct Script<'a> {
    flags: Vec<&'a str>,
    pub(crate) replies: Vec<ScriptedReply<'a>>,
}

/// What one request gets.
pub(crate) enum ScriptedReply<'a> {
    Response(ScriptedResponse<'a>),
    /// The process ends during the request, and another one resumes the stored checkpoint.
    Crash,
    /// The driver drops the handle of the request.
    Drop,
    Failure(FailureKind),
}

pub(crate) struct ScriptedResponse<'a> {
    pub(crate) head: Response<()>,
    pub(crate) body: &'a [u8],
    /// The time until the response comes.
    pub(crate) delay: Duration,
    /// The failure at the end of the body.
    pub(crate) failure: Option<FailureKind>,
    /// The driver drops the handle after the head.
    pub(crate) drops_body: bool,
}

impl<'a> ScriptedResponse<'a> {
    /// A response without a delay and without a failure.
    pub(crate) fn new(head: Response<()>, body: &'a [u8]) -> Self {
        Self { head, body, delay: Duration::ZERO, failure: None, drops_body: false }
    }
}

/// Further replies of a script are ignored.
const MAX_REPLIES: usize = 64;

/// The longest delay in **milliseconds**: a driver gives up after [`Limits::request_timeout`](export_core::Limits).
const MAX_DELAY: u64 = 30_000;

impl<'a> Script<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Self {
        let mut blocks = Blocks(Some(text));
        let flags = blocks.next().map(words).unwrap_or_default();
        Self { flags, replies: blocks.filter_map(reply).take(MAX_REPLIES).collect() }
    }

    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

/// The blocks between `===` lines.
struct Blocks<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        const SEPARATOR: &[u8] = b"\n===\n";
        let rest = self.0?;
        let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        self.0 = end.map(|end| &rest[end + SEPARATOR.len()..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }
}

fn words(line: &[u8]) -> Vec<&str> {
    std::str::from_utf8(line).unwrap_or_default().split_whitespace().collect()
}

fn reply(block: &[u8]) -> Option<ScriptedReply<'_>> {
    let (line, rest) = split_line(block);
    let words = words(line);
    match *words.first()? {
        "crash" => Some(ScriptedReply::Crash),
        "drop" => Some(ScriptedReply::Drop),
        "lost" => Some(ScriptedReply::Failure(words.get(1).and_then(|word| failure(word))?)),
        status => {
            let mut head = Response::new(());
            *head.status_mut() = status.parse().ok().and_then(|n| StatusCode::from_u16(n).ok())?;
            let body = read_headers(rest, head.headers_mut());
            let delay = words.iter().find_map(|word| word.strip_prefix('+')?.parse().ok());
            Some(ScriptedReply::Response(ScriptedResponse {
                head,
                body,
                delay: Duration::from_millis(delay.unwrap_or(0).min(MAX_DELAY)),
                failure: words[1..].iter().find_map(|word| failure(word)),
                drops_body: words.contains(&"left"),
            }))
        }
    }
}

/// Reads headers up to an empty line, and returns the rest.
fn read_headers<'a>(mut rest: &'a [u8], headers: &mut HeaderMap) -> &'a [u8] {
    loop {
        let (line, after) = split_line(rest);
        rest = after;
        let Some(colon) = line.iter().position(|b| *b == b':') else { return rest };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let name = HeaderName::from_bytes(name.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
}

/// The lines of a text, without line ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|b| *b == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, b""),
    }
}

fn failure(word: &str) -> Option<FailureKind> {
    Some(match word {
        "cut" => FailureKind::Cut,
        "long" => FailureKind::TooLong,
        "not-sent" => FailureKind::NotSent,
        "sink" => FailureKind::Sink,
        "stalled" => FailureKind::Stalled,
        "store" => FailureKind::Store,
        "unanswered" => FailureKind::Unanswered,
        "unauthorized" => FailureKind::Unauthorized,
        "untrusted" => FailureKind::Untrusted,
        _ => return None,
    })
}
