//! The observable behaviour of a case as reproducible text.

use std::fmt::Write as _;

use export_core::{AttemptError, Error, Failure, FailureKind};
use export_host::ExportError;
use export_sim::Server;

use crate::adapter::CaseOutput;
use crate::recorder::Recorder;

pub(crate) fn write(
    server: &Server,
    recorder: &Recorder,
    result: &Result<CaseOutput, ExportError>,
) -> String {
    let mut text = recorder.text();
    let exports = server.exports();
    let mails = exports.iter().filter(|export| export.mails()).count();
    let _ = writeln!(text, "exports started: {}, mails: {mails}", exports.len());
    text.push_str("=> ");
    match result {
        Ok(CaseOutput::Status(status)) => {
            let word = status.facts.status.as_deref().unwrap_or("no status");
            let _ = write!(text, "{word}, {}", if status.is_ready { "ready" } else { "not ready" });
        }
        Ok(CaseOutput::File(artifact, bytes)) => {
            let served = |content: &export_sim::Payload| content.to_bytes().unwrap_or_default();
            let whole = exports.iter().any(|export| served(export.content()) == *bytes);
            let _ = writeln!(
                text,
                "{}, {} of {:?} bytes, {}, submits: {}",
                artifact.file_name(),
                bytes.len(),
                artifact.length(),
                artifact.media_type().unwrap_or("no media type"),
                artifact.submits(),
            );
            text.push_str(if whole {
                crate::case::FILE
            } else {
                "bytes, but not those of the file"
            });
        }
        Err(error) => {
            let mut message = error.to_string();
            if let Some((detail, is_shared)) = error.job().and_then(transport_detail) {
                // Only the last part of the detail can be the same for all transports.
                let reason = detail.rsplit_once(": ").map_or(detail, |(_, reason)| reason);
                let reason = if is_shared { format!(": {reason}") } else { String::new() };
                message = message.replace(&format!(": {detail}"), &reason);
            }
            let _ = write!(text, "{:?}", error.fault());
            if let Some(checkpoint) = error.checkpoint() {
                let _ = write!(text, ", resumable from byte {}", checkpoint.offset());
            }
            let _ = write!(text, "\n{message}");
        }
    }
    text.push('\n');
    normalize(&text, server)
}

/// The part of an error message that depends on the transport, and whether its reason is the same
/// for all transports.
fn transport_detail(error: &Error) -> Option<(&str, bool)> {
    let failure: &Failure = match error {
        Error::GaveUp { last, .. } | Error::SubmitUnconfirmed { last, .. } => match last {
            AttemptError::Failure(failure) => failure,
            AttemptError::Response(..) => return None,
        },
        Error::Unauthorized { reason: AttemptError::Failure(failure), .. } => failure,
        Error::Untrusted { failure, .. } => failure,
        _ => return None,
    };
    let detail = failure.detail()?;
    if detail.contains("token") {
        // The messages of the token source do not depend on the transport.
        return None;
    }
    match failure.kind() {
        FailureKind::NotSent
        | FailureKind::Unanswered
        | FailureKind::Cut
        | FailureKind::Stalled
        | FailureKind::TooLong => Some((detail, false)),
        FailureKind::Untrusted => Some((detail, true)),
        _ => None,
    }
}

/// Replaces addresses, ids, signatures and times by placeholders.
fn normalize(text: &str, server: &Server) -> String {
    let mut text = text.to_owned();
    for (url, name) in [(server.storage_url(), "storage"), (server.url(), "api")] {
        let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
        text = text.replace(authority, name);
    }
    let text = hide_value(&hide_value(&text, "expires="), "signature=");
    let text = name_all(&text, "ID", 32, |text| text.bytes().all(|it| it.is_ascii_hexdigit()));
    let text = name_all(&text, "REQUEST", 36, |text| looks_like(text, "0-0-0-0-0"));
    let text = name_all(&text, "TIME", 24, |text| looks_like(text, "0-0-0T0:0:0.0Z"));
    name_all(&text, "TIME", 20, |text| looks_like(text, "0-0-0T0:0:0Z"))
}

fn hide_value(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part.bytes().take_while(u8::is_ascii_alphanumeric).count();
        hidden.push_str(name);
        hidden.push_str(if value > 0 { "_" } else { "" });
        hidden.push_str(&part[value..]);
    }
    hidden
}

/// Whether a text has this form, in which a zero matches one or more hexadecimal digits.
fn looks_like(text: &str, form: &str) -> bool {
    let mut found = String::new();
    for char in text.chars() {
        match char.is_ascii_hexdigit() {
            false => found.push(char),
            true if found.ends_with('0') => {}
            true => found.push('0'),
        }
    }
    found == form
}

/// Replaces all parts of this length that match `is` by the name and a number for each value.
fn name_all(text: &str, name: &str, length: usize, is: impl Fn(&str) -> bool) -> String {
    let mut seen = Vec::new();
    let mut named = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..length).filter(|part| is(part)) {
            Some(part) => {
                let number = seen.iter().position(|it| *it == part).unwrap_or_else(|| {
                    seen.push(part);
                    seen.len() - 1
                });
                let _ = write!(named, "{name}{}", number + 1);
                rest = &rest[length..];
            }
            None => {
                named.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    named
}
