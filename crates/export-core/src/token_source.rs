//! Access tokens for all jobs of a client, without I/O.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response};

use crate::api_error::{ApiError, ErrorOrigin, printable};
use crate::config::Limits;
use crate::dialect::Head;
use crate::failure::{Failure, FailureKind, TokenResponseError};
use crate::headers::RetryAfter;
use crate::job::{Event, Why};
use crate::origins::Access;
use crate::phase::Phase;
use crate::redact::mask;
use crate::time::Timestamp;
use crate::token::{InvalidToken, Secret, Token, TokenId, TokenNeed};

/// Provides tokens to any number of jobs, and requests a new one only when it has to.
///
/// Share it behind a lock, and never hold the lock over I/O. [`step`](Self::step) says what to do:
/// a caller that gets [`Transmit`](TokenStep::Transmit) sends that request with the lock released,
/// and all other callers wait. If the service refuses the token of a hundred jobs at once, one
/// request replaces it.
///
/// ```
/// use export_core::token::{Token, TokenNeed, TokenSource, TokenStep};
/// use export_core::workiva::Region;
/// use export_core::{Config, Timestamp};
///
/// let mut source = TokenSource::fixed(Token::fixed("eyJhbGciOi")?);
/// let now = Timestamp::from_date(2026, 3, 1);
/// assert!(matches!(source.step(now, TokenNeed::any()), TokenStep::Ready(_)));
///
/// let config = Config::for_region(Region::Us);
/// let mut source = TokenSource::client_credentials("id", "secret", &config);
/// assert!(matches!(source.step(now, TokenNeed::any()), TokenStep::Transmit(..)));
/// # Ok::<(), export_core::token::InvalidToken>(())
/// ```
#[derive(Debug)]
pub struct TokenSource {
    client: Option<Client>,
    current: Option<Issued>,
    in_flight: Option<InFlight>,
    failed: Option<Failed>,
    /// Why the next request has to wait until `not_before`.
    delay: Option<Delay>,
    /// The failure of the last request, until one succeeds.
    last_failure: Option<Failure>,
    not_before: Timestamp,
    failures: u32,
    /// Whether the current token, or the one that is requested, replaces one that was refused soon
    /// after its issue.
    replaces_refused: bool,
    last_number: u64,
}

/// How a service is asked for a token, and how its responses read.
pub(crate) trait TokenEndpoint: fmt::Debug + Send + Sync {
    /// Builds the request. `scope` lists the scopes to ask for, separated by spaces.
    fn request(&self, scope: Option<&str>) -> Request<Vec<u8>>;

    /// Whether its origin is one that may be sent the token.
    fn access(&self) -> Access;

    /// The secrets in its requests, in each form in which they are sent.
    fn secrets(&self) -> Arc<[Secret]>;

    /// Reads a response of any status. The body is within [`Ticket::limit`].
    fn read<'b>(&self, head: &Head<'_>, body: &'b [u8]) -> TokenReading<'b>;
}

/// What the response of a token endpoint means.
#[derive(Debug)]
pub(crate) enum TokenReading<'b> {
    /// A token, with its lifetime in **seconds** and its scopes where the response has them.
    Issued { text: Cow<'b, str>, expires_in: Option<u64>, scope: Option<Cow<'b, str>> },
    /// The endpoint asks to try again later, in the service's own words.
    Busy(ApiError),
    /// The response comes from a gateway or proxy, not from the service.
    Foreign(ApiError),
    /// The credentials are refused, in the service's own words.
    Refused(ApiError),
    /// The response breaks the protocol; the text says how.
    Malformed(&'static str),
}

#[derive(Debug)]
struct Client {
    /// `None` if the driver gets the tokens elsewhere.
    endpoint: Option<Box<dyn TokenEndpoint>>,
    limits: Limits,
    scope: Option<String>,
}

#[derive(Debug)]
struct Issued {
    token: Token,
    at: Timestamp,
    lifetime: Duration,
    usable_until: Timestamp,
    info: TokenInfo,
}

/// What the token endpoint said about the token it issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The lifetime of the token from its issue on, if the response has one.
    pub lifetime: Option<Duration>,
    /// The scopes of the token as sent, separated by spaces, if the response lists them.
    pub scope: Option<String>,
}

/// A token request that was sent.
#[derive(Debug)]
struct InFlight {
    number: u64,
    give_up_at: Timestamp,
}

#[derive(Debug)]
struct Failed {
    failure: Failure,
    until: Timestamp,
}

/// A token request that failed, and is repeated later.
#[derive(Debug)]
struct Delay {
    at: Timestamp,
    failure: Failure,
    /// When the endpoint allows the next request, if it said so.
    asked: Option<Timestamp>,
}

/// What a caller that needs a token has to do.
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
#[expect(clippy::large_enum_variant, reason = "a step is matched at once, and never stored")]
pub enum TokenStep {
    /// A usable token.
    Ready(Token),
    /// Send this request, and hand its response back with the ticket. The request holds the
    /// client's secret.
    Transmit(Request<Vec<u8>>, Ticket),
    /// Get a token where those of this [`external`](TokenSource::external) source come from, and hand
    /// it in with the ticket.
    Ask(Ticket),
    /// Another caller's request is in flight, or it is too early for the next one. Step again when
    /// that response has been handed in, or at this time.
    Wait(Timestamp),
    /// No token is available to any caller.
    Failed(Failure),
}

impl fmt::Debug for TokenStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(_) => f.write_str("Ready"),
            Self::Transmit(..) => f.write_str("Transmit"),
            Self::Ask(_) => f.write_str("Ask"),
            Self::Wait(until) => write!(f, "Wait({until})"),
            Self::Failed(failure) => write!(f, "Failed({failure:?})"),
        }
    }
}

/// Identifies one token request. Its holder hands in the response.
///
/// If a ticket is dropped without that, the source sends a new request at
/// [`give_up_at`](Self::give_up_at).
#[derive(Debug)]
#[must_use = "others wait for the response to this request"]
pub struct Ticket {
    number: u64,
    give_up_at: Timestamp,
    access: Access,
}

impl Ticket {
    /// When to stop waiting for the whole response and report a [`FailureKind::Unanswered`].
    #[must_use]
    pub const fn give_up_at(&self) -> Timestamp {
        self.give_up_at
    }

    /// Whether the request goes to an origin that may be sent the token, and with it headers of the
    /// caller that identify it. The token endpoint of another origin gets the client's credentials
    /// only.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// The most **bytes** of the response to keep: 64 KiB. Report a longer one as
    /// [`FailureKind::TooLong`].
    #[must_use]
    pub const fn limit(&self) -> usize {
        65_536
    }
}

/// If the service refuses a token sooner than this after its issue, another one is requested once: a
/// second one that is refused as soon would be followed by a third.
const MIN_AGE_TO_REPLACE: Duration = Duration::from_secs(30);

/// A token is used for at least this long, even if its `expires_in` is shorter: a short or missing
/// lifetime must not cause a token request per API request. A token that ends sooner is refused by
/// the service, and replaced then.
const MIN_USE: Duration = Duration::from_secs(30);

/// The lifetime of a token whose response has none. The shortest that was observed is 599 s.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(300);

/// A longer `expires_in` counts as this: one day.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// How long a failure is reported to all callers before the next request is allowed.
const FAILURE_HOLD: Duration = Duration::from_secs(60);

impl TokenSource {
    /// A source with one token and no way to get another.
    #[must_use]
    pub fn fixed(token: Token) -> Self {
        let forever = Timestamp::from_millis(u64::MAX);
        let issued = Issued {
            token,
            at: Timestamp::EPOCH,
            lifetime: Duration::MAX,
            usable_until: forever,
            info: TokenInfo::default(),
        };
        Self { current: Some(issued), ..Self::empty() }
    }

    /// A source that requests its tokens from this endpoint.
    pub(crate) fn with_endpoint(endpoint: Box<dyn TokenEndpoint>, limits: Limits) -> Self {
        let client = Client { endpoint: Some(endpoint), limits, scope: None };
        Self { client: Some(client), ..Self::empty() }
    }

    /// A source of tokens that the driver gets elsewhere, such as from a vault. It says when one is
    /// needed: [`TokenStep::Ask`].
    ///
    /// ```
    /// use core::time::Duration;
    ///
    /// use export_core::token::{TokenNeed, TokenSource, TokenStep};
    /// use export_core::{Limits, Timestamp};
    ///
    /// let mut source = TokenSource::external(Limits::default());
    /// let now = Timestamp::from_date(2026, 3, 1);
    /// let TokenStep::Ask(ticket) = source.step(now, TokenNeed::any()) else { panic!() };
    /// source.handle_token(now, ticket, "eyJhbGciOi", Some(Duration::from_secs(600)));
    /// assert!(matches!(source.step(now, TokenNeed::any()), TokenStep::Ready(_)));
    /// ```
    #[must_use]
    pub fn external(limits: Limits) -> Self {
        Self { client: Some(Client { endpoint: None, limits, scope: None }), ..Self::empty() }
    }

    /// Requests these scopes, separated by spaces. By default the service decides. Without effect
    /// on a [fixed](Self::fixed) token, and on those of an [external](Self::external) source.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        if let Some(client) = &mut self.client {
            client.scope = Some(scope.into());
        }
        self
    }

    const fn empty() -> Self {
        Self {
            client: None,
            current: None,
            in_flight: None,
            failed: None,
            delay: None,
            last_failure: None,
            not_before: Timestamp::EPOCH,
            failures: 0,
            replaces_refused: false,
            last_number: 0,
        }
    }

    /// What the endpoint said about the current token; `None` if there is no token.
    #[must_use]
    pub fn token_info(&self) -> Option<&TokenInfo> {
        self.current.as_ref().map(|issued| &issued.info)
    }

    /// Replaces the secrets of token requests in a text of the service, which may repeat what it was
    /// sent. [`Token::mask`] replaces the token as well.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let endpoint = self.client.as_ref().and_then(|client| client.endpoint.as_ref());
        let secrets = endpoint.map(|endpoint| endpoint.secrets());
        mask(text, secrets.iter().flat_map(|secrets| secrets.iter()).map(Secret::expose))
    }

    /// Says how to get a token at `now`.
    pub fn step(&mut self, now: Timestamp, need: TokenNeed) -> TokenStep {
        if let Some(failed) = self.failed.take_if(|failed| now >= failed.until) {
            drop(failed);
            self.failures = 0;
        }
        if let Some(failed) = &self.failed {
            return TokenStep::Failed(failed.failure.clone());
        }
        if let Some(issued) = &self.current {
            let refused = need.refused == Some(issued.token.id());
            if !refused && now < issued.usable_until {
                return TokenStep::Ready(issued.token.clone());
            }
            let is_new = now.since(issued.at) < MIN_AGE_TO_REPLACE.min(issued.lifetime);
            if refused && is_new && self.replaces_refused {
                return self.fail(now, unauthorized("the service rejected newly issued tokens"));
            }
            self.replaces_refused = refused && is_new;
            self.current = None;
        }
        self.request_token(now)
    }

    /// When the next token request may be sent, if the last one has failed, and what to report to a
    /// job that needs a token: the failure, and the wait. `phase` is that of the request that needs
    /// the token. `None` once the next request was sent.
    #[must_use]
    pub fn delay(&self, phase: Phase) -> Option<(Timestamp, [Event; 2])> {
        let Delay { at, failure, .. } = self.delay.as_ref()?;
        let (at, until) = (*at, self.not_before);
        let status = TokenResponseError::of(failure).map(|error| error.status);
        let failed = match status.filter(|status| status.as_u16() >= 400) {
            Some(status) => {
                Event::Response { at, phase, status, retry_after: None, request_id: None }
            }
            None => Event::Failed { at, phase, kind: failure.kind() },
        };
        Some((until, [failed, Event::Waiting { at, until, why: Why::BackOff }]))
    }

    /// The failure of a job that may wait for a token until `limit`, if the endpoint asked to wait
    /// for longer: the job need not wait until then in vain.
    #[must_use]
    pub fn exceeds(&self, limit: Timestamp) -> Option<Failure> {
        let asked = self.delay.as_ref()?.asked.filter(|asked| *asked > limit)?;
        let what = format!("the token endpoint asked to retry at {asked}, after the deadline");
        Some(Failure::new(FailureKind::Unanswered).with_detail(&what))
    }

    /// The failure of a job that has waited for a token for as long as it may: the last one of the
    /// endpoint, if there is one.
    #[must_use]
    pub fn timed_out(&self) -> Failure {
        let unknown =
            || Failure::new(FailureKind::Unanswered).with_detail("timed out waiting for a token");
        self.last_failure.clone().unwrap_or_else(unknown)
    }

    fn request_token(&mut self, now: Timestamp) -> TokenStep {
        let Some(client) = &self.client else {
            return TokenStep::Failed(unauthorized(
                "the service rejected the token, which cannot be renewed",
            ));
        };
        if let Some(in_flight) = &self.in_flight {
            if now < in_flight.give_up_at {
                return TokenStep::Wait(in_flight.give_up_at);
            }
        }
        if now < self.not_before {
            return TokenStep::Wait(self.not_before);
        }
        let endpoint = client.endpoint.as_ref();
        let request = endpoint.map(|endpoint| endpoint.request(client.scope.as_deref()));
        self.delay = None;
        self.last_number += 1;
        let (number, give_up_at) = (self.last_number, now + client.limits.request_timeout);
        self.in_flight = Some(InFlight { number, give_up_at });
        let access = client.endpoint.as_ref().map_or(Access::Anonymous, |it| it.access());
        let ticket = Ticket { number, give_up_at, access };
        match request {
            Some(request) => TokenStep::Transmit(request, ticket),
            None => TokenStep::Ask(ticket),
        }
    }

    /// Handles a token that was [asked](TokenStep::Ask) for, with its lifetime if that is known.
    /// Ignores a late one, as [`handle_response`](Self::handle_response) does.
    pub fn handle_token(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        text: &str,
        lifetime: Option<Duration>,
    ) {
        if self.settle(&ticket) {
            self.issued(now, text.trim(), lifetime, None);
        }
    }

    /// Handles the response to a token request. Ignores one that comes after
    /// [`give_up_at`](Ticket::give_up_at), once another request was sent.
    pub fn handle_response<B>(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        head: &Response<B>,
        body: &[u8],
    ) {
        if !self.settle(&ticket) {
            return;
        }
        let endpoint = self.client.as_ref().and_then(|client| client.endpoint.as_ref());
        let Some(endpoint) = endpoint else { return };
        let limit = ticket.limit();
        let head = Head::new(head.status(), head.headers());
        let retry_after = RetryAfter::of(now, head.headers()).wait();
        let reading = if body.len() > limit {
            TokenReading::Malformed("the token response is longer than allowed")
        } else {
            endpoint.read(&head, body)
        };
        let masked = |error: ApiError| error.map_texts(|text| self.mask(text));
        let reading = match reading {
            TokenReading::Foreign(page) => TokenReading::Foreign(masked(page)),
            TokenReading::Refused(reason) => TokenReading::Refused(masked(reason)),
            TokenReading::Busy(reason) => TokenReading::Busy(masked(reason)),
            other => other,
        };
        match (head.status().as_u16(), reading) {
            (200, TokenReading::Issued { text, expires_in, scope }) => {
                let lifetime = expires_in.map(Duration::from_secs);
                self.issued(now, &text, lifetime, scope.as_deref());
            }
            (300..=399, _) => {
                let page = ApiError::new(ErrorOrigin::Gateway);
                self.fail(now, TokenResponseError::of_gateway(head.status(), page).into());
            }
            (_, TokenReading::Foreign(page)) => {
                let error = TokenResponseError::of_gateway(head.status(), page);
                self.retry(now, error.into(), retry_after);
            }
            (408 | 429 | 500..=599, TokenReading::Refused(reason))
            | (_, TokenReading::Busy(reason)) => {
                let error = TokenResponseError::of_service(head.status(), reason);
                self.retry(now, error.into(), retry_after);
            }
            (408 | 429 | 500..=599, _) => {
                let error = TokenResponseError::of_service(head.status(), ApiError::default());
                self.retry(now, error.into(), retry_after);
            }
            (status, TokenReading::Refused(reason)) => {
                let what = match (status, reason.code()) {
                    (401 | 403, _)
                    | (_, Some("access_denied" | "invalid_client" | "unauthorized_client")) => {
                        format!("the token endpoint refused the credentials: {reason}")
                    }
                    _ => {
                        let status = head.status();
                        format!("the token endpoint refused the request ({status}): {reason}")
                    }
                };
                self.fail(now, unauthorized(&what));
            }
            (_, TokenReading::Malformed(what)) => {
                self.fail(now, unauthorized(what));
            }
            (status, _) => {
                let what = format!("the token endpoint responded with {status}");
                self.fail(now, unauthorized(&what));
            }
        }
    }

    /// Handles a token request that got no response, or a token that could not be got where it was
    /// [asked](TokenStep::Ask) for. Ignores a late report, as
    /// [`handle_response`](Self::handle_response) does.
    pub fn handle_failure(&mut self, now: Timestamp, ticket: Ticket, failure: Failure) {
        if !self.settle(&ticket) {
            return;
        }
        match failure.kind() {
            FailureKind::NotSent
            | FailureKind::Unanswered
            | FailureKind::Cut
            | FailureKind::Stalled
            | FailureKind::NoToken => self.retry(now, failure, None),
            _ => {
                self.fail(now, failure);
            }
        }
    }

    /// Gives a ticket back without a result, because its holder was cancelled. Another caller may
    /// send a request after [`Limits::backoff_base`](crate::Limits). Does not count as a failure of
    /// the endpoint.
    pub fn abandon(&mut self, now: Timestamp, ticket: Ticket) {
        if let (true, Some(client)) = (self.settle(&ticket), &self.client) {
            self.not_before = now + client.limits.backoff_base;
        }
    }

    /// Ends the wait for a request. Returns whether the ticket is that of the request in flight.
    fn settle(&mut self, ticket: &Ticket) -> bool {
        self.in_flight.take_if(|in_flight| in_flight.number == ticket.number).is_some()
    }

    fn issued(
        &mut self,
        now: Timestamp,
        text: &str,
        lifetime: Option<Duration>,
        scope: Option<&str>,
    ) {
        let Some(client) = &self.client else { return };
        let endpoint = client.endpoint.as_ref();
        let secrets = endpoint.map(|endpoint| endpoint.secrets()).unwrap_or_default();
        let Ok(token) = Token::issued(TokenId(self.last_number), text, secrets) else {
            let what = match endpoint {
                Some(_) => format!("the token endpoint responded: {InvalidToken}"),
                None => InvalidToken.to_string(),
            };
            self.fail(now, unauthorized(&what));
            return;
        };
        let announced = lifetime.filter(|lifetime| !lifetime.is_zero());
        let lifetime = announced.unwrap_or(ASSUMED_LIFETIME).min(MAX_LIFETIME);
        let margin = client.limits.token_margin.min(lifetime / 2);
        let usable_until = now + (lifetime - margin).max(MIN_USE);
        let scope = printable(scope).map(|scope| token.mask(&scope).into_owned());
        let info = TokenInfo { lifetime: announced, scope };
        self.current = Some(Issued { token, at: now, lifetime, usable_until, info });
        self.failures = 0;
        self.last_failure = None;
    }

    fn retry(&mut self, now: Timestamp, failure: Failure, retry_after: Option<Duration>) {
        let Some(client) = &self.client else { return };
        let limits = &client.limits;
        self.failures = self.failures.saturating_add(1);
        if self.failures > limits.max_failures {
            self.fail(now, failure);
            return;
        }
        let doublings = (self.failures - 1).min(31);
        let back_off = limits.backoff_base.saturating_mul(1 << doublings).min(limits.backoff_cap);
        self.not_before = now + retry_after.unwrap_or_default().max(back_off);
        self.last_failure = Some(failure.clone());
        let asked = retry_after.map(|wait| now + wait);
        self.delay = Some(Delay { at: now, failure, asked });
    }

    fn fail(&mut self, now: Timestamp, failure: Failure) -> TokenStep {
        self.current = None;
        self.failed = Some(Failed { failure: failure.clone(), until: now + FAILURE_HOLD });
        TokenStep::Failed(failure)
    }
}

fn unauthorized(what: &str) -> Failure {
    Failure::new(FailureKind::Unauthorized).with_detail(what)
}
