//! What a layer of a transport may know about a request.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;

use crate::origins::Access;
use crate::phase::Phase;

/// What a request is for, and whether it may be sent twice. A driver whose transport has layers puts
/// it into the [`Extensions`] of each request of a job.
///
/// A layer below the job must not retry: the job does that by its own rules, and counts what it
/// sends. A layer that retries nevertheless must leave requests alone that
/// [are not repeatable](Self::is_repeatable).
///
/// ```
/// use export_core::driver::RequestInfo;
/// use http::Request;
///
/// fn may_retry<B>(request: &Request<B>) -> bool {
///     RequestInfo::of(request.extensions()).is_none_or(RequestInfo::is_repeatable)
/// }
/// assert!(may_retry(&Request::new(())), "not a request of a job");
/// ```
#[derive(Clone, Debug)]
pub struct RequestInfo {
    phase: Phase,
    access: Access,
    wants_fresh_connection: bool,
    /// Whether it was sent, for a request that must not be sent twice. Clones share it.
    sent: Option<Arc<AtomicBool>>,
}

impl RequestInfo {
    pub(super) fn new(phase: Phase, access: Access, is_repeatable: bool) -> Self {
        let sent = (!is_repeatable).then(Arc::default);
        let wants_fresh_connection = !is_repeatable;
        Self { phase, access, wants_fresh_connection, sent }
    }

    /// The information in these extensions; `None` if the request is not one of a job.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// What the request is for.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the request has the job's credentials. Add headers that identify the caller to no
    /// other.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// See [`Transmit::wants_fresh_connection`](super::Transmit::wants_fresh_connection).
    #[must_use]
    pub const fn wants_fresh_connection(&self) -> bool {
        self.wants_fresh_connection
    }

    /// Whether it does no harm if the server gets this request twice.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        self.sent.is_none()
    }

    /// To be called by what writes the request to a connection. Returns `false` if the request must
    /// not be sent, because it or a clone of it was sent before.
    #[must_use]
    pub fn mark_sent(&self) -> bool {
        self.sent.as_ref().is_none_or(|sent| !sent.swap(true, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clone_of_a_submit_with_a_side_effect_is_not_sent() {
        let first = RequestInfo::new(Phase::Submit, Access::Trusted, false);
        let again = first.clone();
        assert!(first.mark_sent() && !again.mark_sent() && !first.mark_sent());
    }

    #[test]
    fn repeatable_request_may_be_sent_again() {
        let poll = RequestInfo::new(Phase::Poll, Access::Trusted, true);
        assert!(poll.mark_sent() && poll.clone().mark_sent());
    }
}
