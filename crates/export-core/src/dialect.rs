//! What one service says on the wire: the only thing the machine does not know.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use http::{HeaderMap, Request, StatusCode, Uri};

use crate::api_error::{ApiError, printable};
use crate::sunset::Sunset;

/// The three requests in the life of an export, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an export has these phases and no others")]
pub enum Phase {
    /// Ask for the export.
    Submit,
    /// Ask how far the operation is.
    Poll,
    /// Download what it made.
    Fetch,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
        })
    }
}

/// One service's way of answering 202 and being polled.
///
/// The machine knows HTTP: statuses, redirects, `Retry-After`, ranges, time. A dialect knows the
/// rest: how a request is written, where an answer keeps the operation's URL, which words mean
/// "not yet". It is a pure function of its arguments; what is to be exported lives inside it.
///
/// [`Workiva`](crate::Workiva) is the one that this crate ships.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// A name that is stored in checkpoints, so that no job is resumed in the wrong dialect.
    fn name(&self) -> &str;

    /// Everything needed to make an equal dialect again, as text, without secrets.
    fn save(&self) -> String;

    /// Whether sending the submit request twice could do harm.
    fn repeat(&self) -> Repeat;

    /// Writes a request. `target` is the operation's or resource's URL, `None` for a submit.
    ///
    /// The machine adds the credentials, `Range` and `Accept-Encoding`. It calls this for
    /// trusted origins only; elsewhere it sends a bare `GET`.
    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>>;

    /// Reads an answer to a submit or a poll: any 2xx, and a poll's 303.
    ///
    /// Called with the head first; a second time, with the body, if it answers
    /// [`Reading::NeedBody`]. The body has at most [`Limits::body`](crate::Limits) bytes.
    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b>;

    /// Reads the body of a 4xx or 5xx: whose words they are, and what they say.
    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError;

    /// Why a file that starts with these bytes and is called this media type is not what was
    /// asked for. `None`, the default, if it may be.
    ///
    /// `first` holds the first bytes, 8 of them unless the file is shorter.
    fn contradiction(&self, media_type: Option<&str>, first: &[u8]) -> Option<Contradiction> {
        let _ = (media_type, first);
        None
    }

    /// The name of the file where the service gives none. `export` by default.
    fn file_name(&self) -> String {
        String::from("export")
    }

    /// When the endpoint in use will be switched off, if that is known.
    fn sunset(&self) -> Option<Sunset> {
        None
    }
}

/// Whether a submit request may be sent again when nobody knows if it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a side effect is there or it is not")]
pub enum Repeat {
    /// A second one costs the service some work and nobody anything.
    Harmless,
    /// A second one would be noticed by somebody: a mail is sent, a record is made.
    SideEffect,
}

/// Status and headers of an answer. Prints the names of the headers alone.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.status)?;
        f.debug_set().entries(self.headers.keys()).finish()
    }
}

impl<'a> Head<'a> {
    /// A head of these two.
    #[must_use]
    pub const fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers }
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The first value of a header, if it is visible ASCII.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The media type without its parameters, as sent. One of more than 255 bytes is none: type and
    /// subtype have at most 127 each (RFC 6838, 4.2).
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        let value = self.text("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (1..=255).contains(&essence.len()).then_some(essence)
    }
}

/// What an answer to a submit or a poll means. It may borrow from the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Reading<'b> {
    /// The head does not say; ask again with the body.
    NeedBody,
    /// The export was accepted. `operation` is a URL, absolute or relative to the request's.
    Accepted {
        /// Where to poll.
        operation: Cow<'b, str>,
    },
    /// The operation is not done.
    Pending(OperationFacts<'b>),
    /// The operation is done, and yet the answer lacks the URL of its result.
    CompletedWithoutUrl(OperationFacts<'b>),
    /// The operation is done. `resource` is a URL, absolute or relative to the request's.
    ReadyAt {
        /// Where the artifact is.
        resource: Cow<'b, str>,
        /// What the answer said of the operation.
        facts: OperationFacts<'b>,
    },
    /// The body of this very answer is the artifact. From the head alone only.
    ReadyHere,
    /// The operation ended without a result.
    Failed(ApiError, OperationFacts<'b>),
    /// A redirect that the machine may follow by its own rules.
    Redirect,
    /// This is not the service speaking: a gateway's page, a login form, a scanner's notice.
    Foreign,
    /// The service broke its own protocol; the text says how.
    Malformed(&'static str),
}

/// What a service says about an operation, beyond whether it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "dialects of other crates build it")]
pub struct OperationFacts<'b> {
    /// The service's own word for the state.
    pub status: Option<Cow<'b, str>>,
    /// The id by which the service's support finds the request.
    pub original_request: Option<Cow<'b, str>>,
    /// When it was created, RFC 3339, as sent.
    pub created: Option<Cow<'b, str>>,
    /// When it last changed, RFC 3339, as sent.
    pub updated: Option<Cow<'b, str>>,
}

impl OperationFacts<'static> {
    /// Takes over what is new, in a form that may be shown. Says whether the state is another.
    pub(crate) fn update(&mut self, news: &OperationFacts<'_>) -> bool {
        let replace = |old: &mut Option<Cow<'static, str>>, new: &Option<Cow<'_, str>>| {
            if new.is_none() || old.as_deref() == new.as_deref() {
                return false;
            }
            // A text that cannot be shown as it is differs from what was kept of it.
            let shown = printable(new.as_deref()).map(Cow::Owned);
            let changed = shown.is_some() && *old != shown;
            if changed {
                *old = shown;
            }
            changed
        };
        replace(&mut self.original_request, &news.original_request);
        replace(&mut self.created, &news.created);
        replace(&mut self.updated, &news.updated);
        replace(&mut self.status, &news.status)
    }
}

/// Why a download is not the file that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Contradiction {
    /// A page from something between here and the service. Worth another try.
    Page,
    /// Another kind of file; asking again will not change it. The text says what was expected.
    WrongFormat(&'static str),
}
