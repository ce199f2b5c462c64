//! Where a URL leads, by a reading that is not the core's.

use url::{Host, Origin, Url};

/// Where a token of the region in the United States may go.
pub(crate) const US: [&str; 2] = ["https://api.app.wdesk.com", "https://app.wdesk.com"];

/// The origins that a token may go to, the base URL's first.
pub(crate) struct Allowed(Vec<Url>);

impl Allowed {
    pub(crate) fn new(urls: &[&str]) -> Self {
        Self(urls.iter().map(|url| Url::parse(url).unwrap()).collect())
    }

    /// Whether a token may be sent with a request to this URL.
    pub(crate) fn has(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.has_url(&url))
    }

    /// The same for a URL that was read already.
    pub(crate) fn has_url(&self, url: &Url) -> bool {
        url.username().is_empty()
            && url.password().is_none()
            && self.origins().any(|origin| origin == url.origin())
    }

    /// Whether anything at all may be asked for at this URL: over https, where the token goes, and
    /// on this machine if the service is here too.
    pub(crate) fn may_be_asked(&self, url: &str) -> bool {
        let is_here = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let base = &self.0[0];
        let may_be_here = base.scheme() == "http" && is_here(base);
        let in_clear = |url: Url| self.has_url(&url) || (may_be_here && is_here(&url));
        url.starts_with("https://") || Url::parse(url).is_ok_and(in_clear)
    }

    fn origins(&self) -> impl Iterator<Item = Origin> {
        self.0.iter().map(Url::origin)
    }
}
