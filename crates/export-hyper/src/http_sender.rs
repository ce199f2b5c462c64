//! Sends requests that are not exports.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use export_core::driver::RequestInfo;
use export_core::{Failure, FailureKind};
use export_host::{BuildError, NetOptions, ProxyRules, TlsOptions};
use http::{Request, Response, Uri};
use hyper::body::{Body as HttpBody, Incoming};
use hyper_util::client::legacy::Client;
use tower_service::Service;

use crate::connecting::Connecting;
use crate::connector::{BoxError, Connector};
use crate::transport::{classify, pool};

/// Sends other requests with the transport of a [`Client`](crate::Client): the same certificate
/// authorities, proxies and connect timeout, and the same classification of failures.
///
/// For programs that upload an exported file, for example. It adds no token or header, follows no
/// redirect, and does not retry. Only the time to connect is limited.
///
/// ```no_run
/// use export_hyper::{HttpSender, ProxySettings, TlsOptions};
/// use http::Request;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let rules = ProxySettings::Environment.rules()?;
/// let sender: HttpSender<String> = HttpSender::new(&TlsOptions::new(), rules)?;
/// let request = Request::put("https://files.example.com/report").body("text".to_owned())?;
/// assert!(sender.send(request).await?.status().is_success());
/// # Ok(())
/// # }
/// ```
pub struct HttpSender<B> {
    pool: Client<Connector, B>,
    tls: TlsOptions,
    proxies: Arc<ProxyRules>,
}

impl<B> HttpSender<B>
where
    B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    /// A sender with its own pool of connections. Connects when a request is sent.
    ///
    /// # Errors
    ///
    /// Fails if a CA bundle is invalid, or if there are no certificate authorities.
    pub fn new(tls: &TlsOptions, proxies: ProxyRules) -> Result<Self, BuildError> {
        let proxies = Arc::new(proxies);
        let config = Ok(tls.client_config()?);
        let connector = Connector::new(&config, Arc::clone(&proxies), &NetOptions::default());
        Ok(Self { pool: pool(connector, usize::MAX), tls: tls.clone(), proxies })
    }

    /// Sends a request and waits for the head of its response, without a timeout.
    ///
    /// # Errors
    ///
    /// Fails if there is no response. A response with any status is a success.
    pub async fn send(&self, request: Request<B>) -> Result<Response<Incoming>, Failure> {
        // A request of a job that a layer above this sender has repeated.
        if RequestInfo::of(request.extensions()).is_some_and(|info| !info.mark_sent()) {
            let text =
                "a layer of the transport has repeated a request that must not be sent twice";
            return Err(Failure::new(FailureKind::Unanswered).with_detail(text));
        }
        self.pool.request(request).await.map_err(classify)
    }

    /// Opens a connection as a request to `url` would, and reports each of its steps: for programs
    /// that explain why the service cannot be reached. It is a connection of its own, over which
    /// nothing is sent but what opens it.
    ///
    /// A step that takes longer than `step_timeout` fails. All steps together have to end within
    /// 15 s, as for a request. The certificate authorities are read again.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use export_hyper::{ConnectStep, HttpSender, ProxySettings, TlsOptions};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = ProxySettings::Environment.rules()?;
    /// let sender: HttpSender<String> = HttpSender::new(&TlsOptions::new(), rules)?;
    /// let url = "https://api.app.wdesk.com/".parse()?;
    /// let mut connecting = sender.connect(&url, Duration::from_secs(5))?;
    /// while let Some(step) = connecting.next().await {
    ///     match step {
    ///         ConnectStep::Name(addresses) => println!("addresses: {:?}", addresses?),
    ///         ConnectStep::Tcp(address) => println!("connected to {}", address?),
    ///         ConnectStep::Tunnel(opened) => opened?,
    ///         ConnectStep::Tls(version) => println!("secured with {}", version?),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a CA bundle is invalid now, or if there are no certificate authorities.
    pub fn connect(&self, url: &Uri, step_timeout: Duration) -> Result<Connecting, BuildError> {
        Connecting::new(url, &self.tls, &self.proxies, step_timeout)
    }
}

/// The sender as the innermost service of a stack of layers, for an
/// [`OwnTransport`](crate::OwnTransport). It refuses to send a request of a job a second time that must
/// not be repeated, such as a submit that sends a mail: a layer that retries does not know that.
///
/// ```no_run
/// use export_hyper::{Client, Credentials, HttpSender, OwnTransport, ProxySettings, TlsOptions};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = HttpSender::new(&TlsOptions::new(), ProxySettings::Environment.rules()?)?;
/// // Layers of `tower` go around `sender`.
/// let transport = OwnTransport::with_classify(sender, |failure| failure.kind());
/// let client = Client::builder()
///     .credentials(Credentials::token("eyJhbGciOi"))
///     .transport(transport)
///     .build()?;
/// # Ok(())
/// # }
/// ```
impl<B> Service<Request<B>> for HttpSender<B>
where
    B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Response = Response<Incoming>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let sender = self.clone();
        Box::pin(async move { sender.send(request).await })
    }
}

impl<B> Clone for HttpSender<B> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), tls: self.tls.clone(), proxies: Arc::clone(&self.proxies) }
    }
}

impl<B> fmt::Debug for HttpSender<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpSender")
    }
}
