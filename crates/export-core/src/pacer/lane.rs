//! One class of requests: when the next may go.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::learn::Learning;
use super::rate::{Rate, SECOND};
use super::{Permit, RequestClass};
use crate::time::Timestamp;

/// The requests of one class, one after the other.
///
/// The generic cell rate algorithm: `next` is when the next request would go if all were evenly
/// spaced, and one may go sooner than that by the rate's slack. Nothing is stored of a request
/// but in its [`Permit`], so that any number of them costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lane {
    rate: Rate,
    pub(super) learning: Learning,
    /// When the next request is to go, by those that were sent. In microseconds since the epoch.
    next: u64,
    /// The same by those that were promised a time; a process takes its promises along.
    #[serde(skip)]
    booked: u64,
    /// By how much all promises were put off so far.
    #[serde(skip)]
    put_off: u64,
    held_until: Timestamp,
    #[serde(skip)]
    line: Line,
}

/// How long answers take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    answers: u32,
    /// The time of the quickest one; it slowly forgets, since a line may become another one.
    quickest: Duration,
    /// How much later than that they usually are.
    spread: Duration,
}

/// Of fewer answers than this, nobody can say which one was quick.
const USUAL: u32 = 8;

/// A lane is not held for longer than this, whatever a `Retry-After` says or whoever sets the
/// clock back: what it is for are seconds, and a job that has to wait for longer knows it itself.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);

/// After a 429, one request in this time goes until one is let through: an outage needs no more
/// to be noticed.
const FEELER: u64 = SECOND;

impl Lane {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            learning: Learning::new(rate),
            next: 0,
            booked: 0,
            put_off: 0,
            held_until: Timestamp::EPOCH,
            line: Line::default(),
        }
    }

    pub(super) const fn held_until(&self) -> Timestamp {
        self.held_until
    }

    fn slack(&self) -> u64 {
        if self.learning.is_even() { 0 } else { self.rate.slack(self.learning.interval()) }
    }

    /// When a request that asks now may go.
    pub(super) fn earliest(&self, now: Timestamp) -> Timestamp {
        let by_pace = self.next.max(self.booked).saturating_sub(self.slack());
        now.max(self.held_until.min(now + LONGEST_HOLD)).max(rounded_up(by_pace))
    }

    pub(super) fn reserve(&mut self, now: Timestamp, class: RequestClass) -> Permit {
        let at = self.earliest(now);
        if self.learning.interval() > 0 {
            let booked = self.next.max(self.booked).max(micros(at));
            self.booked = booked.saturating_add(self.learning.interval());
        }
        Permit { class, at, put_off: self.put_off, sent: None, paced: false }
    }

    /// Takes the permit into use, or says when to come again.
    pub(super) fn confirm(&mut self, now: Timestamp, permit: &mut Permit) -> Result<(), Timestamp> {
        let interval = self.learning.interval();
        let slack = self.slack();
        let put_off = Duration::from_micros(self.put_off.saturating_sub(permit.put_off));
        let by_pace = self.next.saturating_sub(slack);
        let due = (permit.at + put_off).max(rounded_up(by_pace));
        let due = due.max(self.held_until.min(now + LONGEST_HOLD));
        if now < due {
            (permit.at, permit.put_off) = (due, self.put_off);
            return Err(due);
        }
        permit.sent = Some(now);
        // On time is within a quarter of the way to the next one.
        permit.paced = micros(now) - by_pace <= interval / 4 + 2_000;
        if interval > 0 {
            self.next = self.next.max(micros(now)).saturating_add(self.spacing());
        }
        Ok(())
    }

    /// How long after a request the next one may go, where none may be made up for.
    fn spacing(&self) -> u64 {
        let interval = self.learning.interval();
        if self.learning.is_refused() { interval.max(FEELER) } else { interval }
    }

    /// Gives the place of a permit that was not confirmed to the next one.
    pub(super) fn release(&mut self, permit: &Permit) {
        if !permit.is_confirmed() {
            self.booked = self.booked.saturating_sub(self.learning.interval());
        }
    }

    /// The request was let through, as far as this limit goes.
    pub(super) fn admitted(&mut self, now: Timestamp, permit: &Permit) {
        let Some(sent) = permit.sent else { return };
        let was_refused = self.learning.is_refused();
        self.learning.admitted(now, sent, permit.paced, self.rate);
        let interval = self.learning.interval();
        if interval == 0 {
            return;
        }
        if was_refused {
            let one_by_one = interval.saturating_add(self.slack());
            self.next = self.next.min(micros(sent).saturating_add(one_by_one));
        }
        // Somewhere between the request and its answer the service has counted it: at the latest
        // as much later than usual as the answer came later than usual.
        // What is usual varies too; a sixty-fourth of the rate is given for that.
        let late = self.line.lateness(now.since(sent));
        let late = late + (2 * self.line.spread).min(Duration::from_micros(interval / 64));
        self.next = self.next.max(micros(sent + late).saturating_add(interval));
    }

    /// The request was answered 429: everybody waits.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        permit: &Permit,
        retry_after: Option<Duration>,
    ) {
        let sent = permit.sent.unwrap_or(now);
        let hold = self.learning.refused(now, sent, retry_after, self.rate).min(LONGEST_HOLD);
        let until = now + hold;
        let longer = until.since(self.held_until.max(now));
        if longer.is_zero() {
            return;
        }
        self.held_until = until;
        let longer = u64::try_from(longer.as_micros()).unwrap_or(u64::MAX);
        if self.booked > self.next {
            self.put_off = self.put_off.saturating_add(longer);
            self.booked = self.booked.saturating_add(longer);
        }
        // Nothing is left of the limit: what goes next goes one by one.
        self.next = self.next.max(micros(until).saturating_add(self.slack()));
    }

    /// A process has come back with what was stored: no time in it is further away than it was
    /// allowed to be, though the clock may have been set back.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.learning.resume(now);
        self.held_until = self.held_until.min(now + LONGEST_HOLD);
        self.next = self.next.min(micros(now + LONGEST_HOLD));
        // What was promised to others does not count any more.
        (self.booked, self.put_off, self.line) = (0, 0, Line::default());
    }
}

impl Line {
    /// By how much an answer was later than the quickest ones.
    fn lateness(&mut self, took: Duration) -> Duration {
        let usual = if self.answers == 0 { took } else { self.quickest };
        let later = took.saturating_sub(usual);
        self.quickest = usual.min(took) + later / 64;
        self.spread = self.spread - self.spread / 8 + later / 8;
        self.answers = self.answers.saturating_add(1);
        if self.answers < USUAL { took } else { later }
    }
}

fn micros(time: Timestamp) -> u64 {
    time.as_millis().saturating_mul(1_000)
}

/// Never sooner: a request that comes a part of a millisecond too soon is one too many.
const fn rounded_up(micros: u64) -> Timestamp {
    Timestamp::from_millis(micros.div_ceil(1_000))
}
