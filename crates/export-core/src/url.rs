//! URLs from the network: parsed, resolved, and refused where parsers could disagree about them.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt::{self, Write as _};

use http::Uri;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr, UriStr};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no host, or one that is not a name or an address, with an optional port.
    #[error("it has no usable host")]
    Host,
    /// It is longer than 8,000 bytes after it was resolved and encoded.
    #[error("it is longer than {MAX_URL} bytes")]
    Long,
    /// It would send plain text over a network. See [`Origins::with_allowed`](crate::origins::Origins::with_allowed).
    #[error("it is plain http, and its origin is not explicitly allowed")]
    PlainHttp,
    /// Its origin may not be given the token.
    #[error("its origin is not that of the base URL, and is not explicitly allowed")]
    Origin,
    /// It has a query, so that no path can be appended to it.
    #[error("it has a query, so that no path can be appended")]
    Query,
    /// It is neither `http` nor `https`.
    #[error("it is neither http nor https")]
    Scheme,
    /// It breaks the syntax of RFC 3986.
    #[error("it is not a URL")]
    Syntax,
    /// It contains a user name or a password.
    #[error("it contains a user name")]
    UserInfo,
}

/// The scheme, host and port of a URL: what a token is bound to.
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
    /// Parses the origin of an absolute `http` or `https` URL.
    ///
    /// # Errors
    ///
    /// Fails if the URL has another scheme, no usable host or a user name, is malformed, or is
    /// longer than 8,000 bytes.
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
        let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let is_ipv6_byte = |b: u8| b.is_ascii_hexdigit() || b"[]:.".contains(&b);
        let is_legal = if host.starts_with('[') {
            host.bytes().all(is_ipv6_byte)
        } else {
            host.bytes().all(is_name_byte)
        };
        if host.is_empty() || !is_legal {
            return Err(UrlError::Host);
        }
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        // `host:` and `host:99999` have no valid port number, and are refused.
        let port = match authority.as_str().len() - host.len() {
            0 => default,
            _ => authority.port_u16().ok_or(UrlError::Host)?,
        };
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host.as_str();
        host == "localhost"
            || host == "[::1]"
            || host.parse::<core::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The host in lower case, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    /// The port is shown unless it is the scheme's default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.is_https() { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The longest URL in **bytes**. Signed URLs of the large object stores have about 2,000.
pub(crate) const MAX_URL: usize = 8_000;

pub(crate) fn parse(url: &str) -> Result<(Uri, Origin), UrlError> {
    let encoded = encode_stray_bytes(url)?;
    let absolute = UriStr::new(&encoded).map_err(|_| UrlError::Syntax)?;
    to_uri(absolute.as_str())
}

/// Parses a URL that paths are appended to. The result has no trailing slash.
pub(crate) fn base_url(url: &str) -> Result<String, UrlError> {
    let (uri, _) = parse(url)?;
    match uri.query() {
        Some(_) => Err(UrlError::Query),
        None => Ok(url_text(&uri).trim_end_matches('/').into()),
    }
}

pub(crate) fn resolve(base: &Uri, reference: &str) -> Result<(Uri, Origin), UrlError> {
    let encoded = encode_stray_bytes(reference)?;
    let reference = UriReferenceStr::new(&encoded).map_err(|_| UrlError::Syntax)?;
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
    // Checked again: resolving adds the base, and encoding makes three bytes of one.
    if max_len(&uri) > MAX_URL { Err(UrlError::Long) } else { Ok((uri, origin)) }
}

/// Bytes that are illegal in a URL and that services send nevertheless. They are percent-encoded.
/// A `\` stays illegal: some parsers treat it as a `/`, and would see another host.
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

const STRAY_IN_PATH: AsciiSet = STRAY.add(b'[').add(b']');

fn encode_stray_bytes(url: &str) -> Result<Cow<'_, str>, UrlError> {
    let url = url.trim_matches(' ');
    if url.len() > MAX_URL {
        return Err(UrlError::Long);
    }
    if url.bytes().any(|b| b.is_ascii_control()) {
        return Err(UrlError::Syntax);
    }
    // Brackets are legal around an IPv6 address only.
    let path = end_of_authority(url);
    let (authority, path) = (&url[..path], &url[path..]);
    if !path.contains(['[', ']']) {
        return Ok(utf8_percent_encode(url, STRAY).into());
    }
    let path = utf8_percent_encode(path, &STRAY_IN_PATH);
    Ok(utf8_percent_encode(authority, STRAY).chain(path).collect())
}

/// Where the path or the query of a URL begins: at its start if it has no authority.
fn end_of_authority(url: &str) -> usize {
    match url.find("//") {
        Some(at) if at == 0 || url[..at].ends_with(':') => {
            let host = at + 2;
            url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end)
        }
        _ => 0,
    }
}

/// The complete URL. The buffer is allocated once and does not grow.
pub(crate) fn url_text(uri: &Uri) -> String {
    let mut text = String::with_capacity(max_len(uri));
    write!(text, "{uri}").expect("writing to a String does not fail");
    text
}

/// An upper bound of the URL's length in bytes.
fn max_len(uri: &Uri) -> usize {
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let query = uri.query().map_or(0, |query| 1 + query.len());
    "https://".len() + authority + uri.path().len() + query
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn base_url_has_no_query_and_no_trailing_slash() {
        assert_eq!(base_url(" https://h.example/a/ "), Ok("https://h.example/a".into()));
        assert_eq!(base_url("https://h.example/#x"), Ok("https://h.example".into()));
        assert_eq!(base_url("https://h.example/?x=1"), Err(UrlError::Query));
        assert_eq!(base_url("h.example"), Err(UrlError::Syntax));
    }

    #[test]
    fn url_longer_than_8000_bytes_is_refused() {
        let longest = format!("https://h.example/{}", "a".repeat(MAX_URL - 18));
        assert_eq!(longest.len(), MAX_URL);
        assert!(Origin::parse(&longest).is_ok());
        assert_eq!(Origin::parse(&format!("{longest}a")), Err(UrlError::Long));
        let base = longest.parse().unwrap();
        assert!(resolve(&base, "/b").is_ok());
        assert_eq!(resolve(&base, "?b").map(|_| ()), Err(UrlError::Long));
        let encoded = format!("https://h.example/{}", "|".repeat(3_000));
        assert_eq!(Origin::parse(&encoded), Err(UrlError::Long));
    }

    #[test]
    fn stray_bytes_are_encoded_and_escapes_are_kept() {
        let (uri, _) = parse("https://store.example/a b|c/ü.pdf?x={1}&y=%2F").unwrap();
        assert_eq!(uri.to_string(), "https://store.example/a%20b%7Cc/%C3%BC.pdf?x=%7B1%7D&y=%2F");
        for (url, encoded) in [
            ("https://[::1]:8080/f[1]?x[]=[2]", "https://[::1]:8080/f%5B1%5D?x%5B%5D=%5B2%5D"),
            (
                "https://h.example?a[b]=https://[::1]/",
                "https://h.example/?a%5Bb%5D=https://%5B::1%5D/",
            ),
            ("/f?x[]=1|2", "https://base.example/f?x%5B%5D=1%7C2"),
            ("//[::1]/f[1]", "https://[::1]/f%5B1%5D"),
            ("f[1]?u=//x[", "https://base.example/f%5B1%5D?u=//x%5B"),
        ] {
            let base = "https://base.example/".parse().unwrap();
            assert_eq!(resolve(&base, url).unwrap().0.to_string(), encoded);
        }
        for url in ["https://h[x]/", "https://[::1/", "https://u[@h.example/"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn origin_shows_only_a_port_that_is_not_the_default() {
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
