//! Connects to a server: directly or through a proxy, with or without TLS, within a timeout.

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

use crate::read_after_write_error::ReadAfterWriteError;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Connects TCP, a proxy's tunnel and TLS, all within [`CONNECT_TIMEOUT`].
///
/// If this fails, no byte of a request was sent.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<ProxyConnector>);

/// The timeout for a connection, all steps included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

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
        let route = ProxyConnector { tcp, to_proxy, proxies: Arc::new(proxies) };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(route);
        Ok(Self(connector))
    }
}

impl Service<Uri> for Connector {
    type Response = ReadAfterWriteError<MaybeHttpsStream<Stream>>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            connected
                .unwrap_or_else(|_| Err(Box::new(ConnectTimeout)))
                .map(ReadAfterWriteError::new)
        })
    }
}

/// The server or the proxy did not accept the connection in time.
#[derive(Debug)]
struct ConnectTimeout;

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection within {CONNECT_TIMEOUT:?}")
    }
}

impl StdError for ConnectTimeout {}

/// A connection to a server, or to a proxy, with or without TLS.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects directly, or through the proxy that the rules name.
///
/// It asks a proxy for a tunnel (CONNECT) even for plain http: the proxy learns the target of the
/// connection, and gets no request of its own to read.
#[derive(Clone)]
struct ProxyConnector {
    tcp: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<ProxyRules>,
}

impl Service<Uri> for ProxyConnector {
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
            return Box::pin(async move { open_tunnel(tunnel, connecting.await?).await });
        }
        let direct = self.tcp.call(to);
        Box::pin(async { Ok(MaybeHttpsStream::Http(direct.await?)) })
    }
}

/// Asks the proxy for a tunnel.
async fn open_tunnel(tunnel: Tunnel, proxy: Stream) -> Result<Stream, BoxError> {
    let mut proxy = TokioIo::new(proxy);
    proxy.write_all(tunnel.request().as_bytes()).await?;
    proxy.flush().await?;
    let mut head = Vec::new();
    loop {
        // Byte by byte: the bytes after the head belong to the tunnel.
        match Tunnel::parse_response(&head) {
            Some(response) => return Ok(response.map(|_| proxy.into_inner())?),
            None => head.push(proxy.read_u8().await.map_err(|_| TunnelError::NotHttp)?),
        }
    }
}
