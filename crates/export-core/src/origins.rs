//! Where a request may go, and whether the token goes with it.

use alloc::vec::Vec;
use core::fmt;

use http::Uri;
use serde::Serialize;

use crate::redact::Redacted;
use crate::url::{parse, resolve};

pub use crate::url::{Origin, UrlError};

/// Whether a request is sent with the job's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "they are sent or they are not")]
pub enum Access {
    /// The origin is the base URL's or one allowed by name: the token and the service's own headers
    /// are sent.
    Trusted,
    /// Another https origin, such as an object store behind a signed URL: no header that identifies
    /// the caller is sent.
    Anonymous,
}

/// What a URL from the network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call of the API: only at origins that may have the token.
    Api,
    /// The artifact: anywhere over https, without the token at an origin that may not have it.
    Artifact,
}

/// A URL that passed [`Origins::judge`]. Requests are built from these only.
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

    /// The same URL, to be requested with at most this access.
    pub(crate) fn with_at_most(mut self, access: Access) -> Self {
        if access == Access::Anonymous {
            self.access = access;
        }
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", Redacted(&self.uri), self.access)
    }
}

/// The origins that may be sent a token: the base URL's own, and those that are allowed by name.
///
/// ```
/// use export_core::origins::Origins;
///
/// let origins = Origins::new("https://api.app.wdesk.com")?
///     .with_allowed("https://files.example.com:8443")?;
/// assert_eq!(origins.base().to_string(), "https://api.app.wdesk.com");
/// # Ok::<(), export_core::origins::UrlError>(())
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
    /// Fails if `base` is not a URL, or is plain http to another machine, since the token would
    /// cross the network unencrypted. [`Origins::with_plain_http_base`] allows that.
    pub fn new(base: &str) -> Result<Self, UrlError> {
        let origins = Self::with_plain_http_base(base)?;
        if origins.base.is_https() || origins.base.is_loopback() {
            Ok(origins)
        } else {
            Err(UrlError::PlainHttp)
        }
    }

    /// Like [`Origins::new`], but the base may be plain http, for a network that is trusted.
    ///
    /// # Errors
    ///
    /// Fails if `base` is not a URL.
    pub fn with_plain_http_base(base: &str) -> Result<Self, UrlError> {
        Ok(Self { base: Origin::parse(base)?, allowed: Vec::new() })
    }

    /// Allows another origin. The token is sent there too, unencrypted if `url` is plain http.
    ///
    /// # Errors
    ///
    /// Fails if `url` is not a URL.
    pub fn with_allowed(mut self, url: &str) -> Result<Self, UrlError> {
        self.allowed.push(Origin::parse(url)?);
        Ok(self)
    }

    /// The origin of the base URL.
    #[must_use]
    pub const fn base(&self) -> &Origin {
        &self.base
    }

    /// Whether a token may be sent to `origin`.
    #[must_use]
    pub fn trusts(&self, origin: &Origin) -> bool {
        *origin == self.base || self.allowed.contains(origin)
    }

    /// Resolves `reference` against `base` and decides whether and how it may be requested.
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
        } else if origin.is_https() || self.is_local_service(&origin) {
            Access::Anonymous
        } else {
            return Err(UrlError::PlainHttp);
        };
        Ok(Target { uri, access })
    }

    /// Whether both the service and `origin` are on this machine: such a service may serve its
    /// files from another port.
    fn is_local_service(&self, origin: &Origin) -> bool {
        !self.base.is_https() && self.base.is_loopback() && origin.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

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
    fn operation_url_stays_on_the_api_origin() {
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
    fn ambiguous_url_is_refused() {
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
    fn foreign_artifact_needs_https_and_gets_no_token() {
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
    fn local_service_may_serve_files_from_another_port() {
        let here = Origins::new("http://127.0.0.1:8080").unwrap();
        let judge = |url| here.judge(None, url, Purpose::Artifact).map(|target| target.access());
        assert_eq!(judge("http://127.0.0.1:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://localhost:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://[::1]:9090/f"), Ok(Access::Anonymous));
        assert_eq!(judge("http://192.0.2.1/f"), Err(UrlError::PlainHttp));
    }

    #[test]
    fn plain_http_must_be_allowed_by_name() {
        assert_eq!(Origins::new("http://192.0.2.1"), Err(UrlError::PlainHttp));
        assert!(Origins::with_plain_http_base("http://192.0.2.1").is_ok());
        let origins = origins().with_allowed("http://192.0.2.1").unwrap();
        let target = origins.judge(None, "http://192.0.2.1/f", Purpose::Artifact).unwrap();
        assert_eq!(target.access(), Access::Trusted);
    }
}
