//! Sends requests that are not exports.

use std::fmt;

use export_core::Failure;
use export_host::{BuildError, ProxyRules, TlsOptions};
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Incoming};
use hyper_util::client::legacy::Client;

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
        Ok(Self { pool: pool(Connector::new(tls, proxies)?, usize::MAX) })
    }

    /// Sends a request and waits for the head of its response, without a timeout.
    ///
    /// # Errors
    ///
    /// Fails if there is no response. A response with any status is a success.
    pub async fn send(&self, request: Request<B>) -> Result<Response<Incoming>, Failure> {
        self.pool.request(request).await.map_err(classify)
    }
}

impl<B> Clone for HttpSender<B> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<B> fmt::Debug for HttpSender<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpSender")
    }
}
