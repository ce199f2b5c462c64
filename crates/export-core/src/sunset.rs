//! The announced end of an endpoint.

use serde::Serialize;

use crate::time::Timestamp;

/// The announced end of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sunset {
    /// The endpoint, as the service's documentation writes it.
    pub endpoint: &'static str,
    /// The day on which it was deprecated.
    pub deprecated: Timestamp,
    /// The day from which it may be gone.
    pub sunset: Timestamp,
    /// What to use instead.
    pub successor: &'static str,
}

impl Sunset {
    /// An announced end.
    #[must_use]
    pub const fn new(
        endpoint: &'static str,
        deprecated: Timestamp,
        sunset: Timestamp,
        successor: &'static str,
    ) -> Self {
        Self { endpoint, deprecated, sunset, successor }
    }

    /// Days left at `now`; negative once the day has passed.
    ///
    /// ```
    /// use export_core::dialect::Sunset;
    /// use export_core::Timestamp;
    ///
    /// let old = Sunset::new(
    ///     "POST /old",
    ///     Timestamp::from_date(2026, 2, 12),
    ///     Timestamp::from_date(2027, 1, 31),
    ///     "POST /new",
    /// );
    /// assert_eq!(old.days_left(Timestamp::from_date(2027, 1, 1)), 30);
    /// ```
    #[must_use]
    pub const fn days_left(&self, now: Timestamp) -> i64 {
        now.days_until(self.sunset)
    }
}

/// An announced end, and the days left when the notice was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SunsetNotice {
    /// The announcement. The date of the service's `Sunset` header, if it sent one, replaces the
    /// documented date.
    pub sunset: Sunset,
    /// Days left; negative once the day has passed.
    pub days_left: i64,
}
