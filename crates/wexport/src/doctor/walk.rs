//! The way to the service, step by step: name, connection, tunnel, TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use export_host::{IssuerTrust, PeerCertificate, Proxy, Tunnel, TunnelError, tls_verdict};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::certificate::{self, Facts};
use super::chart::Chart;
use super::route::{Route, address, is_https};
use crate::clock;
use crate::explain::refused_by_proxy;
use crate::problem::{Exit, Problem};

/// A way that was taken once, and can be taken again.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) route: Route,
    first_hop: SocketAddr,
}

/// Bytes to the service and back, however they go.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

type BoxWire = Box<dyn Wire>;

/// Goes the way, and tells each step.
pub(super) async fn to_service(route: Route, chart: &mut Chart<'_>) -> Option<Line> {
    let (host, port) = address(route.first_hop());
    let addresses = match within(route.within, lookup_host((host, port))).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            let problem = unreachable(format!("{host} has no address: {error}"));
            chart.failed("name", &problem.advise(ADVICE_ON_NAMES));
            chart.not_checked(&["connection", "tls"], "the host has no address");
            return None;
        }
    };
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    match shown.as_slice() {
        [address] if address == host => chart.ok("name", format!("{host} is an address")),
        shown => chart.ok("name", format!("{host} is {}", shown.join(", "))),
    }

    let Some((first_hop, tcp)) = connect(&route, &addresses, chart).await else {
        chart.not_checked(&["tls"], "there is no connection");
        return None;
    };
    let wire: BoxWire = match &route.proxy {
        None => Box::new(tcp),
        Some(proxy) => match within(route.within, tunnel(&route, proxy, tcp)).await {
            Ok(wire) => {
                chart.ok("tunnel", "the proxy opens a way to the service");
                wire
            }
            Err(error) => {
                chart.failed("tunnel", &no_tunnel(&error));
                chart.not_checked(&["tls"], "the proxy opens no way to the service");
                return None;
            }
        },
    };
    if is_https(&route.target) {
        handshake(&route, wire, chart).await.then_some(Line { route, first_hop })
    } else {
        chart.not_checked(&["tls"], "the base URL is plain http");
        Some(Line { route, first_hop })
    }
}

const ADVICE_ON_NAMES: &str =
    "check the name, and the resolver of this machine; some networks have a proxy for the rest";

impl Line {
    /// Goes the way once more.
    pub(super) async fn open(&self) -> io::Result<BoxWire> {
        let route = &self.route;
        let whole = async {
            let tcp = TcpStream::connect(self.first_hop).await?;
            let wire: BoxWire = match &route.proxy {
                None => Box::new(tcp),
                Some(proxy) => tunnel(route, proxy, tcp).await?,
            };
            match (&route.tls, is_https(&route.target)) {
                (Ok((config, _)), true) => {
                    let host = address(&route.target).0;
                    Ok(Box::new(secure(config, host, wire).await?) as BoxWire)
                }
                (_, true) => Err(io::ErrorKind::Unsupported.into()),
                (_, false) => Ok(wire),
            }
        };
        within(route.within, whole).await
    }
}

async fn connect(
    route: &Route,
    addresses: &[SocketAddr],
    chart: &mut Chart<'_>,
) -> Option<(SocketAddr, TcpStream)> {
    let whom = if route.proxy.is_some() { "the proxy" } else { "the service" };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for &address in addresses {
        match within(route.within, TcpStream::connect(address)).await {
            Ok(tcp) => {
                chart.ok("connection", format!("{whom} is reached at {address}"));
                return Some((address, tcp));
            }
            Err(error) => last = error,
        }
    }
    let tried: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let problem = unreachable(format!("{whom} is not reached at {}: {last}", tried.join(", ")));
    chart.failed(
        "connection",
        &problem.advise(match route.proxy {
            Some(_) => "check host and port of the proxy, and that it runs",
            None => "a firewall may be in between: does this network want a proxy (HTTPS_PROXY)?",
        }),
    );
    None
}

/// Asks the proxy for a connection to the service.
async fn tunnel(route: &Route, proxy: &Proxy, tcp: TcpStream) -> io::Result<BoxWire> {
    let mut wire: BoxWire = Box::new(tcp);
    if let (true, Ok((config, _))) = (is_https(proxy.uri()), &route.tls) {
        wire = Box::new(secure(config, address(proxy.uri()).0, wire).await?);
    }
    let asked = Tunnel::new(proxy, &route.target);
    wire.write_all(asked.request().as_bytes()).await?;
    wire.flush().await?;
    let mut head = Vec::new();
    loop {
        // Byte by byte: what comes after the head belongs to whoever is at the tunnel's end.
        match Tunnel::answer(&head) {
            Some(Ok(_)) => return Ok(wire),
            Some(Err(error)) => return Err(io::Error::other(error)),
            None => {
                head.push(wire.read_u8().await.map_err(|_| io::Error::other(TunnelError::NotHttp))?)
            }
        }
    }
}

fn no_tunnel(error: &io::Error) -> Problem {
    let refused = error.get_ref().and_then(|error| error.downcast_ref::<TunnelError>());
    let what = tls_verdict(error).unwrap_or_else(|| error.to_string());
    let problem = unreachable(format!("the proxy opens no way to the service: {what}"));
    match refused {
        Some(refused) => refused_by_proxy(problem, refused),
        None => problem.advise("check that this is a proxy, and whether it is http or https"),
    }
}

async fn secure(
    config: &ClientConfig,
    host: &str,
    wire: BoxWire,
) -> io::Result<TlsStream<BoxWire>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config.clone())).connect(name, wire).await
}

/// Makes the service show its certificate, and tells whose it is.
async fn handshake(route: &Route, wire: BoxWire, chart: &mut Chart<'_>) -> bool {
    let (config, recorder) = match &route.tls {
        Ok(tls) => tls,
        Err(problem) => {
            chart.failed("tls", problem);
            return false;
        }
    };
    let host = address(&route.target).0;
    let shaken = within(route.within, secure(config, host, wire)).await;
    let shown = recorder.last();
    let facts = shown.as_ref().and_then(|shown| certificate::read(&shown.certificate));
    match shaken {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            let version = match version.and_then(|version| version.as_str()) {
                Some(name) => name.replace('_', ".").replacen("TLSv", "TLS ", 1),
                None => "TLS".into(),
            };
            believed(&version, shown.as_ref(), facts.as_ref(), chart);
            true
        }
        Err(error) => {
            chart.failed("tls", &not_believed(host, &error, shown.as_ref(), facts.as_ref()));
            false
        }
    }
}

/// A certificate that ends within this many days is worth a warning.
const ENDS_SOON: i64 = 14;

fn believed(
    version: &str,
    shown: Option<&PeerCertificate>,
    facts: Option<&Facts>,
    chart: &mut Chart<'_>,
) {
    let known = match shown.map(|shown| shown.issuer) {
        Some(IssuerTrust::Bundle) => ", known by the CA bundle alone: a proxy's or a company's own",
        _ => ", known to this system",
    };
    let Some(Facts { issuer, ends }) = facts else {
        return chart.ok("tls", format!("{version}, with a certificate that is believed"));
    };
    let days = clock::now().days_until(*ends);
    let what = format!(
        "{version}, certificate signed by {issuer}{known}; good until {}, {days} days",
        day(*ends)
    );
    if days < ENDS_SOON {
        chart.warning("tls", what, "whoever runs the service or the proxy has to renew it");
    } else {
        chart.ok("tls", what);
    }
}

fn not_believed(
    host: &str,
    error: &io::Error,
    shown: Option<&PeerCertificate>,
    facts: Option<&Facts>,
) -> Problem {
    let verdict = tls_verdict(error).unwrap_or_else(|| error.to_string());
    let (Some(shown), Some(Facts { issuer, ends })) = (shown, facts) else {
        return unreachable(format!("{host}: {verdict}"))
            .advise("does this port speak TLS? something on the way may cut it off");
    };
    if shown.issuer == IssuerTrust::Untrusted {
        let what = format!(
            "{host} shows a certificate signed by {issuer}, whom this machine does not know"
        );
        return unreachable(what)
            .advise("if that is your company's proxy, pass its authority with --ca-bundle")
            .advise("if nobody knows whose it is, somebody may be listening: do not go on");
    }
    unreachable(format!("{host}: {verdict} (signed by {issuer}, good until {})", day(*ends)))
        .advise("check --base-url, and the date of this machine")
}

fn day(time: export_hyper::Timestamp) -> String {
    let text = time.to_string();
    text.split('T').next().unwrap_or(&text).into()
}

pub(super) fn unreachable(what: String) -> Problem {
    Problem::new(Exit::Network, what)
}

/// Whatever it is, within a time.
pub(super) async fn within<T>(
    time: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::time::timeout(time, step).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {time:?}")))
    })
}
