//! Stops jobs from another thread.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Stops exports from another thread, such as a signal handler's.
///
/// A job that waits or reads from a socket stops at once. One that resolves a name, connects, or
/// requests a token for all jobs stops within [`Limits::request_timeout`](export_core::Limits). The export
/// continues at the service, which has no way to cancel one.
///
/// ```
/// use export_ureq::Stopper;
///
/// let stopper = Stopper::new();
/// let clone = stopper.clone();
/// // client.export(spec).with_stopper(&stopper).to_file("report.pdf")
/// clone.stop();
/// assert!(stopper.is_stopped());
/// ```
#[derive(Clone, Default)]
pub struct Stopper(Arc<StopperInner>);

#[derive(Default)]
struct StopperInner {
    state: Mutex<StopperState>,
    changed: Condvar,
}

#[derive(Default)]
struct StopperState {
    stopped: bool,
    /// Called on a stop, by number.
    callbacks: Vec<(u64, Callback)>,
    last_number: u64,
    children: Vec<Weak<StopperInner>>,
}

/// Interrupts what a job is doing.
type Callback = Box<dyn FnOnce() + Send>;

impl Stopper {
    /// A new stopper.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops all jobs that have this stopper, now or later.
    pub fn stop(&self) {
        let (callbacks, children) = {
            let mut state = self.state();
            state.stopped = true;
            (mem::take(&mut state.callbacks), mem::take(&mut state.children))
        };
        self.0.changed.notify_all();
        for (_, callback) in callbacks {
            callback();
        }
        for child in children.iter().filter_map(Weak::upgrade) {
            Self(child).stop();
        }
    }

    /// A stopper that is stopped with this one, and can also be stopped alone.
    pub(crate) fn child(&self) -> Self {
        let child = Self::new();
        self.add_child(&child);
        child
    }

    /// Stops `child` when this one is stopped.
    pub(crate) fn add_child(&self, child: &Self) {
        let mut state = self.state();
        if state.stopped {
            drop(state);
            return child.stop();
        }
        state.children.retain(|child| child.strong_count() > 0);
        state.children.push(Arc::downgrade(&child.0));
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Sleeps until a time, or until a stop.
    pub(crate) fn sleep_until(&self, until: Instant) {
        let mut state = self.state();
        while !state.stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Calls `callback` on a stop, until the guard is dropped; at once, if it is stopped already.
    pub(crate) fn on_stop(&self, callback: impl FnOnce() + Send + 'static) -> CallbackGuard<'_> {
        let mut state = self.state();
        state.last_number += 1;
        let number = state.last_number;
        if state.stopped {
            drop(state);
            callback();
        } else {
            state.callbacks.push((number, Box::new(callback)));
        }
        CallbackGuard { stopper: self, number }
    }

    fn state(&self) -> MutexGuard<'_, StopperState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").field("stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

/// Removes a callback on drop.
pub(crate) struct CallbackGuard<'a> {
    stopper: &'a Stopper,
    number: u64,
}

impl Drop for CallbackGuard<'_> {
    fn drop(&mut self) {
        self.stopper.state().callbacks.retain(|(number, _)| *number != self.number);
    }
}
