use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::values::{BodyKind, End, LengthClaim, Moment, RedirectTo, RetryAfter, UrlForm};
use crate::duration;

/// Something that goes wrong with one request. In JSON, an object whose `fault` names the variant in snake case.
///
/// ```
/// use export_sim::{Fault, Moment};
///
/// let fault: Fault = serde_json::from_str(r#"{"fault": "close", "at": {"byte": 1000}}"#)?;
/// assert_eq!(fault, Fault::Close { at: Moment::Byte(1000) });
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Another status, in place of the service's own answer; the service does not even see the request.
    Status {
        /// The status, from 200 on.
        #[serde(with = "status")]
        status: StatusCode,
        /// The `Retry-After`, if there is to be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The body: the service's own error body by default.
        #[serde(default)]
        body: BodyKind,
    },
    /// A redirect; the service does not see the request.
    Redirect {
        /// The status: 302 by default.
        #[serde(with = "status", default = "found")]
        status: StatusCode,
        /// Where it leads.
        to: RedirectTo,
    },
    /// Another body under the same status and headers.
    Body {
        /// The body.
        body: BodyKind,
    },
    /// Other members in a JSON answer. Members are named, or pointed at (`/created/user`).
    Json {
        /// Members that are to have these values.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, Value>,
        /// Members that are to be missing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
    /// Other headers.
    Headers {
        /// Headers that are to have these values.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, String>,
        /// Headers that are to be missing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
    /// Many large headers.
    HugeHeaders {
        /// How many: 10 by default, at most 1000.
        #[serde(default = "ten")]
        count: usize,
        /// How large each is: 8 KiB by default, at most 1 MiB.
        #[serde(default = "eight_kib")]
        bytes: usize,
    },
    /// Lines in the head, right behind its first one, as they are: a header that is there twice, two lengths that
    /// contradict each other, or what is no header at all. Nothing over HTTP/2.
    HeadLines {
        /// The lines, without their ends.
        lines: Vec<String>,
    },
    /// Informational answers before the true one. Nothing over HTTP/2.
    Interim {
        /// Their statuses: 100 and 103 by default.
        #[serde(default = "continue_and_hints")]
        statuses: Vec<u16>,
    },
    /// The answer is one of HTTP/1.0: it has no chunks, and the connection is closed behind it. Nothing over HTTP/2.
    Http10,
    /// Another text in place of the answer, head and all; then the connection is closed. Over HTTP/2 it is closed at
    /// once.
    Raw {
        /// The text.
        text: String,
    },
    /// The answer comes before the body of the request is read, and the connection is closed behind it. The service
    /// takes that body to be empty.
    Early,
    /// Another `Retry-After`.
    RetryAfter {
        /// It; none to send none.
        value: Option<RetryAfter>,
    },
    /// Another form of the URL of the operation, in the answer to a submit.
    Location {
        /// The form.
        url: UrlForm,
    },
    /// Another form of the `resourceUrl` of a completed operation.
    ResourceUrl {
        /// The form.
        url: UrlForm,
    },
    /// The signed URL in this answer is good no longer. Where files come from the API host, there is none.
    ExpireUrl,
    /// The operation ends without a file.
    EndOperation {
        /// How it ends: `failed` by default.
        #[serde(default)]
        status: End,
        /// The code in its details.
        #[serde(default = "code")]
        code: String,
        /// The message in its details.
        #[serde(default = "message")]
        message: String,
    },
    /// The token of this request is worthless from now on.
    RevokeToken,
    /// The exported file becomes another one, with another ETag.
    ChangeArtifact,
    /// A `Range` is ignored: the whole file with a 200.
    IgnoreRange,
    /// A `Content-Range` that begins so many bytes away from what was asked for and is sent.
    ContentRange {
        /// How many bytes; before, if negative.
        shift: i64,
    },
    /// A `Content-Encoding` that nobody asked for. Up to 4 MiB are truly compressed by `gzip`; beyond, and with
    /// other names, the header lies.
    ContentEncoding {
        /// Its name: `gzip` by default.
        #[serde(default = "gzip")]
        encoding: String,
    },
    /// No `Content-Length`.
    Chunked,
    /// The connection is closed.
    Close {
        /// When.
        at: Moment,
    },
    /// The connection is reset: what the client has not read yet may be lost to it.
    Reset {
        /// When.
        at: Moment,
    },
    /// Nothing is sent for a while.
    Stall {
        /// When.
        at: Moment,
        /// How long; for good if it is left out.
        #[serde(with = "duration::optional", default, rename = "for")]
        time: Option<Duration>,
    },
    /// The body comes in small pieces.
    Slow {
        /// The size of a piece: 1 KiB by default.
        #[serde(default = "one_kib")]
        bytes: usize,
        /// The time between two pieces.
        #[serde(with = "duration::text")]
        pause: Duration,
    },
    /// The head comes in small pieces. Nothing over HTTP/2.
    SlowHead {
        /// The size of a piece: 1 byte by default.
        #[serde(default = "one")]
        bytes: usize,
        /// The time between two pieces.
        #[serde(with = "duration::text")]
        pause: Duration,
    },
    /// The body ends too early, and `Content-Length` stays as it was.
    Truncate {
        /// How many bytes are left; half of them if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// More follows the body.
    Overlong {
        /// How many bytes, at most 16 MiB.
        by: usize,
        /// Whether `Content-Length` counts them.
        #[serde(default)]
        length: LengthClaim,
    },
}

impl Fault {
    /// A status with the service's own error body.
    ///
    /// # Panics
    ///
    /// If there is no such status: they are from 100 to 999.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("the caller names a status");
        Self::Status { status, retry_after: None, body: BodyKind::Service }
    }

    /// A status with the service's own error body and a `Retry-After`.
    ///
    /// # Panics
    ///
    /// If there is no such status: they are from 100 to 999.
    #[must_use]
    pub fn status_with_retry_after(status: u16, retry_after: RetryAfter) -> Self {
        let status = StatusCode::from_u16(status).expect("the caller names a status");
        Self::Status { status, retry_after: Some(retry_after), body: BodyKind::Service }
    }

    /// The name of it in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::Body { .. } => "body",
            Self::Json { .. } => "json",
            Self::Headers { .. } => "headers",
            Self::HugeHeaders { .. } => "huge_headers",
            Self::HeadLines { .. } => "head_lines",
            Self::Interim { .. } => "interim",
            Self::Http10 => "http10",
            Self::Raw { .. } => "raw",
            Self::Early => "early",
            Self::RetryAfter { .. } => "retry_after",
            Self::Location { .. } => "location",
            Self::ResourceUrl { .. } => "resource_url",
            Self::ExpireUrl => "expire_url",
            Self::EndOperation { .. } => "end_operation",
            Self::RevokeToken => "revoke_token",
            Self::ChangeArtifact => "change_artifact",
            Self::IgnoreRange => "ignore_range",
            Self::ContentRange { .. } => "content_range",
            Self::ContentEncoding { .. } => "content_encoding",
            Self::Chunked => "chunked",
            Self::Close { .. } => "close",
            Self::Reset { .. } => "reset",
            Self::Stall { .. } => "stall",
            Self::Slow { .. } => "slow",
            Self::SlowHead { .. } => "slow_head",
            Self::Truncate { .. } => "truncate",
            Self::Overlong { .. } => "overlong",
        }
    }

    /// Whether the fault's answer stands in for the service's own.
    pub(super) fn replaces_answer(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::Redirect { .. })
    }
}

/// A final status, as a number.
mod status {
    use super::*;

    pub(super) fn serialize<S: Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u16(status.as_u16())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
        let number = u16::deserialize(from)?;
        let status = StatusCode::from_u16(number).ok().filter(|status| !status.is_informational());
        status.ok_or_else(|| D::Error::custom(format!("{number} is no final status")))
    }
}

fn found() -> StatusCode {
    StatusCode::FOUND
}

fn continue_and_hints() -> Vec<u16> {
    vec![100, 103]
}

fn one() -> usize {
    1
}

fn ten() -> usize {
    10
}

fn one_kib() -> usize {
    1024
}

fn eight_kib() -> usize {
    8 * 1024
}

fn gzip() -> String {
    "gzip".to_owned()
}

fn code() -> String {
    "ExportFailed".to_owned()
}

fn message() -> String {
    "the export failed".to_owned()
}
