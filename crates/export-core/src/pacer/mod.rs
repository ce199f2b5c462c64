//! When a client may send: one pace for all of its jobs, without a clock.

mod lane;
mod learn;
mod rate;

use core::time::Duration;

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use self::lane::Lane;
use self::rate::per_second;
use crate::dialect::Phase;
use crate::headers::RetryAfter;
use crate::time::Timestamp;

pub use self::rate::{Rate, Rates};

/// Decides when the requests of a client may go, so that together they are not too many.
///
/// A service counts the requests of a token, not those of a job. A job that waits as long as it
/// was asked to is polite alone, and one of a storm with a thousand others: each of them is
/// answered 429, waits a second, and is answered 429 again. So there is one pacer for a client and
/// an origin, shared behind a lock, and every job asks it before each request.
///
/// It keeps a rate for each [class](RequestClass) of request: one that is [known](Rate::per_second),
/// or one that is [learnt](Rate::learnt). A 429 to one job holds back all of them, for as long as
/// its `Retry-After` says; after it, they go more slowly. What it costs does not depend on the
/// number of jobs: it remembers no request, and answers at once.
///
/// ```
/// use export_core::{Pacer, Rate, Rates, RequestClass, Timestamp};
/// use http::Response;
///
/// let now = Timestamp::from_date(2026, 3, 1);
/// let rates = Rates { operations: Rate::per_second(1.0), ..Rates::default() };
/// let mut pacer = Pacer::new(rates);
///
/// let mut one = pacer.reserve(now, RequestClass::Operation);
/// let mut two = pacer.reserve(now, RequestClass::Operation);
/// assert_eq!((one.at(), two.at()), (now, Timestamp::from_millis(now.as_millis() + 1_000)));
///
/// assert_eq!(pacer.confirm(now, &mut one), Ok(())); // sent, and answered:
/// pacer.handle_head(now, one, &Response::builder().status(429).header("retry-after", "5").body(())?);
///
/// // The second one has done nothing wrong, and waits all the same.
/// let later = pacer.confirm(two.at(), &mut two);
/// assert_eq!(later, Err(Timestamp::from_millis(now.as_millis() + 6_000)));
/// # Ok::<(), http::Error>(())
/// ```
///
/// It is small, and can be stored: what was learnt of a limit outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacer {
    submit: Lane,
    operations: Lane,
    download: Lane,
    token: Lane,
}

/// The requests that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "these are the requests there are")]
pub enum RequestClass {
    /// Asks for an export.
    Submit,
    /// Asks how far an operation is.
    Operation,
    /// Asks for the file.
    Download,
    /// Asks for a token.
    Token,
}

impl From<Phase> for RequestClass {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Submit => Self::Submit,
            Phase::Poll => Self::Operation,
            Phase::Fetch => Self::Download,
        }
    }
}

/// The right to send one request, at its time.
///
/// Whoever has it waits until [`at`](Self::at), asks the pacer to [confirm](Pacer::confirm) it,
/// sends, and hands it back with what came of it. Dropping it is safe: a slot is wasted, no more.
#[derive(Debug)]
#[must_use = "others wait behind it"]
pub struct Permit {
    class: RequestClass,
    at: Timestamp,
    /// By how much the promises of its lane had been put off when it was given.
    put_off: u64,
    /// When it was confirmed.
    sent: Option<Timestamp>,
    /// It was used as soon as it could be.
    paced: bool,
}

impl Permit {
    /// When the request may go, as far as is known now.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What it is for.
    #[must_use]
    pub const fn class(&self) -> RequestClass {
        self.class
    }
}

impl Pacer {
    /// A pacer that has heard nothing yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            submit: Lane::new(rates.submit),
            operations: Lane::new(rates.operations),
            download: Lane::new(rates.download),
            token: Lane::new(rates.token),
        }
    }

    /// Goes on with a pacer that was stored.
    ///
    /// The wall clock may have been set back since: nothing is held for longer than an hour.
    #[must_use]
    pub fn resumed(mut self, now: Timestamp) -> Self {
        for lane in [&mut self.submit, &mut self.operations, &mut self.download, &mut self.token] {
            lane.resume(now);
        }
        self
    }

    /// When a request that is asked for now may go.
    #[must_use]
    pub fn earliest(&self, now: Timestamp, class: RequestClass) -> Timestamp {
        self.lane(class).earliest(now)
    }

    /// Promises a time for a request, behind all that were promised one before.
    pub fn reserve(&mut self, now: Timestamp, class: RequestClass) -> Permit {
        self.lane_mut(class).reserve(now, class)
    }

    /// Takes a permit into use: the request is sent now.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to come again: it is too early, or the service has objected
    /// to another request in the meantime.
    pub fn confirm(&mut self, now: Timestamp, permit: &mut Permit) -> Result<(), Timestamp> {
        self.lane_mut(permit.class).confirm(now, permit)
    }

    /// Takes a permit that is used now, if one is to be had now.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to come again; nothing is reserved.
    pub fn take(&mut self, now: Timestamp, class: RequestClass) -> Result<Permit, Timestamp> {
        let lane = self.lane_mut(class);
        let at = lane.earliest(now);
        if at > now {
            return Err(at);
        }
        let mut permit = lane.reserve(now, class);
        lane.confirm(now, &mut permit)?;
        Ok(permit)
    }

    /// Takes a confirmed permit into use only now: a token had to be waited for, say. One whose time
    /// is over by now is replaced by another one: else all that waited for the same thing would go
    /// at once.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to [confirm](Self::confirm) it.
    pub fn renew(&mut self, now: Timestamp, permit: &mut Permit) -> Result<(), Timestamp> {
        self.lane_mut(permit.class).renew(now, permit)
    }

    /// Takes in the head of the answer to the request that had this permit.
    pub fn handle_head<B>(&mut self, now: Timestamp, permit: Permit, head: &Response<B>) {
        let lane = self.lane_mut(permit.class);
        match head.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = RetryAfter::of(now, head.headers()).wait();
                lane.refused(now, &permit, retry_after);
            }
            // Whoever is unwell may not have come as far as counting.
            status if status.is_server_error() => {}
            _ => lane.admitted(now, &permit),
        }
    }

    /// Takes in that no answer came: it may have been counted, and says nothing of the limit.
    pub fn handle_failure(&mut self, permit: Permit) {
        drop(permit);
    }

    /// Takes in that the request was not sent.
    pub fn release(&mut self, permit: Permit) {
        self.lane_mut(permit.class).release(&permit);
    }

    /// How many requests of a class are sent in a second, at present; `None` without a limit.
    #[must_use]
    pub fn per_second(&self, class: RequestClass) -> Option<f64> {
        let interval = self.lane(class).learning.interval();
        (interval > 0).then(|| per_second(interval))
    }

    /// Until when the service wants to be left alone with requests of a class; `None` if it has
    /// no objection at present.
    #[must_use]
    pub fn held_until(&self, now: Timestamp, class: RequestClass) -> Option<Timestamp> {
        Some(self.lane(class).held_until()).filter(|until| *until > now)
    }

    /// How many requests of a class fit into this time at most.
    pub(crate) fn fits(&self, class: RequestClass, time: Duration) -> usize {
        let interval = u128::from(self.lane(class).learning.interval());
        time.as_micros()
            .checked_div(interval)
            .map_or(usize::MAX, |fits| usize::try_from(fits).unwrap_or(usize::MAX))
    }

    const fn lane(&self, class: RequestClass) -> &Lane {
        match class {
            RequestClass::Submit => &self.submit,
            RequestClass::Operation => &self.operations,
            RequestClass::Download => &self.download,
            RequestClass::Token => &self.token,
        }
    }

    const fn lane_mut(&mut self, class: RequestClass) -> &mut Lane {
        match class {
            RequestClass::Submit => &mut self.submit,
            RequestClass::Operation => &mut self.operations,
            RequestClass::Download => &mut self.download,
            RequestClass::Token => &mut self.token,
        }
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}
