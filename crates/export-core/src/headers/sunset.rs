//! `Sunset`: the service's own word on when an endpoint goes away.

use http::HeaderMap;

use super::retry_after::http_date;
use crate::time::Timestamp;

/// Reads the date of a `Sunset` header.
///
/// **Source:** RFC 8594, section 3: an HTTP-date.
pub(crate) fn sunset(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get("sunset")?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_date_is_read_and_nonsense_is_not() {
        let read = |value| {
            let mut headers = HeaderMap::new();
            headers.insert("sunset", HeaderValue::from_static(value));
            sunset(&headers)
        };
        assert_eq!(read("Sun, 31 Jan 2027 00:00:00 GMT"), Some(Timestamp::from_date(2027, 1, 31)));
        assert_eq!(read("next year"), None);
    }
}
