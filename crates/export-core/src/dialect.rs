//! The interface between the machine and the API of one service, to export from another service.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use http::{HeaderMap, Request, StatusCode, Uri};

use crate::api_error::{ApiError, printable};
use crate::phase::Phase;

pub use crate::sunset::{Sunset, SunsetNotice};

/// The API of one service that responds to a submit with 202 and is polled.
///
/// The machine handles HTTP: statuses, redirects, `Retry-After`, ranges and time. A dialect handles
/// the rest: how to build a request, where a response has the operation's URL, which status means
/// "not yet". It holds the description of one export. Its methods depend on that and on their
/// arguments only.
///
/// [`Workiva`](crate::workiva::Workiva) is the dialect of this crate. Implement this trait to export from
/// another service.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The name of the dialect. Checkpoints store it, so that a job is not resumed with another one.
    fn name(&self) -> &str;

    /// Saves the dialect as text, from which an equal one can be built. It must not hold secrets.
    fn save(&self) -> String;

    /// Whether a second submit request would do harm.
    fn repeat(&self) -> Repeat;

    /// Builds a request. `target` is the URL of the operation or the artifact, `None` for a submit.
    ///
    /// The machine adds the credentials, `Range` and `Accept-Encoding`. It calls this method for
    /// trusted origins only, and sends a bare `GET` to others.
    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>>;

    /// Reads the response to a submit or a poll: any 2xx, and the 303 of a poll.
    ///
    /// It is called with the head alone first, and with the body if it returns
    /// [`Reading::NeedBody`]. The body has at most [`Limits::max_body_bytes`](crate::Limits) bytes.
    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b>;

    /// Reads the body of a 4xx or 5xx, which may be empty: who wrote it, and what it says.
    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError;

    /// Checks the media type and the first bytes of the artifact against the requested format.
    /// Returns why the download is not that file, or `None`, the default, if it may be.
    ///
    /// It is called with the first bytes as they come, from 8 up to 1,024, before they are written to
    /// the sink. `is_whole` says that the file ends with them; until then, return `None` to wait for
    /// more.
    fn contradiction(
        &self,
        media_type: Option<&str>,
        first: &[u8],
        is_whole: bool,
    ) -> Option<Contradiction> {
        let _ = (media_type, first, is_whole);
        None
    }

    /// Whether the artifact is a gzip file: then `Content-Encoding: gzip` says nothing more about its
    /// bytes. By default, its media type decides.
    fn is_gzip(&self, media_type: Option<&str>) -> bool {
        is_gzip_type(media_type)
    }

    /// The file name if the service does not send one. `export` by default.
    fn file_name(&self) -> String {
        String::from("export")
    }

    /// The announced end of the endpoint, if there is one.
    fn sunset(&self) -> Option<Sunset> {
        None
    }
}

/// Whether a media type is that of a gzip file.
pub(crate) fn is_gzip_type(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|given| {
        let known = ["application/gzip", "application/x-gzip"];
        known.iter().any(|name| given.eq_ignore_ascii_case(name))
    })
}

/// Whether a submit request may be sent again if the first one may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a side effect is there or it is not")]
pub enum Repeat {
    /// A second export only costs the service some work.
    Harmless,
    /// A second export has an effect on others: a mail is sent, a record is created.
    SideEffect,
}

/// The status and headers of a response. `Debug` prints the names of the headers without values.
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
    /// A head with this status and these headers.
    #[must_use]
    pub const fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers }
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The first value of a header, if it is visible ASCII.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The media type as sent, without its parameters. `None` if it is longer than 255 bytes, since
    /// type and subtype have at most 127 each (RFC 6838, 4.2).
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        let value = self.text("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (1..=255).contains(&essence.len()).then_some(essence)
    }
}

/// What the response to a submit or a poll means. It may borrow from the response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Reading<'b> {
    /// The head alone does not say: call again with the body.
    NeedBody,
    /// The export was accepted.
    Accepted {
        /// The URL to poll, absolute or relative to that of the request.
        operation: Cow<'b, str>,
    },
    /// The operation is not completed.
    Pending(OperationFacts<'b>),
    /// The operation is completed, but the response lacks the URL of the artifact.
    CompletedWithoutUrl(OperationFacts<'b>),
    /// The operation is completed, and the artifact has a URL.
    ReadyAt {
        /// The URL of the artifact, absolute or relative to that of the request.
        resource: Cow<'b, str>,
        /// What the response says about the operation.
        facts: OperationFacts<'b>,
    },
    /// The body of this response is the artifact. Return it for the head alone only.
    ReadyHere,
    /// The operation ended without an artifact.
    Failed(ApiError, OperationFacts<'b>),
    /// A redirect, to be followed by the machine's rules.
    Redirect,
    /// The response comes from a gateway or proxy: a login form, the notice of a virus scanner.
    Foreign,
    /// The response breaks the service's protocol; the text says how.
    Malformed(&'static str),
}

/// What the service says about an operation, apart from whether it is completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "dialects of other crates build it")]
pub struct OperationFacts<'b> {
    /// The status in the service's words.
    pub status: Option<Cow<'b, str>>,
    /// The id of the submit request, for the service's support.
    pub original_request: Option<Cow<'b, str>>,
    /// When the operation was created: RFC 3339, as sent.
    pub created: Option<Cow<'b, str>>,
    /// When the operation last changed: RFC 3339, as sent.
    pub updated: Option<Cow<'b, str>>,
}

impl OperationFacts<'_> {
    /// The facts with other texts.
    pub(crate) fn map_texts(mut self, map: impl Fn(&str) -> Cow<'_, str>) -> Self {
        let Self { status, original_request, created, updated } = &mut self;
        for text in [status, original_request, created, updated].into_iter().flatten() {
            if let Cow::Owned(mapped) = map(text) {
                *text = mapped.into();
            }
        }
        self
    }
}

impl OperationFacts<'static> {
    /// Takes over the facts that are present in `news`, in printable form. Returns whether the status
    /// has changed.
    pub(crate) fn update(&mut self, news: &OperationFacts<'_>) -> bool {
        let replace = |old: &mut Option<Cow<'static, str>>, new: &Option<Cow<'_, str>>| {
            if new.is_none() || old.as_deref() == new.as_deref() {
                return false;
            }
            // The stored text may differ from a text that is not printable.
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

/// Why a download is not the requested file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Contradiction {
    /// It is an HTML page, probably from a gateway. The download is retried.
    Page,
    /// It has another format, so that a retry would not help. The text names the requested format.
    WrongFormat(&'static str),
}
