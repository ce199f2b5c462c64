//! A custom agent.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use export_core::{Failure, FailureKind};
use http::{Method, Request, Response};
use ureq::{Agent, AsSendBody, Body, Error};

use crate::transport::classify;

/// A custom agent, with its own proxy, certificates or resolver.
///
/// Redirects and errors by status are disabled for each request, whatever the agent's settings are.
/// No step up to the head of a response, such as connecting, takes longer than the job's limit for
/// one attempt; the agent's own timeouts apply to bodies. All jobs share the agent's connections,
/// and a stop does not interrupt a request.
///
/// ```
/// use export_core::FailureKind;
/// use export_ureq::{Client, Credentials, OwnAgent};
///
/// let agent = OwnAgent::new(ureq::Agent::new_with_defaults()).with_classify(|error| match error {
///     ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => FailureKind::NotSent,
///     _ => FailureKind::Unanswered,
/// });
/// let client = Client::builder()
///     .credentials(Credentials::token("eyJhbGciOi"))
///     .transport(agent)
///     .build()?;
/// # Ok::<(), export_ureq::BuildError>(())
/// ```
#[derive(Clone)]
pub struct OwnAgent {
    agent: Agent,
    classify: Arc<dyn Fn(&Error) -> FailureKind + Send + Sync>,
}

impl OwnAgent {
    /// Sends requests with this agent. Of its errors, those prove that a request was not sent that are
    /// about resolving the name, connecting, and an invalid certificate (of rustls). After any other
    /// one, the request may have arrived: [`FailureKind::Unanswered`].
    #[must_use]
    pub fn new(agent: Agent) -> Self {
        Self { agent, classify: Arc::new(classify::kind_of_any) }
    }

    /// Maps the agent's errors, above all those that prove that a request was not sent.
    #[must_use]
    pub fn with_classify(
        mut self,
        classify: impl Fn(&Error) -> FailureKind + Send + Sync + 'static,
    ) -> Self {
        self.classify = Arc::new(classify);
        self
    }

    pub(crate) fn send(
        &self,
        request: Request<Vec<u8>>,
        until: Instant,
    ) -> Result<Response<Body>, Failure> {
        let answer = match *request.method() {
            // Without a body, so that ureq does not send `Content-Length: 0`.
            Method::GET | Method::HEAD => self.run(request.map(|_| ()), until),
            _ => self.run(request, until),
        };
        answer.map_err(|error| {
            Failure::new((self.classify)(&error)).with_detail(error.to_string()).with_source(error)
        })
    }

    fn run<B: AsSendBody>(
        &self,
        request: Request<B>,
        until: Instant,
    ) -> Result<Response<Body>, Error> {
        let left = until.saturating_duration_since(Instant::now());
        let own = self.agent.config().timeouts();
        let shorter = |own: Option<Duration>| Some(own.map_or(left, |own| own.min(left)));
        let request = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(shorter(own.resolve))
            .timeout_connect(shorter(own.connect))
            .timeout_send_request(shorter(own.send_request))
            .timeout_send_body(shorter(own.send_body))
            .timeout_recv_response(shorter(own.recv_response))
            .build();
        self.agent.run(request)
    }
}

impl fmt::Debug for OwnAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnAgent")
    }
}
