//! A rate limiter that all jobs of a client share. Reads no clock.

mod lane;
mod learn;
mod per_class;
mod rate;

use core::time::Duration;

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use self::lane::Lane;
pub(crate) use self::per_class::PerClass;
use self::rate::per_second;
use crate::headers::RetryAfter;
use crate::phase::Phase;
use crate::time::Timestamp;

pub use self::rate::{Rate, Rates};

/// Decides when the requests of a client may be sent, so that together they stay within the
/// service's limits.
///
/// A service counts requests per token, not per job. Many jobs that each wait as long as they were
/// asked to still exceed the limit together: all of them are answered 429, wait for a second, and
/// are answered 429 again. So a client has one pacer for an origin, behind a lock, and every job
/// asks it before each request.
///
/// The pacer keeps a rate for each [class](RequestClass) of request: a [known](Rate::per_second)
/// one, or one that it [learns](Rate::learned). A 429 to one job holds back all jobs for the time
/// in its `Retry-After`, and lowers the rate after that. The pacer stores nothing per request, so
/// its cost does not depend on the number of jobs.
///
/// Each request takes a [`Permit`]: [`reserve`](Self::reserve) or
/// [`try_reserve`](Self::try_reserve) it, [`confirm`](Self::confirm) it right before the request is
/// sent, and return it with [`handle_head`](Self::handle_head), or with
/// [`release`](Self::release) if the request was not sent.
///
/// ```
/// use export_core::pacer::{Pacer, Rate, Rates, RequestClass};
/// use export_core::Timestamp;
/// use http::Response;
///
/// let now = Timestamp::from_date(2026, 3, 1);
/// let rates = Rates::default().with_operations(Rate::per_second(1.0));
/// let mut pacer = Pacer::new(rates);
///
/// let mut one = pacer.reserve(now, RequestClass::Operation);
/// let mut two = pacer.reserve(now, RequestClass::Operation);
/// assert_eq!((one.at(), two.at()), (now, Timestamp::from_millis(now.as_millis() + 1_000)));
///
/// assert_eq!(pacer.confirm(now, &mut one), Ok(())); // The request is sent and answered:
/// pacer.handle_head(now, one, &Response::builder().status(429).header("retry-after", "5").body(())?);
///
/// // The other request waits, too.
/// let later = pacer.confirm(two.at(), &mut two);
/// assert_eq!(later, Err(Timestamp::from_millis(now.as_millis() + 6_000)));
/// # Ok::<(), http::Error>(())
/// ```
///
/// It can be stored (about 1 KiB as JSON), so that a learned limit outlives the process, and so that
/// several processes share one: see [`take_turn`](Self::take_turn).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacer(PerClass<Lane>);

/// The requests that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "the service has a limit for each of these")]
pub enum RequestClass {
    /// Requests an export.
    Submit,
    /// Polls or cancels an operation.
    Operation,
    /// Downloads the file.
    Download,
}

impl From<Phase> for RequestClass {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Submit => Self::Submit,
            Phase::Poll | Phase::Cancel => Self::Operation,
            Phase::Fetch => Self::Download,
        }
    }
}

/// The right to send one request at a certain time.
///
/// Wait until [`at`](Self::at), [confirm](Pacer::confirm) it right before the request is sent, and
/// return it with the [head](Pacer::handle_head) of the response, or [unsent](Pacer::release).
/// Dropping it is safe: it wastes one slot at most.
#[derive(Debug)]
#[must_use = "other requests wait behind it"]
pub struct Permit {
    class: RequestClass,
    at: Timestamp,
    /// By how much all reservations of the lane had been delayed when this one was made.
    delay: u64,
    /// When it was confirmed.
    sent: Option<Timestamp>,
    /// Whether it was used as soon as possible, so that its response says something about the rate.
    paced: bool,
    /// Whose turn it is.
    client: Option<ClientId>,
    /// Whether that client has its turn again if the permit is released.
    keeps_turn: bool,
}

/// One of the clients that share a pacer: a random number, which no other has.
pub type ClientId = u64;

impl Permit {
    /// When the request may be sent, as far as is known now.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The class of the request.
    #[must_use]
    pub const fn class(&self) -> RequestClass {
        self.class
    }

    /// Gives its client the next [turn](Pacer::take_turn) if it is released: the request was postponed,
    /// because the permit could not be confirmed.
    pub const fn keep_turn(&mut self) {
        self.keeps_turn = true;
    }

    /// The request of a confirmed permit is sent at this time: something was done first, such as storing
    /// a checkpoint. Without this, it counts as sent when it was confirmed.
    pub fn sent_at(&mut self, now: Timestamp) {
        self.sent = self.sent.map(|confirmed| confirmed.max(now));
    }

    /// Whether it was confirmed: it counts as used, whether or not its request was sent.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.sent.is_some()
    }

    /// When it was confirmed, or its request sent.
    #[must_use]
    pub const fn confirmed_at(&self) -> Option<Timestamp> {
        self.sent
    }
}

impl Pacer {
    /// A pacer with these rates and no history.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self(PerClass {
            submit: Lane::new(rates.submits),
            operations: Lane::new(rates.operations),
            download: Lane::new(rates.downloads),
        })
    }

    /// Continues with a pacer that was stored.
    ///
    /// The wall clock may have been set back since: no stored time delays requests by more than an
    /// hour.
    #[must_use]
    pub fn resumed(mut self, now: Timestamp) -> Self {
        for lane in self.0.all_mut() {
            lane.resume(now);
        }
        self
    }

    /// When a request that is reserved now may be sent.
    #[must_use]
    pub fn earliest(&self, now: Timestamp, class: RequestClass) -> Timestamp {
        self.0.of(class).earliest(now)
    }

    /// Reserves a permit for a request, behind all earlier reservations of its class.
    pub fn reserve(&mut self, now: Timestamp, class: RequestClass) -> Permit {
        self.0.of_mut(class).reserve(now, class)
    }

    /// Reserves a permit for a request that may be sent now.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to try again; nothing is reserved.
    pub fn try_reserve(
        &mut self,
        now: Timestamp,
        class: RequestClass,
    ) -> Result<Permit, Timestamp> {
        let lane = self.0.of_mut(class);
        let at = lane.earliest(now);
        if at > now { Err(at) } else { Ok(lane.reserve(now, class)) }
    }

    /// Reserves a permit for a request that may be sent now, if it is the turn of this client.
    ///
    /// For a pacer that several clients share, such as the processes that use one stored pacer: each
    /// has its turn in the order in which they asked first. A client that waits has to ask again at
    /// the time that it was told, and after `ask_again` at the latest; otherwise it was killed, and
    /// those behind it have their turns, 20 ms later than its own would have been. After three seconds
    /// it loses its place.
    ///
    /// ```
    /// use core::time::Duration;
    ///
    /// use export_core::pacer::{Pacer, Rate, Rates, RequestClass::Operation};
    /// use export_core::Timestamp;
    ///
    /// let at = |second: u64| Timestamp::from_millis(1_000 * second);
    /// let mut pacer = Pacer::new(Rates::default().with_operations(Rate::per_second(1.0)));
    /// let mut ask = |now, client| {
    ///     let mut permit = pacer.take_turn(now, Operation, client, Duration::from_secs(1))?;
    ///     pacer.confirm(now, &mut permit)
    /// };
    /// assert_eq!(ask(at(0), 1), Ok(()));
    /// assert_eq!(ask(at(0), 2), Err(at(1)));
    /// let soon_after = at(1) + Duration::from_millis(20);
    /// assert_eq!(ask(at(0), 1), Err(soon_after));
    /// assert_eq!(ask(at(1), 2), Ok(()));
    /// assert_eq!(ask(soon_after, 1), Err(at(2)));
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with the time at which to ask again: that of its turn, or a turn earlier, since one before
    /// it may have been killed.
    pub fn take_turn(
        &mut self,
        now: Timestamp,
        class: RequestClass,
        client: ClientId,
        ask_again: Duration,
    ) -> Result<Permit, Timestamp> {
        self.0.of_mut(class).take_turn(now, class, client, ask_again)
    }

    /// Gives up the place of a client that waits for its turn.
    pub fn leave(&mut self, class: RequestClass, client: ClientId) {
        self.0.of_mut(class).leave(client);
    }

    /// The rates that it was made with, or has adopted.
    #[must_use]
    pub const fn rates(&self) -> Rates {
        let PerClass { submit, operations, download } = &self.0;
        Rates { submits: submit.rate(), operations: operations.rate(), downloads: download.rate() }
    }

    /// Uses these rates from now on, where they are others than before: another client shares the
    /// pacer. A [known](Rate::per_second) limit replaces any other; while it is in use, and for a minute
    /// after that, it applies to clients that know none.
    pub fn adopt(&mut self, now: Timestamp, rates: Rates) {
        self.0.submit.adopt(now, rates.submits);
        self.0.operations.adopt(now, rates.operations);
        self.0.download.adopt(now, rates.downloads);
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
        self.0.of_mut(permit.class).confirm(now, permit)
    }

    /// Learns from the head of the response to the permit's request.
    pub fn handle_head<B>(&mut self, now: Timestamp, permit: Permit, head: &Response<B>) {
        let lane = self.0.of_mut(permit.class);
        match head.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = RetryAfter::of(now, head.headers()).wait();
                lane.refused(now, &permit, retry_after);
            }
            // A server that fails may not have counted the request.
            status if status.is_server_error() => {}
            _ => lane.admitted(now, &permit),
        }
    }

    /// Returns a permit whose request was not sent, so that the next request takes its place.
    ///
    /// Has no effect on a confirmed permit: the service may have counted its request.
    pub fn release(&mut self, permit: Permit) {
        self.0.of_mut(permit.class).release(&permit);
    }

    /// The current rate of a class, in requests per second; `None` without a limit.
    #[must_use]
    pub fn per_second(&self, class: RequestClass) -> Option<f64> {
        let interval = self.0.of(class).learning.interval();
        (interval > 0).then(|| per_second(interval))
    }

    /// Until when a 429 holds back all requests of a class; `None` if none does.
    #[must_use]
    pub fn held_until(&self, now: Timestamp, class: RequestClass) -> Option<Timestamp> {
        Some(self.0.of(class).held_until()).filter(|until| *until > now)
    }

    /// How many requests of a class can be sent in this time, at most.
    #[must_use]
    pub fn fits(&self, class: RequestClass, time: Duration) -> usize {
        let interval = u128::from(self.0.of(class).learning.interval());
        time.as_micros()
            .checked_div(interval)
            .map_or(usize::MAX, |fits| usize::try_from(fits).unwrap_or(usize::MAX))
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}
