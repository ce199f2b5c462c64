//! Rates: a known limit, or where to start learning one.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::settings;

/// How often a request of one class may be sent.
///
/// ```
/// use export_core::pacer::Rate;
///
/// assert_eq!(Rate::per_second(5.0).to_string(), "5 a second");
/// assert_eq!(Rate::per_minute(90.0).to_string(), "1.5 a second");
/// assert_eq!(Rate::learned(1.0).to_string(), "1 a second, and more if the service allows it");
/// assert_eq!(Rate::unlimited_until_429().to_string(), "unlimited until the first 429, then learned");
/// assert_eq!(Rate::unlimited().to_string(), "unlimited");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Microseconds from one request to the next; 0 without a limit.
    pub(super) interval: u64,
    /// How many may be sent at once after a pause; `None` if the rate decides.
    pub(super) burst: Option<u32>,
    pub(super) is_learned: bool,
}

/// The slowest rate: one request in ten minutes.
pub(super) const SLOWEST: u64 = 600 * SECOND;

/// The fastest rate that is learned: a thousand requests a second.
pub(super) const FASTEST: u64 = SECOND / 1_000;

pub(super) const SECOND: u64 = 1_000_000;

/// After a pause, this much time may be made up for by sending several requests at once. Without
/// it, every late timer would lower a fast rate a little.
const CATCH_UP: u64 = SECOND / 10;

impl Rate {
    /// A known limit: it is kept from the first request on, and never exceeded. From one request in
    /// ten minutes to a million a second; anything else is clamped.
    ///
    /// If the service responds with 429 all the same, fewer requests are sent.
    #[must_use]
    pub fn per_second(rate: f64) -> Self {
        Self { interval: interval(rate), burst: None, is_learned: false }
    }

    /// The same, per minute.
    #[must_use]
    pub fn per_minute(rate: f64) -> Self {
        Self::per_second(rate / 60.0)
    }

    /// An unknown limit, with the rate to start at. It doubles after each eight requests, once a
    /// second at most, until the first 429. The second one measures the limit, and from then on the
    /// rate follows what the service turns out to allow.
    #[must_use]
    pub fn learned(first: f64) -> Self {
        Self { interval: interval(first), burst: None, is_learned: true }
    }

    /// No limit until the service responds with 429. That sets one: half of what was admitted in the
    /// last second, and at least one request a second. From then on the limit is learned as with
    /// [`Rate::learned`].
    ///
    /// For requests whose limit is not documented, and whose number at once is bounded in another
    /// way.
    #[must_use]
    pub const fn unlimited_until_429() -> Self {
        Self { interval: 0, burst: None, is_learned: true }
    }

    /// No limit. The `Retry-After` of a 429 still holds back all requests.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { interval: 0, burst: None, is_learned: false }
    }

    /// How many requests may be sent at once after a pause. By default, as many as the rate allows
    /// in a tenth of a second, and at least **one**.
    ///
    /// It must not be more than the service admits at once: if that is unknown, keep the default.
    #[must_use]
    pub const fn with_burst(mut self, requests: u32) -> Self {
        self.burst = Some(if requests == 0 { 1 } else { requests });
        self
    }

    /// How much earlier than evenly spaced a request may be, in microseconds.
    pub(super) fn slack(self, interval: u64) -> u64 {
        match self.burst {
            Some(burst) => interval.saturating_mul(u64::from(burst - 1)),
            None => CATCH_UP.saturating_sub(interval),
        }
    }
}

/// The time from one request to the next, in microseconds. Rounded up, so that the rate is never
/// exceeded.
fn interval(rate: f64) -> u64 {
    let time = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
    let micros = time.as_nanos().div_ceil(1_000);
    u64::try_from(micros).unwrap_or(SLOWEST).clamp(1, SLOWEST)
}

/// Requests a second, rounded to hundredths. For display only.
pub(super) fn per_second(interval: u64) -> f64 {
    let hundredths = (100 * SECOND + interval / 2) / interval;
    hundredths as f64 / 100.0
}

impl core::fmt::Display for Rate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.interval, self.is_learned) {
            (0, false) => f.write_str("unlimited"),
            (0, true) => f.write_str("unlimited until the first 429, then learned"),
            (interval, false) => write!(f, "{} a second", per_second(interval)),
            (interval, true) => {
                write!(f, "{} a second, and more if the service allows it", per_second(interval))
            }
        }
    }
}

settings! {
    /// How often each class of request may be sent.
    ///
    /// ```
    /// use export_core::pacer::{Rate, Rates};
    ///
    /// let known = Rates::default().with_operations(Rate::per_second(5.0));
    /// assert_eq!(known.submits, Rate::learned(1.0));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Rates {
        /// Submit requests. **Learned, from 1 a second**, by default; 60 writes a minute were observed.
        submits (with_submits): Rate = Rate::learned(1.0),
        /// Polls. **Learned, from 1 a second**, by default: the service's reference says "as low as 1
        /// request per second".
        operations (with_operations): Rate = Rate::learned(1.0),
        /// Downloads with the token. **Unlimited until the first 429, then learned**, by default: no
        /// limit is documented; 600 reads a minute were observed.
        downloads (with_downloads): Rate = Rate::unlimited_until_429(),
    }
}

impl Rates {
    /// No limits. Only the `Retry-After` of a 429 holds requests back.
    #[must_use]
    pub const fn unlimited() -> Self {
        let unlimited = Rate::unlimited();
        Self { submits: unlimited, operations: unlimited, downloads: unlimited }
    }
}
