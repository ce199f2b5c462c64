//! The observable behaviour of a case as reproducible text.

use std::fmt::Write as _;

use export_core::{Checkpoint, Error, FailureKind};
use export_host::ExportError;
use export_sim::Server;

use crate::adapter::CaseOutput;
use crate::recorder::Recorder;

/// How a case has ended, as far as every adapter and language tells it.
pub(crate) enum End {
    Files(Vec<String>),
    Status {
        word: String,
        is_ready: bool,
    },
    File {
        name: String,
        bytes: Vec<u8>,
        length: Option<u64>,
        media_type: Option<String>,
        submits: u64,
    },
    Error {
        fault: String,
        /// The offset in the checkpoint, if the error is resumable.
        offset: Option<u64>,
        message: String,
        /// The part of the message that depends on the transport, and the kind of its failure.
        detail: Option<(FailureKind, String)>,
    },
}

impl End {
    pub(crate) fn of(result: &Result<CaseOutput, ExportError>) -> Self {
        match result {
            Ok(CaseOutput::Files(files)) => {
                Self::Files(files.iter().map(|file| file.name().into()).collect())
            }
            Ok(CaseOutput::Status(status)) => Self::Status {
                word: status.facts.status.as_deref().unwrap_or("no status").into(),
                is_ready: status.is_ready,
            },
            Ok(CaseOutput::File(artifact, bytes)) => Self::File {
                name: artifact.file_name().into(),
                bytes: bytes.clone(),
                length: artifact.length(),
                media_type: artifact.media_type().map(String::from),
                submits: artifact.submits().into(),
            },
            Err(error) => {
                let failure = error.job().and_then(Error::failure);
                Self::Error {
                    fault: format!("{:?}", error.fault()),
                    offset: error.checkpoint().map(Checkpoint::offset),
                    message: error.to_string(),
                    detail: failure
                        .and_then(|failure| Some((failure.kind(), failure.detail()?.into()))),
                }
            }
        }
    }
}

pub(crate) fn write(server: &Server, recorder: &Recorder, end: &End) -> String {
    let mut text = recorder.text();
    let exports = server.exports();
    let mails = exports.iter().filter(|export| export.mails()).count();
    let _ = writeln!(text, "exports started: {}, mails: {mails}", exports.len());
    text.push_str("=> ");
    match end {
        End::Files(names) => {
            let _ = write!(text, "{} files: {}", names.len(), names.join(", "));
        }
        End::Status { word, is_ready } => {
            let _ = write!(text, "{word}, {}", if *is_ready { "ready" } else { "not ready" });
        }
        End::File { name, bytes, length, media_type, submits } => {
            let served = |content: &export_sim::Payload| content.to_bytes().unwrap_or_default();
            let whole = exports.iter().any(|export| served(export.content()) == *bytes);
            let media_type = media_type.as_deref().unwrap_or("no media type");
            let got = bytes.len();
            let _ = writeln!(
                text,
                "{name}, {got} of {length:?} bytes, {media_type}, submits: {submits}"
            );
            text.push_str(if whole {
                crate::case::FILE
            } else {
                "bytes, but not those of the file"
            });
        }
        End::Error { fault, offset, message, detail } => {
            let mut message = message.clone();
            let of_transport = detail
                .as_ref()
                .and_then(|(kind, detail)| Some((detail, is_shared(*kind, detail)?)));
            if let Some((detail, is_shared)) = of_transport {
                // Only the last part of the detail can be the same for all transports.
                let reason = detail.rsplit_once(": ").map_or(detail.as_str(), |(_, reason)| reason);
                let reason = if is_shared { format!(": {reason}") } else { String::new() };
                message = message.replace(&format!(": {detail}"), &reason);
            }
            text.push_str(fault);
            if let Some(offset) = offset {
                let _ = write!(text, ", resumable from byte {offset}");
            }
            let _ = write!(text, "\n{message}");
        }
    }
    text.push('\n');
    normalize(&text, server)
}

/// Whether the reason in a failure's detail is the same for all transports; `None` if the whole detail is.
fn is_shared(kind: FailureKind, detail: &str) -> Option<bool> {
    if detail.contains("token") {
        // The messages of the token source do not depend on the transport.
        return None;
    }
    match kind {
        FailureKind::NotSent
        | FailureKind::Unanswered
        | FailureKind::Cut
        | FailureKind::Stalled
        | FailureKind::TooLong => Some(false),
        FailureKind::Untrusted => Some(true),
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
