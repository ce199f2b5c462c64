//! Scripts: what a service and its network do, as text that a fuzzer can change and a person read.
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
//! The first block says which job it is. Each other one is a turn: its first line a status and
//! words, then headers, an empty line, and the body. Whatever cannot be read counts as not there.

use std::time::Duration;

use export_core::FailureKind;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub(crate) struct Script<'a> {
    /// The words of the first block.
    pub(crate) words: Vec<&'a str>,
    pub(crate) turns: Vec<Turn<'a>>,
}

pub(crate) enum Turn<'a> {
    /// An answer.
    Answer(Answer<'a>),
    /// The process dies with the request on its way, and another goes on from what was stored.
    Crash,
    /// Whoever waits for the answer goes away.
    Drop,
    /// There is no answer.
    Lost(FailureKind),
}

pub(crate) struct Answer<'a> {
    pub(crate) head: Response<()>,
    pub(crate) body: &'a [u8],
    /// How long it takes.
    pub(crate) after: Duration,
    /// How the body ends, if not well.
    pub(crate) ends: Option<FailureKind>,
    /// Whether it is left after its head.
    pub(crate) left: bool,
}

impl<'a> Answer<'a> {
    /// One that comes at once and whole.
    pub(crate) fn new(head: Response<()>, body: &'a [u8]) -> Self {
        Self { head, body, after: Duration::ZERO, ends: None, left: false }
    }
}

/// As many turns are read of one script.
const MOST_TURNS: usize = 64;

/// No answer takes longer: a driver gives up before.
const LONGEST: u64 = 30_000;

impl<'a> Script<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Self {
        let mut blocks = Blocks(Some(text));
        let words = blocks.next().map(words).unwrap_or_default();
        Self { words, turns: blocks.filter_map(turn).take(MOST_TURNS).collect() }
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

/// What stands between the lines that say `===`.
struct Blocks<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        const LINE: &[u8] = b"\n===\n";
        let rest = self.0?;
        let end = rest.windows(LINE.len()).position(|window| window == LINE);
        self.0 = end.map(|end| &rest[end + LINE.len()..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }
}

fn words(line: &[u8]) -> Vec<&str> {
    std::str::from_utf8(line).unwrap_or_default().split_whitespace().collect()
}

fn turn(block: &[u8]) -> Option<Turn<'_>> {
    let (line, rest) = split_line(block);
    let words = words(line);
    match *words.first()? {
        "crash" => Some(Turn::Crash),
        "drop" => Some(Turn::Drop),
        "lost" => Some(Turn::Lost(words.get(1).and_then(|word| failure(word))?)),
        status => {
            let mut head = Response::new(());
            *head.status_mut() = status.parse().ok().and_then(|n| StatusCode::from_u16(n).ok())?;
            let body = headers(rest, head.headers_mut());
            let after = words.iter().find_map(|word| word.strip_prefix('+')?.parse().ok());
            Some(Turn::Answer(Answer {
                head,
                body,
                after: Duration::from_millis(after.unwrap_or(0).min(LONGEST)),
                ends: words[1..].iter().find_map(|word| failure(word)),
                left: words.contains(&"left"),
            }))
        }
    }
}

/// Reads headers up to an empty line, and gives what is behind it.
fn headers<'a>(mut rest: &'a [u8], headers: &mut HeaderMap) -> &'a [u8] {
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

/// The lines of a text, without their ends.
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
