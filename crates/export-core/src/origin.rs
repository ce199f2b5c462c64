//! Where a request may go, and whether the token goes with it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use http::Uri;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr, UriStr};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

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

    fn of(uri: &Uri) -> Result<Self, UrlError> {
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

/// Why a URL is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no host, or one that is not a name, an address and perhaps a port.
    #[error("it has no usable host")]
    Host,
    /// It is longer than 8,000 bytes.
    #[error("it is longer than {LONGEST_URL} bytes")]
    Long,
    /// It would send plain text over a network. See [`Origins::with_allowed`].
    #[error("it is plain http, and that origin was not allowed by name")]
    PlainHttp,
    /// It leads to an origin that may not be given the token.
    #[error(
        "it leads to another origin than the base URL's, and that origin was not allowed by name"
    )]
    Origin,
    /// It has a query, to which no path can be added.
    #[error("it has a query, and cannot be the beginning of other URLs")]
    Query,
    /// It is neither `http` nor `https`.
    #[error("it is neither http nor https")]
    Scheme,
    /// It breaks the syntax of RFC 3986.
    #[error("it is not a URL")]
    Syntax,
    /// It has a user name or a password in it.
    #[error("it has a user name in it")]
    UserInfo,
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

/// The whole of a URL, written into a buffer that does not grow.
pub(crate) fn url_text(uri: &Uri) -> String {
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let mut text = String::with_capacity("https://".len() + authority + path);
    write!(text, "{uri}").expect("a string takes everything");
    text
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

/// Longer URLs are refused. Signed URLs of the large object stores have about 2,000 bytes.
const LONGEST_URL: usize = 8_000;

fn parse(url: &str) -> Result<(Uri, Origin), UrlError> {
    let tidy = tidy(url)?;
    let absolute = UriStr::new(&tidy).map_err(|_| UrlError::Syntax)?;
    to_uri(absolute.as_str())
}

/// A URL to which paths are added: without a slash at its end.
pub(crate) fn base_url(url: &str) -> Result<String, UrlError> {
    let (uri, _) = parse(url)?;
    match uri.query() {
        Some(_) => Err(UrlError::Query),
        None => Ok(url_text(&uri).trim_end_matches('/').into()),
    }
}

fn resolve(base: &Uri, reference: &str) -> Result<(Uri, Origin), UrlError> {
    let tidy = tidy(reference)?;
    let reference = UriReferenceStr::new(&tidy).map_err(|_| UrlError::Syntax)?;
    if reference.scheme_str().is_some() {
        return to_uri(reference.as_str());
    }
    let base = url_text(base);
    let base = UriAbsoluteStr::new(&base).map_err(|_| UrlError::Syntax)?;
    to_uri(&reference.resolve_against(base).to_string())
}

fn to_uri(absolute: &str) -> Result<(Uri, Origin), UrlError> {
    let without_fragment = absolute.split('#').next().unwrap_or_default();
    let uri: Uri = without_fragment.parse().map_err(|_| UrlError::Syntax)?;
    let origin = Origin::of(&uri)?;
    Ok((uri, origin))
}

/// Bytes that no URL may hold and that services send all the same. A `\` stays illegal: some
/// readers take it for a `/`, and nobody may disagree about where the host ends.
const STRAY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

fn tidy(url: &str) -> Result<Cow<'_, str>, UrlError> {
    let url = url.trim_matches(' ');
    if url.len() > LONGEST_URL {
        return Err(UrlError::Long);
    }
    if url.bytes().any(|b| b.is_ascii_control()) {
        return Err(UrlError::Syntax);
    }
    Ok(utf8_percent_encode(url, STRAY).into())
}

/// A URL as it may be shown: signatures and tokens live in queries, so their values are hidden.
///
/// ```
/// use export_core::Redacted;
///
/// let url = "https://store.example.com/f.pdf?X-Signature=abc&part=1".parse()?;
/// assert_eq!(
///     Redacted(&url).to_string(),
///     "https://store.example.com/f.pdf?X-Signature=***&part=***"
/// );
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is a view of one thing")]
pub struct Redacted<'a>(pub &'a Uri);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(scheme), Some(authority)) = (self.0.scheme_str(), self.0.authority()) {
            let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
            write!(f, "{scheme}://{host_and_port}")?;
        }
        f.write_str(self.0.path())?;
        for (index, pair) in self.0.query().into_iter().flat_map(|q| q.split('&')).enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{name}=***")?,
                None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL that could not be used, as it may be shown.
pub(crate) fn redact_text(url: &str) -> String {
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    let shown = crate::api_error::printable(Some(shown)).unwrap_or_default();
    match (shown.split_once("://"), url.contains('?')) {
        (Some((scheme, rest)), query) => {
            let (authority, path) =
                rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
            let host = authority.rsplit('@').next().unwrap_or_default();
            let path = path.map(|p| format!("/{p}")).unwrap_or_default();
            format!("{scheme}://{host}{path}{}", if query { "?***" } else { "" })
        }
        (None, true) => format!("{shown}?***"),
        (None, false) => shown,
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(judged(&"a".repeat(LONGEST_URL + 1), Purpose::Api), UrlError::Long.to_string());
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
        let longest = format!("https://h.example/{}", "a".repeat(LONGEST_URL - 18));
        assert_eq!(longest.len(), LONGEST_URL);
        assert!(Origin::parse(&longest).is_ok());
        assert_eq!(Origin::parse(&format!("{longest}a")), Err(UrlError::Long));
        let shown = Redacted(&"https://u:p@h.example/x?k=secret&s".parse().unwrap()).to_string();
        assert_eq!(shown, "https://h.example/x?k=***&***");
        assert_eq!(format!("{:?}", Redacted(&"/x?k=secret".parse().unwrap())), "/x?k=***");
    }

    #[test]
    fn a_base_url_is_the_beginning_of_other_urls() {
        assert_eq!(base_url(" https://h.example/a/ "), Ok("https://h.example/a".into()));
        assert_eq!(base_url("https://h.example/#x"), Ok("https://h.example".into()));
        assert_eq!(base_url("https://h.example/?x=1"), Err(UrlError::Query));
        assert_eq!(base_url("h.example"), Err(UrlError::Syntax));
    }

    #[test]
    fn stray_bytes_of_a_signed_url_are_encoded_and_its_escapes_kept() {
        let target = origins()
            .judge(None, "https://store.example/a b|c/ü.pdf?x={1}&y=%2F", Purpose::Artifact)
            .unwrap();
        assert_eq!(
            target.uri().to_string(),
            "https://store.example/a%20b%7Cc/%C3%BC.pdf?x=%7B1%7D&y=%2F"
        );
    }

    #[test]
    fn a_refused_url_is_shown_without_its_secrets() {
        assert_eq!(redact_text("https://u:p@h.example/x?sig=1#f"), "https://h.example/x?***");
        assert_eq!(redact_text("/x?sig=1"), "/x?***");
        assert_eq!(redact_text("https://h.example"), "https://h.example");
    }
}
