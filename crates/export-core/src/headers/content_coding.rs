//! `Content-Encoding`.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// The bytes of the body are the content.
    Identity,
    Gzip,
    Other,
}

/// Reads the codings of a body.
///
/// Words that are no coding do not count: object stores return what an uploader has written, such as
/// `aws-chunked` or `utf-8`.
///
/// **Source:** RFC 9110, 8.4.1, and the registry of IANA.
pub(crate) fn content_coding(headers: &HeaderMap) -> ContentCoding {
    const OTHERS: [&str; 10] = [
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "pack200-gzip",
        "x-compress",
        "zstd",
    ];
    let mut found = ContentCoding::Identity;
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for word in values.flat_map(|value| value.split(',')).map(str::trim) {
        let is = |name: &&str| word.eq_ignore_ascii_case(name);
        let coding = match () {
            () if ["gzip", "x-gzip"].iter().any(is) => ContentCoding::Gzip,
            () if OTHERS.iter().any(is) => ContentCoding::Other,
            () => continue,
        };
        found = if found == ContentCoding::Identity { coding } else { ContentCoding::Other };
    }
    found
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> ContentCoding {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        content_coding(&headers)
    }

    #[test]
    fn only_known_codings_count() {
        for values in [&[][..], &[""], &["identity"], &["aws-chunked"], &["utf-8, binary"], &[","]]
        {
            assert_eq!(read(values), ContentCoding::Identity, "{values:?}");
        }
        for values in [&["gzip"][..], &["X-GZip"], &["aws-chunked", "gzip"], &["identity , gzip"]] {
            assert_eq!(read(values), ContentCoding::Gzip, "{values:?}");
        }
        for values in [&["br"][..], &["ZSTD"], &["gzip, gzip"], &["deflate", "x-gzip"]] {
            assert_eq!(read(values), ContentCoding::Other, "{values:?}");
        }
    }
}
