//! Points in time, which the caller passes in.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: whole **milliseconds** since 1970-01-01T00:00:00Z.
///
/// The core reads no clock: the driver passes the time. It should read the wall clock once, when it
/// starts, and add monotonic time from then on, so that a change of the wall clock does not make a
/// job wait twice.
///
/// ```
/// use core::time::Duration;
/// use export_core::Timestamp;
///
/// let sunset = Timestamp::from_date(2027, 1, 31);
/// assert_eq!(sunset.to_string(), "2027-01-31T00:00:00Z");
/// assert_eq!((sunset + Duration::from_secs(90)).to_string(), "2027-01-31T00:01:30Z");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

const MILLIS_A_DAY: u64 = 86_400_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The time that is `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Midnight, UTC, at the start of a day of the Gregorian calendar, from 1970 on.
    ///
    /// A day that does not exist is counted on from the end of the month: 2026-02-30 is 2026-03-02.
    #[must_use]
    pub const fn from_date(year: u16, month: u8, day: u8) -> Self {
        // Years are counted from March, so that the leap day is the last day of a year.
        let shifted = (month as u64 + 9) % 12;
        let year = year as u64 - (shifted / 10);
        let day_of_year = (153 * shifted + 2) / 5 + day as u64 - 1;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
        Self(days.saturating_sub(DAYS_BEFORE_EPOCH) * MILLIS_A_DAY)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this; zero if this is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Days from this time until `later`, by the dates in UTC: 0 on the same day, negative if `later`
    /// was on an earlier day.
    #[must_use]
    pub const fn days_until(self, later: Self) -> i64 {
        // u64::MAX milliseconds are less than 2^38 days.
        (later.0 / MILLIS_A_DAY) as i64 - (self.0 / MILLIS_A_DAY) as i64
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Adds a duration, rounded up to whole milliseconds so that a wait is never cut short. Saturates
    /// at the last representable time.
    fn add(self, wait: Duration) -> Self {
        let millis = wait.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: u64 = 719_468;

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds unless they are zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / MILLIS_A_DAY + DAYS_BEFORE_EPOCH;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);

        let (seconds, millis) = (self.0 / 1_000 % 86_400, self.0 % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    /// The same as `Display`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn display_shows_the_date_of_from_date() {
        for (year, month, day) in [
            (1970, 1, 1),
            (1999, 12, 31),
            (2000, 2, 29),
            (2024, 2, 29),
            (2026, 2, 12),
            (2100, 3, 1),
        ] {
            let text = Timestamp::from_date(year, month, day).to_string();
            assert_eq!(text, alloc::format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
        }
    }

    #[test]
    fn dates_are_consecutive_for_400_years() {
        let mut expected = Timestamp::EPOCH;
        for year in 1970..2370_u16 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, days) in (1..).zip(days) {
                for day in 1..=days {
                    assert_eq!(Timestamp::from_date(year, month, day), expected);
                    expected = expected + Duration::from_millis(MILLIS_A_DAY);
                }
            }
        }
    }

    #[test]
    fn addition_rounds_up_and_saturates() {
        assert_eq!(Timestamp::EPOCH + Duration::from_nanos(1), Timestamp::from_millis(1));
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last + Duration::MAX, last);
        assert!(!last.to_string().is_empty());
    }

    #[test]
    fn days_until_counts_calendar_days() {
        let sunset = Timestamp::from_date(2027, 1, 31);
        let evening = Timestamp::from_date(2027, 1, 30) + Duration::from_secs(86_399);
        assert_eq!(evening.days_until(sunset), 1);
        assert_eq!(sunset.days_until(sunset), 0);
        assert_eq!(Timestamp::from_date(2027, 2, 2).days_until(sunset), -2);
    }
}
