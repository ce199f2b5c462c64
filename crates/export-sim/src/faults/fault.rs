use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::values::{BodyKind, FinalStatus, LengthClaim, Moment, RedirectTo, RetryAfter, UrlForm};
use crate::duration;

/// A fault of one request. In JSON, an object whose `fault` is the variant's name in snake case.
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
    /// Responds with another status. The service does not receive the request.
    Status {
        /// The status, at least 200.
        #[serde(with = "status")]
        status: StatusCode,
        /// The `Retry-After`, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The body: the endpoint's error body by default.
        #[serde(default)]
        body: BodyKind,
    },
    /// Responds with a redirect. The service does not receive the request.
    Redirect {
        /// The status: 302 by default.
        #[serde(with = "status", default = "found")]
        status: StatusCode,
        /// The target.
        to: RedirectTo,
    },
    /// Replaces the body, and keeps status and headers.
    Body {
        /// The body.
        body: BodyKind,
    },
    /// Edits the members of a JSON response. Members are named by name or by JSON pointer (`/created/user`).
    Json {
        /// Members to set.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, Value>,
        /// Members to remove.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
    /// Edits the headers.
    Headers {
        /// Headers to set.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, String>,
        /// Headers to remove.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
    /// Adds many large headers, of at most 16 MiB in all.
    HugeHeaders {
        /// The number of headers: 10 by default, at most 1000.
        #[serde(default = "ten")]
        count: usize,
        /// The size of each value: 8 KiB by default, at most 1 MiB.
        #[serde(default = "eight_kib")]
        bytes: usize,
    },
    /// Inserts raw lines after the status line: duplicate headers, contradicting lengths, or lines that are not
    /// headers. No effect over HTTP/2.
    HeadLines {
        /// The lines, without line ends.
        lines: Vec<String>,
    },
    /// Sends informational responses before the final one. No effect over HTTP/2.
    Interim {
        /// The statuses: 100 and 103 by default.
        #[serde(default = "continue_and_hints")]
        statuses: Vec<u16>,
    },
    /// Responds with HTTP/1.0: without chunks, and the connection is closed at the end. No effect over HTTP/2.
    Http10,
    /// Sends this text instead of the head and the body, and closes the connection. Over HTTP/2 it only closes the
    /// connection.
    Raw {
        /// The text.
        text: String,
    },
    /// Responds before the request body is read, and closes the connection at the end. The service receives an empty
    /// body.
    Early,
    /// Replaces the `Retry-After`.
    RetryAfter {
        /// The value; `None` to remove the header.
        value: Option<RetryAfter>,
    },
    /// Rewrites the operation URL in the response to a submit.
    Location {
        /// The form of the URL.
        url: UrlForm,
    },
    /// Rewrites the `resourceUrl` of a completed operation.
    ResourceUrl {
        /// The form of the URL.
        url: UrlForm,
    },
    /// Makes the signed URL in this response expire at once. No effect with downloads from the API host.
    ExpireUrl,
    /// Ends the operation without a file.
    EndOperation {
        /// The final status: `failed` by default.
        #[serde(default)]
        status: FinalStatus,
        /// The code in the details.
        #[serde(default = "code")]
        code: String,
        /// The message in the details.
        #[serde(default = "message")]
        message: String,
    },
    /// Revokes the token of this request.
    RevokeToken,
    /// Replaces the exported file by another one, with another ETag.
    ChangeArtifact,
    /// Ignores the `Range` header: responds 200 with the whole file.
    IgnoreRange,
    /// Sends a `Content-Range` that differs from the requested range, which is still the one sent.
    ContentRange {
        /// The number of bytes to shift the range by; negative for an earlier range.
        shift: i64,
    },
    /// Sends a `Content-Encoding` that was not requested. With `gzip`, bodies of up to 4 MiB are compressed; larger
    /// bodies, and those with other encodings, are sent uncompressed under the wrong header, and gzip files as they are,
    /// as stores describe them.
    ContentEncoding {
        /// The encoding: `gzip` by default.
        #[serde(default = "gzip")]
        encoding: String,
    },
    /// Removes the `Content-Length`.
    Chunked,
    /// Closes the connection.
    Close {
        /// When to close it.
        at: Moment,
    },
    /// Resets the connection: the client may lose bytes that it has not read yet.
    Reset {
        /// When to reset it.
        at: Moment,
    },
    /// Stops sending for a while.
    Stall {
        /// When to stop.
        at: Moment,
        /// For how long; forever if omitted.
        #[serde(with = "duration::optional", default, rename = "for")]
        time: Option<Duration>,
    },
    /// Sends the body in small pieces.
    Slow {
        /// The size of a piece: 1 KiB by default.
        #[serde(default = "one_kib")]
        bytes: usize,
        /// The pause between pieces.
        #[serde(with = "duration::text")]
        pause: Duration,
    },
    /// Sends the head in small pieces. No effect over HTTP/2.
    SlowHead {
        /// The size of a piece: 1 byte by default.
        #[serde(default = "one")]
        bytes: usize,
        /// The pause between pieces.
        #[serde(with = "duration::text")]
        pause: Duration,
    },
    /// Ends the body early, and keeps the `Content-Length`.
    Truncate {
        /// The number of bytes to send; half of the body if omitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// Sends surplus bytes after the body.
    Overlong {
        /// The number of bytes, at most 16 MiB.
        by: usize,
        /// Whether `Content-Length` includes them.
        #[serde(default)]
        length: LengthClaim,
    },
}

impl Fault {
    /// A status with the endpoint's error body.
    ///
    /// # Panics
    ///
    /// If the status is not in 100..=999.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("status must be in 100..=999");
        Self::Status { status, retry_after: None, body: BodyKind::Service }
    }

    /// A status with the endpoint's error body and a `Retry-After`.
    ///
    /// # Panics
    ///
    /// If the status is not in 100..=999.
    #[must_use]
    pub fn status_with_retry_after(status: u16, retry_after: RetryAfter) -> Self {
        let status = StatusCode::from_u16(status).expect("status must be in 100..=999");
        Self::Status { status, retry_after: Some(retry_after), body: BodyKind::Service }
    }

    /// The fault's name in JSON.
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

    /// Whether the fault replaces the service's response.
    pub(super) fn replaces_response(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::Redirect { .. })
    }
}

/// (De)serializes a final status as a number.
mod status {
    use super::*;

    pub(super) fn serialize<S: Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u16(status.as_u16())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
        let number = u16::deserialize(from)?;
        let status = StatusCode::from_u16(number).ok().filter(|status| !status.is_informational());
        status.ok_or_else(|| {
            D::Error::custom(format!("invalid status {number}: expected 200 to 999"))
        })
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
