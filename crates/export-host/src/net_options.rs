//! Settings of connections.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Settings of the connections of a client.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NetOptions {
    /// Addresses of host names, in place of those of the system.
    pub resolver: Option<ResolverFn>,
    /// The versions of HTTP.
    pub http_versions: HttpVersions,
    /// The number of connections to each host that are kept open between requests. `None` for the
    /// default of the adapter.
    pub max_idle_per_host: Option<usize>,
    /// The number of downloads of separate exports at once. `None` for the default of the adapter.
    pub max_concurrent_downloads: Option<usize>,
}

/// The versions of HTTP that a client uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersions {
    /// Those that the adapter and the server have in common.
    #[default]
    All,
    /// HTTP/1.1 only, for a proxy or a server whose HTTP/2 does not work.
    Http1,
}

/// A callback that returns the addresses of a host.
#[derive(Clone)]
pub struct ResolverFn(Arc<Resolve>);

type Resolve = dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync;

impl ResolverFn {
    pub(crate) fn new(
        resolve: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(resolve))
    }

    /// The addresses of a host. `None` if those of the system apply, as for a host that is an address.
    #[must_use]
    pub fn addresses(&self, host: &str) -> Option<Vec<IpAddr>> {
        match host.parse::<IpAddr>() {
            Ok(_) => None,
            Err(_) => (self.0)(host),
        }
    }
}

impl fmt::Debug for ResolverFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResolverFn")
    }
}
