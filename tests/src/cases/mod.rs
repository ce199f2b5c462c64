//! The cases, grouped by subject.

mod downloads;
mod files;
mod plain;
mod polls;
mod submits;
mod tokens;
mod trust;
mod urls;
mod wire;

use crate::case::Case;

/// All cases.
#[must_use]
pub fn all() -> Vec<Case> {
    let groups = [
        plain::cases(),
        files::cases(),
        tokens::cases(),
        submits::cases(),
        polls::cases(),
        urls::cases(),
        trust::cases(),
        wire::cases(),
        downloads::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// Selects every request, in a rule of the simulator.
const EVERY: &str = r#""every""#;

const CLOSE_BEFORE_HEAD: &str = r#"{"fault": "close", "at": "before_head"}"#;
const CLOSE_AFTER_HEAD: &str = r#"{"fault": "close", "at": "after_head"}"#;
const GARBAGE: &str = r#"{"fault": "body", "body": "garbage"}"#;
const HTML_PAGE: &str = r#"{"fault": "body", "body": "html"}"#;
const LOGIN: &str = r#"{"fault": "redirect", "to": {"url": "https://login.example.net/"}}"#;
const LOOP: &str = r#"{"fault": "redirect", "to": "itself"}"#;

const PLAIN_TEXT: &str = r#"{"fault": "headers", "set": {"content-type": "text/plain"}}"#;

/// Describes the body with this `Content-Encoding`, and leaves it as it is.
fn encoding(word: &str) -> String {
    format!(r#"{{"fault": "headers", "set": {{"content-encoding": "{word}"}}}}"#)
}

/// Closes the connection after this number of bytes of the body.
fn close_at(byte: usize) -> String {
    format!(r#"{{"fault": "close", "at": {{"byte": {byte}}}}}"#)
}

/// An error status with the endpoint's error body.
fn status(status: u16) -> String {
    format!(r#"{{"fault": "status", "status": {status}}}"#)
}

/// An error status with a `Retry-After`, given in JSON.
fn status_retry_after(status: u16, retry_after: &str) -> String {
    format!(r#"{{"fault": "status", "status": {status}, "retry_after": {retry_after}}}"#)
}

/// A status with another kind of body: `empty`, `html`, `nested` or `garbage`.
fn status_body(status: u16, body: &str) -> String {
    format!(r#"{{"fault": "status", "status": {status}, "body": "{body}"}}"#)
}

/// A status with this body and the media type of the endpoint.
fn status_text(status: u16, text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(r#"{{"fault": "status", "status": {status}, "body": {{"text": {text}}}}}"#)
}
