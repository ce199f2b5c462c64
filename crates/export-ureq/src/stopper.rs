//! Ending a job from another thread.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Stops exports, from another thread or from a signal's.
///
/// A job that waits ends at once, and so does one that reads from a socket. One that looks up a
/// name, connects, or is asking for a token on behalf of all ends within
/// [`Limits::attempt`](export_core::Limits). Whatever the service does goes on: it knows no way to
/// cancel an export.
///
/// ```
/// use export_ureq::Stopper;
///
/// let stopper = Stopper::new();
/// let from_elsewhere = stopper.clone();
/// // client.export(spec).with_stopper(&stopper).to_file("report.pdf")
/// from_elsewhere.stop();
/// assert!(stopper.is_stopped());
/// ```
#[derive(Clone, Default)]
pub struct Stopper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    alarms: Vec<(u64, Alarm)>,
    last: u64,
    children: Vec<Weak<Shared>>,
}

/// Gets a job out of whatever it is in.
type Alarm = Box<dyn FnOnce() + Send>;

impl Stopper {
    /// One that has stopped nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops every job that has this stopper, and those that get it later.
    pub fn stop(&self) {
        let (alarms, children) = {
            let mut state = self.state();
            state.stopped = true;
            (mem::take(&mut state.alarms), mem::take(&mut state.children))
        };
        self.0.changed.notify_all();
        for (_, alarm) in alarms {
            alarm();
        }
        for child in children.iter().filter_map(Weak::upgrade) {
            Self(child).stop();
        }
    }

    /// One that is stopped with this one, and can be stopped alone.
    pub(crate) fn child(&self) -> Self {
        let child = Self::new();
        self.adopt(&child);
        child
    }

    /// From now on, the other one is stopped with this one.
    pub(crate) fn adopt(&self, child: &Self) {
        let mut state = self.state();
        if state.stopped {
            drop(state);
            return child.stop();
        }
        state.children.retain(|child| child.strong_count() > 0);
        state.children.push(Arc::downgrade(&child.0));
    }

    /// Whether it has.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Waits until then, or until it is stopped.
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

    /// Has `alarm` called when it is stopped, or now if it is, for as long as the guard lives.
    pub(crate) fn guard(&self, alarm: impl FnOnce() + Send + 'static) -> Guard<'_> {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        if state.stopped {
            drop(state);
            alarm();
        } else {
            state.alarms.push((number, Box::new(alarm)));
        }
        Guard { stopper: self, number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").field("stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

/// While it lives, the alarm is set.
pub(crate) struct Guard<'a> {
    stopper: &'a Stopper,
    number: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.stopper.state().alarms.retain(|(number, _)| *number != self.number);
    }
}
