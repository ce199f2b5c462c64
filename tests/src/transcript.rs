//! All that could be seen of a case, as text that is the same each time.

use std::fmt::Write as _;

use export_core::{AttemptError, Error, Failure, FailureKind};
use export_host::ExportError;
use export_sim::Server;

use crate::adapter::Outcome;
use crate::notes::Notes;

pub(crate) fn write(
    server: &Server,
    notes: &Notes,
    outcome: &Result<Outcome, ExportError>,
) -> String {
    let mut text = notes.text();
    let exports = server.exports();
    let mails = exports.iter().filter(|export| export.mails()).count();
    let _ = writeln!(text, "exports started: {}, mails: {mails}", exports.len());
    text.push_str("=> ");
    match outcome {
        Ok(Outcome::Status(status)) => {
            let word = status.facts.status.as_deref().unwrap_or("without a word for it");
            let _ = write!(text, "{word}, {}", if status.is_ready { "ready" } else { "not ready" });
        }
        Ok(Outcome::File(artifact, bytes)) => {
            let served = |content: &export_sim::Payload| content.to_bytes().unwrap_or_default();
            let whole = exports.iter().any(|export| served(export.content()) == *bytes);
            let _ = writeln!(
                text,
                "{}, {} of {:?} bytes, {}, submits: {}",
                artifact.file_name(),
                bytes.len(),
                artifact.length(),
                artifact.media_type().unwrap_or("of no type"),
                artifact.submits(),
            );
            text.push_str(if whole {
                crate::case::FILE
            } else {
                "bytes, but not those of the file"
            });
        }
        Err(error) => {
            let mut told = error.to_string();
            if let Some((words, is_final)) = error.job().and_then(words_of_transport) {
                // The end of it is the verdict; what stands before says where it was come to.
                let verdict = words.rsplit_once(": ").map_or(words, |(_, verdict)| verdict);
                let verdict = if is_final { format!(": {verdict}") } else { String::new() };
                told = told.replace(&format!(": {words}"), &verdict);
            }
            let _ = write!(text, "{:?}", error.fault());
            if let Some(checkpoint) = error.checkpoint() {
                let _ = write!(text, ", resumable from byte {}", checkpoint.offset());
            }
            let _ = write!(text, "\n{told}");
        }
    }
    text.push('\n');
    without_chance(&text, server)
}

/// What a transport says of a failure in words of its own, and whether it is a verdict.
fn words_of_transport(error: &Error) -> Option<(&str, bool)> {
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
        // The token source's words are the same for every transport.
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

/// Addresses, ids, signatures and times get names.
fn without_chance(text: &str, server: &Server) -> String {
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

/// Whether a text has this form, in which a zero stands for any number of hexadecimal digits.
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

/// Replaces whatever is of this length and kind by a name, with a number for each value.
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
