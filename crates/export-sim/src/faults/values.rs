//! The words that faults are written with.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What stands in the body of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyKind {
    /// The error body that the endpoint documents.
    #[default]
    Service,
    /// `{"error": {"code", "message"}}`, as it was also met.
    Nested,
    /// A gateway's HTML page.
    Html,
    /// No byte.
    Empty,
    /// JSON that stops in the middle.
    Garbage,
    /// A gateway's HTML page of so many bytes, made on the fly.
    Page(u64),
    /// JSON that begins and never ends, without a `Content-Length`, made on the fly.
    Endless,
    /// This text, with the media type that the answer had.
    Text(String),
}

/// A `Retry-After`.
///
/// In JSON a number of seconds, `{"date_in": seconds}` for an HTTP-date, or any text, sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
#[non_exhaustive]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// The HTTP-date so many seconds from now; or ago.
    DateIn(i64),
    /// This text, which need not make sense.
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
                "`{value}` is no Retry-After: write seconds as a number, {{\"date_in\": seconds}} or a text"
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

/// A moment in the life of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moment {
    /// Before any of it is sent.
    BeforeHead,
    /// When so many bytes of the head are out. HTTP/2 has no such moment: there it is that before the head.
    HeadByte(u64),
    /// When the head is out.
    AfterHead,
    /// When so many bytes of the body are out.
    Byte(u64),
    /// When all of it is out, and the client has what it asked for. Over HTTP/2 nothing happens then.
    End,
}

/// Whether `Content-Length` knows of a surplus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LengthClaim {
    /// It counts it: the body is well framed and longer than the file.
    Honest,
    /// It does not: the surplus follows the message.
    #[default]
    Lying,
}

/// How a URL is written, or whether it is there at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UrlForm {
    /// The path and the query alone.
    Relative,
    /// Host and path without the scheme: `//host/path`.
    SchemeRelative,
    /// In the body, and not in the header.
    BodyOnly,
    /// In the header, and not in the body.
    HeaderOnly,
    /// Nowhere.
    Missing,
    /// A JSON null; in a header an empty value.
    Null,
    /// An empty text.
    Empty,
    /// On the host `exports.example.net`, over https.
    Foreign,
    /// On the same host and another port: that of the storage origin.
    OtherPort,
    /// The same host over plain http.
    Http,
    /// On the host `api.${WORKIVA_CLUSTER_DOMAIN}`, as it was met.
    ClusterDomain,
    /// With a user and a password in front of the host.
    UserInfo,
    /// This text.
    Literal(String),
}

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedirectTo {
    /// To a signed URL on the storage origin.
    Storage,
    /// To the URL that was asked for: a loop.
    Itself,
    /// To the path that was asked for, on the same host and another port: that of the other origin.
    OtherPort,
    /// To this URL.
    Url(String),
}

/// How an operation ends that is not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// `failed`.
    #[default]
    Failed,
    /// `cancelled`.
    Cancelled,
}

/// What becomes of a connection on which nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// It is closed as soon as the client has said something; with TLS that is in the handshake.
    Close,
    /// It is reset then.
    Reset,
    /// Nothing happens, for good.
    Hang,
    /// It is answered in a protocol that is neither HTTP nor TLS, and closed.
    Babble,
}
