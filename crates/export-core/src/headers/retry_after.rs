//! `Retry-After`: how long to wait before the next request.

use core::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::date::http_date;
use crate::time::Timestamp;

/// The `Retry-After` header of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// There is no such header.
    Absent,
    /// Wait this long.
    Wait(Duration),
    /// The value is neither whole seconds nor a date.
    Malformed,
}

impl RetryAfter {
    /// Reads the header.
    ///
    /// **Source:** RFC 9110, 10.2.3: whole **seconds**, or an HTTP-date. A date counts from the
    /// response's own `Date`, since the two clocks may differ, and from `now` if there is none. A
    /// date in the past is a wait of zero.
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

    pub(crate) const fn wait(self) -> Option<Duration> {
        match self {
            Self::Wait(wait) => Some(wait),
            Self::Absent | Self::Malformed => None,
        }
    }
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
    fn whole_seconds_are_read() {
        assert_eq!(read("0", None), RetryAfter::Wait(Duration::ZERO));
        assert_eq!(read(" 17 ", None), RetryAfter::Wait(Duration::from_secs(17)));
        assert_eq!(read("18446744073709551615", None).wait(), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn date_counts_from_the_date_of_its_response() {
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
    fn any_other_value_is_malformed() {
        for value in ["", "-5", "1.5", "18446744073709551616", "soon", "1 s", "+3", "0x10"] {
            assert_eq!(read(value, None), RetryAfter::Malformed, "{value:?}");
        }
        assert_eq!(RetryAfter::of(Timestamp::EPOCH, &HeaderMap::new()), RetryAfter::Absent);
    }
}
