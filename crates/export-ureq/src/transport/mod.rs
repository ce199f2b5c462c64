//! Sends requests and reads responses with ureq.

mod attempt;
mod attempt_transport;
pub(crate) mod classify;
mod connector;
mod tls;
mod tunnel;

use std::io::{self, Read};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use export_core::{Failure, FailureKind};
use export_host::{NetOptions, ProxyRules, ScopedCertificate, TlsError};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use rustls::ClientConfig;
use ureq::{Agent, BodyReader};

use self::attempt::{Attempt, Limit, Withheld};
use self::connector::{AddressResolver, ProxyConnector};
use crate::own_agent::OwnAgent;

/// The network settings of a client.
#[derive(Clone, Debug)]
pub(crate) struct NetConfig {
    /// An error is reported when TLS is needed: a plain-text service works without.
    pub(crate) tls: Result<Arc<ClientConfig>, TlsError>,
    /// The same with the client's certificate, and the servers that are shown it.
    pub(crate) certified: Option<(ScopedCertificate, Arc<ClientConfig>)>,
    pub(crate) proxies: Arc<ProxyRules>,
    pub(crate) options: NetOptions,
    /// A custom agent, in place of this transport's.
    pub(crate) custom: Option<OwnAgent>,
}

/// The connections of one job.
///
/// Each job has its own agent, since [`ureq::Agent::shutdown`] ends all requests of an agent. TLS
/// sessions are still resumed across jobs, since the TLS config caches them.
#[derive(Debug)]
pub(crate) struct Transport {
    net: NetConfig,
    agent: Agent,
    attempt: Arc<Attempt>,
}

/// Connections that were idle for longer are not reused. Load balancers close them after 60 s.
const LONGEST_IDLE: Duration = Duration::from_secs(50);

/// The size of the read buffer, in **bytes**: large enough that system calls cost little, small
/// enough for the CPU's cache, and larger than the longest head, which has to fit. Twice the size
/// was slower, since the server waited for the client to empty the buffer.
const READ_BUFFER: usize = LONGEST_HEAD + 1024;

/// The size of the write buffer, in **bytes**. API requests are small.
const WRITE_BUFFER: usize = 16 * 1024;

/// The longest head that is accepted, in **bytes**. Heads with signed URLs have a few KiB.
const LONGEST_HEAD: usize = 64 * 1024;

impl Transport {
    pub(crate) fn new(net: &NetConfig) -> Self {
        let attempt = Arc::new(Attempt::new());
        Self { net: net.clone(), agent: agent(net, &attempt), attempt }
    }

    /// Drops all open connections.
    pub(crate) fn disconnect(&mut self) {
        self.agent = agent(&self.net, &self.attempt);
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) fn send(
        &self,
        mut request: Request<Vec<u8>>,
        until: Instant,
    ) -> Result<Response<Body>, Failure> {
        let attempt = Arc::clone(&self.attempt);
        if let Some(custom) = &self.net.custom {
            let answer = custom.send(request, until)?;
            return Ok(answer.map(|body| Body { reader: body.into_reader(), attempt }));
        }
        // ureq logs heads at its `trace` level. It gets neither the token nor the path and query of
        // the URL, which may be signed: the connection adds them.
        let headers = take_sensitive(request.headers_mut());
        let mut url = mem::take(request.uri_mut()).into_parts();
        let target = url.path_and_query.replace(PathAndQuery::from_static("/"));
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from_parts(url).expect("only the path was replaced");
        let host = request.uri().host().unwrap_or_default();
        self.attempt.begin(until, host, Withheld { target, headers });
        let answer = match *request.method() {
            // Without a body, so that ureq does not send `Content-Length: 0`.
            Method::GET | Method::HEAD => self.agent.run(request.map(|_| ())),
            _ => self.agent.run(request),
        };
        match answer {
            Ok(answer) => Ok(answer.map(|body| Body { reader: body.into_reader(), attempt })),
            Err(error) => Err(classify::request_failure(error, attempt.stage())),
        }
    }

    /// A function that ends all requests of this transport, from another thread. Later requests
    /// fail as well.
    pub(crate) fn shutdown_handle(&self) -> impl FnOnce() + Send + 'static {
        let agent = self.agent.clone();
        move || agent.shutdown()
    }
}

/// Removes the headers whose value is marked as sensitive.
fn take_sensitive(headers: &mut HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let sensitive = headers.iter().filter(|(_, value)| value.is_sensitive());
    let names: Vec<_> = sensitive.map(|(name, _)| name.clone()).collect();
    let take = |name: HeaderName| headers.remove(&name).map(|value| (name, value));
    names.into_iter().filter_map(take).collect()
}

fn agent(net: &NetConfig, attempt: &Arc<Attempt>) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // The connector chooses the proxy. By default, ureq would read the environment.
        .proxy(None)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .max_response_header_size(LONGEST_HEAD)
        .input_buffer_size(READ_BUFFER)
        .output_buffer_size(WRITE_BUFFER)
        .max_idle_age(LONGEST_IDLE);
    if let Some(idle) = net.options.max_idle_per_host {
        config = config.max_idle_connections_per_host(idle);
    }
    let connector = ProxyConnector { attempt: Arc::clone(attempt), net: net.clone() };
    let resolver = AddressResolver { attempt: Arc::clone(attempt), net: net.clone() };
    Agent::with_parts(config.build(), connector, resolver)
}

/// The body of a response.
pub(crate) struct Body {
    reader: BodyReader<'static>,
    attempt: Arc<Attempt>,
}

impl Body {
    /// From here on, limits the time between two reads instead of the time of the whole response.
    pub(crate) fn set_stall_limit(&self, stall: Duration) {
        self.attempt.set_limit(Limit::Stall(stall));
    }

    /// Limits the time of the rest of the response.
    pub(crate) fn set_deadline(&self, at: Instant) {
        self.attempt.set_limit(Limit::Until(at));
    }

    /// Reads the whole body, after which the connection can be reused.
    pub(crate) fn collect(mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.reader).take(one_more).read_to_end(&mut body);
        read.map_err(|error| classify::body_failure(&error))?;
        if body.len() > limit { Err(FailureKind::TooLong.into()) } else { Ok(body) }
    }

    /// Fills `buffer`, or a part of it if the bytes come slowly. The bytes before a failure are valid.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Result<Filled, Failure>) {
        let (mut filled, began) = (0, Instant::now());
        while let Some(room @ [_, ..]) = buffer.get_mut(filled..) {
            match self.reader.read(room) {
                Ok(0) => return (filled, Ok(Filled::Ended)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Err(classify::body_failure(&error))),
            }
            if began.elapsed() >= LONGEST_FILL {
                break;
            }
        }
        (filled, Ok(Filled::Begun))
    }
}

/// How long bytes are collected before they are handled.
const LONGEST_FILL: Duration = Duration::from_millis(500);

/// What is known of a body once a buffer is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// It has not ended.
    Begun,
    Ended,
}
