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
/// Wait until [`at`](Self::at), [confirm](Pacer::confirm) it right before the request is sent, and
/// return it with the [head](Pacer::handle_head) of the answer, or [unsent](Pacer::release).
/// Dropping it is safe: it wastes one slot at most.
#[derive(Debug)]
#[must_use = "other requests wait behind it"]
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

    /// Whether it was confirmed: it counts as used, whether or not its request was sent.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.sent.is_some()
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
        }
    }

    /// Goes on with a pacer that was stored.
    ///
    /// The wall clock may have been set back since: nothing is held for longer than an hour.
    #[must_use]
    pub fn resumed(mut self, now: Timestamp) -> Self {
        for lane in [&mut self.submit, &mut self.operations, &mut self.download] {
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

    /// Reserves a permit for a request that may go now.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to try again; nothing is reserved.
    pub fn try_reserve(
        &mut self,
        now: Timestamp,
        class: RequestClass,
    ) -> Result<Permit, Timestamp> {
        let lane = self.lane_mut(class);
        let at = lane.earliest(now);
        if at > now { Err(at) } else { Ok(lane.reserve(now, class)) }
    }

    /// Uses a permit: the request is sent now.
    ///
    /// Call it last, once there is a token and nothing else can postpone the request: only
    /// confirmed permits count against the rate. Permits that were kept beyond their time, because
    /// all of them waited for one token, are therefore confirmed at the rate, not all at once.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to confirm it again: it is too early, the service has answered
    /// another request with 429, or another permit was confirmed late.
    pub fn confirm(&mut self, now: Timestamp, permit: &mut Permit) -> Result<(), Timestamp> {
        self.lane_mut(permit.class).confirm(now, permit)
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

    /// Returns a permit whose request was not sent, so that the next request takes its place.
    ///
    /// Has no effect on a confirmed permit: the service may have counted its request.
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
        }
    }

    const fn lane_mut(&mut self, class: RequestClass) -> &mut Lane {
        match class {
            RequestClass::Submit => &mut self.submit,
            RequestClass::Operation => &mut self.operations,
            RequestClass::Download => &mut self.download,
        }
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}
