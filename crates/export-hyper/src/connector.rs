//! Connects to a server: directly or through a proxy, with or without TLS, within a timeout.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use export_host::{
    BuildError, CertRecorder, HttpVersions, NetOptions, ProxyRules, ResolverFn, ScopedCertificate,
    TlsError, TlsOptions, Tunnel, TunnelError, find_cause, host_and_port,
};
use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connecting::{ConnectStep, StepRecorder};
use crate::read_after_write_error::ReadAfterWriteError;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type Boxed<T, E = BoxError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Connects TCP, a proxy's tunnel and TLS, all within [`CONNECT_TIMEOUT`].
///
/// If this fails, no byte of a request was sent.
#[derive(Clone)]
pub(crate) struct Connector {
    route: MaybeTls<ProxyConnector>,
    /// The same with the client's certificate, and the servers that are shown it.
    certified: Option<(ScopedCertificate, MaybeTls<ProxyConnector>)>,
    steps: StepRecorder,
}

/// The timeout for a connection, all steps included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

impl Connector {
    pub(crate) fn new(
        tls: &Result<ClientConfig, TlsError>,
        proxies: Arc<ProxyRules>,
        net: &NetOptions,
    ) -> Self {
        Self::with_steps(tls.clone(), tls.clone(), proxies, net, StepRecorder::default())
    }

    /// A connector that records the steps of one connection, and the certificate of the host.
    pub(crate) fn recording(
        tls: &TlsOptions,
        proxies: Arc<ProxyRules>,
        steps: StepRecorder,
    ) -> Result<(Self, CertRecorder), BuildError> {
        let proxy_tls = tls.client_config();
        let (tls, certificates) = tls.recording_client_config()?;
        let net = NetOptions::default();
        Ok((Self::with_steps(Ok(tls), proxy_tls, proxies, &net, steps), certificates))
    }

    fn with_steps(
        tls: Result<ClientConfig, TlsError>,
        proxy_tls: Result<ClientConfig, TlsError>,
        proxies: Arc<ProxyRules>,
        net: &NetOptions,
        steps: StepRecorder,
    ) -> Self {
        let tcp = TcpConnector::new(net.resolver.clone(), steps.clone());
        let to_proxy = TcpConnector { peer: "the proxy ", ..tcp.clone() };
        let to_proxy = MaybeTls::new(to_proxy, proxy_tls, HttpVersions::Http1);
        let route = ProxyConnector { tcp, to_proxy, proxies, steps: steps.clone() };
        Self { route: MaybeTls::new(route, tls, net.http_versions), certified: None, steps }
    }

    /// Shows a certificate to the servers that it is for.
    pub(crate) fn with_certificate(
        mut self,
        certificate: ScopedCertificate,
        tls: ClientConfig,
        net: &NetOptions,
    ) -> Self {
        let (MaybeTls::Tls { connector, .. } | MaybeTls::Plain { connector, .. }) = &self.route;
        let route = MaybeTls::new(connector.clone(), Ok(tls), net.http_versions);
        self.certified = Some((certificate, route));
        self
    }
}

impl Service<Uri> for Connector {
    type Response = ReadAfterWriteError<MaybeHttpsStream<Stream>>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.route.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = match &mut self.certified {
            Some((certificate, route)) if certificate.is_for(&to) => route.call(to),
            _ => self.route.call(to),
        };
        let steps = self.steps.clone();
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            let stream = connected.unwrap_or_else(|_| Err(Box::new(ConnectTimeout)))?;
            if let MaybeHttpsStream::Https(tls) = &stream {
                let version = tls.inner().get_ref().1.protocol_version();
                steps.record(|| ConnectStep::Tls(Ok(version_text(version))));
            }
            Ok(ReadAfterWriteError::new(stream))
        })
    }
}

/// TLS over the connections of `C`, for `https`. Without TLS, only `http` works.
#[derive(Clone)]
enum MaybeTls<C> {
    Tls { connector: C, https: HttpsConnector<C> },
    Plain { connector: C, error: TlsError },
}

impl<C: Clone> MaybeTls<C> {
    fn new(connector: C, tls: Result<ClientConfig, TlsError>, versions: HttpVersions) -> Self {
        let tls = match tls {
            Ok(tls) => tls,
            Err(error) => return Self::Plain { connector, error },
        };
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let https = match versions {
            HttpVersions::Http1 => builder.enable_http1().wrap_connector(connector.clone()),
            _ => builder.enable_all_versions().wrap_connector(connector.clone()),
        };
        Self::Tls { connector, https }
    }
}

impl<C> Service<Uri> for MaybeTls<C>
where
    C: Service<Uri, Error = BoxError, Future: Send> + 'static,
    HttpsConnector<C>:
        Service<Uri, Response = MaybeHttpsStream<C::Response>, Error = BoxError, Future: Send>,
{
    type Response = MaybeHttpsStream<C::Response>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Tls { https, .. } => https.poll_ready(cx),
            Self::Plain { connector, .. } => connector.poll_ready(cx),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Tls { https, .. } => Box::pin(https.call(to)),
            Self::Plain { error, .. } if to.scheme() == Some(&Scheme::HTTPS) => {
                let error = error.clone();
                Box::pin(async move { Err(error.into()) })
            }
            Self::Plain { connector, .. } => {
                let connecting = connector.call(to);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
        }
    }
}

/// `TLS 1.3` for what rustls calls `TLSv1_3`.
fn version_text(version: Option<ProtocolVersion>) -> String {
    let name = version.and_then(|version| version.as_str()).unwrap_or("TLS");
    name.replace('_', ".").replacen("TLSv", "TLS ", 1)
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
    tcp: TcpConnector,
    to_proxy: MaybeTls<TcpConnector>,
    proxies: Arc<ProxyRules>,
    steps: StepRecorder,
}

impl Service<Uri> for ProxyConnector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Boxed<Stream>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        if let Some(proxy) = self.proxies.for_url(&to) {
            let tunnel = Tunnel::new(proxy, &to);
            let connecting = self.to_proxy.call(proxy.uri().clone());
            let steps = self.steps.clone();
            return Box::pin(async move {
                let stream = open_tunnel(tunnel, connecting.await?).await?;
                steps.record(|| ConnectStep::Tunnel(Ok(())));
                Ok(stream)
            });
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
        match tunnel.parse_response(&head) {
            Some(response) => return Ok(response.map(|_| proxy.into_inner())?),
            None => head.push(proxy.read_u8().await.map_err(|_| TunnelError::NotHttp)?),
        }
    }
}

/// Resolves a host name and connects to one of its addresses.
#[derive(Clone)]
struct TcpConnector {
    tcp: HttpConnector<Resolver>,
    /// `the proxy `, or nothing if it connects to the host itself.
    peer: &'static str,
    steps: StepRecorder,
}

impl TcpConnector {
    fn new(own: Option<ResolverFn>, steps: StepRecorder) -> Self {
        let resolver = Resolver { own, system: GaiResolver::new(), steps: steps.clone() };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, peer: "", steps }
    }
}

impl Service<Uri> for TcpConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        // The resolver is not asked for an address.
        if let Ok(address) = host_and_port(&to).0.parse() {
            self.steps.record(|| ConnectStep::Name(Ok(vec![address])));
        }
        let (host, port) = host_and_port(&to);
        let address = format!("{}{host}:{port}", self.peer);
        let connecting = self.tcp.call(to);
        let steps = self.steps.clone();
        Box::pin(async move {
            let stream = connecting.await.map_err(|error| connect_error(&address, error))?;
            if let Ok(address) = stream.inner().peer_addr() {
                steps.record(|| ConnectStep::Tcp(Ok(address)));
            }
            Ok(stream)
        })
    }
}

/// Adds the address to an error of the system, which does not name it. That of the resolver does.
fn connect_error(address: &str, error: impl StdError + Send + Sync + 'static) -> BoxError {
    match find_cause::<io::Error>(&error) {
        Some(cause) if cause.raw_os_error().is_some() => {
            let message = format!("cannot connect to {address}: {cause}");
            io::Error::new(cause.kind(), message).into()
        }
        _ => error.into(),
    }
}

/// The resolver of the caller for the hosts that it knows, and that of the system.
#[derive(Clone)]
struct Resolver {
    own: Option<ResolverFn>,
    system: GaiResolver,
    steps: StepRecorder,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Boxed<Self::Response, io::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let own = self.own.as_ref().and_then(|own| own.addresses(name.as_str()));
        // The connector sets the port.
        let own = own.map(|own| own.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect());
        let system = own.is_none().then(|| self.system.call(name.clone()));
        let steps = self.steps.clone();
        Box::pin(async move {
            // The system's error does not name the host.
            let fail = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot resolve {name}: {error}"))
            };
            let addresses: Vec<SocketAddr> = match system {
                Some(system) => system.await.map_err(fail)?.collect(),
                None => own.unwrap_or_default(),
            };
            if addresses.is_empty() {
                return Err(fail(io::Error::other("it has no address")));
            }
            steps.record(|| ConnectStep::Name(Ok(addresses.iter().map(SocketAddr::ip).collect())));
            Ok(addresses.into_iter())
        })
    }
}
