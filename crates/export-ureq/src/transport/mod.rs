//! Sending one request and reading its answer, by ureq.

mod attempt;
mod classify;
mod connector;
mod tls;
mod tunnel;
mod watched;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use export_core::{Failure, FailureKind};
use export_host::{ProxyRules, TlsError};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use rustls::ClientConfig;
use ureq::{Agent, BodyReader};

use self::attempt::{Attempt, Limit};
use self::connector::{Addresses, Route};
use crate::own_agent::OwnAgent;

/// What all transports of a client have in common.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    /// A service that is reached in the clear needs none, and a machine may have none to offer.
    pub(crate) tls: Result<Arc<ClientConfig>, TlsError>,
    pub(crate) proxies: Arc<ProxyRules>,
    /// The caller's, in place of ours.
    pub(crate) own: Option<OwnAgent>,
}

/// The connections of one job.
///
/// A job has an agent of its own, since [`ureq::Agent::shutdown`] ends everything that an agent
/// does. What is dear about a connection is kept between jobs all the same: the TLS settings
/// remember the sessions.
#[derive(Debug)]
pub(crate) struct Transport {
    net: Net,
    agent: Agent,
    attempt: Arc<Attempt>,
}

/// Idle connections older than this are not used again. Load balancers close them after 60 s.
const LONGEST_IDLE: Duration = Duration::from_secs(50);

/// Large enough that reading is not about system calls, small enough for a cache, and larger than
/// a head may be, which has to fit as a whole. Twice as much at once is slower: the other side
/// then waits for this one to be done.
pub(crate) const READ_BUFFER: usize = LONGEST_HEAD + 1024;

/// API requests are small.
const WRITE_BUFFER: usize = 16 * 1024;

/// Longer heads are refused. Signed URLs make them a few KiB long.
const LONGEST_HEAD: usize = 64 * 1024;

impl Transport {
    pub(crate) fn new(net: &Net) -> Self {
        let attempt = Arc::new(Attempt::new());
        Self { net: net.clone(), agent: agent(net, &attempt), attempt }
    }

    /// Forgets all open connections.
    pub(crate) fn disconnect(&mut self) {
        self.agent = agent(&self.net, &self.attempt);
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) fn send(
        &self,
        mut request: Request<Vec<u8>>,
        until: Instant,
    ) -> Result<Response<Body>, Failure> {
        let attempt = Arc::clone(&self.attempt);
        if let Some(own) = &self.net.own {
            let answer = own.send(request, until)?;
            return Ok(answer.map(|body| Body { reader: body.into_reader(), attempt }));
        }
        // ureq logs heads byte by byte at its lowest level. What it does not know it cannot log:
        // the connection puts the token in.
        let authorization = request.headers_mut().remove(AUTHORIZATION);
        self.attempt.begin(until, request.uri().host().unwrap_or_default(), authorization);
        let answer = match *request.method() {
            // An empty body is none here, and not one of length 0.
            Method::GET | Method::HEAD => self.agent.run(request.map(|_| ())),
            _ => self.agent.run(request),
        };
        match answer {
            Ok(answer) => Ok(answer.map(|body| Body { reader: body.into_reader(), attempt })),
            Err(error) => Err(classify::without_answer(error, attempt.stage())),
        }
    }

    /// Something that ends whatever this transport does, from another thread: all requests fail,
    /// those that come later included.
    pub(crate) fn breaker(&self) -> impl FnOnce() + Send + 'static {
        let agent = self.agent.clone();
        move || agent.shutdown()
    }
}

fn agent(net: &Net, attempt: &Arc<Attempt>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // Which proxy to use is the connector's business; by default ureq would ask the environment.
        .proxy(None)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .max_response_header_size(LONGEST_HEAD)
        .input_buffer_size(READ_BUFFER)
        .output_buffer_size(WRITE_BUFFER)
        .max_idle_age(LONGEST_IDLE)
        .build();
    let route = Route {
        attempt: Arc::clone(attempt),
        proxies: Arc::clone(&net.proxies),
        tls: net.tls.clone(),
    };
    let addresses = Addresses { attempt: Arc::clone(attempt), proxies: Arc::clone(&net.proxies) };
    Agent::with_parts(config, route, addresses)
}

/// The body of an answer, as it comes.
pub(crate) struct Body {
    reader: BodyReader<'static>,
    attempt: Arc<Attempt>,
}

impl Body {
    /// From here on, only silence is limited, and not the time that all of it takes.
    pub(crate) fn limit_silence(&self, stall: Duration) {
        self.attempt.set_limit(Limit::Silence(stall));
    }

    /// Reads all of it, which frees the connection for the next request.
    pub(crate) fn collect(mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.reader).take(one_more).read_to_end(&mut body);
        read.map_err(|error| classify::in_body(&error))?;
        if body.len() > limit { Err(FailureKind::TooLong.into()) } else { Ok(body) }
    }

    /// Fills `buffer` from its start. Fewer bytes mean that the body ended, or broke off: what
    /// came before that is good all the same.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Result<(), Failure>) {
        let mut filled = 0;
        while let Some(room @ [_, ..]) = buffer.get_mut(filled..) {
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Err(classify::in_body(&error))),
            }
        }
        (filled, Ok(()))
    }
}
