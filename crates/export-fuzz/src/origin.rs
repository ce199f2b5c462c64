//! Origins, by a URL parser that is independent of the core's.

use url::{Host, Origin, Url};

/// The origins that may have a token of the US region.
pub(crate) const US: [&str; 2] = ["https://api.app.wdesk.com", "https://app.wdesk.com"];

/// The URLs of the origins that may have the token, the base URL first.
pub(crate) struct Allowed(Vec<Url>);

impl Allowed {
    pub(crate) fn new(urls: &[&str]) -> Self {
        Self(urls.iter().map(|url| Url::parse(url).unwrap()).collect())
    }

    /// Whether a request to this URL may have the token.
    pub(crate) fn has(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.has_url(&url))
    }

    /// Like [`has`](Self::has), for a parsed URL.
    pub(crate) fn has_url(&self, url: &Url) -> bool {
        url.username().is_empty()
            && url.password().is_none()
            && self.origins().any(|origin| origin == url.origin())
    }

    /// Whether any request may be sent to this URL: over https, to an origin that may have the token,
    /// and to this machine if the service is on this machine as well.
    pub(crate) fn may_be_requested(&self, url: &str) -> bool {
        let is_local = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let base = &self.0[0];
        let may_be_local = base.scheme() == "http" && is_local(base);
        let may_be_plain = |url: Url| self.has_url(&url) || (may_be_local && is_local(&url));
        url.starts_with("https://") || Url::parse(url).is_ok_and(may_be_plain)
    }

    fn origins(&self) -> impl Iterator<Item = Origin> {
        self.0.iter().map(Url::origin)
    }
}
