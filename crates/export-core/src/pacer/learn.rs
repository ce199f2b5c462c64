//! Learns a rate limit from responses: slows down at once, speeds up slowly, and measures the limit
//! by counting.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate::{FASTEST, Rate, SECOND, SLOWEST};
use crate::time::Timestamp;

/// What was learned of the rate at which one class of requests is admitted.
///
/// A service with a limit of `R` requests a second admits what was saved up, and then `R` in each
/// second. A 429 says that nothing is saved up. So if it admits `A` requests in the time `T`
/// between two 429s, these are at most one more than it earned: `A <= 1 + R T`. The limit is at
/// least `(A - 1) / T`, and lower than the rate that was refused. The rate climbs between these
/// two bounds; once they are within 5 % of each other, it stays at the lower one.
///
/// Not every 429 says something about the rate. If nothing was admitted since the previous one, it
/// is an outage. If the count above has shown the rate to be allowed, another client or chance has
/// caused it; and if that rate was being tested after a cut, the cut was wrong and is taken back.
/// Both hold requests back, and neither lowers the rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RateLearner {
    #[serde(rename = "pace")]
    current: RateEstimate,
    /// The estimate before the last cut, until the cut has turned out to be right.
    #[serde(rename = "before")]
    previous: Option<RateEstimate>,
    /// An interval that the limit allows, by counting. In microseconds.
    proven: Option<u64>,
    /// The shortest interval that was used for a while without a 429.
    good: Option<u64>,
    /// Whether requests are evenly spaced, without slack: the service saves nothing up.
    is_even: bool,
    /// How many of the next 429s are ignored, as chance.
    ignored: u32,
    /// How many 429s came at a rate that is allowed.
    #[serde(rename = "surprises")]
    unexpected: u32,
    /// How many 429s were ignored in a row, as chance.
    tolerated: u32,
    /// Requests in a row that were admitted at this rate.
    steady: u32,
    /// When the rate was changed.
    changed: Timestamp,
    /// When the last 429 was received, other than to requests that were sent before another one.
    #[serde(default)]
    refused_at: Timestamp,
    count: AdmittedCount,
    #[serde(default)]
    recent: RecentCount,
    /// The most requests that were admitted between two 429s.
    longest: u32,
    /// Number of 429s in a row, with nothing admitted in between.
    streak: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RateEstimate {
    /// Microseconds from one request to the next; 0 without a limit.
    interval: u64,
    /// A shorter interval, which the service has refused.
    refused: Option<u64>,
    /// When to forget that, in case the limit was raised.
    doubtful_at: Option<Timestamp>,
    /// How often it was confirmed.
    confirmed: u32,
}

/// The requests that were admitted since the last 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct AdmittedCount {
    admitted: u32,
    /// When that 429 was; `None` if there was none.
    since: Option<Timestamp>,
}

/// The requests that were admitted in this second and in the previous one. Counted while there is
/// no limit, to derive one from at the first 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct RecentCount {
    start: Timestamp,
    admitted: u32,
    before: u32,
}

/// Requests to send at the initial rate before the first increase: a minute's worth of the
/// documented one request a second.
const FIRST_STEP: u32 = 60;

/// Requests to send at one rate before it is doubled again.
const STEP: u32 = 16;

/// A rate counts as right after this many requests and this time without a 429: until what the
/// service has saved up is spent, it admits more. After more than half as many requests between
/// two 429s, twice that number is needed, since fewer could pass by chance.
const TRIAL: u32 = 64;
const TRIAL_TIME: Duration = Duration::from_secs(10);

/// A count over this time is a measurement even before the next 429.
const LONG: Duration = Duration::from_secs(30);

/// At most this many 429s in a row are ignored as chance, unless a measurement shows a limit far
/// below the rate.
const TOLERATED: u32 = 8;

/// For how long a refused rate is not tried again; doubled each time that it is refused again, up
/// to a day.
const BELIEVED: Duration = Duration::from_secs(3_600);
const BELIEVED_AT_MOST: Duration = Duration::from_secs(86_400);

const ONE_SECOND: Duration = Duration::from_micros(SECOND);

/// The hold after a 429 without `Retry-After`; doubled with each 429 that follows, up to the cap.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_OWN_HOLD: Duration = Duration::from_secs(30);

impl RateLearner {
    pub(super) fn new(rate: Rate) -> Self {
        let current = RateEstimate {
            interval: rate.interval,
            refused: None,
            doubtful_at: None,
            confirmed: 0,
        };
        Self {
            current,
            previous: None,
            proven: None,
            good: None,
            is_even: false,
            ignored: 0,
            unexpected: 0,
            tolerated: 0,
            steady: 0,
            changed: Timestamp::EPOCH,
            refused_at: Timestamp::EPOCH,
            count: AdmittedCount::default(),
            recent: RecentCount::default(),
            longest: 0,
            streak: 0,
        }
    }

    /// Another process continues with it. Moves times in the future to the present, since the clock
    /// may have been set back, and drops the counts, since other processes may have sent requests.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.count = AdmittedCount::default();
        self.recent = RecentCount::default();
        self.current.interval = self.current.interval.min(SLOWEST);
        self.changed = self.changed.min(now);
        self.refused_at = self.refused_at.min(now);
        let doubtful_at = self.current.doubtful_at;
        self.current.doubtful_at = doubtful_at.map(|doubtful| doubtful.min(now + BELIEVED_AT_MOST));
    }

    /// Microseconds from one request to the next; 0 without a limit.
    pub(super) const fn interval(&self) -> u64 {
        self.current.interval
    }

    /// Whether the last response was a 429.
    pub(super) const fn is_refused(&self) -> bool {
        self.streak > 0
    }

    /// Whether the service has refused requests that were not evenly spaced.
    pub(super) const fn is_even(&self) -> bool {
        self.is_even
    }

    /// A request that was sent at `sent` was admitted. `paced`: it was sent as soon as the rate
    /// allowed, so that it has tested the rate.
    pub(super) fn admitted(&mut self, now: Timestamp, sent: Timestamp, paced: bool, rate: Rate) {
        if sent <= self.refused_at {
            // It was admitted before the last 429.
            return;
        }
        self.streak = 0;
        if self.current.interval == 0 {
            self.recent.add(now);
            return;
        }
        if !paced {
            // There was a pause, in which the service has saved something up.
            self.count = AdmittedCount::default();
            return;
        }
        self.count.admitted = self.count.admitted.saturating_add(1);
        if sent < self.changed {
            return;
        }
        if self.count.is_long(now) {
            self.add_measurement(self.count.interval(now));
        }
        self.steady = self.steady.saturating_add(1);
        if self.is_tried(now, rate) {
            self.steady = 0;
            self.previous = None;
            self.speed_up(now, rate);
        }
    }

    /// Whether the rate was used for long enough to count as right.
    fn is_tried(&self, now: Timestamp, rate: Rate) -> bool {
        let requests = match (self.current.refused, self.count.since) {
            (None, None) if self.current.interval == rate.interval => {
                return self.steady >= FIRST_STEP;
            }
            (None, None) => return self.steady >= STEP,
            (None, Some(_)) => TRIAL,
            (Some(_), _) => self.longest.saturating_mul(2).max(TRIAL),
        };
        self.steady >= requests && now.since(self.changed) >= TRIAL_TIME
    }

    fn speed_up(&mut self, now: Timestamp, rate: Rate) {
        let RateEstimate { interval, refused, doubtful_at, .. } = self.current;
        self.good = Some(interval);
        let fastest = if rate.is_learned { FASTEST } else { rate.interval };
        let faster = match refused {
            None => interval / 2,
            Some(refused) if interval.saturating_sub(refused) > interval / 20 => {
                refused.midpoint(interval)
            }
            // The gain would not be worth a 429, unless the limit may have changed since.
            Some(_) if doubtful_at.is_some_and(|doubtful| now < doubtful) => interval,
            Some(_) => {
                let refused = interval - interval / 10;
                self.current.refused = Some(refused);
                refused.midpoint(interval)
            }
        };
        let faster = faster.max(fastest);
        if faster < interval {
            self.current.interval = faster;
            self.changed = now;
        }
    }

    /// A request that was sent at `sent` was answered 429. Returns for how long all are held back.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        sent: Timestamp,
        retry_after: Option<Duration>,
        rate: Rate,
    ) -> Duration {
        // A request that was under way when another was refused adds nothing.
        if sent > self.refused_at {
            self.streak = self.streak.saturating_add(1);
            match self.streak {
                1 => self.on_first_429(now, rate),
                // An outage: what was concluded from its first 429 is taken back.
                _ => {
                    self.undo_cut();
                    self.count = AdmittedCount::default();
                }
            }
            (self.changed, self.refused_at, self.steady) = (now, now, 0);
        }
        if self.current.interval == 0 {
            return retry_after.unwrap_or_default();
        }
        let doublings = self.streak.saturating_sub(2).min(31);
        let own = FIRST_HOLD.saturating_mul(1 << doublings).min(LONGEST_OWN_HOLD);
        match retry_after {
            Some(asked) if self.streak < 2 => asked,
            // The last `Retry-After` was too short, but it still says how long this may take.
            Some(asked) => asked.max(own.min(asked.saturating_mul(4))),
            None => own,
        }
    }

    /// The first 429 after an admitted request.
    fn on_first_429(&mut self, now: Timestamp, rate: Rate) {
        let measured = self.count.interval(now);
        let interval = self.current.interval;
        if interval == 0 {
            if rate.is_learned {
                self.current.interval = self.recent.half_interval(now);
                self.count = AdmittedCount { admitted: 0, since: Some(now) };
            }
            return;
        }
        if self.ignored > 0 {
            self.ignored -= 1;
        } else if self.proven.is_some_and(|proven| interval >= proven) {
            self.on_unexpected_429();
        } else if self.tolerated < TOLERATED && self.is_tolerable(measured) {
            self.tolerated += 1;
        } else {
            self.tolerated = 0;
            self.slow_down(now, measured);
        }
        if self.count.since.is_some() {
            self.longest = self.longest.max(self.count.admitted);
        }
        self.count = AdmittedCount { admitted: 0, since: Some(now) };
    }

    /// Whether to ignore a 429 as chance. Without a measurement, nothing can be concluded from it.
    /// And as long as no rate was refused, chance is far more likely than a limit just below this
    /// rate: a known limit is usually right, and a rate that doubles with each step tells more at
    /// the next one.
    fn is_tolerable(&self, measured: Option<u64>) -> bool {
        let interval = self.current.interval;
        let is_close = measured.is_some_and(|measured| measured <= interval + interval / 4);
        self.count.since.is_none() || (self.current.refused.is_none() && is_close)
    }

    fn slow_down(&mut self, now: Timestamp, measured: Option<u64>) {
        let RateEstimate { interval, doubtful_at, confirmed, .. } = self.current;
        // While an earlier cut is being tested, both are tested from now on.
        self.previous.get_or_insert(self.current);
        self.add_measurement(measured);
        // A rate that is refused was not good after all.
        self.good = self.good.filter(|good| *good > interval);
        let known = self.proven.into_iter().chain(self.good).min();
        let half = interval.saturating_mul(2);
        let slower = known.map_or(half, |known| known.clamp(interval + 1, half));
        let was_doubted = doubtful_at.is_some_and(|doubtful| now >= doubtful);
        let believed = BELIEVED
            .saturating_mul(1 << (confirmed + u32::from(was_doubted)).min(5))
            .min(BELIEVED_AT_MOST);
        self.current = RateEstimate {
            interval: slower.min(SLOWEST),
            refused: Some(interval.min(SLOWEST)),
            doubtful_at: Some(now + believed),
            confirmed: confirmed.saturating_add(u32::from(was_doubted)),
        };
    }

    fn add_measurement(&mut self, measured: Option<u64>) {
        self.proven = self.proven.into_iter().chain(measured).min();
    }

    /// A 429 at a rate that is allowed. The first time, requests that were not evenly spaced may
    /// have caused it.
    fn on_unexpected_429(&mut self) {
        self.undo_cut();
        self.proven = None;
        if self.is_even {
            self.unexpected = (self.unexpected + 1).min(4);
            self.ignored = 1 << self.unexpected;
        }
        self.is_even = true;
    }

    /// Takes back the last cut, if it is still being tested.
    fn undo_cut(&mut self) {
        if let Some(previous) = self.previous.take() {
            self.current = previous;
        }
    }
}

impl RecentCount {
    fn add(&mut self, now: Timestamp) {
        let age = now.since(self.start);
        if age >= ONE_SECOND {
            self.before = if age < 2 * ONE_SECOND { self.admitted } else { 0 };
            (self.start, self.admitted) = (now, 0);
        }
        self.admitted = self.admitted.saturating_add(1);
    }

    /// The interval, in microseconds, of half of the requests in the busier of the two seconds:
    /// between a thousand requests a second and one.
    ///
    /// A limit of `R` a second admits `R` and what was saved up, which is usually about `R` again.
    fn half_interval(&self, now: Timestamp) -> u64 {
        let is_recent = now.since(self.start) < 2 * ONE_SECOND;
        let admitted = if is_recent { self.admitted.max(self.before) } else { 0 };
        (2 * SECOND).checked_div(u64::from(admitted)).unwrap_or(SECOND).clamp(FASTEST, SECOND)
    }
}

impl AdmittedCount {
    /// Whether it is a measurement before it has ended: if the 429 that began it was chance, what
    /// the service had saved up changes the result only a little.
    fn is_long(&self, now: Timestamp) -> bool {
        self.admitted >= TRIAL && self.since.is_some_and(|since| now.since(since) >= LONG)
    }

    /// The longest interval that explains the count, in microseconds: the limit allows it.
    fn interval(&self, now: Timestamp) -> Option<u64> {
        let time = u64::try_from(now.since(self.since?).as_micros()).ok()?;
        let requests = u64::from(self.admitted).checked_sub(1).filter(|requests| *requests > 0)?;
        Some(time.div_ceil(requests))
    }
}
