//! The parameters of faults.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The body of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyKind {
    /// The error body that the endpoint documents.
    #[default]
    Service,
    /// `{"error": {"code", "message"}}`, a second error format that the real service uses.
    Nested,
    /// The HTML error page of a gateway.
    Html,
    /// An empty body.
    Empty,
    /// Truncated JSON.
    Garbage,
    /// An HTML page of this many bytes, generated on the fly.
    Page(u64),
    /// JSON that never ends, without a `Content-Length`, generated on the fly.
    Endless,
    /// This text, with the media type of the original response.
    Text(String),
}

/// A `Retry-After` value.
///
/// In JSON: a number of seconds, `{"date_in": seconds}` for an HTTP-date, or any text, which is sent unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
#[non_exhaustive]
pub enum RetryAfter {
    /// This number of seconds.
    Seconds(u64),
    /// The HTTP-date this many seconds from now, or in the past if negative.
    DateIn(i64),
    /// This text, which may be invalid.
    Text(String),
}

impl TryFrom<Value> for RetryAfter {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let date = value.get("date_in").and_then(Value::as_i64);
        match (&value, date) {
            (Value::Number(seconds), _) if seconds.is_u64() => {
                Ok(Self::Seconds(seconds.as_u64().unwrap_or_default()))
            }
            (Value::String(text), _) => Ok(Self::Text(text.clone())),
            (Value::Object(members), Some(date)) if members.len() == 1 => Ok(Self::DateIn(date)),
            _ => Err(format!(
                "invalid Retry-After `{value}`: expected a number of seconds, {{\"date_in\": seconds}} or a string"
            )),
        }
    }
}

impl From<RetryAfter> for Value {
    fn from(value: RetryAfter) -> Self {
        match value {
            RetryAfter::Seconds(seconds) => json!(seconds),
            RetryAfter::DateIn(seconds) => json!({ "date_in": seconds }),
            RetryAfter::Text(text) => json!(text),
        }
    }
}

/// A moment in the delivery of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moment {
    /// Before the head is sent.
    BeforeHead,
    /// After this many bytes of the head. Over HTTP/2: before the head.
    HeadByte(u64),
    /// After the head.
    AfterHead,
    /// After this many bytes of the body.
    Byte(u64),
    /// After the complete response. Ignored over HTTP/2.
    End,
}

/// Whether `Content-Length` includes the surplus bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LengthClaim {
    /// It includes them: the framing is correct, and the body is longer than the file.
    Honest,
    /// It does not: the surplus bytes follow the message.
    #[default]
    Lying,
}

/// How a URL is written, or that it is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UrlForm {
    /// Only the path and query.
    Relative,
    /// Without the scheme: `//host/path`.
    SchemeRelative,
    /// In the body only, not in the header.
    BodyOnly,
    /// In the header only, not in the body.
    HeaderOnly,
    /// Missing from both.
    Missing,
    /// JSON null in the body, an empty value in the header.
    Null,
    /// An empty string.
    Empty,
    /// On the host `exports.example.net`, over https.
    Foreign,
    /// On the same host with the port of the storage origin.
    OtherPort,
    /// On the same host over plain http.
    Http,
    /// On the host `api.${WORKIVA_CLUSTER_DOMAIN}`, a placeholder that the real service has been seen to send.
    ClusterDomain,
    /// With a user name and password before the host.
    UserInfo,
    /// This text.
    Literal(String),
}

/// The target of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedirectTo {
    /// A signed URL on the storage origin.
    Storage,
    /// The requested URL, which makes a loop.
    Itself,
    /// The requested path on the same host, with the port of the other origin.
    OtherPort,
    /// This URL.
    Url(String),
}

/// The final status of an operation that is not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinalStatus {
    /// `failed`.
    #[default]
    Failed,
    /// `cancelled`.
    Cancelled,
}

/// A fault of a connection, applied instead of serving a request. With TLS it interrupts the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionFault {
    /// Closes the connection after the first bytes of the client.
    Close,
    /// Resets the connection after the first bytes of the client.
    Reset,
    /// Never responds, and keeps the connection open.
    Hang,
    /// Responds in a protocol that is neither HTTP nor TLS, and closes the connection.
    #[serde(alias = "babble")]
    Garbage,
}
