//! The connection to the service, step by step: proxy, name, TCP, tunnel, TLS.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use export_host::{IssuerTrust, PeerCertificate, Proxy, ProxyRules, host_and_port};
use export_hyper::{
    BuildError, Config, ConnectStep, Connecting, Failure, HttpSender, ProxySettings, Timestamp,
};
use http::Uri;
use http_body_util::Full;

use super::Checks;
use super::certificate::CertificateInfo;
use super::requests::{Requests, reason};
use crate::clock;
use crate::explain::{advise_on_proxy, tunnel_error};
use crate::problem::{Exit, Problem};
use crate::settings::Settings;

/// Checks each step of a connection, as exports open it. Returns what sends requests over such
/// connections; `None` if a step failed.
pub(super) async fn check(
    settings: &Settings,
    config: &Config,
    step_timeout: Duration,
    checks: &mut Checks<'_>,
) -> Option<Requests> {
    // `Config` has validated the URL.
    let target: Uri = config.base_url().parse().ok()?;
    let rules = check_proxy(settings, &target, checks)?;
    let proxy = rules.for_url(&target).cloned();
    let (sender, connecting) = match connect(settings, rules, &target, step_timeout) {
        Ok(connecting) => connecting,
        Err(error) => {
            checks.not_checked(&["name", "connection"], "the TLS settings are invalid");
            checks.failed("tls", &settings.build_problem(&error));
            return None;
        }
    };
    let walk = Walk { target, proxy, addresses: Vec::new() };
    walk.check(connecting, checks).await.then(|| Requests::new(sender, step_timeout))
}

/// Chooses the proxy, and reports which setting determines it.
fn check_proxy(settings: &Settings, target: &Uri, checks: &mut Checks<'_>) -> Option<ProxyRules> {
    let rules = match settings.proxy.value.rules() {
        Ok(rules) => rules,
        Err(error) => {
            checks.failed("proxy", &settings.proxy_problem(&error));
            checks.not_checked(&["name", "connection", "tls"], "the proxy is invalid");
            return None;
        }
    };
    let host = target.host().unwrap_or_default();
    let source = &settings.proxy.source;
    let message = match (rules.for_url(target), &settings.proxy.value, rules.exempted_by(target)) {
        (Some(proxy), ProxySettings::Url(_), _) => format!("{proxy:?}, set by {source}"),
        (Some(proxy), ..) => format!("{proxy:?}, set by {}", proxy.source()),
        (None, ProxySettings::Off, _) => format!("none, set by {source}"),
        (None, _, Some(entry)) => format!("none: the entry {entry:?} of NO_PROXY matches {host}"),
        (None, _, None) => "none: no proxy variable is set".into(),
    };
    checks.ok("proxy", message);
    Some(rules)
}

/// Begins a connection with the settings of an export.
fn connect(
    settings: &Settings,
    rules: ProxyRules,
    target: &Uri,
    step_timeout: Duration,
) -> Result<(HttpSender<Full<Bytes>>, Connecting), BuildError> {
    let sender = HttpSender::new(&settings.tls(), rules)?;
    let connecting = sender.connect(target, step_timeout)?;
    Ok((sender, connecting))
}

/// The steps of a connection: to where, and what was found so far.
struct Walk {
    target: Uri,
    proxy: Option<Proxy>,
    addresses: Vec<IpAddr>,
}

impl Walk {
    /// Reports each step. Returns whether all succeeded.
    async fn check(mut self, mut connecting: Connecting, checks: &mut Checks<'_>) -> bool {
        while let Some(step) = connecting.next().await {
            let is_ok = match step {
                ConnectStep::Name(addresses) => self.report_name(addresses, checks),
                ConnectStep::Tcp(Ok(address)) => {
                    let message = format!("connected to {} at {address}", self.peer());
                    checks.ok("connection", message);
                    true
                }
                ConnectStep::Tcp(Err(failure)) => {
                    checks.failed("connection", &self.tcp_problem(&failure));
                    checks.not_checked(&["tls"], "no connection");
                    false
                }
                ConnectStep::Tunnel(opened) => report_tunnel(opened, checks),
                ConnectStep::Tls(version) => {
                    self.report_tls(version, connecting.certificate(), checks)
                }
            };
            if !is_ok {
                return false;
            }
        }
        if self.target.scheme_str() != Some("https") {
            checks.not_checked(&["tls"], "the base URL is plain http");
        }
        true
    }

    /// The host that this machine resolves and connects to: a proxy resolves the name of the
    /// service.
    fn first_hop(&self) -> (&str, u16) {
        host_and_port(self.proxy.as_ref().map_or(&self.target, Proxy::uri))
    }

    const fn peer(&self) -> &'static str {
        if self.proxy.is_some() { "the proxy" } else { "the service" }
    }

    fn report_name(
        &mut self,
        addresses: Result<Vec<IpAddr>, Failure>,
        checks: &mut Checks<'_>,
    ) -> bool {
        let (host, _) = self.first_hop();
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(failure) => {
                checks.failed("name", &name_problem(host, &failure));
                checks.not_checked(&["connection", "tls"], "the name cannot be resolved");
                return false;
            }
        };
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        match texts.as_slice() {
            [address] if address == host => checks.ok("name", format!("{host} is an IP address")),
            texts => checks.ok("name", format!("{host} resolves to {}", texts.join(", "))),
        }
        self.addresses = addresses;
        true
    }

    fn tcp_problem(&self, failure: &Failure) -> Problem {
        let (_, port) = self.first_hop();
        let address = |address: &IpAddr| SocketAddr::new(*address, port).to_string();
        let tried: Vec<String> = self.addresses.iter().map(address).collect();
        let (peer, tried, reason) = (self.peer(), tried.join(", "), reason(failure));
        // All addresses were tried, and the reason names the host only.
        let cause = reason.strip_prefix("cannot connect to ").and_then(|it| it.split_once(": "));
        let reason = cause.map_or(reason.as_str(), |(_, cause)| cause);
        network_problem(format!("cannot connect to {peer} at {tried}: {reason}")).advise(match self
            .proxy
        {
            Some(_) => "check the host and port of the proxy, and that it is running",
            None => "check for a firewall; this network may require a proxy (HTTPS_PROXY)",
        })
    }

    /// Reports who issued the certificate, and whether it is trusted.
    fn report_tls(
        &self,
        version: Result<String, Failure>,
        peer: Option<PeerCertificate>,
        checks: &mut Checks<'_>,
    ) -> bool {
        let info = peer.as_ref().and_then(|peer| CertificateInfo::parse(&peer.certificate));
        let (peer, info) = (peer.as_ref(), info.as_ref());
        match &version {
            Ok(version) => report_trusted(version, peer, info, checks),
            Err(failure) => {
                let (host, _) = host_and_port(&self.target);
                checks.failed("tls", &tls_problem(host, failure, peer, info));
            }
        }
        version.is_ok()
    }
}

fn name_problem(host: &str, failure: &Failure) -> Problem {
    let reason = reason(failure);
    // The error of the resolver says it too; one of a proxy or a timeout does not.
    let what = format!("cannot resolve {host}: ");
    let reason = reason.strip_prefix(&what).unwrap_or(&reason);
    network_problem(format!("{what}{reason}")).advise(
        "check the name and this machine's DNS settings; some networks resolve external names only \
         through a proxy",
    )
}

fn report_tunnel(opened: Result<(), Failure>, checks: &mut Checks<'_>) -> bool {
    match &opened {
        Ok(()) => checks.ok("tunnel", "the proxy connected to the service"),
        Err(failure) => {
            checks.failed("tunnel", &tunnel_problem(failure));
            checks.not_checked(&["tls"], "no connection through the proxy");
        }
    }
    opened.is_ok()
}

fn tunnel_problem(failure: &Failure) -> Problem {
    let reason = reason(failure);
    let problem = network_problem(format!("the proxy did not connect to the service: {reason}"));
    match tunnel_error(failure) {
        Some(error) => advise_on_proxy(problem, error),
        None => problem.advise("check that this is a proxy, and whether its URL is http or https"),
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
    failure: &Failure,
    peer: Option<&PeerCertificate>,
    info: Option<&CertificateInfo>,
) -> Problem {
    let reason = reason(failure);
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
