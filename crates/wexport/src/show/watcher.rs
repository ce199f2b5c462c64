//! Whoever watches one export: the display, and the job's log.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use export_hyper::Event;

use super::outlet::Outlet;
use super::record::Happening;
use super::sink::Display;
use crate::clock;
use crate::report::Problem;
use crate::state::EventLog;

/// Passes each event to the display and to the log.
pub(crate) struct Watcher(Mutex<Inner>);

struct Inner {
    outlet: Outlet,
    operation: Option<String>,
    progressed: Option<Instant>,
}

impl Watcher {
    pub(crate) fn new(display: Box<dyn Display>) -> Self {
        let outlet = Outlet::new(display);
        Self(Mutex::new(Inner { outlet, operation: None, progressed: None }))
    }

    /// From now on, events are those of this job and are kept in its log.
    pub(crate) fn attend(&self, job: String, log: EventLog) {
        self.inner().outlet.attend(job, log);
    }

    /// The operation, once there is one.
    pub(crate) fn operation(&self) -> Option<String> {
        self.inner().operation.clone()
    }

    /// Takes in an event of the library.
    pub(crate) fn event(&self, event: &Event) {
        let Some((at, what)) = Happening::of(event) else { return };
        let mut inner = self.inner();
        if let Happening::Accepted { operation } = &what {
            inner.operation = Some(operation.clone());
        }
        let record = inner.outlet.record(at, what);
        inner.outlet.pass_on(&record);
    }

    /// Takes in how far a download is.
    pub(crate) fn progress(&self, bytes: u64, length: Option<u64>) {
        let mut inner = self.inner();
        let every = inner.outlet.progress_every();
        if inner.progressed.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        inner.progressed = Some(Instant::now());
        let record = inner.outlet.record(clock::now(), Happening::Progress { bytes, length });
        inner.outlet.show(&record);
    }

    /// Tells something of the program's own.
    pub(crate) fn tell(&self, what: Happening) {
        let mut inner = self.inner();
        let record = inner.outlet.record(clock::now(), what);
        inner.outlet.pass_on(&record);
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.tell(Happening::Warning { message: message.into() });
    }

    /// Tells of an error, where the display is for scripts; people read it at the end.
    pub(crate) fn failed(&self, problem: &Problem) {
        self.tell(Happening::Error(Box::new(problem.into())));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
