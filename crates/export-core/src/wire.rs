//! How values are written for drivers in other languages: bytes in base64, durations in milliseconds.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::artifact::Artifact;
use crate::error::Error;

pub(crate) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(crate) fn optional_bytes<S: Serializer>(
    bytes: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
}

pub(crate) fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| de::Error::custom("expected bytes in base64"))
}

pub(crate) fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(crate) fn optional_millis<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let millis = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    millis.serialize(serializer)
}

pub(crate) fn status<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// What is printed, as a string.
pub(crate) fn display<S: Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(crate) fn optional_header<S: Serializer>(
    value: &Option<HeaderValue>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(latin1).serialize(serializer)
}

/// The value of a header, a character for each byte: HTTP clients have it so.
pub(crate) fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes of a header that was decoded as [Latin-1](latin1), or else as UTF-8.
pub(crate) fn raw(value: &str) -> Vec<u8> {
    let bytes = value.chars().map(|char| u8::try_from(u32::from(char)));
    bytes.collect::<Result<_, _>>().unwrap_or_else(|_| value.as_bytes().to_vec())
}

/// The artifact or the error, in a member of that name.
pub(crate) fn outcome<S: Serializer>(
    outcome: &Result<Artifact, Error>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Outcome<'a> {
        Artifact(&'a Artifact),
        Error(&'a Error),
    }
    let outcome = match outcome {
        Ok(artifact) => Outcome::Artifact(artifact),
        Err(error) => Outcome::Error(error),
    };
    outcome.serialize(serializer)
}

impl Serialize for Error {
    /// What callers branch on and print, and no secret.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            kind: &'static str,
            message: String,
            advice: &'static str,
            fault: crate::Fault,
            phase: Option<crate::Phase>,
            is_resumable: bool,
            status: Option<u16>,
            request_id: Option<&'a str>,
            failure: Option<WireFailure<'a>>,
        }
        let wire = Wire {
            kind: self.kind(),
            message: self.to_string(),
            advice: self.advice(),
            fault: self.fault(),
            phase: self.phase(),
            is_resumable: self.is_resumable(),
            status: self.status().map(|status| status.as_u16()),
            request_id: self.request_id(),
            failure: self
                .failure()
                .map(|failure| WireFailure { kind: failure.kind(), detail: failure.detail() }),
        };
        wire.serialize(serializer)
    }
}

/// What a transport reported.
#[derive(Serialize)]
struct WireFailure<'a> {
    kind: crate::FailureKind,
    detail: Option<&'a str>,
}
