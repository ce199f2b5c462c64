//! What the answers tell of a limit: down at once, up slowly, and the limit itself by counting.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate::{FASTEST, Rate, SECOND, SLOWEST};
use crate::time::Timestamp;

/// What has been learnt of the rate at which one class of requests is let through.
///
/// A limit of `R` a second lets through what was saved up, and `R` in each second after that. A
/// 429 says that nothing is left. So from one 429 to the next, `A` requests later and after a time
/// `T`, it has let through no more than one request and what it earned: `A <= 1 + R T`. The limit
/// is at least `(A - 1) / T`, and less than the pace that it refuses. Between these two the pace
/// climbs, and once they are within 5 % of each other, it stays at the lower one and provokes no
/// more.
///
/// Not every 429 is about the pace. One with nothing let through since the one before it is an
/// outage. One that comes at a pace which the count above has shown to be allowed is somebody
/// else's doing, or chance: and if that pace was on trial after a cut, the cut was for nothing, and
/// is taken back. Both hold everybody back, and neither slows anybody down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learning {
    pace: Pace,
    /// The pace before the last cut, until that has turned out to be right.
    before: Option<Pace>,
    /// A pace that the limit allows, by counting: microseconds from one request to the next.
    proven: Option<u64>,
    /// The fastest pace that was kept for a while without an objection.
    good: Option<u64>,
    /// No request goes sooner than evenly spaced: there is nothing saved up at the service.
    is_even: bool,
    /// How many more 429s are taken for chance, and how often that was found.
    ignored: u32,
    surprises: u32,
    /// How many were taken for chance since nearly everything was let through.
    tolerated: u32,
    /// Requests in a row that were let through at this pace.
    steady: u32,
    /// When the pace became what it is, and when the last objection was heeded.
    changed: Timestamp,
    heeded: Timestamp,
    count: Count,
    #[serde(default)]
    recent: Recent,
    /// The longest such count from one 429 to the next.
    longest: u32,
    /// 429s in a row, with nothing let through between them.
    streak: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pace {
    /// Microseconds from one request to the next; 0 without a limit.
    interval: u64,
    /// A shorter one, which the service has objected to.
    refused: Option<u64>,
    /// When that is forgotten, to see if more is allowed by now.
    doubtful_at: Option<Timestamp>,
    /// How often it was confirmed.
    confirmed: u32,
}

/// The requests that were let through since the last 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    admitted: u32,
    /// When that 429 was; none if there was none.
    since: Option<Timestamp>,
}

/// The requests that were let through in this second and in the one before it: counted while there
/// is no limit, to derive one from at the first 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    start: Timestamp,
    admitted: u32,
    before: u32,
}

/// A minute's worth of the documented rate is let through before more is tried.
const FIRST_STEP: u32 = 60;

/// So many requests at one pace before the next doubling.
const STEP: u32 = 16;

/// A pace is kept for so many requests, and so much time, before it is taken to be right: what is
/// saved up at the service hides for a while that it is too fast. If there were more requests than
/// half of that between two 429s before, twice as many are needed: else chance would pass for it.
const TRIAL: u32 = 64;
const TRIAL_TIME: Duration = Duration::from_secs(10);

/// A count over this time is a measurement, though no 429 has ended it.
const LONG: Duration = Duration::from_secs(30);

/// So many 429s are taken for chance if a measurement does not speak for a limit far below.
const TOLERATED: u32 = 8;

/// A limit is believed for this long, twice as long each time that it is confirmed, up to a day.
const BELIEVED: Duration = Duration::from_secs(3_600);
const BELIEVED_AT_MOST: Duration = Duration::from_secs(86_400);

const ONE_SECOND: Duration = Duration::from_micros(SECOND);

/// The wait after a 429 that names none; it doubles with each that follows, up to the cap.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_OWN_HOLD: Duration = Duration::from_secs(30);

impl Learning {
    pub(super) fn new(rate: Rate) -> Self {
        let pace = Pace { interval: rate.interval, refused: None, doubtful_at: None, confirmed: 0 };
        Self {
            pace,
            before: None,
            proven: None,
            good: None,
            is_even: false,
            ignored: 0,
            surprises: 0,
            tolerated: 0,
            steady: 0,
            changed: Timestamp::EPOCH,
            heeded: Timestamp::EPOCH,
            count: Count::default(),
            recent: Recent::default(),
            longest: 0,
            streak: 0,
        }
    }

    /// Another process goes on with it. Nothing lies in the future, though the clock may have been
    /// set back, and nothing is known of what others did in between.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.count = Count::default();
        self.recent = Recent::default();
        self.pace.interval = self.pace.interval.min(SLOWEST);
        self.changed = self.changed.min(now);
        self.heeded = self.heeded.min(now);
        let doubtful_at = self.pace.doubtful_at;
        self.pace.doubtful_at = doubtful_at.map(|doubtful| doubtful.min(now + BELIEVED_AT_MOST));
    }

    /// Microseconds from one request to the next; 0 without a limit.
    pub(super) const fn interval(&self) -> u64 {
        self.pace.interval
    }

    /// Whether the last answer was a 429.
    pub(super) const fn is_refused(&self) -> bool {
        self.streak > 0
    }

    /// Whether the service has objected to requests that came faster than evenly spaced.
    pub(super) const fn is_even(&self) -> bool {
        self.is_even
    }

    /// A request that was sent at `sent` was let through. `paced`: it had to wait for its turn, so
    /// that the pace was put to the test.
    pub(super) fn admitted(&mut self, now: Timestamp, sent: Timestamp, paced: bool, rate: Rate) {
        if sent <= self.heeded {
            // It was let through before the last 429.
            return;
        }
        self.streak = 0;
        if self.pace.interval == 0 {
            self.recent.admit(now);
            return;
        }
        if !paced {
            // There was a rest, and something was saved up.
            self.count = Count::default();
            return;
        }
        self.count.admitted = self.count.admitted.saturating_add(1);
        if sent < self.changed {
            return;
        }
        if self.count.is_long(now) {
            self.prove(self.count.interval(now));
        }
        self.steady = self.steady.saturating_add(1);
        if self.is_tried(now, rate) {
            self.steady = 0;
            self.before = None;
            self.speed_up(now, rate);
        }
    }

    /// Whether the pace was kept for long enough to be taken for right.
    fn is_tried(&self, now: Timestamp, rate: Rate) -> bool {
        let requests = match (self.pace.refused, self.count.since) {
            (None, None) if self.pace.interval == rate.interval => {
                return self.steady >= FIRST_STEP;
            }
            (None, None) => return self.steady >= STEP,
            (None, Some(_)) => TRIAL,
            (Some(_), _) => self.longest.saturating_mul(2).max(TRIAL),
        };
        self.steady >= requests && now.since(self.changed) >= TRIAL_TIME
    }

    fn speed_up(&mut self, now: Timestamp, rate: Rate) {
        let Pace { interval, refused, doubtful_at, .. } = self.pace;
        self.good = Some(interval);
        let fastest = if rate.is_learnt { FASTEST } else { rate.interval };
        let faster = match refused {
            None => interval / 2,
            Some(refused) if interval.saturating_sub(refused) > interval / 20 => {
                refused.midpoint(interval)
            }
            // Between the two there is nothing worth a 429, until much may have changed.
            Some(_) if doubtful_at.is_some_and(|doubtful| now < doubtful) => interval,
            Some(_) => {
                let refused = interval - interval / 10;
                self.pace.refused = Some(refused);
                refused.midpoint(interval)
            }
        };
        let faster = faster.max(fastest);
        if faster < interval {
            self.pace.interval = faster;
            self.changed = now;
        }
    }

    /// A request that was sent at `sent` was answered 429. Says for how long all are held back.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        sent: Timestamp,
        retry_after: Option<Duration>,
        rate: Rate,
    ) -> Duration {
        // One that was on its way when another was refused says nothing new.
        if sent > self.heeded {
            self.streak = self.streak.saturating_add(1);
            match self.streak {
                1 => self.object(now, rate),
                // An outage: what was concluded from its first one is taken back.
                _ => {
                    self.undo();
                    self.count = Count::default();
                }
            }
            (self.changed, self.heeded, self.steady) = (now, now, 0);
        }
        if self.pace.interval == 0 {
            return retry_after.unwrap_or_default();
        }
        let doublings = self.streak.saturating_sub(2).min(31);
        let own = FIRST_HOLD.saturating_mul(1 << doublings).min(LONGEST_OWN_HOLD);
        match retry_after {
            Some(asked) if self.streak < 2 => asked,
            // It is not as it said. But it knows better than we do when it may be over.
            Some(asked) => asked.max(own.min(asked.saturating_mul(4))),
            None => own,
        }
    }

    /// The first 429 after something was let through.
    fn object(&mut self, now: Timestamp, rate: Rate) {
        let measured = self.count.interval(now);
        let interval = self.pace.interval;
        if interval == 0 {
            if rate.is_learnt {
                self.pace.interval = self.recent.half_interval(now);
                self.count = Count { admitted: 0, since: Some(now) };
            }
            return;
        }
        if self.ignored > 0 {
            self.ignored -= 1;
        } else if self.proven.is_some_and(|proven| interval >= proven) {
            self.be_surprised();
        } else if self.tolerated < TOLERATED && self.is_tolerable(measured) {
            self.tolerated += 1;
        } else {
            self.tolerated = 0;
            self.slow_down(now, measured);
        }
        if self.count.since.is_some() {
            self.longest = self.longest.max(self.count.admitted);
        }
        self.count = Count { admitted: 0, since: Some(now) };
    }

    /// Whether nothing is to be concluded. Without a count, there is nothing to conclude from. And
    /// where no pace was refused so far, a limit just below this one is far less likely than
    /// chance: whoever was told the limit was told it for a reason, and whoever doubles the pace
    /// at each step will know more after the next.
    fn is_tolerable(&self, measured: Option<u64>) -> bool {
        let interval = self.pace.interval;
        let is_close = measured.is_some_and(|measured| measured <= interval + interval / 4);
        self.count.since.is_none() || (self.pace.refused.is_none() && is_close)
    }

    fn slow_down(&mut self, now: Timestamp, measured: Option<u64>) {
        let Pace { interval, doubtful_at, confirmed, .. } = self.pace;
        // If an earlier cut is on trial still, both of them are from now on.
        self.before.get_or_insert(self.pace);
        self.prove(measured);
        // What was good until now is good no longer if it is refused.
        self.good = self.good.filter(|good| *good > interval);
        let known = self.proven.into_iter().chain(self.good).min();
        let half = interval.saturating_mul(2);
        let slower = known.map_or(half, |known| known.clamp(interval + 1, half));
        let was_doubted = doubtful_at.is_some_and(|doubtful| now >= doubtful);
        let believed = BELIEVED
            .saturating_mul(1 << (confirmed + u32::from(was_doubted)).min(5))
            .min(BELIEVED_AT_MOST);
        self.pace = Pace {
            interval: slower.min(SLOWEST),
            refused: Some(interval.min(SLOWEST)),
            doubtful_at: Some(now + believed),
            confirmed: confirmed.saturating_add(u32::from(was_doubted)),
        };
    }

    fn prove(&mut self, measured: Option<u64>) {
        self.proven = self.proven.into_iter().chain(measured).min();
    }

    /// A 429 at a pace that is allowed. The first time, it may be that requests came in a bunch.
    fn be_surprised(&mut self) {
        self.undo();
        self.proven = None;
        if self.is_even {
            self.surprises = (self.surprises + 1).min(4);
            self.ignored = 1 << self.surprises;
        }
        self.is_even = true;
    }

    /// The last cut was for nothing.
    fn undo(&mut self) {
        if let Some(before) = self.before.take() {
            self.pace = before;
        }
    }
}

impl Recent {
    fn admit(&mut self, now: Timestamp) {
        let age = now.since(self.start);
        if age >= ONE_SECOND {
            self.before = if age < 2 * ONE_SECOND { self.admitted } else { 0 };
            (self.start, self.admitted) = (now, 0);
        }
        self.admitted = self.admitted.saturating_add(1);
    }

    /// The interval, in microseconds, of half of the requests in the busier of the two seconds:
    /// from a thousand requests a second to one.
    ///
    /// A limit of `R` a second lets through `R` and what was saved up, which is usually about `R`
    /// again.
    fn half_interval(&self, now: Timestamp) -> u64 {
        let is_recent = now.since(self.start) < 2 * ONE_SECOND;
        let admitted = if is_recent { self.admitted.max(self.before) } else { 0 };
        (2 * SECOND).checked_div(u64::from(admitted)).unwrap_or(SECOND).clamp(FASTEST, SECOND)
    }
}

impl Count {
    /// Whether it says something before it has ended: what may have been saved up at the service
    /// all the same, since the 429 was chance, makes little of it.
    fn is_long(&self, now: Timestamp) -> bool {
        self.admitted >= TRIAL && self.since.is_some_and(|since| now.since(since) >= LONG)
    }

    /// The longest interval, in microseconds, that explains the count: the limit allows it.
    fn interval(&self, now: Timestamp) -> Option<u64> {
        let time = u64::try_from(now.since(self.since?).as_micros()).ok()?;
        let requests = u64::from(self.admitted).checked_sub(1).filter(|requests| *requests > 0)?;
        Some(time.div_ceil(requests))
    }
}
