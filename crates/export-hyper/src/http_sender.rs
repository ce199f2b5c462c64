//! Requests that are not exports.

use std::fmt;

use export_core::Failure;
use export_host::{BuildError, ProxyRules, TlsOptions};
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Incoming};
use hyper_util::client::legacy::Client;

use crate::connector::{BoxError, Connector};
use crate::transport::{classify, pool};

/// Sends requests of the caller's own in the way in which a [`Client`](crate::Client) sends its:
/// it believes the same authorities, goes through the same proxies, waits as long for a
/// connection, and says in the same words what a failure proves.
///
/// It is for whoever brings an exported file further. It knows no token and adds no header,
/// follows no redirect, and tries nothing a second time. Only connecting is bounded in time.
///
/// ```no_run
/// use export_host::{ProxySettings, TlsOptions};
/// use export_hyper::HttpSender;
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
    /// A pool of connections of its own. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// Fails if a bundle of certificates is of no use, or if there is no authority to believe.
    pub fn new(tls: &TlsOptions, proxies: ProxyRules) -> Result<Self, BuildError> {
        Ok(Self { pool: pool(Connector::new(tls, proxies)?, usize::MAX) })
    }

    /// Sends a request and waits for the head of its answer, for ever if need be.
    ///
    /// # Errors
    ///
    /// Fails if no head comes. An answer of any status is no failure.
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
