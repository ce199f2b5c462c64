//! The pacer of a client, and the permit of one request.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use export_core::Timestamp;
use export_core::batch::Turns;
use export_core::pacer::{ClientId, Pacer, Permit, Rates, RequestClass};
use http::header::{DATE, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::pace_store::PaceStore;
use crate::random::random_number;

/// A pacer that all jobs of a client share, and with a [`PaceStore`] those of other clients too.
#[derive(Debug)]
pub struct SharedPacer {
    store: Option<Arc<dyn PaceStore>>,
    rates: Rates,
    next_client: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The pacer as it was last stored; without a store, the pacer itself.
    pacer: Pacer,
    /// The last time by the client's clock, and by that of the store.
    now: Timestamp,
    store_now: Timestamp,
    /// What the store does not know yet.
    returned: Vec<Returned>,
    /// Whether the store has the rates of this client.
    is_adopted: bool,
    /// When the store was busy.
    busy: Option<Busy>,
    /// Until when the store is not tried again.
    alone_until: Option<Timestamp>,
    has_reported: bool,
}

/// The first and the last of several calls in a row for which the store was busy.
#[derive(Clone, Copy, Debug)]
struct Busy {
    first: Timestamp,
    last: Timestamp,
}

/// What clients give back.
#[derive(Debug)]
enum Returned {
    /// The permit of a request, with what the pacer reads of the head of its response, and when that came.
    Answered(Permit, Response<()>, Timestamp),
    /// The permit of a request that was not sent.
    Unused(Permit),
    /// The place of a client in the line.
    Place(RequestClass, ClientId),
}

/// When to try a store again that another client has locked.
const ASK_BUSY_AFTER: Duration = Duration::from_millis(5);

/// For how long a store may be busy: a process that was stopped while it had the lock keeps it.
const LONGEST_BUSY: Duration = Duration::from_secs(2);

/// A longer time between two calls for which the store was busy says nothing about the time between them.
const LONGEST_GAP: Duration = Duration::from_millis(500);

/// For how long a client goes on alone before it tries the store again.
const ALONE_FOR: Duration = Duration::from_secs(30);

/// How often a waiting batch asks for its turn, so that other processes know that it is alive.
const BATCH_ASKS_AGAIN: Duration = Duration::from_secs(1);

/// The same of a single export, which reports each of its waits.
const EXPORT_ASKS_AGAIN: Duration = Duration::from_secs(10);

/// A rate of more than one request in this time is fast. There, a call of the store for each step
/// of a request would take too long: a turn is confirmed when it is taken, and what was admitted is stored
/// with the next turn.
const FAST: Duration = Duration::from_millis(50);

/// For how long a turn is valid that was confirmed when it was taken.
const VALID: Duration = Duration::from_millis(200);

/// Without a store, all clients are in this process, and none goes away without leaving.
const ASKS_WHEN_DUE: Duration = Duration::MAX;

impl SharedPacer {
    /// Shares a pacer among the jobs of a client.
    #[must_use]
    pub fn new(pacer: Pacer) -> Self {
        Self::with_store(pacer, None)
    }

    /// Shares the pacer in a store, which is this one if there is none yet. The rates of this one
    /// [apply](Pacer::adopt) to the other.
    #[must_use]
    pub fn with_store(pacer: Pacer, store: Option<Arc<dyn PaceStore>>) -> Self {
        let state = State {
            now: Timestamp::EPOCH,
            store_now: Timestamp::EPOCH,
            returned: Vec::new(),
            is_adopted: false,
            busy: None,
            alone_until: None,
            has_reported: false,
            pacer,
        };
        let rates = state.pacer.rates();
        let next_client = AtomicU64::new(random_number());
        Self { store, rates, next_client, state: Mutex::new(state) }
    }

    /// A copy of the pacer, as it was after the last request.
    #[must_use]
    pub fn pacer(&self) -> Pacer {
        self.state().pacer.clone()
    }

    /// For how long a 429 holds back all requests of a class, of that which waits the longest; `None` if
    /// none does.
    #[must_use]
    pub fn held_for(&self, now: Timestamp) -> Option<Duration> {
        let classes = [RequestClass::Submit, RequestClass::Operation, RequestClass::Download];
        let state = self.state();
        let store_now = state.store_time(now);
        let held = classes.into_iter().filter_map(|class| state.pacer.held_until(store_now, class));
        held.max().map(|until| until.since(store_now))
    }

    /// The time of the store's clock; without a store, `now`. It never goes back.
    #[must_use]
    pub fn store_time(&self, now: Timestamp) -> Timestamp {
        self.state().store_time(now)
    }

    /// Calls `f` with the time of the store's clock and the stored pacer, which no other client uses
    /// meanwhile: for drivers that pace their requests themselves, such as those of a
    /// [session](export_core::session).
    ///
    /// # Errors
    ///
    /// Fails with the time at which to try again if another client has locked the store. `f` was not called.
    pub fn update<T>(
        &self,
        now: Timestamp,
        f: impl FnOnce(Timestamp, &mut Pacer) -> T,
    ) -> Result<T, Timestamp> {
        let mut state = self.state();
        let state = &mut *state;
        let (mut f, mut result) = (Some(f), None);
        if let Some(store) = self.store.as_ref().filter(|_| state.may_try_store(now)) {
            let updated = store.update(&mut |store_now, stored| {
                let Some(f) = f.take() else { return };
                let pacer = stored.get_or_insert_with(|| state.pacer.clone());
                if !mem::replace(&mut state.is_adopted, true) {
                    pacer.adopt(store_now, self.rates);
                }
                state.returned.drain(..).for_each(|it| it.apply(now, store_now, pacer));
                result = Some(f(store_now, pacer));
                state.pacer.clone_from(pacer);
                (state.now, state.store_now) = (now, store_now);
            });
            match updated {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // If it was not tried again meanwhile, it may have been free.
                    let busy = state.busy.filter(|busy| now.since(busy.last) < LONGEST_GAP);
                    let first = busy.map_or(now, |busy| busy.first);
                    state.busy = Some(Busy { first, last: now });
                    if now.since(first) < LONGEST_BUSY {
                        return Err(now + ASK_BUSY_AFTER);
                    }
                    let text = "another process has locked it, and is stopped or hangs";
                    state.go_alone(now, &**store, &io::Error::other(text));
                }
                Err(error) => state.go_alone(now, &**store, &error),
                Ok(()) => (state.busy, state.alone_until) = (None, None),
            }
        }
        if let Some(f) = f.take() {
            let store_now = state.store_time(now);
            let State { returned, pacer, .. } = state;
            returned.drain(..).for_each(|it| it.apply(now, store_now, pacer));
            result = Some(f(store_now, pacer));
            // Another thread may have read its clock later, and have come first.
            let is_earlier = now < state.now && state.now.since(now) < LONGEST_BUSY;
            if !is_earlier {
                (state.now, state.store_now) = (now, store_now);
            }
        }
        result.ok_or(now + ASK_BUSY_AFTER)
    }

    /// The turns of one batch.
    #[must_use]
    pub fn turns(self: &Arc<Self>) -> SharedTurns {
        SharedTurns { pacer: Arc::clone(self), client: self.new_client(), places: [None; 3] }
    }

    fn new_client(&self) -> ClientId {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    fn asks_again(&self, shared: Duration) -> Duration {
        if self.store.is_some() { shared } else { ASKS_WHEN_DUE }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is consistent between any two of its changes, and none of them panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back the permit of a request that was answered, so that the others learn of it at once; if
    /// the store is busy, with the next call.
    fn answered(&self, now: Timestamp, permit: Permit, head: Response<()>) {
        let mut state = self.state();
        let may_wait = self.is_fast(&state.pacer, permit.class())
            && head.status() != StatusCode::TOO_MANY_REQUESTS;
        state.returned.push(Returned::Answered(permit, head, now));
        drop(state);
        if !may_wait {
            let _ = self.update(now, |_, _| ());
        }
    }

    fn is_fast(&self, pacer: &Pacer, class: RequestClass) -> bool {
        self.store.is_some() && pacer.fits(class, FAST) > 1
    }

    /// Takes back what was not used, when the time is not known. If the store is busy, it learns of it
    /// with the next call.
    fn take_back(&self, returned: Returned) {
        self.state().returned.push(returned);
        self.flush();
    }

    fn flush(&self) {
        let mut state = self.state();
        let state = &mut *state;
        if state.returned.is_empty() {
            return;
        }
        let store = self.store.as_ref().filter(|_| state.may_try_store(state.now));
        let State { now, store_now, ref mut returned, ref mut pacer, .. } = *state;
        let mut apply = |store_now, pacer: &mut Pacer| {
            returned.drain(..).for_each(|it| it.apply(now, store_now, pacer));
        };
        match store {
            None => apply(store_now, pacer),
            Some(store) => {
                // An error is reported by the next call, if there is one.
                let _ = store.update(&mut |store_now, stored| {
                    if let Some(pacer) = stored {
                        apply(store_now, pacer);
                    }
                });
            }
        }
    }
}

impl State {
    /// The time of the store's clock.
    fn store_time(&self, now: Timestamp) -> Timestamp {
        self.store_now + now.since(self.now)
    }

    fn may_try_store(&self, now: Timestamp) -> bool {
        self.alone_until.is_none_or(|until| now >= until)
    }

    fn go_alone(&mut self, now: Timestamp, store: &dyn PaceStore, error: &io::Error) {
        self.alone_until = Some(now + ALONE_FOR);
        if !mem::replace(&mut self.has_reported, true) {
            store.on_failure(error);
        }
    }
}

impl Returned {
    fn apply(self, now: Timestamp, store_now: Timestamp, pacer: &mut Pacer) {
        match self {
            Self::Answered(permit, head, at) => {
                let age = now.as_millis().saturating_sub(at.as_millis());
                let at = Timestamp::from_millis(store_now.as_millis().saturating_sub(age));
                pacer.handle_head(at, permit, &head);
            }
            Self::Unused(permit) => pacer.release(permit),
            Self::Place(class, client) => pacer.leave(class, client),
        }
    }
}

/// The turns of a batch among those of all clients that share a pacer.
#[derive(Debug)]
pub struct SharedTurns {
    pacer: Arc<SharedPacer>,
    client: ClientId,
    /// The place in the line of each class, where the batch waits for its turn.
    places: [Option<Place>; 3],
}

#[derive(Clone, Copy, Debug)]
struct Place {
    class: RequestClass,
    /// When its turn is, and when to ask again.
    turn_at: Timestamp,
    ask_at: Timestamp,
}

impl SharedTurns {
    fn place(&mut self, class: RequestClass) -> &mut Option<Place> {
        let [submit, operation, download] = &mut self.places;
        match class {
            RequestClass::Submit => submit,
            RequestClass::Operation => operation,
            RequestClass::Download => download,
        }
    }
}

impl Turns for SharedTurns {
    fn try_reserve(&mut self, now: Timestamp, class: RequestClass) -> Result<Permit, Timestamp> {
        let (client, pacer) = (self.client, Arc::clone(&self.pacer));
        let place = self.place(class);
        // A store is asked no more often than needed.
        if let Some(place) = place.filter(|place| pacer.store.is_some() && now < place.ask_at) {
            return Err(place.ask_at);
        }
        let ask_again = pacer.asks_again(BATCH_ASKS_AGAIN);
        let taken = pacer.update(now, |store_now, shared| {
            let mut taken = shared.take_turn(store_now, class, client, ask_again);
            if let (Ok(permit), true) = (&mut taken, pacer.is_fast(shared, class)) {
                // It is due, so that this does not fail.
                let _ = shared.confirm(store_now, permit);
            }
            taken.map_err(|turn_at| now + turn_at.since(store_now))
        })?;
        match taken {
            Ok(permit) => {
                *place = None;
                Ok(permit)
            }
            Err(turn_at) => {
                let ask_at = turn_at.min(now + ask_again);
                *place = Some(Place { class, turn_at, ask_at });
                Err(ask_at)
            }
        }
    }

    fn release(&mut self, permit: Permit) {
        self.pacer.take_back(Returned::Unused(permit));
    }

    fn earliest(&self, now: Timestamp, class: RequestClass) -> Timestamp {
        let place = self.places.iter().flatten().find(|place| place.class == class);
        let state = self.pacer.state();
        let store_now = state.store_time(now);
        let at = now + state.pacer.earliest(store_now, class).since(store_now);
        place.map_or(at, |place| at.max(place.turn_at))
    }

    fn fits(&self, class: RequestClass, time: Duration) -> usize {
        self.pacer.state().pacer.fits(class, time)
    }
}

impl Drop for SharedTurns {
    fn drop(&mut self) {
        self.pacer.flush();
        for place in self.places.iter().flatten() {
            self.pacer.take_back(Returned::Place(place.class, self.client));
        }
    }
}

/// The permit for a job's next request, if it has one.
///
/// Releases the permit on drop unless it was confirmed, so that a job that goes away while it
/// waits blocks no other.
#[derive(Debug)]
pub struct PacedRequest {
    pacer: Arc<SharedPacer>,
    permit: Option<Permit>,
    /// Whether the permit is confirmed already, and its request not sent.
    is_taken: bool,
    /// The class whose turn the job waits for, and the client that it is for that.
    waits_for: Option<(RequestClass, ClientId)>,
}

impl PacedRequest {
    /// A request without a permit.
    #[must_use]
    pub const fn new(pacer: Arc<SharedPacer>) -> Self {
        Self { pacer, permit: None, is_taken: false, waits_for: None }
    }

    /// Holds a permit that a batch has reserved, in place of the present one.
    pub fn hold(&mut self, permit: Option<Permit>) {
        self.release();
        self.is_taken = permit.as_ref().is_some_and(Permit::is_confirmed);
        self.permit = permit;
    }

    /// Confirms the permit for a request of this class, which is reserved first if there is none.
    /// Call it right before the request is sent.
    ///
    /// Without a class the request goes to another origin and needs no permit.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to confirm it again; the permit is kept until then.
    pub fn confirm(
        &mut self,
        now: Timestamp,
        class: Option<RequestClass>,
    ) -> Result<(), Timestamp> {
        let is_valid = |permit: &Permit| {
            let taken = permit.confirmed_at();
            let age = |taken| self.pacer.state().store_time(now).since(taken);
            Some(permit.class()) == class && taken.is_some_and(|taken| age(taken) <= VALID)
        };
        if mem::take(&mut self.is_taken) && self.permit.as_ref().is_some_and(is_valid) {
            return Ok(());
        }
        let waits_for = self.waits_for.map(|(class, _)| class);
        if self.permit.as_ref().map(Permit::class).or(waits_for) != class
            || self.permit.as_ref().is_some_and(Permit::is_confirmed)
        {
            self.release();
        }
        let Some(class) = class else { return Ok(()) };
        let (shared, permit) = (&self.pacer, &mut self.permit);
        let (_, client) = *self.waits_for.get_or_insert_with(|| (class, shared.new_client()));
        let ask_again = shared.asks_again(EXPORT_ASKS_AGAIN);
        if let Some(permit) = permit {
            permit.keep_turn();
        }
        shared.update(now, |store_now, pacer| {
            let local = |at: Timestamp| now + at.since(store_now);
            let permit = match permit {
                Some(permit) => permit,
                None => {
                    let taken = pacer.take_turn(store_now, class, client, ask_again);
                    permit.insert(taken.map_err(|at| local(at).min(now + ask_again))?)
                }
            };
            pacer.confirm(store_now, permit).map_err(local)
        })??;
        self.waits_for = None;
        Ok(())
    }

    /// The request is sent now: its checkpoint was stored after its permit was confirmed.
    pub fn sent(&mut self, now: Timestamp) {
        if let Some(permit) = &mut self.permit {
            permit.sent_at(self.pacer.state().store_time(now));
        }
    }

    /// Passes on the head of the response to the request, if it had a permit.
    pub fn handle_head<B>(&mut self, now: Timestamp, head: &Response<B>) {
        if let Some(permit) = self.permit.take() {
            let mut copy = Response::new(());
            *copy.status_mut() = head.status();
            // Others may be secret, such as cookies.
            for name in [RETRY_AFTER, DATE] {
                if let Some(value) = head.headers().get(&name) {
                    copy.headers_mut().insert(name, value.clone());
                }
            }
            self.pacer.answered(now, permit, copy);
        }
    }

    /// Releases the permit, if there is one.
    pub fn release(&mut self) {
        if let Some((class, client)) = self.waits_for.take().filter(|_| self.permit.is_none()) {
            self.pacer.take_back(Returned::Place(class, client));
        }
        if let Some(permit) = self.permit.take().filter(|permit| !permit.is_confirmed()) {
            self.pacer.take_back(Returned::Unused(permit));
        }
    }
}

impl Drop for PacedRequest {
    fn drop(&mut self) {
        self.release();
    }
}
