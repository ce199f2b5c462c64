//! A connection without a request, whose steps are reported one by one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use export_core::{Failure, FailureKind};
use export_host::{BuildError, CertRecorder, PeerCertificate, ProxyRules, TlsOptions};
use http::Uri;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use tower_service::Service;

use crate::connector::Connector;
use crate::transport::classify_connection;

/// A step of a connection and its result. The steps of a connection come in this order.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "diagnostics explain each of these")]
pub enum ConnectStep {
    /// The addresses of the host, or of the proxy, in the system's order. They are those that the
    /// name resolves to, or the host itself if it is an IP address.
    Name(Result<Vec<IpAddr>, Failure>),
    /// The address that accepted the TCP connection: one of the host, or of the proxy.
    Tcp(Result<SocketAddr, Failure>),
    /// The proxy opened a tunnel to the host. Includes TLS with the proxy, if its URL is https.
    /// There is no such step without a proxy.
    Tunnel(Result<(), Failure>),
    /// The version of TLS with the host, such as `TLS 1.3`. There is no such step for http.
    Tls(Result<String, Failure>),
}

/// A connection that is being opened, as [`HttpSender::connect`](crate::HttpSender::connect)
/// returns it. It makes progress while [`next`](Self::next) is awaited, and is closed when it is
/// dropped or open.
pub struct Connecting {
    /// Opens the connection, and records the steps that succeed. `None` when it has ended.
    opening: Option<Opening>,
    recorded: UnboundedReceiver<ConnectStep>,
    /// Why the connection was not opened, until it is reported.
    failure: Option<Failure>,
    /// Makes a failure that of the step in progress.
    in_progress: fn(Failure) -> ConnectStep,
    has_proxy: bool,
    step_timeout: Duration,
    certificates: CertRecorder,
}

type Opening = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl Connecting {
    pub(crate) fn new(
        url: &Uri,
        tls: &TlsOptions,
        proxies: &Arc<ProxyRules>,
        step_timeout: Duration,
    ) -> Result<Self, BuildError> {
        let (sender, recorded) = mpsc::unbounded_channel();
        let steps = StepRecorder(Some(sender));
        let (connector, certificates) = Connector::recording(tls, Arc::clone(proxies), steps)?;
        Ok(Self {
            opening: Some(Box::pin(open(connector, url.clone()))),
            recorded,
            failure: None,
            in_progress: |failure| ConnectStep::Name(Err(failure)),
            has_proxy: proxies.for_url(url).is_some(),
            step_timeout,
            certificates,
        })
    }

    /// Waits for the end of the next step. `None` after the last step, and after a step that failed.
    ///
    /// Nothing is lost if the returned future is dropped.
    pub async fn next(&mut self) -> Option<ConnectStep> {
        let step_timeout = self.step_timeout;
        let step = match timeout(step_timeout, poll_fn(|cx| self.poll_step(cx))).await {
            Ok(step) => step?,
            Err(_) => {
                self.opening = None;
                let detail = format!("timed out after {step_timeout:?}");
                (self.in_progress)(Failure::new(FailureKind::NotSent).with_detail(detail))
            }
        };
        self.in_progress = match step {
            ConnectStep::Name(_) => |failure| ConnectStep::Tcp(Err(failure)),
            ConnectStep::Tcp(_) if self.has_proxy => |failure| ConnectStep::Tunnel(Err(failure)),
            _ => |failure| ConnectStep::Tls(Err(failure)),
        };
        Some(step)
    }

    /// The certificate that the host has presented, whether it was trusted or not.
    #[must_use]
    pub fn certificate(&self) -> Option<PeerCertificate> {
        self.certificates.last()
    }

    /// Returns the recorded steps first, and then why there is no further one.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<ConnectStep>> {
        let ended = self.opening.as_mut().map(|opening| opening.as_mut().poll(cx));
        if let Some(Poll::Ready(result)) = ended {
            self.opening = None;
            self.failure = result.err();
        }
        match self.recorded.poll_recv(cx) {
            Poll::Ready(None) => Poll::Ready(self.failure.take().map(self.in_progress)),
            recorded => recorded,
        }
    }
}

async fn open(mut connector: Connector, url: Uri) -> Result<(), Failure> {
    let opened = async {
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        connector.call(url).await
    };
    opened.await.map(drop).map_err(classify_connection)
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connecting")
    }
}

/// Takes the steps of a connection that succeed. The default ignores them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepRecorder(Option<UnboundedSender<ConnectStep>>);

impl StepRecorder {
    pub(crate) fn record(&self, step: impl FnOnce() -> ConnectStep) {
        if let Some(recorded) = &self.0 {
            // Fails if the `Connecting` was dropped.
            let _ = recorded.send(step());
        }
    }
}
