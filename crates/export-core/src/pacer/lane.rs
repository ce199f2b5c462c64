//! The rate limiter of one class of requests.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::learn::RateLearner;
use super::rate::{Rate, SECOND};
use super::{ClientId, Permit, RequestClass};
use crate::time::Timestamp;

/// The rate limiter of one class of requests.
///
/// Implements the generic cell rate algorithm: `next` is when the next request would be due if all
/// were evenly spaced, and a request may be sent earlier than that by the rate's slack. What is
/// known of a single request is in its [`Permit`], so that the lane does not grow with their
/// number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lane {
    rate: Rate,
    pub(super) learning: RateLearner,
    /// When the next request is due, counting confirmed permits. Microseconds since the epoch.
    next: u64,
    /// The same, counting reserved permits.
    #[serde(default)]
    booked: u64,
    /// The sum of all delays of the reservations, in microseconds.
    #[serde(default)]
    delay: u64,
    held_until: Timestamp,
    #[serde(default)]
    latency: LatencyTracker,
    /// The clients that wait for their turn, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    line: Vec<Place>,
}

/// The place of a client that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    client: ClientId,
    /// When it asks again, at the latest.
    until: Timestamp,
    /// Whether it has asked late.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    is_slow: bool,
}

/// How late a client may ask again before the one behind it has its turn: more than a timer and a call of
/// a store are late. One that is slower has a whole turn from then on, and is served.
const GRACE: Duration = Duration::from_millis(20);

/// How late a client may ask again before it loses its place: it was killed or frozen.
const PATIENCE: Duration = Duration::from_secs(3);

/// For how long a limit that a client was given applies to those that were not, after its last
/// request.
const GIVEN_FOR: Duration = Duration::from_secs(60);

/// The latency of recent responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LatencyTracker {
    samples: u32,
    /// The lowest latency. Rises slowly, since the route to the service may change.
    lowest: Duration,
    /// By how much responses exceed it on average.
    spread: Duration,
}

/// With fewer samples than this, the lowest latency is not known well enough.
const MIN_SAMPLES: u32 = 8;

/// No lane is held for longer than this, whatever a `Retry-After` says and even if the clock is set
/// back. Holds are meant for seconds; a job that has to wait for longer knows that by itself.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);

/// After a 429, one request is sent in this time until one is admitted: that is enough to notice
/// the end of an outage.
const PROBE_INTERVAL: u64 = SECOND;

impl Lane {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            learning: RateLearner::new(rate),
            next: 0,
            booked: 0,
            delay: 0,
            held_until: Timestamp::EPOCH,
            latency: LatencyTracker::default(),
            line: Vec::new(),
        }
    }

    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Uses this rate, if it is another one. A limit that another client was given is kept while
    /// that client sends requests, unless this one was given a limit too.
    pub(super) fn adopt(&mut self, now: Timestamp, rate: Rate) {
        let is_given = |rate: Rate| !rate.is_learned;
        let is_used = rounded_up(self.next) + GIVEN_FOR > now;
        if rate == self.rate || !is_given(rate) && (!is_given(self.rate) || is_used) {
            return;
        }
        (self.rate, self.learning) = (rate, RateLearner::new(rate));
    }

    pub(super) const fn held_until(&self) -> Timestamp {
        self.held_until
    }

    fn slack(&self) -> u64 {
        if self.learning.is_even() { 0 } else { self.rate.slack(self.learning.interval()) }
    }

    /// When a request that is reserved now may be sent.
    pub(super) fn earliest(&self, now: Timestamp) -> Timestamp {
        self.earliest_behind(now, 0)
    }

    /// The same, behind this many others.
    fn earliest_behind(&self, now: Timestamp, others: usize) -> Timestamp {
        let others = self.spacing().saturating_mul(others as u64);
        let by_rate = self.next.max(self.booked).saturating_add(others);
        let by_rate = by_rate.saturating_sub(self.slack());
        now.max(self.held_until.min(now + LONGEST_HOLD)).max(rounded_up(by_rate))
    }

    pub(super) fn reserve(&mut self, now: Timestamp, class: RequestClass) -> Permit {
        let at = self.earliest(now);
        if self.learning.interval() > 0 {
            let booked = self.next.max(self.booked).max(micros(at));
            self.booked = booked.saturating_add(self.learning.interval());
        }
        let (delay, client) = (self.delay, None);
        Permit { class, at, delay, sent: None, paced: false, client, keeps_turn: false }
    }

    /// Reserves a permit for a request that is sent now, if it is this client's turn. Otherwise, the
    /// client gets a place in the line, and fails with the time of its turn.
    ///
    /// A place in the line is a later time and nothing more: that of a client that does not take its turn
    /// counts no more, and is kept for a while. So each client asks one turn before its own, too.
    pub(super) fn take_turn(
        &mut self,
        now: Timestamp,
        class: RequestClass,
        client: ClientId,
        ask_again: Duration,
    ) -> Result<Permit, Timestamp> {
        self.line.retain(|place| place.client == client || now <= place.until + PATIENCE);
        let own = self.line.iter().position(|place| place.client == client);
        let at = self.turn_of(now, own.unwrap_or(self.line.len()));
        let until = at.min(now + ask_again);
        match own.and_then(|own| self.line.get_mut(own)) {
            Some(place) => {
                place.is_slow |= now >= place.until + GRACE;
                place.until = until;
            }
            None if at > now => self.line.push(Place { client, until, is_slow: false }),
            None => {}
        }
        if at > now {
            return Err(at);
        }
        self.leave(client);
        Ok(Permit { client: Some(client), ..self.reserve(now, class) })
    }

    /// When a client asks for its turn that has this place in the line.
    fn turn_of(&self, now: Timestamp, place: usize) -> Timestamp {
        let interval = Duration::from_micros(self.spacing());
        let deadlines =
            self.line.iter().take(place).map(|place| {
                place.until + if place.is_slow { interval } else { GRACE.min(interval) }
            });
        let others = deadlines.filter(|deadline| now < *deadline);
        let Some(last) = others.clone().max() else { return self.earliest(now) };
        let others = others.count();
        let one_may_be_killed = (self.earliest_behind(now, others - 1) + GRACE).max(last);
        // The rate may have risen since the others were told when to ask.
        one_may_be_killed.min(self.earliest_behind(now, others))
    }

    /// Gives up the place of a client.
    pub(super) fn leave(&mut self, client: ClientId) {
        self.line.retain(|place| place.client != client);
    }

    /// Uses the permit, or returns the time at which to try again.
    pub(super) fn confirm(&mut self, now: Timestamp, permit: &mut Permit) -> Result<(), Timestamp> {
        let interval = self.learning.interval();
        let delay = Duration::from_micros(self.delay.saturating_sub(permit.delay));
        let by_rate = self.next.saturating_sub(self.slack());
        let due = (permit.at + delay).max(rounded_up(by_rate));
        let due = due.max(self.held_until.min(now + LONGEST_HOLD));
        if now < due {
            (permit.at, permit.delay) = (due, self.delay);
            return Err(due);
        }
        permit.sent = Some(now);
        // A request is on time within a quarter of the interval, and 2 ms for timers.
        permit.paced = micros(now) - by_rate <= interval / 4 + 2_000;
        if interval > 0 {
            self.next = self.next.max(micros(now)).saturating_add(self.spacing());
        }
        Ok(())
    }

    /// The time from one request to the next without slack.
    fn spacing(&self) -> u64 {
        let interval = self.learning.interval();
        if self.learning.is_refused() { interval.max(PROBE_INTERVAL) } else { interval }
    }

    /// Frees the slot of a permit that was not confirmed. A client that keeps its turn is the first in
    /// the line.
    pub(super) fn release(&mut self, permit: &Permit) {
        if permit.is_confirmed() {
            return;
        }
        self.booked = self.booked.saturating_sub(self.learning.interval());
        if let Some(client) = permit.client.filter(|_| permit.keeps_turn) {
            self.leave(client);
            self.line.insert(0, Place { client, until: permit.at, is_slow: false });
        }
    }

    /// The request was not answered 429.
    pub(super) fn admitted(&mut self, now: Timestamp, permit: &Permit) {
        let Some(sent) = permit.sent else { return };
        let was_refused = self.learning.is_refused();
        self.learning.admitted(now, sent, permit.paced, self.rate);
        let interval = self.learning.interval();
        if interval == 0 {
            return;
        }
        if was_refused {
            // The wait for this response is not made up for.
            let due = micros(sent).saturating_add(interval).max(micros(now));
            self.next = self.next.min(due.saturating_add(self.slack()));
        }
        // The service counted the request at some time before it answered: by as much later than
        // usual, at most, as the response was later than usual. The usual latency varies as well: a
        // sixty-fourth of the rate is given up for that.
        let late = self.latency.add(now.since(sent));
        let late = late + (2 * self.latency.spread).min(Duration::from_micros(interval / 64));
        self.next = self.next.max(micros(sent + late).saturating_add(interval));
    }

    /// The request was answered 429: all requests of the class wait.
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
            self.delay = self.delay.saturating_add(longer);
            self.booked = self.booked.saturating_add(longer);
        }
        // The limit is used up: the next requests are sent one by one.
        self.next = self.next.max(micros(until).saturating_add(self.slack()));
    }

    /// Another process continues with the stored lane. The clock may have been set back: no stored
    /// time delays requests by more than the longest hold.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.learning.resume(now);
        self.held_until = self.held_until.min(now + LONGEST_HOLD);
        self.next = self.next.min(micros(now + LONGEST_HOLD));
        // The reservations of the other process are void.
        (self.booked, self.delay, self.latency) = (0, 0, LatencyTracker::default());
        self.line = Vec::new();
    }
}

impl LatencyTracker {
    /// Adds a sample. Returns by how much it exceeds the lowest latency; all of it while that is
    /// not known.
    fn add(&mut self, latency: Duration) -> Duration {
        let lowest = if self.samples == 0 { latency } else { self.lowest };
        let excess = latency.saturating_sub(lowest);
        self.lowest = lowest.min(latency) + excess / 64;
        self.spread = self.spread - self.spread / 8 + excess / 8;
        self.samples = self.samples.saturating_add(1);
        if self.samples < MIN_SAMPLES { latency } else { excess }
    }
}

fn micros(time: Timestamp) -> u64 {
    time.as_millis().saturating_mul(1_000)
}

/// Rounds up to milliseconds: a request that is sent a part of a millisecond too early exceeds the
/// limit.
const fn rounded_up(micros: u64) -> Timestamp {
    Timestamp::from_millis(micros.div_ceil(1_000))
}
