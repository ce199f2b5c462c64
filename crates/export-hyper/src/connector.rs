//! The way to a server: directly or through a proxy, in the clear or by TLS, within a time.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use export_host::{BuildError, ProxyRules, TlsOptions, Tunnel, TunnelError};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::heard_out::HeardOut;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// TCP, a proxy's tunnel and TLS, all within [`CONNECT_WITHIN`].
///
/// Whatever fails in here fails before a byte of a request was sent.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<Route>);

/// A server that takes longer to be reached is not reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

impl Connector {
    pub(crate) fn new(tls: &TlsOptions, proxies: ProxyRules) -> Result<Self, BuildError> {
        let tls = tls.client_config()?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp.clone());
        let route = Route { tcp, to_proxy, proxies: Arc::new(proxies) };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(route);
        Ok(Self(connector))
    }
}

impl Service<Uri> for Connector {
    type Response = HeardOut<MaybeHttpsStream<Stream>>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let within = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
            within.unwrap_or_else(|_| Err(Box::new(TooSlow))).map(HeardOut::of)
        })
    }
}

/// The server, or the proxy, took too long to be reached.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection within {CONNECT_WITHIN:?}")
    }
}

impl StdError for TooSlow {}

/// A connection to a server or to a proxy, the latter perhaps by TLS.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Directly, or through the proxy that the rules name.
///
/// A proxy is asked for a tunnel (CONNECT) even where the request is in the clear: it learns
/// where a connection goes and nothing of what is said.
#[derive(Clone)]
struct Route {
    tcp: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<ProxyRules>,
}

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = BoxError;
    type Future = Boxed<Stream>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        if let Some(proxy) = self.proxies.for_url(&to) {
            let tunnel = Tunnel::new(proxy, &to);
            let connecting = self.to_proxy.call(proxy.uri().clone());
            return Box::pin(async move { open(tunnel, connecting.await?).await });
        }
        let direct = self.tcp.call(to);
        Box::pin(async { Ok(MaybeHttpsStream::Http(direct.await?)) })
    }
}

/// Asks the proxy at the other end for a tunnel.
async fn open(tunnel: Tunnel, proxy: Stream) -> Result<Stream, BoxError> {
    let mut proxy = TokioIo::new(proxy);
    proxy.write_all(tunnel.request().as_bytes()).await?;
    proxy.flush().await?;
    let mut head = Vec::new();
    loop {
        // Byte by byte: what comes after the head belongs to whoever is at the tunnel's end.
        match Tunnel::answer(&head) {
            Some(answer) => return Ok(answer.map(|_| proxy.into_inner())?),
            None => head.push(proxy.read_u8().await.map_err(|_| TunnelError::NotHttp)?),
        }
    }
}
