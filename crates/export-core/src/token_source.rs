//! Where tokens come from: one source for all jobs of a client, without I/O.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response};

use crate::api_error::{ApiError, Speaker, printable};
use crate::config::Config;
use crate::dialect::Head;
use crate::failure::{Failure, FailureKind};
use crate::headers::RetryAfter;
use crate::intercepted::Intercepted;
use crate::time::Timestamp;
use crate::token::{InvalidToken, Secret, Token, TokenId, TokenNeed};
use crate::workiva::token::{TokenReading, read_token, token_request};

/// Gives tokens to any number of jobs, and asks for a new one only when it must.
///
/// It is shared behind a lock, and the lock is never held over I/O: [`step`](Self::step) says what
/// to do, whoever is told to [`Transmit`](TokenStep::Transmit) does so with the lock released, and
/// everybody else waits. A hundred jobs that are refused at once cause one request.
///
/// ```
/// use export_core::{Config, Region, Timestamp, Token, TokenNeed, TokenSource, TokenStep};
///
/// let mut source = TokenSource::fixed(Token::fixed("eyJhbGciOi")?);
/// let now = Timestamp::from_date(2026, 3, 1);
/// assert!(matches!(source.step(now, TokenNeed::any()), TokenStep::Ready(_)));
///
/// let config = Config::for_region(Region::Us);
/// let mut source = TokenSource::client_credentials("id", "secret", &config);
/// assert!(matches!(source.step(now, TokenNeed::any()), TokenStep::Transmit(..)));
/// # Ok::<(), export_core::InvalidToken>(())
/// ```
#[derive(Debug)]
pub struct TokenSource {
    client: Option<Client>,
    current: Option<Issued>,
    asking: Option<Asking>,
    failed: Option<Failed>,
    not_before: Timestamp,
    failures: u32,
    last_number: u64,
}

#[derive(Debug)]
struct Client {
    config: Config,
    id: String,
    secret: Secret,
    scope: Option<String>,
}

#[derive(Debug)]
struct Issued {
    token: Token,
    at: Timestamp,
    lifetime: Duration,
    usable_until: Timestamp,
    grant: TokenGrant,
}

/// What the answer to a request for a token said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenGrant {
    /// How long the token is good for, from when it was given; `None` if that was not told.
    pub lifetime: Option<Duration>,
    /// The scopes that it has, as sent, separated by spaces; `None` if that was not told.
    pub scope: Option<String>,
}

/// A request for a token that is under way, and until when it is waited for.
#[derive(Debug)]
struct Asking {
    number: u64,
    give_up_at: Timestamp,
}

#[derive(Debug)]
struct Failed {
    failure: Failure,
    until: Timestamp,
}

/// What whoever needs a token is to do.
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
pub enum TokenStep {
    /// Here is one.
    Ready(Token),
    /// Send this request, and hand its answer back with the ticket. It holds the client's secret.
    Transmit(Request<Vec<u8>>, Ticket),
    /// Somebody else is asking, or it is too early to ask again: step again when that one has
    /// handed in an answer, or at this time.
    Wait(Timestamp),
    /// None is to be had, for anybody.
    Failed(Failure),
}

impl fmt::Debug for TokenStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(_) => f.write_str("Ready"),
            Self::Transmit(..) => f.write_str("Transmit"),
            Self::Wait(until) => write!(f, "Wait({until})"),
            Self::Failed(failure) => write!(f, "Failed({failure:?})"),
        }
    }
}

/// The right and the duty to hand in the answer to one request for a token.
///
/// If it is lost with whoever held it, the source asks again once the request's time is over.
#[derive(Debug)]
#[must_use = "others wait for the answer to this request"]
pub struct Ticket {
    number: u64,
    give_up_at: Timestamp,
}

impl Ticket {
    /// When to stop waiting for the whole answer: then it is a [`FailureKind::Unanswered`].
    #[must_use]
    pub const fn give_up_at(&self) -> Timestamp {
        self.give_up_at
    }

    /// How many **bytes** of the answer may be kept: 64 KiB. One more is a
    /// [`FailureKind::TooLong`].
    #[must_use]
    pub const fn limit(&self) -> usize {
        65_536
    }
}

/// A token that is refused sooner than this was never good: another one would not be either.
const BORN_BAD: Duration = Duration::from_secs(30);

/// A token is used for at least this long, whatever its `expires_in` says: one that is over
/// sooner is refused, and replaced then, but never fetched anew for each request.
const LEAST_USE: Duration = Duration::from_secs(30);

/// The lifetime of a token whose answer does not tell: the shortest that was seen is 599 s.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(300);

/// No token is trusted for longer than a day.
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);

/// For how long everybody is told of a failure before somebody may ask again.
const HOLD: Duration = Duration::from_secs(60);

impl TokenSource {
    /// A source that has one token and no way to get another.
    #[must_use]
    pub fn fixed(token: Token) -> Self {
        let forever = Timestamp::from_millis(u64::MAX);
        let issued = Issued {
            token,
            at: Timestamp::EPOCH,
            lifetime: Duration::MAX,
            usable_until: forever,
            grant: TokenGrant::default(),
        };
        Self { current: Some(issued), ..Self::empty() }
    }

    /// A source that asks with OAuth 2.0 client credentials (RFC 6749, 4.4).
    #[must_use]
    pub fn client_credentials(id: &str, secret: &str, config: &Config) -> Self {
        let client = Client {
            config: config.clone(),
            id: id.into(),
            secret: Secret::new(secret),
            scope: None,
        };
        Self { client: Some(client), ..Self::empty() }
    }

    /// Asks for these scopes, separated by spaces. By default the service decides.
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
            asking: None,
            failed: None,
            not_before: Timestamp::EPOCH,
            failures: 0,
            last_number: 0,
        }
    }

    /// What was said of the token that this source gives out now, if it has one.
    #[must_use]
    pub fn grant(&self) -> Option<&TokenGrant> {
        self.current.as_ref().map(|issued| &issued.grant)
    }

    /// Says how to come by a token at `now`.
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
            if refused && now.since(issued.at) < BORN_BAD.min(issued.lifetime) {
                return self
                    .fail(now, unauthorized("the service refuses the token it has just issued"));
            }
            self.current = None;
        }
        self.ask(now)
    }

    fn ask(&mut self, now: Timestamp) -> TokenStep {
        let Some(client) = &self.client else {
            return TokenStep::Failed(unauthorized(
                "the service refuses the token, and there is no other",
            ));
        };
        if let Some(asking) = &self.asking {
            if now < asking.give_up_at {
                return TokenStep::Wait(asking.give_up_at);
            }
        }
        if now < self.not_before {
            return TokenStep::Wait(self.not_before);
        }
        let limits = client.config.limits();
        let request = token_request(
            &client.config,
            &client.id,
            client.secret.expose(),
            client.scope.as_deref(),
        );
        self.last_number += 1;
        let (number, give_up_at) = (self.last_number, now + limits.attempt);
        self.asking = Some(Asking { number, give_up_at });
        TokenStep::Transmit(request, Ticket { number, give_up_at })
    }

    /// Takes in the answer to a request for a token. One that is late is ignored.
    pub fn handle_response<B>(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        head: &Response<B>,
        body: &[u8],
    ) {
        if !self.closes(&ticket) {
            return;
        }
        let limit = ticket.limit();
        let head = Head::new(head.status(), head.headers());
        let retry_after = RetryAfter::of(now, head.headers()).wait();
        let reading = if body.len() > limit {
            TokenReading::Malformed("the token answer is longer than allowed")
        } else {
            read_token(&head, body)
        };
        match (head.status().as_u16(), reading) {
            (200, TokenReading::Issued { text, expires_in, scope }) => {
                self.issued(now, &text, expires_in, scope.as_deref());
            }
            (408 | 429 | 500..=599, _) | (_, TokenReading::Busy) => {
                let what = format!("the token endpoint answered {}", head.status());
                let failure = Failure::new(FailureKind::Unanswered).with_detail(what);
                self.retry(now, failure, retry_after);
            }
            (300..=399, _) => {
                let page = ApiError::new(Speaker::Gateway);
                self.fail(now, Intercepted::new(head.status(), page).into());
            }
            (_, TokenReading::Foreign(page)) => {
                self.retry(now, Intercepted::new(head.status(), page).into(), retry_after);
            }
            (_, TokenReading::Refused(reason)) => {
                let what = format!("the token endpoint refused the credentials: {reason}");
                self.fail(now, unauthorized(&what));
            }
            (_, TokenReading::Malformed(what)) => {
                self.fail(now, unauthorized(what));
            }
            (status, _) => {
                let what = format!("the token endpoint answered {status}");
                self.fail(now, unauthorized(&what));
            }
        }
    }

    /// Takes in that there was no answer. A failure that is late is ignored.
    pub fn handle_failure(&mut self, now: Timestamp, ticket: Ticket, failure: Failure) {
        if !self.closes(&ticket) {
            return;
        }
        match failure.kind() {
            FailureKind::NotSent
            | FailureKind::Unanswered
            | FailureKind::Cut
            | FailureKind::Stalled => self.retry(now, failure, None),
            _ => {
                self.fail(now, failure);
            }
        }
    }

    /// Takes in that whoever held the ticket has gone away: somebody else may ask, after a moment.
    /// It is no failure: the endpoint has done nothing wrong.
    pub fn abandon(&mut self, now: Timestamp, ticket: Ticket) {
        if let (true, Some(client)) = (self.closes(&ticket), &self.client) {
            self.not_before = now + client.config.limits().backoff_base;
        }
    }

    /// Whether this ticket is the one that is waited for; nobody is waited for afterwards.
    fn closes(&mut self, ticket: &Ticket) -> bool {
        self.asking.take_if(|asking| asking.number == ticket.number).is_some()
    }

    fn issued(&mut self, now: Timestamp, text: &str, expires_in: Option<u64>, scope: Option<&str>) {
        let Some(client) = &self.client else { return };
        let Ok(token) = Token::numbered(TokenId(self.last_number), text) else {
            self.fail(now, unauthorized(&format!("the token endpoint answered: {InvalidToken}")));
            return;
        };
        let told = expires_in.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let lifetime = told.unwrap_or(ASSUMED_LIFETIME).min(LONGEST_LIFETIME);
        let margin = client.config.limits().token_margin.min(lifetime / 2);
        let usable_until = now + (lifetime - margin).max(LEAST_USE);
        let grant = TokenGrant { lifetime: told, scope: printable(scope) };
        self.current = Some(Issued { token, at: now, lifetime, usable_until, grant });
        self.failures = 0;
    }

    fn retry(&mut self, now: Timestamp, failure: Failure, retry_after: Option<Duration>) {
        let Some(client) = &self.client else { return };
        let limits = client.config.limits();
        self.failures = self.failures.saturating_add(1);
        if self.failures > limits.failures {
            self.fail(now, failure);
            return;
        }
        let doublings = (self.failures - 1).min(31);
        let own = limits.backoff_base.saturating_mul(1 << doublings).min(limits.backoff_cap);
        self.not_before = now + retry_after.unwrap_or_default().max(own);
    }

    fn fail(&mut self, now: Timestamp, failure: Failure) -> TokenStep {
        self.current = None;
        self.failed = Some(Failed { failure: failure.clone(), until: now + HOLD });
        TokenStep::Failed(failure)
    }
}

fn unauthorized(what: &str) -> Failure {
    Failure::new(FailureKind::Unauthorized).with_detail(what)
}
