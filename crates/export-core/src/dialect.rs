//! The interface between the machine and the API of one service, to export from another service.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZero;
use core::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Request, StatusCode, Uri};
use serde::Deserialize;

use crate::api_error::{ApiError, printable};
use crate::json::{self, NotJson};
use crate::origins::Access;
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
/// another service. Six methods are required. The others have defaults, which fit a service that
/// sends one file, wants a bearer token for each request, and is polled with `GET`.
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

    /// Whether the requests of a phase need a token. [`Access::Trusted`] by default: they do, and go
    /// to trusted origins only, except those for the artifact.
    ///
    /// With [`Access::Anonymous`], no token is sent in this phase, not even to a trusted origin. The
    /// operation may then have a URL at any https origin; checkpoints store that URL.
    fn access(&self, phase: Phase) -> Access {
        let _ = phase;
        Access::Trusted
    }

    /// The header that carries the token: `Authorization: Bearer` by default.
    fn token_header(&self) -> TokenHeader {
        TokenHeader::BEARER
    }

    /// Reads the response to a submit or a poll: any 2xx, and the 303 of a poll.
    ///
    /// It is called with the head alone first, and with the body if it returns
    /// [`Reading::NeedBody`]. The body has at most [`Limits::max_body_bytes`](crate::Limits) bytes.
    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b>;

    /// Whether a 4xx of a poll or a fetch only means that the operation or the artifact is not there
    /// yet. `error` is what [`error`](Self::error) has read. A poll then counts as pending, and a
    /// fetch is retried. By default, none does.
    fn is_not_ready(&self, phase: Phase, status: StatusCode, error: &ApiError) -> bool {
        let _ = (phase, status, error);
        false
    }

    /// Says what follows an artifact, from the head of its 200 or 206. [`Follows::Nothing`] by
    /// default.
    ///
    /// It is asked before the body is read, so that a wrong answer costs no download. The next
    /// artifact is fetched when this one is complete.
    fn follows<'b>(&self, head: &Head<'b>) -> Follows<'b> {
        let _ = head;
        Follows::Nothing
    }

    /// Whether [`request`](Self::request) builds one that cancels an operation
    /// ([`Phase::Cancel`]). `false` by default.
    fn can_cancel(&self) -> bool {
        false
    }

    /// Reads the body of a 4xx or 5xx, which may be empty: who wrote it, and what it says.
    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError;

    /// Checks the media type and the first bytes of the artifact against the requested format.
    /// Returns why the download is not that file, or `None` if it may be.
    ///
    /// It is called with the first bytes as they come, from 8 up to 1,024, before they are written to
    /// the sink. `is_whole` says that the file ends with them; until then, return `None` to wait for
    /// more. By default, an HTML page is not the file, since gateways send those.
    fn contradiction(
        &self,
        media_type: Option<&str>,
        first: &[u8],
        is_whole: bool,
    ) -> Option<Contradiction> {
        let _ = is_whole;
        is_page(media_type, first).then_some(Contradiction::Page)
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

/// Whether a file is an HTML page, by its media type or its first bytes.
fn is_page(media_type: Option<&str>, first: &[u8]) -> bool {
    media_type.is_some_and(|given| given.eq_ignore_ascii_case("text/html")) || begins_a_page(first)
}

/// Whether a text begins like an HTML page, with `<` and at least three bytes of a known tag.
pub(crate) fn begins_a_page(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    ["<!doctype html", "<html", "<head", "<body"].into_iter().any(|tag| {
        let shown = text.len().min(tag.len());
        shown >= 4 && text[..shown].eq_ignore_ascii_case(&tag.as_bytes()[..shown])
    })
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

/// The header that carries a token, and the text before the token.
///
/// ```
/// use export_core::dialect::TokenHeader;
/// use http::HeaderName;
///
/// let header = TokenHeader::new(HeaderName::from_static("x-api-key"), "");
/// assert_eq!(TokenHeader::default(), TokenHeader::BEARER);
/// assert_ne!(header, TokenHeader::BEARER);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHeader {
    pub(crate) name: HeaderName,
    pub(crate) prefix: &'static str,
}

impl TokenHeader {
    /// `Authorization: Bearer` and the token (RFC 6750, 2.1).
    pub const BEARER: Self = Self::new(AUTHORIZATION, "Bearer ");

    /// A header of this name whose value is `prefix` and the token.
    ///
    /// # Panics
    ///
    /// Panics if `prefix` has other characters than visible ASCII and spaces.
    #[must_use]
    pub const fn new(name: HeaderName, prefix: &'static str) -> Self {
        let mut rest = prefix.as_bytes();
        while let [first, others @ ..] = rest {
            assert!(matches!(first, b' '..=b'~'), "the prefix of a token is ASCII");
            rest = others;
        }
        Self { name, prefix }
    }
}

impl Default for TokenHeader {
    fn default() -> Self {
        Self::BEARER
    }
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
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let essence = value.split(';').next().unwrap_or_default().trim_ascii();
        (1..=255).contains(&essence.len()).then_some(essence)
    }

    /// Parses the body of a service that speaks JSON objects.
    ///
    /// # Errors
    ///
    /// Returns the [`Reading`] to return from [`Dialect::read`]: [`Reading::Foreign`] for a page, or
    /// for another media type than JSON, which a gateway or a proxy has sent; [`Reading::NeedBody`]
    /// if there is no body yet; [`Reading::Malformed`] for JSON that is broken.
    ///
    /// ```
    /// use export_core::dialect::{Head, Reading};
    /// use http::{HeaderMap, StatusCode};
    /// use serde_json::Value;
    ///
    /// let headers = HeaderMap::new();
    /// let head = Head::new(StatusCode::OK, &headers);
    /// assert_eq!(head.json::<Value>(Some(b"<html>")), Err(Reading::Foreign));
    /// assert_eq!(head.json::<Value>(None), Err(Reading::NeedBody));
    /// let body: Value = head.json(Some(b"{\"status\": \"running\"}")).unwrap();
    /// assert_eq!(body["status"], "running");
    /// ```
    #[expect(clippy::result_large_err, reason = "the caller returns it at once")]
    pub fn json<'b, T: Deserialize<'b>>(&self, body: Option<&'b [u8]>) -> Result<T, Reading<'b>> {
        if json::cannot_be_json(self) {
            return Err(Reading::Foreign);
        }
        let Some(body) = body else { return Err(Reading::NeedBody) };
        json::parse_object(self, body).map_err(Reading::from)
    }
}

impl From<NotJson> for Reading<'_> {
    fn from(not_json: NotJson) -> Self {
        match not_json {
            NotJson::Page => Self::Foreign,
            NotJson::Broken(what) => Self::Malformed(what),
        }
    }
}

/// What the response to a submit or a poll means. It may borrow from the response.
///
/// The response to a submit is usually [`Accepted`](Self::Accepted). If the service has the result at
/// once, and names no operation, it may be [`ReadyAt`](Self::ReadyAt), [`ReadyFiles`](Self::ReadyFiles)
/// or [`Failed`](Self::Failed); such a job cannot be resumed, and submits again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reading<'b> {
    /// The head alone does not say: call again with the body.
    NeedBody,
    /// The export was accepted.
    Accepted {
        /// The URL to poll, absolute or relative to that of the request.
        operation: Cow<'b, str>,
        /// What the response says about the operation.
        facts: OperationFacts<'b>,
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
    /// The operation is completed, and these are the artifacts, at least one. Each response to a poll
    /// names the same ones in the same order.
    ReadyFiles {
        /// The artifacts.
        files: Vec<ResultFile<'b>>,
        /// What the response says about the operation.
        facts: OperationFacts<'b>,
    },
    /// The body of this response is the artifact. Return it for the head of a poll alone only.
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

/// One of the artifacts of a completed operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFile<'b> {
    pub(crate) source: FileSource<'b>,
    pub(crate) name: Option<Cow<'b, str>>,
    pub(crate) media_type: Option<Cow<'b, str>>,
    pub(crate) access: Access,
}

/// Where the bytes of an artifact are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileSource<'b> {
    Url(Cow<'b, str>),
    Bytes(Cow<'b, [u8]>),
}

impl<'b> ResultFile<'b> {
    /// An artifact to fetch from a URL, absolute or relative to that of the request.
    pub fn at(url: impl Into<Cow<'b, str>>) -> Self {
        Self::of(FileSource::Url(url.into()))
    }

    /// An artifact whose bytes the response had.
    pub fn inline(bytes: impl Into<Cow<'b, [u8]>>) -> Self {
        Self::of(FileSource::Bytes(bytes.into()))
    }

    const fn of(source: FileSource<'b>) -> Self {
        Self { source, name: None, media_type: None, access: Access::Trusted }
    }

    /// Sets its file name, which is made safe. The names of a result must differ. By default, it is
    /// what the server of the artifact says, or [`Dialect::file_name`], with a number from the second
    /// artifact on.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'b, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Fetches it with a bare `GET` and without a token, even from a trusted origin.
    #[must_use]
    pub const fn without_token(mut self) -> Self {
        self.access = Access::Anonymous;
        self
    }

    /// Sets its media type. By default, it is what the server of the artifact says.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<Cow<'b, str>>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }
}

/// What follows an artifact that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Follows<'b> {
    /// Nothing of the same resource. If the operation has more [files](Reading::ReadyFiles), the next
    /// of those.
    Nothing,
    /// Another artifact, such as the next page, at a URL that is absolute or relative to that of the
    /// request.
    Next(Cow<'b, str>),
    /// Nothing, because this is not the artifact: the job ends with an error that has this text.
    Refuse(&'static str),
}

/// What the service says about an operation, apart from whether it is completed.
///
/// ```
/// use export_core::dialect::OperationFacts;
///
/// let facts = OperationFacts::default().with_status("running").with_percent(30);
/// assert_eq!(facts.status.as_deref(), Some("running"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFacts<'b> {
    /// The status in the service's words.
    pub status: Option<Cow<'b, str>>,
    /// How much of the export is done, from 0 to 100.
    pub percent: Option<u8>,
    /// The id of the submit request, for the service's support.
    pub original_request: Option<Cow<'b, str>>,
    /// When the operation was created: RFC 3339, as sent.
    pub created: Option<Cow<'b, str>>,
    /// When the operation last changed: RFC 3339, as sent.
    pub updated: Option<Cow<'b, str>>,
    /// How long to wait before the next poll, in milliseconds. Small, since each waiting job has it.
    pub(crate) wait_ms: Option<NonZero<u32>>,
    /// Boxed, since a waiting job has none.
    #[expect(clippy::box_collection, reason = "each waiting job has this field")]
    pub(crate) details: Option<Box<Vec<Cow<'b, str>>>>,
}

impl<'b> OperationFacts<'b> {
    /// Sets the status in the service's words.
    #[must_use]
    pub fn with_status(mut self, status: impl Into<Cow<'b, str>>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// Sets how much of the export is done. More than 100 counts as 100.
    #[must_use]
    pub fn with_percent(mut self, percent: u8) -> Self {
        self.percent = Some(percent.min(100));
        self
    }

    /// Sets the id of the submit request.
    #[must_use]
    pub fn with_original_request(mut self, id: impl Into<Cow<'b, str>>) -> Self {
        self.original_request = Some(id.into());
        self
    }

    /// Sets when the operation was created.
    #[must_use]
    pub fn with_created(mut self, time: impl Into<Cow<'b, str>>) -> Self {
        self.created = Some(time.into());
        self
    }

    /// Sets when the operation last changed.
    #[must_use]
    pub fn with_updated(mut self, time: impl Into<Cow<'b, str>>) -> Self {
        self.updated = Some(time.into());
        self
    }

    /// Sets how long to wait before the next poll, if the body says so. A `Retry-After` has precedence.
    /// At most 49 days.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.wait_ms = NonZero::new(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// How long to wait before the next poll, if the body says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.wait_ms.map(|millis| Duration::from_millis(millis.get().into()))
    }

    /// Adds what the service says about a completed operation, such as what is missing in its file.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'b, str>>) -> Self {
        self.details.get_or_insert_default().push(detail.into());
        self
    }

    /// What the service says about a completed operation, such as what is missing in its file.
    #[must_use]
    pub fn details(&self) -> &[Cow<'b, str>] {
        self.details.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl OperationFacts<'_> {
    /// The facts with other texts.
    pub(crate) fn map_texts(mut self, map: impl Fn(&str) -> Cow<'_, str>) -> Self {
        let Self { status, original_request, created, updated, details, .. } = &mut self;
        let texts = [status, original_request, created, updated].into_iter().flatten();
        for text in texts.chain(details.as_deref_mut().into_iter().flatten()) {
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
        self.percent = news.percent.or(self.percent);
        if !news.details().is_empty() {
            let shown = news.details().iter().filter_map(|text| printable(Some(text)));
            self.details = Some(Box::new(shown.map(Cow::Owned).collect()));
        }
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
