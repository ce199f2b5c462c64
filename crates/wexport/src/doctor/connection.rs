//! The connection to the service, step by step: proxy, name, TCP, tunnel, TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use export_host::{
    CertRecorder, IssuerTrust, PeerCertificate, Proxy, Tunnel, TunnelError, tls_verdict,
};
use export_hyper::{Config, ProxySettings, Timestamp};
use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Checks;
use super::certificate::CertificateInfo;
use crate::clock;
use crate::explain::advise_on_proxy;
use crate::problem::{Exit, Problem};
use crate::settings::Settings;

/// A connection to the service that was checked, and can be opened again for each request.
#[derive(Debug)]
pub(super) struct Connection {
    route: Route,
    /// The address of the proxy, or else of the service.
    address: SocketAddr,
}

impl Connection {
    /// Checks each step of a connection; `None` if one of them failed.
    pub(super) async fn check(
        settings: &Settings,
        config: &Config,
        step_timeout: Duration,
        checks: &mut Checks<'_>,
    ) -> Option<Self> {
        let route = Route::check(settings, config, step_timeout, checks)?;
        let addresses = resolve(&route, checks).await?;
        let Some((address, tcp)) = connect(&route, &addresses, checks).await else {
            checks.not_checked(&["tls"], "no connection");
            return None;
        };
        let stream: BoxStream = match &route.proxy {
            None => Box::new(tcp),
            Some(proxy) => {
                match with_timeout(step_timeout, open_tunnel(&route, proxy, tcp)).await {
                    Ok(stream) => {
                        checks.ok("tunnel", "the proxy connected to the service");
                        stream
                    }
                    Err(error) => {
                        checks.failed("tunnel", &tunnel_problem(&error));
                        checks.not_checked(&["tls"], "no connection through the proxy");
                        return None;
                    }
                }
            }
        };
        if is_https(&route.target) {
            check_tls(&route, stream, checks).await.then_some(Self { route, address })
        } else {
            checks.not_checked(&["tls"], "the base URL is plain http");
            Some(Self { route, address })
        }
    }

    /// Opens the connection again.
    pub(super) async fn open(&self) -> io::Result<BoxStream> {
        let route = &self.route;
        let opened = async {
            let tcp = TcpStream::connect(self.address).await?;
            let stream: BoxStream = match &route.proxy {
                None => Box::new(tcp),
                Some(proxy) => open_tunnel(route, proxy, tcp).await?,
            };
            match (&route.tls, is_https(&route.target)) {
                (Ok((config, _)), true) => {
                    let host = host_and_port(&route.target).0;
                    Ok(Box::new(tls_connect(config, host, stream).await?) as BoxStream)
                }
                (_, true) => Err(io::ErrorKind::Unsupported.into()),
                (_, false) => Ok(stream),
            }
        };
        with_timeout(route.step_timeout, opened).await
    }

    /// The longest time for one step.
    pub(super) const fn step_timeout(&self) -> Duration {
        self.route.step_timeout
    }
}

/// How the service is reached: directly or through a proxy, with which TLS settings.
#[derive(Debug)]
struct Route {
    target: Uri,
    proxy: Option<Proxy>,
    /// The TLS settings, or why they are invalid.
    tls: Result<(ClientConfig, CertRecorder), Problem>,
    step_timeout: Duration,
}

impl Route {
    /// Chooses the proxy, and reports which setting determines it.
    fn check(
        settings: &Settings,
        config: &Config,
        step_timeout: Duration,
        checks: &mut Checks<'_>,
    ) -> Option<Self> {
        // `Config` has validated the URL.
        let target: Uri = config.base_url().parse().ok()?;
        let rules = match settings.proxy.value.rules() {
            Ok(rules) => rules,
            Err(error) => {
                checks.failed("proxy", &settings.proxy_problem(&error));
                checks.not_checked(&["name", "connection", "tls"], "the proxy is invalid");
                return None;
            }
        };
        let proxy = rules.for_url(&target).cloned();
        let host = target.host().unwrap_or_default();
        let source = &settings.proxy.source;
        match (&proxy, &settings.proxy.value, rules.exempted_by(&target)) {
            (Some(proxy), ProxySettings::Url(_), _) => {
                checks.ok("proxy", format!("{proxy:?}, set by {source}"));
            }
            (Some(proxy), ..) => {
                checks.ok("proxy", format!("{proxy:?}, set by {}", proxy.source()));
            }
            (None, ProxySettings::Off, _) => checks.ok("proxy", format!("none, set by {source}")),
            (None, _, Some(entry)) => {
                checks.ok("proxy", format!("none: the entry {entry:?} of NO_PROXY matches {host}"));
            }
            (None, _, None) => checks.ok("proxy", "none: no proxy variable is set"),
        }
        let tls = settings.tls().recording_client_config();
        let tls = tls.map_err(|error| settings.tls_problem(&error));
        Some(Self { target, proxy, tls, step_timeout })
    }

    /// The URL whose host this machine resolves: a proxy resolves the name of the service.
    fn first_hop(&self) -> &Uri {
        self.proxy.as_ref().map_or(&self.target, Proxy::uri)
    }
}

/// The host without the brackets of an IPv6 address, and the port.
fn host_and_port(uri: &Uri) -> (&str, u16) {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let default = if is_https(uri) { 443 } else { 80 };
    (bare, uri.port_u16().unwrap_or(default))
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// A TCP, tunnelled or TLS stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type BoxStream = Box<dyn Stream>;

async fn resolve(route: &Route, checks: &mut Checks<'_>) -> Option<Vec<SocketAddr>> {
    let (host, port) = host_and_port(route.first_hop());
    let addresses = match with_timeout(route.step_timeout, lookup_host((host, port))).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            let problem = network_problem(format!("cannot resolve {host}: {error}")).advise(
                "check the name and this machine's DNS settings; some networks resolve external \
                 names only through a proxy",
            );
            checks.failed("name", &problem);
            checks.not_checked(&["connection", "tls"], "the name cannot be resolved");
            return None;
        }
    };
    let texts: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    match texts.as_slice() {
        [address] if address == host => checks.ok("name", format!("{host} is an IP address")),
        texts => checks.ok("name", format!("{host} resolves to {}", texts.join(", "))),
    }
    Some(addresses)
}

async fn connect(
    route: &Route,
    addresses: &[SocketAddr],
    checks: &mut Checks<'_>,
) -> Option<(SocketAddr, TcpStream)> {
    let peer = if route.proxy.is_some() { "the proxy" } else { "the service" };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for &address in addresses {
        match with_timeout(route.step_timeout, TcpStream::connect(address)).await {
            Ok(tcp) => {
                checks.ok("connection", format!("connected to {peer} at {address}"));
                return Some((address, tcp));
            }
            Err(error) => last = error,
        }
    }
    let tried: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let message = format!("cannot connect to {peer} at {}: {last}", tried.join(", "));
    checks.failed(
        "connection",
        &network_problem(message).advise(match route.proxy {
            Some(_) => "check the host and port of the proxy, and that it is running",
            None => "check for a firewall; this network may require a proxy (HTTPS_PROXY)",
        }),
    );
    None
}

/// Opens a tunnel through the proxy to the service.
async fn open_tunnel(route: &Route, proxy: &Proxy, tcp: TcpStream) -> io::Result<BoxStream> {
    let mut stream: BoxStream = Box::new(tcp);
    if let (true, Ok((config, _))) = (is_https(proxy.uri()), &route.tls) {
        stream = Box::new(tls_connect(config, host_and_port(proxy.uri()).0, stream).await?);
    }
    let tunnel = Tunnel::new(proxy, &route.target);
    stream.write_all(tunnel.request().as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    loop {
        // Byte by byte: the bytes after the head belong to the tunnelled connection.
        match Tunnel::parse_response(&head) {
            Some(Ok(_)) => return Ok(stream),
            Some(Err(error)) => return Err(io::Error::other(error)),
            None => {
                let byte = stream.read_u8().await;
                head.push(byte.map_err(|_| io::Error::other(TunnelError::NotHttp))?);
            }
        }
    }
}

fn tunnel_problem(error: &io::Error) -> Problem {
    let refused = error.get_ref().and_then(|error| error.downcast_ref::<TunnelError>());
    let reason = tls_verdict(error).unwrap_or_else(|| error.to_string());
    let problem = network_problem(format!("the proxy did not connect to the service: {reason}"));
    match refused {
        Some(refused) => advise_on_proxy(problem, refused),
        None => problem.advise("check that this is a proxy, and whether its URL is http or https"),
    }
}

async fn tls_connect(
    config: &ClientConfig,
    host: &str,
    stream: BoxStream,
) -> io::Result<TlsStream<BoxStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config.clone())).connect(name, stream).await
}

/// Performs the TLS handshake, and reports who issued the certificate. Returns whether it is
/// trusted.
async fn check_tls(route: &Route, stream: BoxStream, checks: &mut Checks<'_>) -> bool {
    let (config, recorder) = match &route.tls {
        Ok(tls) => tls,
        Err(problem) => {
            checks.failed("tls", problem);
            return false;
        }
    };
    let host = host_and_port(&route.target).0;
    let connected = with_timeout(route.step_timeout, tls_connect(config, host, stream)).await;
    let peer = recorder.last();
    let info = peer.as_ref().and_then(|peer| CertificateInfo::parse(&peer.certificate));
    match connected {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            let version = match version.and_then(|version| version.as_str()) {
                Some(name) => name.replace('_', ".").replacen("TLSv", "TLS ", 1),
                None => "TLS".into(),
            };
            report_trusted(&version, peer.as_ref(), info.as_ref(), checks);
            true
        }
        Err(error) => {
            checks.failed("tls", &tls_problem(host, &error, peer.as_ref(), info.as_ref()));
            false
        }
    }
}

/// The number of days before it expires from which a certificate causes a warning.
const WARNING_DAYS: i64 = 14;

fn report_trusted(
    version: &str,
    peer: Option<&PeerCertificate>,
    info: Option<&CertificateInfo>,
    checks: &mut Checks<'_>,
) {
    let trusted_by = match peer.map(|peer| peer.issuer) {
        Some(IssuerTrust::Bundle) => "trusted only by the CA bundle (a proxy or a private CA)",
        _ => "trusted by this system",
    };
    let Some(CertificateInfo { issuer, not_after }) = info else {
        return checks.ok("tls", format!("{version}, with a trusted certificate"));
    };
    let days = clock::now().days_until(*not_after);
    let message = format!(
        "{version}, certificate issued by {issuer}, {trusted_by}; expires on {}, in {days} days",
        day(*not_after)
    );
    if days < WARNING_DAYS {
        let advice = "the operator of the service or of the proxy has to renew the certificate";
        checks.warning("tls", message, advice);
    } else {
        checks.ok("tls", message);
    }
}

fn tls_problem(
    host: &str,
    error: &io::Error,
    peer: Option<&PeerCertificate>,
    info: Option<&CertificateInfo>,
) -> Problem {
    let reason = tls_verdict(error).unwrap_or_else(|| error.to_string());
    let (Some(peer), Some(CertificateInfo { issuer, not_after })) = (peer, info) else {
        return network_problem(format!("{host}: {reason}"))
            .advise("check that this port speaks TLS; a firewall may be closing the connection");
    };
    if peer.issuer == IssuerTrust::Untrusted {
        let message = format!(
            "{host} sent a certificate issued by {issuer}, which this machine does not trust"
        );
        return network_problem(message)
            .advise("if this is your company's proxy, pass its CA with --ca-bundle")
            .advise("if not, the connection may be intercepted: do not continue");
    }
    let valid_until = day(*not_after);
    network_problem(format!("{host}: {reason} (issued by {issuer}, valid until {valid_until})"))
        .advise("check --base-url, and the date of this machine")
}

fn day(time: Timestamp) -> String {
    let text = time.to_string();
    text.split('T').next().unwrap_or(&text).into()
}

pub(super) fn network_problem(message: String) -> Problem {
    Problem::new(Exit::Network, message)
}

/// Fails with [`io::ErrorKind::TimedOut`] if a step takes longer than `timeout`.
pub(super) async fn with_timeout<T>(
    timeout: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::time::timeout(timeout, step).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("timed out after {timeout:?}")))
    })
}
