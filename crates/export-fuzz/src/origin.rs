//! Where a URL leads, by a reading that is not the core's.

use url::{Origin, Url};

/// The origins that a token may go to.
pub(crate) struct Allowed(Vec<Origin>);

impl Allowed {
    pub(crate) fn new(urls: &[&str]) -> Self {
        Self(urls.iter().map(|url| Url::parse(url).unwrap().origin()).collect())
    }

    /// Whether a token may be sent with a request to this URL.
    pub(crate) fn has(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.has_url(&url))
    }

    /// The same for a URL that was read already.
    pub(crate) fn has_url(&self, url: &Url) -> bool {
        url.username().is_empty() && url.password().is_none() && self.0.contains(&url.origin())
    }
}
