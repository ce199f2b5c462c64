//! Serving files over HTTP: ranges, names and ETags.

use std::ops::Range;

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::documents::Artifact;
use crate::{Framing, SimResponse};

/// Responds to a GET of a file.
pub(crate) fn serve(artifact: &Artifact, headers: &HeaderMap, framing: Framing) -> SimResponse {
    let length = artifact.payload.len();
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let requested = match headers.get(IF_RANGE) {
        // A date never matches, because the files have no Last-Modified.
        Some(tag) if tag.as_bytes() != artifact.etag.as_bytes() => RequestedRange::Whole,
        _ => range.map_or(RequestedRange::Whole, |range| RequestedRange::parse(range, length)),
    };
    let response = match requested {
        RequestedRange::Whole => SimResponse::new(StatusCode::OK)
            .with_body(artifact.media_type, artifact.payload.clone()),
        RequestedRange::Part(part) => SimResponse::new(StatusCode::PARTIAL_CONTENT)
            .with_header(CONTENT_RANGE, &format!("bytes {}-{}/{length}", part.start, part.end - 1))
            .with_body(artifact.media_type, artifact.payload.part(part)),
        RequestedRange::Unsatisfiable => SimResponse::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with_header(CONTENT_RANGE, &format!("bytes */{length}")),
    };
    let mut response = response
        .with_header(ACCEPT_RANGES, "bytes")
        .with_header(ETAG, &artifact.etag)
        .with_header(CONTENT_DISPOSITION, &disposition(&artifact.file_name));
    if framing == Framing::Chunked {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RequestedRange {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

impl RequestedRange {
    /// Parses a `Range` (RFC 9110, 14.2). Anything but a single byte range is ignored, as the RFC allows.
    fn parse(range: &str, length: u64) -> Self {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|it| it.split_once('-'))
        else {
            return Self::Whole;
        };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            // A number that does not fit into 64 bits is beyond the end of any file.
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let part = match (number(first.trim()), number(last.trim())) {
            (Some(first), Some(last)) if first > last => return Self::Whole,
            (Some(first), Some(last)) => first..length.min(last.saturating_add(1)),
            (Some(first), None) if last.trim().is_empty() => first..length,
            (None, Some(0)) if first.trim().is_empty() => return Self::Unsatisfiable,
            (None, Some(last)) if first.trim().is_empty() => length.saturating_sub(last)..length,
            _ => return Self::Whole,
        };
        if part.start < part.end { Self::Part(part) } else { Self::Unsatisfiable }
    }
}

/// Escapes all but `attr-char` (RFC 8187, 3.2.1).
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The `Content-Disposition` (RFC 6266): an ASCII `filename`, and the exact name as `filename*` if it differs.
fn disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '_' })
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if !file_name.is_ascii() {
        value += &format!("; filename*=UTF-8''{}", utf8_percent_encode(file_name, EXTENDED));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_parsed_per_rfc_9110() {
        use RequestedRange::{Part, Unsatisfiable, Whole};
        let check = |range, expected| {
            assert_eq!(RequestedRange::parse(range, 100), expected, "{range}");
        };
        check("bytes=0-0", Part(0..1));
        check("bytes=10-", Part(10..100));
        check("bytes=90-200", Part(90..100));
        check("bytes=-5", Part(95..100));
        check("bytes=-500", Part(0..100));
        check("bytes=100-", Unsatisfiable);
        check("bytes=-0", Unsatisfiable);
        check("bytes=99999999999999999999-", Unsatisfiable);
        check("bytes=5-99999999999999999999", Part(5..100));
        for ignored in ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b"]
        {
            check(ignored, Whole);
        }
        assert_eq!(RequestedRange::parse("bytes=0-", 0), Unsatisfiable);
    }

    #[test]
    fn disposition_quotes_and_encodes_names() {
        assert_eq!(disposition("a \"b\".pdf"), r#"attachment; filename="a \"b\".pdf""#);
        assert_eq!(
            disposition("Jahr Ü.pdf"),
            "attachment; filename=\"Jahr _.pdf\"; filename*=UTF-8''Jahr%20%C3%9C.pdf"
        );
    }
}
