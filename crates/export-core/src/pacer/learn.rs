//! Learns a rate limit from responses: doubles the rate until the first 429, measures the limit by
//! counting, and then searches between what was allowed and what was refused.

use core::mem;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate::{FASTEST, Rate, SECOND, SLOWEST};
use crate::time::Timestamp;

/// What was learned of the rate at which one class of requests is admitted.
///
/// The rate doubles until the first 429, as in the slow start of TCP (RFC 5681). It says that
/// nothing is saved up any more. A service with a limit of `R` requests a second that admits `A`
/// requests in the time `T` from there to the next 429 has earned these, and at most one more or
/// less: `(A - 1) / T <= R < (A + 1) / T`. So the second 429 measures the limit, and the rate is set
/// to what was let through, as in TCP Westwood (Mascolo and others, 2001). What is left between a
/// rate that is allowed and one that is refused is halved with each step, as in BIC (Xu, Harfoush
/// and Rhee, 2004), until both are within 5 % of each other.
///
/// Not every 429 says something about the rate. If nothing was admitted since the previous one, it
/// is an outage. If the count has shown the rate to be allowed, another client or chance has caused
/// it; and if that rate was being tested after a cut, the cut was wrong and is taken back. A single
/// one at a rate that was fine before may be chance as well. All of them hold requests back, and
/// none lowers the rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RateLearner {
    #[serde(rename = "pace")]
    current: RateEstimate,
    /// The estimate before the last cut, until the cut has turned out to be right.
    #[serde(rename = "before")]
    previous: Option<RateEstimate>,
    /// An interval that the limit allows, by counting. In microseconds.
    proven: Option<u64>,
    /// The shortest interval that was used for a while without a 429. The service may have admitted
    /// it from what was saved up.
    good: Option<u64>,
    /// Whether requests are evenly spaced, without slack: the service saves nothing up.
    is_even: bool,
    /// How many of the next 429s are ignored, as chance.
    ignored: u32,
    /// How many 429s came at a rate that is allowed, except for the first.
    #[serde(rename = "surprises")]
    unexpected: u32,
    /// Requests in a row that were admitted at this rate.
    steady: u32,
    /// When the rate was raised.
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
    /// When the first of them was answered.
    #[serde(default)]
    resumed: Option<Timestamp>,
}

/// The requests that were admitted in this second and in the previous one. Counted while there is
/// no limit, to derive one from at the first 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct RecentCount {
    start: Timestamp,
    admitted: u32,
    before: u32,
}

/// Requests to send at one rate before it is doubled, and the time. A few requests tell whether a
/// rate is admitted at all. The time bounds by how much a fast rate overshoots: most services save
/// up what they allow in a second, which twice the limit uses up within a second.
const STEP: u32 = 8;
const STEP_TIME: Duration = Duration::from_secs(1);

/// After a 429, a rate counts as right after this time without another one. What was saved up in
/// the second of a hold hides a rate that is 5 % too high for 20 s. And it takes twice as many
/// requests as ever were admitted between two 429s, since fewer could pass by chance.
const TRIAL_TIME: Duration = Duration::from_secs(30);

/// A part of the rate, 5 %, that is not worth a 429 to be found out.
const CLOSE: u64 = 20;

/// A limit that is known is usually right: this many 429s in a row are ignored at it, unless the
/// count shows that the limit is lower by a fifth.
const TOLERATED: u32 = 6;

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
            ignored: if is_known(rate.interval, rate) { TOLERATED } else { 0 },
            unexpected: 0,
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
        self.count.add(now);
        if sent < self.changed {
            return;
        }
        self.steady = self.steady.saturating_add(1);
        if self.is_tried(now) {
            self.steady = 0;
            self.previous = None;
            if is_known(self.current.interval, rate) {
                self.ignored = TOLERATED;
            }
            self.speed_up(now, rate);
        }
    }

    /// Whether the rate was used for long enough to count as right.
    fn is_tried(&self, now: Timestamp) -> bool {
        let is_first_climb = self.current.refused.is_none() && self.changed >= self.refused_at;
        let (requests, time) = if is_first_climb {
            (STEP, STEP_TIME)
        } else {
            (self.longest.saturating_mul(2).max(STEP), TRIAL_TIME)
        };
        let since = self.changed.max(self.refused_at);
        self.steady >= requests && now.since(since) >= time
    }

    fn speed_up(&mut self, now: Timestamp, rate: Rate) {
        let RateEstimate { interval, refused, doubtful_at, .. } = self.current;
        self.good = Some(interval);
        let mut faster = refused.map_or(interval / 2, |refused| between(interval, refused));
        if faster == interval && doubtful_at.is_some_and(|doubtful| now >= doubtful) {
            // The limit may have been raised since.
            let refused = interval - interval / CLOSE;
            self.current.refused = Some(refused);
            faster = refused.midpoint(interval);
        }
        let faster = faster.max(if rate.is_learned { FASTEST } else { rate.interval });
        if faster < interval {
            self.current.interval = faster;
            self.changed = now;
            self.count = AdmittedCount::default();
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
            (self.refused_at, self.steady) = (now, 0);
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
        let count = mem::replace(&mut self.count, AdmittedCount::starting(now));
        let interval = self.current.interval;
        if interval == 0 {
            if rate.is_learned {
                self.current.interval = self.recent.half_interval(now);
            }
            return;
        }
        let bounds = count.bounds(now);
        if bounds.is_some() {
            self.longest = self.longest.max(count.admitted);
        }
        let is_far_too_fast = is_known(interval, rate)
            && bounds.is_some_and(|bounds| bounds.shortest > interval + interval / 4);
        if self.ignored > 0 && !is_far_too_fast {
            self.ignored -= 1;
        } else if self.proven.is_some_and(|proven| interval >= proven - proven / CLOSE) {
            self.on_unexpected_429();
        } else if bounds.is_some() || !self.may_be_chance(now) {
            self.slow_down(now, bounds);
        } else if rate.is_learned && self.refused_at == Timestamp::EPOCH {
            // The rate that was doubled last is likely to be too high. The next 429 tells.
            self.current.interval = (interval + interval / 2).min(SLOWEST);
        }
    }

    /// Whether a 429 that ends no count may be chance. Not at a rate that is being tested, which is
    /// given up for less, and not soon after another one.
    fn may_be_chance(&self, now: Timestamp) -> bool {
        let RateEstimate { interval, refused, .. } = self.current;
        let is_tested = refused.is_some() && self.good.is_some_and(|good| good > interval);
        !is_tested && now.since(self.refused_at) >= TRIAL_TIME
    }

    fn slow_down(&mut self, now: Timestamp, bounds: Option<Bounds>) {
        let RateEstimate { interval, doubtful_at, confirmed, .. } = self.current;
        let Bounds { shortest, longest } = bounds.unwrap_or_default();
        // While an earlier cut is being tested, both are tested from now on.
        self.previous.get_or_insert(self.current);
        self.ignored = 0;
        // A rate that is refused was not good after all, and one that the count excludes neither.
        let is_excluded = |good: u64| good <= interval || (longest.is_some() && good < shortest);
        self.good = self.good.filter(|good| !is_excluded(*good));
        self.proven = self.proven.into_iter().chain(longest).min();
        let half = interval.saturating_mul(2);
        let allowed = self.proven.into_iter().chain(self.good).min();
        let allowed = allowed.map_or(half, |allowed| allowed.clamp(interval + 1, half));
        let (slower, refused) = if shortest > allowed {
            // The service has not saved up what it earned during the hold, so that the count is
            // too low.
            (allowed, interval)
        } else {
            let refused = shortest.max(interval);
            // The middle of what was measured is the best guess.
            let slower = if longest.is_some() {
                refused.midpoint(allowed)
            } else {
                between(allowed, refused)
            };
            (slower, refused)
        };
        let was_doubted = doubtful_at.is_some_and(|doubtful| now >= doubtful);
        let believed = BELIEVED
            .saturating_mul(1 << (confirmed + u32::from(was_doubted)).min(5))
            .min(BELIEVED_AT_MOST);
        self.current = RateEstimate {
            interval: slower.min(SLOWEST),
            refused: Some(refused.min(SLOWEST)),
            doubtful_at: Some(now + believed),
            confirmed: confirmed.saturating_add(u32::from(was_doubted)),
        };
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

/// The intervals that explain a count, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    /// The limit allows no shorter one, unless the service had saved up less than it earned.
    shortest: u64,
    /// The limit allows this one. `None` if less than two requests were admitted.
    longest: Option<u64>,
}

impl AdmittedCount {
    const fn starting(now: Timestamp) -> Self {
        Self { admitted: 0, since: Some(now), resumed: None }
    }

    fn add(&mut self, now: Timestamp) {
        self.admitted = self.admitted.saturating_add(1);
        self.resumed = self.resumed.or(Some(now));
    }

    /// Nothing is sent during the hold, and while the answer to the first request after it is awaited.
    /// A service saves up what it earns in all of that time, or in the last second of it.
    fn bounds(&self, now: Timestamp) -> Option<Bounds> {
        let since = self.since?;
        let micros = |since| u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
        let paused = self.resumed.map_or(Duration::ZERO, |resumed| resumed.since(since));
        let lost = paused.saturating_sub(ONE_SECOND);
        let admitted = u64::from(self.admitted);
        let longest = (admitted > 1).then(|| micros(since).div_ceil(admitted - 1));
        Some(Bounds { shortest: micros(since + lost) / (admitted + 1), longest })
    }
}

/// Whether the limit was given, and nothing shows that it is lower.
fn is_known(interval: u64, rate: Rate) -> bool {
    !rate.is_learned && interval == rate.interval
}

/// The middle between an interval that is allowed and one that is refused, or the former if the
/// gain would not be worth a 429.
fn between(allowed: u64, refused: u64) -> u64 {
    let is_close = allowed.saturating_sub(refused) <= allowed / CLOSE;
    if is_close { allowed } else { refused.midpoint(allowed) }
}
