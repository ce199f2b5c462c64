//! Where a request may go, and whether the token goes with it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use http::Uri;

use crate::redact::Redacted;
use crate::url::{UrlError, parse, resolve};

/// Scheme, host and port: what a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// Reads the origin of an absolute `http` or `https` URL.
    ///
    /// # Errors
    ///
    /// Fails where [`UrlError`] says: another scheme, no host, a user name in it.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        parse(url).map(|(_, origin)| origin)
    }

    pub(crate) fn of(uri: &Uri) -> Result<Self, UrlError> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        let host = authority.host();
        let named = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let literal = |b: u8| b.is_ascii_hexdigit() || b"[]:.".contains(&b);
        let legal =
            if host.starts_with('[') { host.bytes().all(literal) } else { host.bytes().all(named) };
        if host.is_empty() || !legal {
            return Err(UrlError::Host);
        }
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        // `host:` and `host:99999` have no port number that this reads, and are no host.
        let port = match authority.as_str().len() - host.len() {
            0 => default,
            _ => authority.port_u16().ok_or(UrlError::Host)?,
        };
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// Whether the bytes between here and there are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether this is a port of the machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host.as_str();
        host == "localhost"
            || host == "[::1]"
            || host.parse::<core::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The host, in lower case, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.is_https() { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Whether a request is sent with the job's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they are sent or they are not")]
pub enum Access {
    /// The origin is the base URL's or one allowed by name: token and service headers are sent.
    Trusted,
    /// Some other https origin, a store behind a signed URL: nothing is sent that identifies.
    Anonymous,
}

/// What a URL from the network leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Calls of the API: only where the token may go.
    Api,
    /// The artifact: anywhere over https, without the token where it may not go.
    Artifact,
}

/// A URL that was judged: the only kind that a request is made of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    uri: Uri,
    access: Access,
}

impl Target {
    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) const fn access(&self) -> Access {
        self.access
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", Redacted(&self.uri), self.access)
    }
}

/// The origins to which a token may go.
///
/// The base URL's own origin is always one of them. Everything else has to be allowed by name.
///
/// ```
/// use export_core::Origins;
///
/// let origins = Origins::new("https://api.app.wdesk.com")?
///     .with_allowed("https://files.example.com:8443")?;
/// assert_eq!(origins.base().to_string(), "https://api.app.wdesk.com");
/// # Ok::<(), export_core::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    base: Origin,
    allowed: Vec<Origin>,
}

impl Origins {
    /// Allows the origin of `base` and no other.
    ///
    /// # Errors
    ///
    /// Fails if `base` is no URL, or plain http to anywhere but this machine: a token must not
    /// cross a network in the clear. [`Origins::with_plain_http_base`] is the way around.
    pub fn new(base: &str) -> Result<Self, UrlError> {
        let origins = Self::with_plain_http_base(base)?;
        if origins.base.is_https() || origins.base.is_loopback() {
            Ok(origins)
        } else {
            Err(UrlError::PlainHttp)
        }
    }

    /// Like [`Origins::new`], for a base that may be plain http on a network that is trusted.
    ///
    /// # Errors
    ///
    /// Fails if `base` is no URL.
    pub fn with_plain_http_base(base: &str) -> Result<Self, UrlError> {
        Ok(Self { base: Origin::parse(base)?, allowed: Vec::new() })
    }

    /// Allows another origin: the token is sent there too, and over plain http if it says so.
    ///
    /// # Errors
    ///
    /// Fails if `url` is no URL.
    pub fn with_allowed(mut self, url: &str) -> Result<Self, UrlError> {
        self.allowed.push(Origin::parse(url)?);
        Ok(self)
    }

    /// The origin that the job starts at.
    #[must_use]
    pub const fn base(&self) -> &Origin {
        &self.base
    }

    /// Whether a token may go to `origin`.
    #[must_use]
    pub fn trusts(&self, origin: &Origin) -> bool {
        *origin == self.base || self.allowed.contains(origin)
    }

    /// Resolves `reference` against `base` and judges where it leads.
    pub(crate) fn judge(
        &self,
        base: Option<&Uri>,
        reference: &str,
        purpose: Purpose,
    ) -> Result<Target, UrlError> {
        let (uri, origin) = match base {
            Some(base) => resolve(base, reference)?,
            None => parse(reference)?,
        };
        let access = if self.trusts(&origin) {
            Access::Trusted
        } else if purpose == Purpose::Api {
            return Err(UrlError::Origin);
        } else if origin.is_https() || self.both_are_here(&origin) {
            Access::Anonymous
        } else {
            return Err(UrlError::PlainHttp);
        };
        Ok(Target { uri, access })
    }

    /// A service on this machine may keep its files on another port of this machine.
    fn both_are_here(&self, origin: &Origin) -> bool {
        !self.base.is_https() && self.base.is_loopback() && origin.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    fn origins() -> Origins {
        Origins::new("https://api.app.wdesk.com").unwrap()
    }

    fn judged(reference: &str, purpose: Purpose) -> String {
        let base = "https://api.app.wdesk.com/platform/v1/documents/d1/export".parse().unwrap();
        match origins().judge(Some(&base), reference, purpose) {
            Ok(target) => format!("{target:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_operation_stays_on_the_origin_of_the_api() {
        let api = |url| judged(url, Purpose::Api);
        assert_eq!(api("/operations/1"), "https://api.app.wdesk.com/operations/1 (Trusted)");
        assert_eq!(api("../1"), "https://api.app.wdesk.com/platform/v1/documents/1 (Trusted)");
        assert_eq!(
            api("HTTPS://API.app.wdesk.com:443/o"),
            "https://API.app.wdesk.com:443/o (Trusted)"
        );
        assert_eq!(
            api("?page=1"),
            "https://api.app.wdesk.com/platform/v1/documents/d1/export?page=*** (Trusted)"
        );
        for elsewhere in [
            "https://evil.example/operations/1",
            "//evil.example/operations/1",
            "https://api.app.wdesk.com.evil.example/",
            "https://api.app.wdesk.com:8443/",
            "https://api.app.wdesk.com./",
            "http://api.app.wdesk.com/",
        ] {
            assert_eq!(api(elsewhere), UrlError::Origin.to_string(), "{elsewhere}");
        }
    }

    #[test]
    fn a_url_that_readers_could_disagree_about_is_refused() {
        for (url, error) in [
            ("https://api.app.wdesk.com@evil.example/", UrlError::UserInfo),
            ("https://user:secret@api.app.wdesk.com/", UrlError::UserInfo),
            ("https://api.app.wdesk.com\\@evil.example/", UrlError::Syntax),
            ("https://api.app.wdesk.com%2f@evil.example/", UrlError::UserInfo),
            ("https://api.app.wdesk.com%2eevil.example/", UrlError::Host),
            ("https://api.app.wdesk.com:/", UrlError::Host),
            ("https://api.app.wdesk.com:99999/", UrlError::Host),
            ("https:///operations/1", UrlError::Syntax),
            ("file:///etc/passwd", UrlError::Scheme),
            ("javascript:alert(1)", UrlError::Scheme),
            ("https://api.app.wdesk.com/\r\nx: y", UrlError::Syntax),
        ] {
            let refused = judged(url, Purpose::Artifact);
            assert!(
                refused == error.to_string()
                    || refused == UrlError::Syntax.to_string()
                    || refused == UrlError::Host.to_string(),
                "{url}: {refused}"
            );
        }
    }

    #[test]
    fn an_artifact_elsewhere_is_fetched_over_https_and_without_credentials() {
        let artifact = |url| judged(url, Purpose::Artifact);
        assert_eq!(
            artifact("https://store.example/f.pdf?sig=secret"),
            "https://store.example/f.pdf?sig=*** (Anonymous)"
        );
        assert_eq!(artifact("http://store.example/f.pdf"), UrlError::PlainHttp.to_string());
        assert_eq!(artifact("http://127.0.0.1/f.pdf"), UrlError::PlainHttp.to_string());
        assert_eq!(artifact("http://api.app.wdesk.com/f.pdf"), UrlError::PlainHttp.to_string());
    }

    #[test]
    fn a_base_on_this_machine_may_keep_its_files_on_another_port_of_it() {
        let here = Origins::new("http://127.0.0.1:8080").unwrap();
        let judge = |url| here.judge(None, url, Purpose::Artifact).map(|target| target.access());
        assert_eq!(judge("http://127.0.0.1:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://localhost:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://[::1]:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://192.0.2.1/f"), Err(UrlError::PlainHttp));
    }

    #[test]
    fn plain_http_over_a_network_has_to_be_allowed_by_name() {
        assert_eq!(Origins::new("http://192.0.2.1"), Err(UrlError::PlainHttp));
        assert!(Origins::with_plain_http_base("http://192.0.2.1").is_ok());
        let origins = origins().with_allowed("http://192.0.2.1").unwrap();
        let target = origins.judge(None, "http://192.0.2.1/f", Purpose::Artifact).unwrap();
        assert_eq!(target.access(), Access::Trusted);
    }

    #[test]
    fn an_origin_is_shown_with_its_port_where_that_is_not_the_usual_one() {
        for (url, shown) in [
            ("https://H.example/x", "https://h.example"),
            ("https://h.example:443", "https://h.example"),
            ("https://h.example:80", "https://h.example:80"),
            ("http://h.example:80", "http://h.example"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(Origin::parse(url).unwrap().to_string(), shown);
        }
    }
}
