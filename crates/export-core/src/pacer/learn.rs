//! What the answers tell of a limit: down at once, up slowly, and the limit itself by counting.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate::{FASTEST, Rate, SLOWEST};
use crate::time::Timestamp;

/// What has been learnt of the rate at which one class of requests is let through.
///
/// Two things make a service answer 429: this client is too fast, or the service is unwell. The
/// first is a question of rate. The second is not: it ends by itself, and whoever slowed down for
/// it crawls long after it is over. What tells them apart is whether anything was let through
/// since the last 429: a limit lets something through, an outage nothing.
///
/// A service that counts requests tells its limit to whoever counts along. Between two 429s that
/// a limit caused, it has let through what the limit allowed in that time, no more and no less
/// than one request: that many over that time *is* the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learning {
    /// Microseconds from one request to the next, at present.
    pub(super) interval: u64,
    /// The shortest that it may become.
    target: u64,
    /// How it may become shorter.
    ascent: Ascent,
    /// When the target is given up, to see if more is allowed by now.
    doubtful_at: Option<Timestamp>,
    /// How often a limit was settled upon.
    settled: u32,
    /// Requests in a row that were let through at this pace.
    steady: u32,
    /// When the pace became what it is, and when it last became slower.
    changed: Timestamp,
    slowed: Timestamp,
    /// Requests that were let through, and since when that is counted.
    admitted: u32,
    since: Timestamp,
    /// Whether the count began with a 429, when nothing was left of the limit.
    from_empty: bool,
    /// 429s in a row, with nothing let through between them.
    streak: u32,
    /// What to go back to if the 429s turn out to be an outage.
    before: Option<Before>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ascent {
    /// Nothing is known of a limit: twice as fast at each step.
    Doubling,
    /// About two percent at each step, up to the target.
    Creeping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    interval: u64,
    target: u64,
    ascent: Ascent,
    doubtful_at: Option<Timestamp>,
    settled: u32,
}

/// A minute's worth of the documented rate is let through before more is tried.
const FIRST_STEP: u32 = 60;

/// So many requests at one pace before the next step.
const STEP: u32 = 16;

/// A count from one 429 to the next of at least this many is a measurement: within 3 %.
const MEASURED: u32 = 32;

/// A 429 after this many requests at a pace that was good is no sign of a limit.
const GOOD: u32 = 256;

/// A limit is believed for this long, twice as long each time that it is confirmed, up to a day.
const BELIEVED: Duration = Duration::from_secs(3_600);
const BELIEVED_AT_MOST: Duration = Duration::from_secs(86_400);

/// The wait after a 429 that names none; it doubles with each that follows, up to the cap.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_OWN_HOLD: Duration = Duration::from_secs(30);

impl Learning {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            interval: rate.interval,
            target: if rate.is_learnt { FASTEST } else { rate.interval },
            ascent: if rate.is_learnt { Ascent::Doubling } else { Ascent::Creeping },
            doubtful_at: None,
            settled: 0,
            steady: 0,
            changed: Timestamp::EPOCH,
            slowed: Timestamp::EPOCH,
            admitted: 0,
            since: Timestamp::EPOCH,
            from_empty: false,
            streak: 0,
            before: None,
        }
    }

    /// Whether the last answer was a 429.
    pub(super) const fn is_refused(&self) -> bool {
        self.streak > 0
    }

    /// A request that was sent at `sent` was let through. `paced`: it had to wait for its turn, so
    /// that the pace was put to the test.
    pub(super) fn admitted(&mut self, now: Timestamp, sent: Timestamp, paced: bool, rate: Rate) {
        self.streak = 0;
        self.before = None;
        if self.admitted == 0 && !self.from_empty {
            self.since = sent;
        }
        self.admitted = self.admitted.saturating_add(1);
        if !paced || sent < self.changed {
            return;
        }
        self.steady += 1;
        let needed = match self.ascent {
            Ascent::Doubling if self.interval == rate.interval => FIRST_STEP,
            _ => STEP,
        };
        if self.steady >= needed {
            self.steady = 0;
            self.speed_up(now, rate);
        }
    }

    fn speed_up(&mut self, now: Timestamp, rate: Rate) {
        if self.doubtful_at.is_some_and(|doubtful| now >= doubtful) {
            self.doubtful_at = None;
            self.target = if rate.is_learnt { FASTEST } else { rate.interval };
        }
        let faster = match self.ascent {
            Ascent::Doubling => self.interval / 2,
            Ascent::Creeping => self.interval - self.interval / 51,
        };
        let faster = faster.max(self.target);
        if faster < self.interval {
            self.interval = faster;
            self.changed = now;
            if self.ascent == Ascent::Doubling {
                (self.admitted, self.from_empty) = (0, false);
            }
        }
    }

    /// A request that was sent at `sent` was answered 429. Says for how long all are held back.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        sent: Timestamp,
        retry_after: Option<Duration>,
    ) -> Duration {
        // One that was on its way already when the pace became slower says nothing new.
        if self.slowed == Timestamp::EPOCH || sent >= self.slowed {
            self.streak = self.streak.saturating_add(1);
            match self.streak {
                1 => self.slow_down(now),
                2 => self.undo(now),
                _ => {}
            }
        }
        let doublings = self.streak.saturating_sub(2).min(31);
        let own = FIRST_HOLD.saturating_mul(1 << doublings).min(LONGEST_OWN_HOLD);
        match retry_after {
            Some(asked) if self.streak < 2 => asked,
            asked => own.max(asked.unwrap_or_default()),
        }
    }

    fn slow_down(&mut self, now: Timestamp) {
        let Self { interval, target, ascent, doubtful_at, settled, .. } = *self;
        if interval == 0 {
            return;
        }
        self.before = Some(Before { interval, target, ascent, doubtful_at, settled });
        let a_little = interval + interval / 19;
        let is_known = ascent == Ascent::Creeping && interval >= target;
        if is_known && self.admitted >= GOOD && target > FASTEST {
            // Far more was let through than chance allows: it was somebody else, or a bad moment.
            self.interval = a_little;
        } else {
            let counted = now.since(self.since).as_micros();
            let counted = u64::try_from(counted).unwrap_or(u64::MAX);
            let measured = counted.checked_div(u64::from(self.admitted.saturating_sub(1)));
            let slower = measured.unwrap_or(u64::MAX).clamp(a_little, interval * 2);
            let is_measured = self.from_empty && self.admitted >= MEASURED;
            self.target = if is_measured { slower } else { interval + interval / 32 };
            self.interval = slower;
            self.ascent = Ascent::Creeping;
            let believed = BELIEVED.saturating_mul(1 << settled.min(5)).min(BELIEVED_AT_MOST);
            self.doubtful_at = Some(now + believed);
            self.settled = settled.saturating_add(u32::from(is_measured));
        }
        self.interval = self.interval.min(SLOWEST);
        self.target = self.target.min(SLOWEST);
        (self.changed, self.slowed) = (now, now);
        (self.steady, self.admitted, self.from_empty, self.since) = (0, 0, true, now);
    }

    /// A second 429 with nothing between it and the first: it is an outage, and no matter of rate.
    fn undo(&mut self, now: Timestamp) {
        if let Some(before) = self.before.take() {
            let Before { interval, target, ascent, doubtful_at, settled } = before;
            (self.interval, self.target, self.ascent) = (interval, target, ascent);
            (self.doubtful_at, self.settled) = (doubtful_at, settled);
            (self.changed, self.from_empty) = (now, false);
        }
    }
}
