//! HTTP-dates, and the `Sunset` header, which is one.

use http::HeaderMap;

use crate::time::Timestamp;

/// Parses an HTTP-date in any of its three forms (RFC 9110, 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // The parser returns a `SystemTime`, which `no_std` code cannot name but can call.
    let epoch = httpdate::parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT").ok()?;
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(epoch).ok()?;
    Some(Timestamp::EPOCH + since_epoch)
}

/// The date in the `Sunset` header, from which the endpoint may be gone.
///
/// **Source:** RFC 8594, section 3: an HTTP-date.
pub(crate) fn sunset(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get("sunset")?.to_str().ok()?.trim())
}

/// When the response was made, by the clock of the server (RFC 9110, 6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(http::header::DATE)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn sunset_is_a_date_or_none() {
        let read = |value| {
            let mut headers = HeaderMap::new();
            headers.insert("sunset", HeaderValue::from_static(value));
            sunset(&headers)
        };
        assert_eq!(read("Sun, 31 Jan 2027 00:00:00 GMT"), Some(Timestamp::from_date(2027, 1, 31)));
        assert_eq!(read("next year"), None);
    }
}
