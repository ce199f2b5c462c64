use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: milliseconds since the Unix epoch, in UTC.
///
/// The simulated service reads no clock; the caller passes the time in.
///
/// ```
/// # use export_sim::Timestamp;
/// let noon = Timestamp::from_millis(1_767_268_800_000);
/// assert_eq!(noon.to_string(), "2026-01-01T12:00:00.000Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The whole seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time `duration` later, saturating at the largest timestamp.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The duration since `earlier`; zero if `earlier` is later than this time.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The HTTP-date `seconds` after this time, or before it if negative.
    pub(crate) fn http_date(self, seconds: i64) -> String {
        // The last second that an HTTP-date can represent, in the year 9999.
        let last = 253_402_300_799;
        let at = self.as_secs().saturating_add_signed(seconds).min(last);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

/// Formats as RFC 3339, like the service.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.as_secs() / 86_400);
        let second = self.as_secs() % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let milli = self.0 % 1000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// **Source:** Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_handles_leap_days() {
        let check = |secs: u64, text: &str| {
            assert_eq!(Timestamp::from_millis(secs * 1000).to_string(), text);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400, "2000-02-29T00:00:00.000Z");
        check(1_709_251_199, "2024-02-29T23:59:59.000Z");
        check(4_107_542_400, "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn display_agrees_with_httpdate_for_every_day() {
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        for day in 0..60_000 {
            let time = Timestamp::from_millis(day * 86_400_000);
            // "Thu, 01 Jan 1970 00:00:00 GMT"
            let date = time.http_date(0);
            let month = months.find(&date[8..11]).unwrap() / 3 + 1;
            let expected = format!("{}-{month:02}-{}T", &date[12..16], &date[5..7]);
            assert!(time.to_string().starts_with(&expected), "{time} is not {date}");
        }
    }

    #[test]
    fn http_date_saturates_at_the_year_9999() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.http_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(end.after(Duration::MAX), end);
    }
}
