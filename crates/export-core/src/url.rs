//! URLs from the network: read, resolved, and refused where readers could disagree about them.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use http::Uri;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr, UriStr};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::origin::Origin;

/// Why a URL is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no host, or one that is not a name, an address and perhaps a port.
    #[error("it has no usable host")]
    Host,
    /// It is longer than 8,000 bytes, resolved and encoded.
    #[error("it is longer than {LONGEST_URL} bytes")]
    Long,
    /// It would send plain text over a network. See [`Origins::with_allowed`](crate::Origins::with_allowed).
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

/// Longer URLs are refused. Signed URLs of the large object stores have about 2,000 bytes.
pub(crate) const LONGEST_URL: usize = 8_000;

pub(crate) fn parse(url: &str) -> Result<(Uri, Origin), UrlError> {
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

pub(crate) fn resolve(base: &Uri, reference: &str) -> Result<(Uri, Origin), UrlError> {
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
    // A reference adds to its base, and an encoded byte is three.
    if length(&uri) > LONGEST_URL { Err(UrlError::Long) } else { Ok((uri, origin)) }
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

/// The whole of a URL, written into a buffer that does not grow.
pub(crate) fn url_text(uri: &Uri) -> String {
    let mut text = String::with_capacity(length(uri));
    write!(text, "{uri}").expect("a string takes everything");
    text
}

/// As many bytes as it has at most when it is written.
fn length(uri: &Uri) -> usize {
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let query = uri.query().map_or(0, |query| 1 + query.len());
    "https://".len() + authority + uri.path().len() + query
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_base_url_is_the_beginning_of_other_urls() {
        assert_eq!(base_url(" https://h.example/a/ "), Ok("https://h.example/a".into()));
        assert_eq!(base_url("https://h.example/#x"), Ok("https://h.example".into()));
        assert_eq!(base_url("https://h.example/?x=1"), Err(UrlError::Query));
        assert_eq!(base_url("h.example"), Err(UrlError::Syntax));
    }

    #[test]
    fn a_url_has_at_most_eight_thousand_bytes() {
        let longest = format!("https://h.example/{}", "a".repeat(LONGEST_URL - 18));
        assert_eq!(longest.len(), LONGEST_URL);
        assert!(Origin::parse(&longest).is_ok());
        assert_eq!(Origin::parse(&format!("{longest}a")), Err(UrlError::Long));
        let base = longest.parse().unwrap();
        assert!(resolve(&base, "/b").is_ok());
        assert_eq!(resolve(&base, "?b").map(|_| ()), Err(UrlError::Long));
        let encoded = format!("https://h.example/{}", "|".repeat(3_000));
        assert_eq!(Origin::parse(&encoded), Err(UrlError::Long));
    }

    #[test]
    fn stray_bytes_of_a_signed_url_are_encoded_and_its_escapes_kept() {
        let (uri, _) = parse("https://store.example/a b|c/ü.pdf?x={1}&y=%2F").unwrap();
        assert_eq!(uri.to_string(), "https://store.example/a%20b%7Cc/%C3%BC.pdf?x=%7B1%7D&y=%2F");
    }
}
