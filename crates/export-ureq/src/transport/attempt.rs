//! The state of the current request, shared by the driver and the connection.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use ureq::unversioned::transport::{NextTimeout, time};

/// The current request: its time limit, and how far it has come.
///
/// ureq's timeouts are set before a request is sent, but only the head of the response shows
/// whether it is a file of any length or a small JSON document. So the connection reads the limit
/// here before each read and write, and records here whether any byte was sent.
#[derive(Debug)]
pub(crate) struct Attempt(Mutex<AttemptState>);

#[derive(Debug)]
struct AttemptState {
    limit: Limit,
    stage: Stage,
    connected_by: Instant,
    /// What ureq does not get of the head of the request, until it is sent.
    withheld: Option<Withheld>,
}

/// The parts of a head that may be secret: ureq logs what it sends.
pub(crate) struct Withheld {
    /// The path and the query, which has the signature of a signed URL.
    pub(crate) target: PathAndQuery,
    /// The headers whose value is marked as sensitive, such as the one with the token.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Withheld")
    }
}

/// The timeout for a connection, all steps included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long to wait for the next byte.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Until a deadline for the whole response.
    Until(Instant),
    /// This long for each read.
    Stall(Duration),
}

/// How far a request has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// Connecting, in a step that this text describes.
    Connecting(String),
    /// The first byte of the request may have been sent.
    Sent,
}

impl Attempt {
    pub(crate) fn new() -> Self {
        let limit = Limit::Stall(Duration::ZERO);
        let stage = Stage::Connecting(String::new());
        let connected_by = Instant::now();
        Self(Mutex::new(AttemptState { limit, stage, connected_by, withheld: None }))
    }

    /// Starts a request.
    pub(crate) fn begin(&self, until: Instant, host: &str, withheld: Withheld) {
        let stage = Stage::Connecting(format!("{host}: resolving the host name"));
        let connected_by = until.min(Instant::now() + CONNECT_TIMEOUT);
        let (limit, withheld) = (Limit::Until(until), Some(withheld));
        *self.state() = AttemptState { limit, stage, connected_by, withheld };
    }

    /// Takes what the head of the request lacks.
    pub(crate) fn take_withheld(&self) -> Option<Withheld> {
        self.state().withheld.take()
    }

    pub(crate) fn set_limit(&self, limit: Limit) {
        self.state().limit = limit;
    }

    pub(crate) fn connecting(&self, to: String) {
        self.state().stage = Stage::Connecting(to);
    }

    pub(crate) fn sent(&self) {
        self.state().stage = Stage::Sent;
    }

    pub(crate) fn stage(&self) -> Stage {
        self.state().stage.clone()
    }

    /// The timeout for the next operation.
    pub(crate) fn timeout(&self, asked: NextTimeout) -> NextTimeout {
        let state = self.state();
        let left = match (&state.stage, state.limit) {
            (Stage::Connecting(_), _) => left_until(state.connected_by),
            (Stage::Sent, Limit::Until(end)) => left_until(end),
            (Stage::Sent, Limit::Stall(limit)) => limit,
        };
        NextTimeout { after: time::Duration::Exact(left), ..asked }
    }

    fn state(&self) -> MutexGuard<'_, AttemptState> {
        // Each change is a single assignment, so that a panic leaves no partial state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
