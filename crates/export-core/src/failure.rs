//! What a transport reports about a request without a usable response.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::error::Error as StdError;
use core::fmt;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api_error::{ApiError, ErrorOrigin};

/// What is known about a request without a complete response.
///
/// The kind says how much the server can have seen. A submit that was certainly not sent is sent
/// again; one that may have arrived is not, unless a second export would do no harm. A transport
/// that cannot tell reports [`Unanswered`](Self::Unanswered).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// No byte of the request reached a server: name resolution, connection or TLS handshake
    /// failed. Or the server says that it has not processed the request, as HTTP/2 allows.
    NotSent,
    /// The request may have arrived, and no response came: reset, closed or timed out.
    Unanswered,
    /// The response began and broke off.
    Cut,
    /// The response began, and no byte came for longer than [`Stream::read_timeout`](crate::driver::Stream::read_timeout).
    Stalled,
    /// The response is longer than allowed: its head, or an API response's body.
    TooLong,
    /// Nothing was sent because the peer cannot be trusted: an unknown certificate authority,
    /// a certificate for another host or an expired one, a proxy that refuses.
    Untrusted,
    /// No token is available: the credentials are wrong.
    Unauthorized,
    /// No token is available now, and one may be later: what issues it cannot be reached.
    NoToken,
    /// The local sink failed: disk full, permission denied, a closed pipe.
    Sink,
    /// The checkpoint could not be stored.
    Store,
    /// The program that drives the job made a mistake, which the job has noticed: its sink has other
    /// bytes than it says, its clock does not count milliseconds.
    Driver,
}

impl FailureKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "the request could not be sent",
            Self::Unanswered => "no response",
            Self::Cut => "the response was cut off",
            Self::Stalled => "the response stalled",
            Self::TooLong => "the response is too long",
            Self::Untrusted => "the peer is not trusted",
            Self::Unauthorized | Self::NoToken => "no token available",
            Self::Sink => "the file could not be written",
            Self::Store => "the checkpoint could not be stored",
            Self::Driver => "the program that drives the export made a mistake",
        }
    }
}

/// A [`FailureKind`] with a description and the underlying error.
///
/// `Display` prints the kind and the reason, so that an [`Error`](crate::Error) with a failure in it
/// says why in one line. [`source`](StdError::source) therefore returns `None`: a reporter that
/// prints the chain of sources would print the reason twice. [`get_ref`](Self::get_ref) returns the
/// underlying error.
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
    /// A failure of this kind, without a description.
    #[must_use]
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, detail: None, source: None }
    }

    /// Describes the failure. The text is shown to users and must not contain secrets.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into());
        self
    }

    /// Sets the underlying error. Unless there is a [detail](Self::with_detail), its text and those
    /// of its own sources become the detail.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with_boxed_source(Box::new(source))
    }

    /// Sets the underlying error, as [`with_source`](Self::with_source) does.
    #[must_use]
    pub fn with_boxed_source(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        if self.detail.is_none() {
            self.detail = Some(text_of_chain(&*source).into());
        }
        self.source = Some(source.into());
        self
    }

    /// What is known.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The description.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The underlying error, as [`with_source`](Self::with_source) took it.
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

/// The text of an error and of its sources. A source whose text is already there is left out, since
/// some errors print their source themselves.
fn text_of_chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = TokenResponseError::of(self) {
            // There was a response, but no token.
            return error.fmt(f);
        }
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

impl StdError for Failure {}

/// The source of a failure of a token request that got a response: the job that needs the token then
/// ends with an error that has its status.
#[derive(Debug)]
pub(crate) struct TokenResponseError {
    pub(crate) status: StatusCode,
    pub(crate) reason: ApiError,
}

impl TokenResponseError {
    /// The token endpoint responded with an error that may pass.
    pub(crate) fn of_service(status: StatusCode, reason: ApiError) -> Self {
        // The error of the job has the phase of the request that needs the token.
        Self { status, reason: reason.with_target(Some("the token endpoint")) }
    }

    /// A gateway or proxy responded instead of the token endpoint.
    pub(crate) const fn of_gateway(status: StatusCode, page: ApiError) -> Self {
        Self { status, reason: page }
    }

    /// The source of `failure`, if it is of this type.
    pub(crate) fn of(failure: &Failure) -> Option<&Self> {
        failure.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TokenResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, reason } = self;
        match reason.origin() {
            ErrorOrigin::Gateway => {
                write!(f, "a gateway or proxy responded to the token request ({status})")
            }
            _ => write!(f, "the token endpoint responded with {status}"),
        }
    }
}

impl StdError for TokenResponseError {}

impl From<TokenResponseError> for Failure {
    fn from(error: TokenResponseError) -> Self {
        Self::new(FailureKind::Unanswered).with_source(error)
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}
