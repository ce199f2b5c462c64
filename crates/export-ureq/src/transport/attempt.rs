//! What the driver and the socket tell each other about the request under way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use ureq::unversioned::transport::{NextTimeout, time};

/// The request under way: how long it may take, and how far it has come.
///
/// ureq's own timeouts are fixed before a request is sent, and whether an answer is a file of any
/// length or a few lines of JSON shows only in its head. The connector reads the limits here
/// instead, before each read and write, and notes here whether anything went out.
#[derive(Debug)]
pub(crate) struct Attempt(Mutex<State>);

#[derive(Debug)]
struct State {
    limit: Limit,
    stage: Stage,
    connected_by: Instant,
    /// What the request says of who sends it, until it is on its way.
    authorization: Option<HeaderValue>,
}

/// A server that takes longer to be reached is not reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// Until when to wait for the next byte.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// All of it has to be there by then.
    Until(Instant),
    /// Something has to come within this time, each time.
    Silence(Duration),
}

/// How far a request has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// A connection is being made, and this is what is being done for it.
    Connecting(String),
    /// The first byte of the request may have left.
    Sent,
}

impl Attempt {
    pub(crate) fn new() -> Self {
        let limit = Limit::Silence(Duration::ZERO);
        let stage = Stage::Connecting(String::new());
        let connected_by = Instant::now();
        Self(Mutex::new(State { limit, stage, connected_by, authorization: None }))
    }

    /// A new request begins.
    pub(crate) fn begin(&self, until: Instant, host: &str, authorization: Option<HeaderValue>) {
        let stage = Stage::Connecting(format!("{host}: finding its address"));
        let connected_by = until.min(Instant::now() + CONNECT_WITHIN);
        *self.state() = State { limit: Limit::Until(until), stage, connected_by, authorization };
    }

    /// What the head that goes out next has to say of who sends it.
    pub(crate) fn take_authorization(&self) -> Option<HeaderValue> {
        self.state().authorization.take()
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

    /// The timeout for what is done next.
    pub(crate) fn timeout(&self, asked: NextTimeout) -> NextTimeout {
        let state = self.state();
        let left = match (&state.stage, state.limit) {
            (Stage::Connecting(_), _) => left_until(state.connected_by),
            (Stage::Sent, Limit::Until(end)) => left_until(end),
            (Stage::Sent, Limit::Silence(limit)) => limit,
        };
        NextTimeout { after: time::Duration::Exact(left), ..asked }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // There is no state in between that a panic could leave behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
