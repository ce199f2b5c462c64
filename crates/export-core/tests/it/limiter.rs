//! A service with a rate limit, and a client that sends as much as its pacer allows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::{Pacer, Permit, RequestClass};
use http::Response;

pub const CLASS: RequestClass = RequestClass::Operation;

pub const START: Timestamp = Timestamp::from_date(2026, 3, 1);

pub fn at(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

pub fn head(status: u16, retry_after: Option<u64>) -> Response<()> {
    let mut head = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        head = head.header("retry-after", seconds.to_string());
    }
    head.body(()).unwrap()
}

/// A token bucket. Counts in millionths of a request.
#[derive(Clone, Debug)]
pub struct Limiter {
    pub per_second: u64,
    pub burst: u64,
    left: u64,
    counted: Timestamp,
}

impl Limiter {
    pub fn new(per_second: u64, burst: u64) -> Self {
        Self { per_second, burst, left: burst * 1_000_000, counted: START }
    }

    /// The status of the answer, and its `Retry-After` in seconds.
    pub fn answer(&mut self, now: Timestamp) -> (u16, Option<u64>) {
        let earned = now.since(self.counted).as_millis() as u64 * self.per_second * 1_000;
        self.left = (self.left + earned).min(self.burst * 1_000_000);
        self.counted = now;
        if self.left >= 1_000_000 {
            self.left -= 1_000_000;
            return (200, None);
        }
        (429, Some((1_000_000 - self.left).div_ceil(self.per_second * 1_000_000).max(1)))
    }
}

/// A confirmed permit, if a request may be sent now.
pub fn take(pacer: &mut Pacer, now: Timestamp, class: RequestClass) -> Result<Permit, Timestamp> {
    let mut permit = pacer.try_reserve(now, class)?;
    pacer.confirm(now, &mut permit).expect("it was reserved for now");
    Ok(permit)
}

/// The requests of a client that sent as much as its pacer allows.
#[derive(Debug, Default)]
pub struct Sent {
    pub at: Vec<Timestamp>,
    pub refused: Vec<Timestamp>,
}

impl Sent {
    pub fn admitted_between(&self, from: u64, to: u64) -> usize {
        let within = |list: &[Timestamp]| {
            list.iter().filter(|time| (at(from)..at(to)).contains(time)).count()
        };
        within(&self.at) - within(&self.refused)
    }

    pub fn refused_after(&self, from: u64) -> usize {
        self.refused.iter().filter(|time| **time >= at(from)).count()
    }
}

/// Sends as much as the pacer allows between two times, in milliseconds. `latency` returns, for
/// each request, how long it takes to the service and back.
pub fn saturate(
    pacer: &mut Pacer,
    from: u64,
    to: u64,
    latency: impl FnMut(usize) -> (u64, u64),
    answer: impl FnMut(Timestamp) -> (u16, Option<u64>),
) -> Sent {
    saturate_class(CLASS, usize::MAX, pacer, from..to, latency, answer)
}

/// The same with requests of a class, of which at most `at_once` are under way.
pub fn saturate_class(
    class: RequestClass,
    at_once: usize,
    pacer: &mut Pacer,
    millis: Range<u64>,
    mut latency: impl FnMut(usize) -> (u64, u64),
    mut answer: impl FnMut(Timestamp) -> (u16, Option<u64>),
) -> Sent {
    enum Event {
        Arrives(Permit, u64),
        Response(Permit, u16, Option<u64>),
    }
    let mut sent = Sent::default();
    let mut events: BTreeMap<(Timestamp, usize), Event> = BTreeMap::new();
    let mut now = at(millis.start);
    let (mut number, mut under_way) = (0, 0);
    while now < at(millis.end) {
        let permit =
            if under_way < at_once { take(pacer, now, class) } else { Err(at(millis.end)) };
        let next = match permit {
            Ok(permit) => {
                under_way += 1;
                let (there, back) = latency(sent.at.len());
                sent.at.push(now);
                number += 1;
                let time = now + Duration::from_millis(there);
                events.insert((time, number), Event::Arrives(permit, back));
                now
            }
            Err(later) => later,
        };
        let Some(entry) = events.first_entry().filter(|entry| entry.key().0 <= next) else {
            now = next;
            continue;
        };
        // The next request may be due at another time after this.
        now = entry.key().0;
        match entry.remove() {
            Event::Arrives(permit, back) => {
                let (status, retry_after) = answer(now);
                if status == 429 {
                    sent.refused.push(now);
                }
                number += 1;
                let back = now + Duration::from_millis(back);
                events.insert((back, number), Event::Response(permit, status, retry_after));
            }
            Event::Response(permit, status, retry_after) => {
                under_way -= 1;
                pacer.handle_head(now, permit, &head(status, retry_after));
            }
        }
    }
    sent
}
