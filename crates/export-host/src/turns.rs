//! A client's requests take turns: one pacer for all of its jobs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_core::{Pacer, Permit, RequestClass, Timestamp};
use http::Response;

/// The pacer of a client, shared by all of its jobs.
#[derive(Debug)]
pub struct Turns(Mutex<Pacer>);

impl Turns {
    /// Shares a pacer.
    #[must_use]
    pub const fn new(pacer: Pacer) -> Self {
        Self(Mutex::new(pacer))
    }

    /// The pacer. No call of it blocks; hold it for no longer than such a call.
    pub fn pacer(&self) -> MutexGuard<'_, Pacer> {
        // It is consistent between any two of its calls, and none of them panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one job among those that wait for their turn.
///
/// Dropped with a job that waits, it makes room for the next one.
#[derive(Debug)]
pub struct Place {
    turns: Arc<Turns>,
    state: State,
}

#[derive(Debug)]
enum State {
    Nowhere,
    Waiting(Permit),
    /// Confirmed, and not sent yet.
    Granted(Permit),
    Sent(Permit),
}

impl Place {
    /// A place that nobody has taken yet.
    #[must_use]
    pub const fn new(turns: Arc<Turns>) -> Self {
        Self { turns, state: State::Nowhere }
    }

    /// Takes a permit that was confirmed by whoever hands out turns.
    pub fn grant(&mut self, permit: Permit) {
        self.leave();
        self.state = State::Granted(permit);
    }

    /// Makes room for the next one, if nothing was sent.
    pub fn leave(&mut self) {
        if let State::Waiting(permit) | State::Granted(permit) = self.take() {
            self.turns.pacer().release(permit);
        }
    }

    const fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Nowhere)
    }

    /// Asks to send a request of this class now, and keeps the place for as long as it may not.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to ask again.
    pub fn ask(&mut self, now: Timestamp, class: RequestClass) -> Result<(), Timestamp> {
        let (mut permit, is_granted) = match self.take() {
            State::Waiting(permit) if permit.class() == class => (permit, false),
            State::Granted(permit) if permit.class() == class => (permit, true),
            State::Waiting(other) | State::Granted(other) => {
                self.turns.pacer().release(other);
                (self.turns.pacer().reserve(now, class), false)
            }
            State::Nowhere | State::Sent(_) => (self.turns.pacer().reserve(now, class), false),
        };
        let mut pacer = self.turns.pacer();
        let answer = match is_granted {
            true => pacer.renew(now, &mut permit),
            false => pacer.confirm(now, &mut permit),
        };
        drop(pacer);
        self.state = if answer.is_ok() { State::Sent(permit) } else { State::Waiting(permit) };
        answer
    }

    /// Takes in the head of the answer to the request that was sent.
    pub fn handle_head<B>(&mut self, now: Timestamp, head: &Response<B>) {
        if let State::Sent(permit) = self.take() {
            self.turns.pacer().handle_head(now, permit, head);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
