//! A transport's verdict on a request that brought no usable answer.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::error::Error as StdError;
use core::fmt;

use http::StatusCode;

use crate::api_error::ApiError;

/// What is known when a request brought no answer, or half of one.
///
/// The difference that matters is what the server can have seen: a submit that was certainly not
/// sent is sent again, one that may have arrived is not, unless that is harmless. A transport
/// that cannot tell says [`Unanswered`](Self::Unanswered).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No byte of the request reached a server: no address, no connection, TLS not established.
    NotSent,
    /// The request may have arrived, and no answer came: reset, closed, timed out.
    Unanswered,
    /// The answer began and broke off.
    Cut,
    /// The answer began, and nothing came for longer than [`Stream::stall`](crate::Stream::stall).
    Stalled,
    /// The answer is longer than allowed: a head that does not end, an error page of megabytes.
    TooLong,
    /// Nothing was sent to the service, since its peer could not be trusted: an unknown
    /// certificate authority, another host's certificate, an expired one, a proxy that refuses.
    Untrusted,
    /// No token could be had: the credentials are wrong.
    Unauthorized,
    /// The local place for the bytes failed: disk full, no permission, a closed pipe.
    Sink,
    /// The checkpoint could not be stored.
    Store,
}

impl FailureKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "the request could not be sent",
            Self::Unanswered => "no answer came",
            Self::Cut => "the answer broke off",
            Self::Stalled => "the answer stalled",
            Self::TooLong => "the answer is too long",
            Self::Untrusted => "the peer is not trusted",
            Self::Unauthorized => "no token could be had",
            Self::Sink => "the file could not be written",
            Self::Store => "the checkpoint could not be stored",
        }
    }
}

/// A [`FailureKind`] with the words and the error behind it.
///
/// ```
/// use export_core::{Failure, FailureKind};
///
/// let failure = Failure::new(FailureKind::NotSent).with_detail("connection refused");
/// assert_eq!(failure.to_string(), "the request could not be sent: connection refused");
/// ```
#[derive(Clone)]
pub struct Failure {
    kind: FailureKind,
    detail: Option<Arc<str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A failure of this kind, without further words.
    #[must_use]
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, detail: None, source: None }
    }

    /// Says what happened. The text is shown to people: it must hold no secret.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into());
        self
    }

    /// Keeps the transport's own error as the source, and its text as the detail if there is none.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        if self.detail.is_none() {
            self.detail = Some(source.to_string().into());
        }
        self.source = Some(Arc::new(source));
        self
    }

    /// What is known.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The words of whoever saw it happen.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("kind", &self.kind).field("detail", &self.detail).finish()
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// The source of a failure of a token request that was answered by a gateway: the job that needs
/// the token then ends with an error that names the gateway.
#[derive(Debug)]
pub(crate) struct TokenGatewayError {
    pub(crate) status: StatusCode,
    pub(crate) page: ApiError,
}

impl TokenGatewayError {
    /// The source of `failure`, if it is of this type.
    pub(crate) fn of(failure: &Failure) -> Option<&Self> {
        StdError::source(failure)?.downcast_ref()
    }
}

impl fmt::Display for TokenGatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the answer ({}) to the request for a token is that of a gateway or proxy on the way",
            self.status
        )
    }
}

impl StdError for TokenGatewayError {}

impl From<TokenGatewayError> for Failure {
    fn from(error: TokenGatewayError) -> Self {
        Self::new(FailureKind::Unanswered).with_source(error)
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}
