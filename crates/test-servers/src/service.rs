//! A small service whose exports complete at once, and its responses.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::{Action, Server, header, json, response};

/// The file of the service: enough of a PDF for the check of its format.
pub const FILE: &str = "%PDF-1.7 and a few more bytes";

const HEADERS: [&str; 3] = [
    "content-type: application/pdf",
    "etag: \"v1\"",
    "content-disposition: attachment; filename=\"report.pdf\"",
];

/// A service whose exports complete at once. `fetch` gets the number and the text of each request
/// for the file.
pub fn service(fetch: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Server {
    let fetches = AtomicUsize::new(0);
    Server::start(move |_, request| match request.lines().next().unwrap() {
        line if line.starts_with("POST /platform/v1/documents/d1/export ") => accepted(),
        line if line.starts_with("GET /platform/v1/operations/op1 ") => completed(),
        line if line.starts_with("GET /file ") => {
            fetch(fetches.fetch_add(1, Ordering::SeqCst), request)
        }
        line => panic!("{line}"),
    })
}

/// The response to a submit.
#[must_use]
pub fn accepted() -> Action {
    Action::Send(response("202 Accepted", &["location: /platform/v1/operations/op1"], ""))
}

/// The response to a poll: the operation has this status.
#[must_use]
pub fn operation(status: &str) -> Action {
    Action::Send(json("200 OK", &[], &format!(r#"{{"id":"op1","status":"{status}"}}"#)))
}

/// The response to a poll: the file is at `/file`.
#[must_use]
pub fn completed() -> Action {
    Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"completed","resourceUrl":"/file"}"#))
}

/// The response to a token request. The lifetime is in seconds.
#[must_use]
pub fn token(token: &str, lifetime: u32) -> Action {
    let body = format!(r#"{{"access_token":"{token}","expires_in":{lifetime}}}"#);
    Action::Send(json("200 OK", &[], &body))
}

/// The whole file.
#[must_use]
pub fn whole() -> Action {
    Action::Send(response("200 OK", &HEADERS, FILE))
}

/// The head of the whole file, and its first bytes.
#[must_use]
pub fn first(bytes: usize) -> Vec<u8> {
    first_with(&HEADERS, bytes)
}

/// The same without an `ETag`: the rest could be that of another file.
#[must_use]
pub fn first_without_etag(bytes: usize) -> Vec<u8> {
    first_with(&HEADERS[..1], bytes)
}

fn first_with(headers: &[&str], bytes: usize) -> Vec<u8> {
    let mut part = response("200 OK", headers, FILE);
    part.truncate(part.len() - FILE.len() + bytes);
    part
}

/// The response to a request for a range.
#[must_use]
pub fn rest(request: &str) -> Action {
    let from = header(request, "range").unwrap();
    let from = from.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap();
    let range = format!("content-range: bytes {from}-{}/{}", FILE.len() - 1, FILE.len());
    let headers = [HEADERS[0], HEADERS[1], HEADERS[2], &range];
    let rest = &FILE[from.parse::<usize>().unwrap()..];
    Action::Send(response("206 Partial Content", &headers, rest))
}
