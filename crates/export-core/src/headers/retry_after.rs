//! `Retry-After`: how long the service asks to be left alone.

use core::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::time::Timestamp;

/// What an answer says about when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// Nothing.
    Absent,
    /// Come back after this long.
    Wait(Duration),
    /// Something that is neither whole seconds nor a date.
    Malformed,
}

impl RetryAfter {
    /// Reads the header.
    ///
    /// **Source:** RFC 9110, 10.2.3: whole **seconds**, or an HTTP-date. A date is taken relative
    /// to the answer's own `Date`, since the two clocks may differ; relative to `now` if there is
    /// none. A date in the past is no wait at all.
    pub(crate) fn of(now: Timestamp, headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(RETRY_AFTER) else { return Self::Absent };
        let Ok(value) = value.to_str() else { return Self::Malformed };
        let value = value.trim();
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            return value
                .parse()
                .map_or(Self::Malformed, |seconds| Self::Wait(Duration::from_secs(seconds)));
        }
        let Some(until) = http_date(value) else { return Self::Malformed };
        let sent = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
        Self::Wait(until.since(sent.unwrap_or(now)))
    }

    /// The wait, if there is one.
    pub(crate) const fn wait(self) -> Option<Duration> {
        match self {
            Self::Wait(wait) => Some(wait),
            Self::Absent | Self::Malformed => None,
        }
    }
}

/// Reads an HTTP-date in any of its three forms (RFC 9110, 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // The type that the parser returns has no name without std; its methods need none.
    let epoch = httpdate::parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT").ok()?;
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(epoch).ok()?;
    Some(Timestamp::EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &'static str, date: Option<&'static str>) -> RetryAfter {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        RetryAfter::of(Timestamp::from_date(2026, 2, 12), &headers)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(read("0", None), RetryAfter::Wait(Duration::ZERO));
        assert_eq!(read(" 17 ", None), RetryAfter::Wait(Duration::from_secs(17)));
        assert_eq!(read("18446744073709551615", None).wait(), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_date_counts_from_the_date_of_its_own_answer() {
        let minute = Some(Duration::from_secs(60));
        for until in [
            "Fri, 01 Jan 2027 00:01:00 GMT",
            "Friday, 01-Jan-27 00:01:00 GMT",
            "Fri Jan  1 00:01:00 2027",
        ] {
            assert_eq!(
                read(until, Some("Fri, 01 Jan 2027 00:00:00 GMT")).wait(),
                minute,
                "{until}"
            );
        }
        assert_eq!(read("Thu, 12 Feb 2026 00:01:00 GMT", None).wait(), minute);
        assert_eq!(read("Thu, 12 Feb 2026 00:01:00 GMT", Some("yesterday")).wait(), minute);
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT", None).wait(), Some(Duration::ZERO));
        assert!(read("Fri, 31 Dec 9999 23:59:59 GMT", None).wait() > minute);
    }

    #[test]
    fn anything_else_is_called_malformed() {
        for value in ["", "-5", "1.5", "18446744073709551616", "soon", "1 s", "+3", "0x10"] {
            assert_eq!(read(value, None), RetryAfter::Malformed, "{value:?}");
        }
        assert_eq!(RetryAfter::of(Timestamp::EPOCH, &HeaderMap::new()), RetryAfter::Absent);
    }
}
