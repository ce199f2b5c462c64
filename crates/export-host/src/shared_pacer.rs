//! The pacer of a client, and the permit of one request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_core::Timestamp;
use export_core::pacer::{Pacer, Permit, RequestClass};
use http::Response;

/// A pacer that all jobs of a client share.
#[derive(Debug)]
pub struct SharedPacer(Mutex<Pacer>);

impl SharedPacer {
    /// Shares a pacer.
    #[must_use]
    pub const fn new(pacer: Pacer) -> Self {
        Self(Mutex::new(pacer))
    }

    /// Locks the pacer. None of its methods blocks; hold the lock no longer than for a call of one.
    pub fn lock(&self) -> MutexGuard<'_, Pacer> {
        // The pacer is consistent between any two of its calls, and none of them panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
}

impl PacedRequest {
    /// A request without a permit.
    #[must_use]
    pub const fn new(pacer: Arc<SharedPacer>) -> Self {
        Self { pacer, permit: None }
    }

    /// Holds a permit that a batch has reserved, in place of the present one.
    pub fn hold(&mut self, permit: Option<Permit>) {
        self.release();
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
        if self.permit.as_ref().map(Permit::class) != class
            || self.permit.as_ref().is_some_and(Permit::is_confirmed)
        {
            self.release();
        }
        let Some(class) = class else { return Ok(()) };
        let mut pacer = self.pacer.lock();
        let permit = self.permit.get_or_insert_with(|| pacer.reserve(now, class));
        pacer.confirm(now, permit)
    }

    /// Passes on the head of the response to the request, if it had a permit.
    pub fn handle_head<B>(&mut self, now: Timestamp, head: &Response<B>) {
        if let Some(permit) = self.permit.take() {
            self.pacer.lock().handle_head(now, permit, head);
        }
    }

    /// Releases the permit, if there is one.
    pub fn release(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.pacer.lock().release(permit);
        }
    }
}

impl Drop for PacedRequest {
    fn drop(&mut self) {
        self.release();
    }
}
