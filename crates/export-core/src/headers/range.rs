//! `Content-Range`, `Content-Length` and `ETag`: which bytes of which file a response has.

use alloc::string::String;

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};

/// The part of a file in the body of a 206.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// Offset of the first byte.
    pub(crate) first: u64,
    /// Offset behind the last byte.
    pub(crate) end: u64,
    /// Length of the whole file, if it is known.
    pub(crate) total: Option<u64>,
}

impl ContentRange {
    /// Parses `bytes first-last/total` (RFC 9110, 14.4). `None` for any other form, and if the numbers
    /// contradict one another or the `Content-Length`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
        let (unit, rest) = value.split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" { None } else { Some(number(total)?) };
        let fits = first <= last
            && total.is_none_or(|total| last < total)
            && content_length(headers)
                .is_none_or(|length| length.checked_sub(1) == Some(last - first));
        let end = last.checked_add(1)?;
        (unit.eq_ignore_ascii_case("bytes") && fits).then_some(Self { first, end, total })
    }
}

/// The length of the body, if it is announced.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    number(headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim())
}

/// The `ETag` if it is a strong validator (RFC 9110, 8.8.3), which identifies the bytes.
pub(crate) fn strong_etag(headers: &HeaderMap) -> Option<String> {
    const MAX_LEN: usize = 256;
    let value = headers.get(ETAG)?.to_str().ok()?.trim();
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    (quoted && value.len() <= MAX_LEN).then(|| value.into())
}

/// Parses digits only: `parse` alone would accept a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn range_is_read_with_and_without_total() {
        let read = |value| ContentRange::of(&headers(CONTENT_RANGE, value));
        assert_eq!(read("bytes 5-9/10"), Some(ContentRange { first: 5, end: 10, total: Some(10) }));
        assert_eq!(read("Bytes 0-0/*"), Some(ContentRange { first: 0, end: 1, total: None }));
    }

    #[test]
    fn invalid_range_is_none() {
        for value in [
            "bytes 5-4/10",
            "bytes 5-10/10",
            "bytes */10",
            "bytes 5-/10",
            "bytes -5-9/10",
            "bytes +5-9/10",
            "lines 5-9/10",
            "bytes=5-9/10",
            "bytes 5-9",
            "bytes 5-9/18446744073709551616",
            "",
        ] {
            assert_eq!(ContentRange::of(&headers(CONTENT_RANGE, value)), None, "{value:?}");
        }
    }

    #[test]
    fn range_must_match_the_content_length() {
        for (length, agrees) in [("5", true), ("4", false), ("6", false), ("0", false)] {
            let mut both = headers(CONTENT_RANGE, "bytes 5-9/10");
            both.insert(CONTENT_LENGTH, HeaderValue::from_static(length));
            assert_eq!(ContentRange::of(&both).is_some(), agrees, "{length}");
        }
    }

    #[test]
    fn weak_or_malformed_etag_is_none() {
        let read = |value| strong_etag(&headers(ETAG, value));
        assert_eq!(read("\"v1\""), Some("\"v1\"".into()));
        for value in ["W/\"v1\"", "v1", "\"", "", "\"v1"] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }
}
