//! What a driver returns.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use crate::failure::{Failure, FailureKind};
use crate::wire;

/// What became of an [`Action`](super::Action).
#[derive(Clone, Deserialize)]
#[serde(try_from = "Wire")]
#[expect(clippy::exhaustive_enums, reason = "an action is answered by one of these")]
pub enum Input<'a> {
    /// The action was carried out, or the wait is over. Also the input of the first call.
    Done,
    /// The head of the response: see [`head`](Self::head).
    Head(Response<()>),
    /// The whole body of the response.
    Body(Cow<'a, [u8]>),
    /// The next bytes of the file, which are not written yet.
    Chunk(Cow<'a, [u8]>),
    /// The body of the file has ended.
    End,
    /// The length of the file.
    Length(u64),
    /// A token from elsewhere.
    Token {
        /// Its text.
        text: Cow<'a, str>,
        /// How long it is valid from now on, if that is known.
        lifetime: Option<Duration>,
    },
    /// The action failed. The [kind](FailureKind) says what that proves.
    Failed(Failure),
}

impl Input<'_> {
    /// The head of a response, as HTTP clients of other languages have it. Each header line is an item.
    ///
    /// # Errors
    ///
    /// Fails if the status has not three digits, or a header is invalid. Report a
    /// [`FailureKind::Unanswered`] then.
    pub fn head<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, InvalidHead> {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).map_err(|_| InvalidHead)?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_ref()).map_err(|_| InvalidHead)?;
            let value = HeaderValue::from_bytes(value.as_ref()).map_err(|_| InvalidHead)?;
            head.headers_mut().try_append(name, value).map_err(|_| InvalidHead)?;
        }
        Ok(Self::Head(head))
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Head(_) => "Head",
            Self::Body(_) => "Body",
            Self::Chunk(_) => "Chunk",
            Self::End => "End",
            Self::Length(_) => "Length",
            Self::Token { .. } => "Token",
            Self::Failed(_) => "Failed",
        }
    }
}

impl fmt::Debug for Input<'_> {
    /// The name: the body of a token response is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The head of a response that is not one of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head of the response has an invalid status or header")]
#[non_exhaustive]
pub struct InvalidHead;

/// An input that does not fit the last action. The session has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the input {input} does not fit {action}")]
#[non_exhaustive]
pub struct Misuse {
    /// The last action.
    pub action: &'static str,
    /// The input.
    pub input: &'static str,
}

/// An input as it is written in JSON.
#[derive(Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
enum Wire {
    Done,
    Head {
        status: u16,
        headers: Vec<(String, String)>,
    },
    Body {
        #[serde(deserialize_with = "wire::read_bytes")]
        bytes: Vec<u8>,
    },
    Chunk {
        #[serde(deserialize_with = "wire::read_bytes")]
        bytes: Vec<u8>,
    },
    End,
    Length {
        length: u64,
    },
    Token {
        token: String,
        lifetime_ms: Option<u64>,
    },
    Failed {
        kind: FailureKind,
        detail: Option<String>,
    },
}

impl TryFrom<Wire> for Input<'_> {
    type Error = InvalidHead;

    fn try_from(wire: Wire) -> Result<Self, InvalidHead> {
        Ok(match wire {
            Wire::Done => Self::Done,
            Wire::Head { status, headers } => {
                let headers = headers.iter();
                return Self::head(status, headers.map(|(name, value)| (name, wire::raw(value))));
            }
            Wire::Body { bytes } => Self::Body(bytes.into()),
            Wire::Chunk { bytes } => Self::Chunk(bytes.into()),
            Wire::End => Self::End,
            Wire::Length { length } => Self::Length(length),
            Wire::Token { token, lifetime_ms } => {
                Self::Token { text: token.into(), lifetime: lifetime_ms.map(Duration::from_millis) }
            }
            Wire::Failed { kind, detail } => {
                let failure = Failure::new(kind);
                Self::Failed(match detail {
                    Some(detail) => failure.with_detail(detail),
                    None => failure,
                })
            }
        })
    }
}
