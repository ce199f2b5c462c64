//! Whoever watches one export: the display, and the job's log.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use export_hyper::Event;

use super::record::{Happening, Record};
use super::sink::Display;
use crate::clock;
use crate::report::Problem;
use crate::state::EventLog;
use crate::sunset;

/// Passes each event to the display and to the log.
pub(crate) struct Watcher(Mutex<Inner>);

struct Inner {
    display: Box<dyn Display>,
    job: Option<String>,
    log: Option<EventLog>,
    operation: Option<String>,
    /// The generation of the API, and whether its end was told.
    api_version: String,
    sunset_told: bool,
    progressed: Option<Instant>,
}

impl Watcher {
    pub(crate) fn new(display: Box<dyn Display>) -> Self {
        Self(Mutex::new(Inner {
            display,
            job: None,
            log: None,
            operation: None,
            api_version: String::new(),
            sunset_told: false,
            progressed: None,
        }))
    }

    /// From now on, events are those of this job and are kept in its log.
    pub(crate) fn attend(&self, job: String, log: EventLog) {
        let mut inner = self.inner();
        inner.job = Some(job);
        inner.log = Some(log);
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
        let warning = inner.sunset(&what);
        let record = Record::new(at, inner.job.clone(), what);
        inner.pass_on(&record);
        if let Some(message) = warning {
            let record = Record::new(at, inner.job.clone(), Happening::Warning { message });
            inner.pass_on(&record);
        }
    }

    /// Takes in how far a download is.
    pub(crate) fn progress(&self, bytes: u64, length: Option<u64>) {
        let mut inner = self.inner();
        let every = inner.display.progress_every();
        if inner.progressed.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        inner.progressed = Some(Instant::now());
        let what = Happening::Progress { bytes, length };
        let record = Record::new(clock::now(), inner.job.clone(), what);
        inner.display.show(&record);
    }

    /// Tells something of the program's own.
    pub(crate) fn tell(&self, what: Happening) {
        let mut inner = self.inner();
        if let Happening::Started { api_version, .. } = &what {
            inner.api_version.clone_from(api_version);
        }
        let record = Record::new(clock::now(), inner.job.clone(), what);
        inner.pass_on(&record);
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.tell(Happening::Warning { message: message.into() });
    }

    /// Tells of an error, where the display is for scripts; people read it at the end.
    pub(crate) fn failed(&self, problem: &Problem) {
        self.tell(Happening::Error(problem.into()));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The warning of an endpoint's end: one a run.
    fn sunset(&mut self, what: &Happening) -> Option<String> {
        let warning = match what {
            Happening::Sunset { endpoint, date, days_left, .. } => {
                sunset::warning(date, *days_left, endpoint, &self.api_version)?
            }
            Happening::Deprecated => sunset::DEPRECATED.into(),
            _ => return None,
        };
        let is_first = !std::mem::replace(&mut self.sunset_told, true);
        is_first.then_some(warning)
    }

    fn pass_on(&mut self, record: &Record) {
        self.display.show(record);
        if let Some(log) = &mut self.log {
            log.append(record);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
