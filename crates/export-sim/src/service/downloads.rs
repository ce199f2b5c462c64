//! A file over HTTP: parts of it, its name, and whether it is still the same.

use std::ops::Range;

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::documents::Artifact;
use crate::{Answer, Framing};

/// Answers a GET of a file.
pub(crate) fn serve(artifact: &Artifact, headers: &HeaderMap, framing: Framing) -> Answer {
    let length = artifact.payload.len();
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let asked = match headers.get(IF_RANGE) {
        // A date never matches: the files have none.
        Some(tag) if tag.as_bytes() != artifact.etag.as_bytes() => Asked::Whole,
        _ => range.map_or(Asked::Whole, |range| Asked::read(range, length)),
    };
    let answer = match asked {
        Asked::Whole => {
            Answer::new(StatusCode::OK).with_body(artifact.media_type, artifact.payload.clone())
        }
        Asked::Part(part) => Answer::new(StatusCode::PARTIAL_CONTENT)
            .with_header(CONTENT_RANGE, &format!("bytes {}-{}/{length}", part.start, part.end - 1))
            .with_body(artifact.media_type, artifact.payload.part(part)),
        Asked::Beyond => Answer::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with_header(CONTENT_RANGE, &format!("bytes */{length}")),
    };
    let mut answer = answer
        .with_header(ACCEPT_RANGES, "bytes")
        .with_header(ETAG, &artifact.etag)
        .with_header(CONTENT_DISPOSITION, &disposition(&artifact.file_name));
    if framing == Framing::Chunked {
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    answer
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

impl Asked {
    /// Reads a `Range` (RFC 9110, 14.2). What is not one range of bytes is ignored, as the RFC allows.
    fn read(range: &str, length: u64) -> Self {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|it| it.split_once('-'))
        else {
            return Self::Whole;
        };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            // Digits that are too many for 64 bits stand for a number beyond every end.
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let part = match (number(first.trim()), number(last.trim())) {
            (Some(first), Some(last)) if first > last => return Self::Whole,
            (Some(first), Some(last)) => first..length.min(last.saturating_add(1)),
            (Some(first), None) if last.trim().is_empty() => first..length,
            (None, Some(0)) if first.trim().is_empty() => return Self::Beyond,
            (None, Some(last)) if first.trim().is_empty() => length.saturating_sub(last)..length,
            _ => return Self::Whole,
        };
        if part.start < part.end { Self::Part(part) } else { Self::Beyond }
    }
}

/// RFC 8187, `attr-char`.
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

/// RFC 6266: a plain name for everyone, and the true one for those who read `filename*`.
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
    fn ranges_are_read_as_the_rfc_says() {
        let check = |range, expected| assert_eq!(Asked::read(range, 100), expected, "{range}");
        check("bytes=0-0", Asked::Part(0..1));
        check("bytes=10-", Asked::Part(10..100));
        check("bytes=90-200", Asked::Part(90..100));
        check("bytes=-5", Asked::Part(95..100));
        check("bytes=-500", Asked::Part(0..100));
        check("bytes=100-", Asked::Beyond);
        check("bytes=-0", Asked::Beyond);
        check("bytes=99999999999999999999-", Asked::Beyond);
        check("bytes=5-99999999999999999999", Asked::Part(5..100));
        for ignored in ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b"]
        {
            check(ignored, Asked::Whole);
        }
        assert_eq!(Asked::read("bytes=0-", 0), Asked::Beyond);
    }

    #[test]
    fn names_are_quoted_and_encoded() {
        assert_eq!(disposition("a \"b\".pdf"), r#"attachment; filename="a \"b\".pdf""#);
        assert_eq!(
            disposition("Jahr Ü.pdf"),
            "attachment; filename=\"Jahr _.pdf\"; filename*=UTF-8''Jahr%20%C3%9C.pdf"
        );
    }
}
