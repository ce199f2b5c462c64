//! Connects to the host of a URL: proxy, TCP and TLS.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use export_host::{Proxy, TlsError, host_and_port};
use http::Uri;
use rustls::ClientConfig;
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

use super::NetConfig;
use super::attempt::Attempt;
use super::attempt_transport::AttemptTransport;
use super::tls::TlsTransport;
use super::tunnel;

/// Connects directly or through a proxy, and reports each step to the attempt.
pub(crate) struct ProxyConnector {
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) net: NetConfig,
}

impl Connector for ProxyConnector {
    type Out = AttemptTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<AttemptTransport>, Error> {
        let mut inner = match self.net.proxies.for_url(details.uri) {
            None => self.tcp(details, details.uri, details.addrs.clone())?,
            Some(proxy) => self.via_proxy(details, proxy)?,
        };
        if details.needs_tls() {
            let certified = self.net.certified.as_ref();
            let config = match certified.filter(|(certificate, _)| certificate.is_for(details.uri))
            {
                Some((_, config)) => Ok(config),
                None => self.net.tls.as_ref(),
            };
            inner = self.tls(details, inner, details.uri, config)?;
        }
        Ok(Some(AttemptTransport::new(inner, Arc::clone(&self.attempt))))
    }
}

impl ProxyConnector {
    fn tcp(
        &self,
        details: &ConnectionDetails<'_>,
        uri: &Uri,
        addrs: ResolvedSocketAddrs,
    ) -> Result<Box<dyn Transport>, Error> {
        self.attempt.connecting(format!("{}: connecting", host(uri)));
        let details = ConnectionDetails {
            uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: self.attempt.timeout(details.timeout),
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        };
        let connected = TcpConnector::default().connect(&details, None::<()>)?;
        Ok(connected.ok_or(Error::ConnectionFailed)?.boxed())
    }

    /// Connects to the proxy and asks it for a tunnel, for plain http as well, so that a response
    /// of the proxy is never taken for one of the service.
    fn via_proxy(
        &self,
        details: &ConnectionDetails<'_>,
        proxy: &Proxy,
    ) -> Result<Box<dyn Transport>, Error> {
        let name = host(proxy.uri());
        self.attempt.connecting(format!("the proxy {name}: resolving the host name"));
        let timeout = self.attempt.timeout(details.timeout);
        let addrs = resolve(&self.net, proxy.uri(), details.config, timeout)?;
        let mut inner = self.tcp(details, proxy.uri(), addrs)?;
        if proxy.uri().scheme_str() == Some("https") {
            inner = self.tls(details, inner, proxy.uri(), self.net.tls.as_ref())?;
        }
        self.attempt.connecting(format!("the proxy {name}"));
        tunnel::open(inner, proxy, details.uri, || self.attempt.timeout(details.timeout))
    }

    fn tls(
        &self,
        details: &ConnectionDetails<'_>,
        inner: Box<dyn Transport>,
        uri: &Uri,
        config: Result<&Arc<ClientConfig>, &TlsError>,
    ) -> Result<Box<dyn Transport>, Error> {
        self.attempt.connecting(format!("{}: establishing TLS", host(uri)));
        let timeout = self.attempt.timeout(details.timeout);
        let config = config.map_err(|error| Error::Other(error.clone().into()))?;
        let tls = TlsTransport::connect(inner, config, host_and_port(uri).0, details, timeout)?;
        Ok(Box::new(tls))
    }
}

fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default()
}

impl fmt::Debug for ProxyConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyConnector").finish_non_exhaustive()
    }
}

/// Resolves host names, except those that a proxy connects to, which resolves them itself.
pub(crate) struct AddressResolver {
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) net: NetConfig,
}

impl Resolver for AddressResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        if self.net.proxies.for_url(uri).is_some() {
            return Ok(self.empty());
        }
        resolve(&self.net, uri, config, self.attempt.timeout(timeout))
    }
}

/// Asks the resolver of the caller, and that of the system for the hosts that it does not know.
fn resolve(
    net: &NetConfig,
    uri: &Uri,
    config: &Config,
    timeout: NextTimeout,
) -> Result<ResolvedSocketAddrs, Error> {
    let system = DefaultResolver::default();
    let (host, port) = host_and_port(uri);
    let own = net.options.resolver.as_ref().and_then(|own| own.addresses(host));
    let Some(own) = own else { return system.resolve(uri, config, timeout) };
    let mut addresses = system.empty();
    // It has room for 16.
    own.into_iter().take(16).for_each(|ip| addresses.push(SocketAddr::new(ip, port)));
    if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
}

impl fmt::Debug for AddressResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressResolver").finish_non_exhaustive()
    }
}
