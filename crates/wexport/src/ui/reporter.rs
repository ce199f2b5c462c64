//! Reports what happens in a run, to the display and to the log.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use export_core::pacer::RequestClass;
use export_hyper::{Client, Counts, Event as JobEvent, Timestamp};

use super::batch::EtaEstimator;
use super::display::Display;
use super::live_line::{Clock, clock};
use super::print_error_event;
use super::recorder::EventRecorder;
use crate::event::{BatchEnd, BatchStart, EndCounts, Event, Failure, Totals};
use crate::problem::{Exit, Problem};
use crate::run_facts::RunFacts;
use crate::state::EventLog;
use crate::subject::Subject;

/// Passes the events of a run to the display and to the log.
///
/// It has two layouts: the events of a single export are those of the run; those of a batch name
/// their export, and are counted.
pub(crate) struct Reporter {
    inner: Mutex<Inner>,
    clock: Clock,
}

struct Inner {
    recorder: EventRecorder,
    /// The transfers in progress, by export.
    transfers: HashMap<u64, Transfer>,
    batch: Option<BatchProgress>,
}

/// A download or an upload.
#[derive(Clone, Copy, Debug, Default)]
struct Transfer {
    is_upload: bool,
    /// When its progress was last shown.
    shown: Option<Timestamp>,
}

/// The progress of a batch.
#[derive(Debug)]
struct BatchProgress {
    began: Timestamp,
    exports: u64,
    ended: EndCounts,
    eta: EtaEstimator,
    /// The last totals, and when they were shown and logged.
    totals: Option<Totals>,
    shown: Option<Timestamp>,
    logged: Timestamp,
}

/// How often the totals of a batch are logged.
const LOG_TOTALS_INTERVAL: Duration = Duration::from_secs(30);

/// The state of a batch at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchGauges {
    pub(crate) to_submit: u64,
    pub(crate) open: u64,
    pub(crate) to_download: u64,
    pub(crate) under_way: u64,
    pub(crate) polls_per_second: Option<f64>,
    /// How long requests are held back after a 429.
    pub(crate) held: Option<Duration>,
}

impl BatchGauges {
    pub(crate) fn new(counts: Counts, client: &Client) -> Self {
        let polls = client.pacer().per_second(RequestClass::Operation);
        Self {
            to_submit: counts.to_submit as u64,
            open: counts.open as u64,
            to_download: counts.to_download as u64,
            under_way: counts.under_way as u64,
            // Hundredths: a rate that was learned is not more precise.
            polls_per_second: polls.map(|polls| (polls * 100.0).round() / 100.0),
            held: client.held_for(),
        }
    }
}

impl Reporter {
    /// A reporter of a single export.
    pub(crate) fn single(display: Box<dyn Display>) -> Self {
        Self::with_clock(display, false, clock())
    }

    /// A reporter of a batch.
    pub(crate) fn batch(display: Box<dyn Display>) -> Self {
        Self::with_clock(display, true, clock())
    }

    pub(super) fn with_clock(display: Box<dyn Display>, is_batch: bool, clock: Clock) -> Self {
        let recorder = EventRecorder::new(display, is_batch);
        let batch = is_batch.then(|| BatchProgress::new(clock()));
        let inner = Inner { recorder, transfers: HashMap::new(), batch };
        Self { inner: Mutex::new(inner), clock }
    }

    /// Names the run in all events from now on, and writes them to its log.
    pub(crate) fn attach(&self, run: Option<&str>, log: Option<EventLog>) {
        self.inner().recorder.attach(run.map(String::from), log);
    }

    /// Reports the start of a batch.
    pub(crate) fn batch_started(&self, start: BatchStart) {
        let now = (self.clock)();
        let mut inner = self.inner();
        if let Some(batch) = &mut inner.batch {
            *batch = BatchProgress::new(now);
            (batch.exports, batch.ended) = (start.exports, start.ended);
        }
        inner.report(now, None, Event::BatchStarted(start));
    }

    /// Sets how many exports of a batch have ended, also by other processes.
    pub(crate) fn set_ended(&self, ended: EndCounts) {
        if let Some(batch) = &mut self.inner().batch {
            batch.ended = ended;
        }
    }

    /// Reports an event of the job of an export.
    pub(crate) fn job_event(&self, export: u64, event: &JobEvent) {
        let Some((at, event)) = Event::from_job(event) else { return };
        let mut inner = self.inner();
        let record = inner.recorder.record(at, Some(export), event);
        inner.recorder.pass(&record);
    }

    /// Reports the progress of a download or an upload.
    pub(crate) fn progress(&self, export: u64, bytes: u64, length: Option<u64>) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let interval = inner.recorder.progress_interval();
        let transfer = inner.transfers.entry(export).or_default();
        if transfer.shown.is_some_and(|last| now < last + interval) {
            return;
        }
        transfer.shown = Some(now);
        let event = Event::Progress { bytes, length };
        let record = inner.recorder.record(now, Some(export), event);
        inner.recorder.show(&record);
    }

    /// Reports an event of an export.
    pub(crate) fn export_event(&self, export: u64, event: Event) {
        let now = (self.clock)();
        let mut inner = self.inner();
        inner.count(now, export, &event);
        inner.report(now, Some(export), event);
    }

    /// Reports that an export failed.
    pub(crate) fn export_failed(&self, export: u64, subject: &Subject, problem: &Problem) {
        let named = self.inner().batch.is_some().then(|| subject.clone());
        let failure = Failure { subject: named, ..problem.into() };
        self.export_event(export, Event::Error(Box::new(failure)));
    }

    /// Reports an event of the run.
    pub(crate) fn event(&self, event: Event) {
        self.inner().report((self.clock)(), None, event);
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.event(Event::Warning { message: message.into() });
    }

    /// Reports that the run failed. Displays for people leave this to the command, which prints
    /// the problem last.
    pub(crate) fn failed(&self, problem: &Problem) {
        self.event(Event::Error(Box::new(problem.into())));
    }

    /// Reports the state of a batch. It is called several times a second, and shows the state as
    /// often as the display wants it.
    pub(crate) fn totals(&self, gauges: &BatchGauges) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let Inner { recorder, transfers, batch: Some(batch) } = &mut *inner else { return };
        let interval = recorder.progress_interval();
        if batch.shown.is_some_and(|last| now < last + interval) {
            return;
        }
        let uploading = transfers.values().filter(|transfer| transfer.is_upload).count() as u64;
        let totals = batch.totals(now, uploading, gauges);
        if batch.totals.as_ref() == Some(&totals) {
            return;
        }
        batch.shown = Some(now);
        batch.totals = Some(totals.clone());
        let record = recorder.record(now, None, Event::Totals(totals));
        recorder.show(&record);
        if now >= batch.logged + LOG_TOTALS_INTERVAL {
            batch.logged = now;
            recorder.log(&record);
        }
    }

    /// Reports the end of a batch. Nothing was sent for `not_started` of its exports.
    pub(crate) fn batch_done(&self, not_started: u64, exit: Exit) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let Some(batch) = &inner.batch else { return };
        let end = BatchEnd {
            exports: batch.exports,
            ended: batch.ended,
            left: batch.left(),
            not_started,
            seconds: seconds(now.since(batch.began)),
            exit_code: exit.code(),
        };
        inner.report(now, None, Event::BatchDone(end));
    }

    /// Remembers the problem of the run, which the command prints.
    pub(crate) fn keep_problem(&self, problem: &Problem) {
        self.inner().recorder.facts().problem = Some(problem.clone());
    }

    /// The facts of the run so far.
    pub(crate) fn facts(&self) -> RunFacts {
        self.inner().recorder.facts().clone()
    }

    /// Prints to standard error why the events that a program reads are not complete, if they are
    /// not. Returns the exit code of a command that would otherwise have this one.
    pub(crate) fn exit_code(&self, exit: Exit) -> Exit {
        let Some(problem) = self.inner().recorder.failure().cloned() else { return exit };
        print_error_event(&problem, true);
        if exit == Exit::Done { problem.exit } else { exit }
    }

    /// The number of exports of which something is kept in memory.
    #[cfg(test)]
    pub(super) fn transfers(&self) -> usize {
        self.inner().transfers.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn report(&mut self, now: Timestamp, export: Option<u64>, event: Event) {
        let record = self.recorder.record(now, export, event);
        self.recorder.pass(&record);
    }

    /// Counts an event of an export.
    fn count(&mut self, now: Timestamp, export: u64, event: &Event) {
        match event {
            Event::Uploading { .. } => {
                self.transfers.entry(export).or_default().is_upload = true;
            }
            Event::Done { .. }
            | Event::Skipped { .. }
            | Event::Interrupted { .. }
            | Event::Error(_) => {
                self.transfers.remove(&export);
            }
            _ => {}
        }
        let Some(batch) = &mut self.batch else { return };
        match event {
            Event::Done { .. } => {
                batch.ended.done += 1;
                batch.eta.end(now);
            }
            // The service does nothing for a skipped export: it does not count for the rate.
            Event::Skipped { .. } => batch.ended.skipped += 1,
            Event::Error(_) => {
                batch.ended.failed += 1;
                batch.eta.end(now);
            }
            _ => {}
        }
    }
}

impl BatchProgress {
    fn new(now: Timestamp) -> Self {
        Self {
            began: now,
            exports: 0,
            ended: EndCounts::default(),
            eta: EtaEstimator::default(),
            totals: None,
            shown: None,
            logged: now,
        }
    }

    /// The number of exports that have not ended.
    fn left(&self) -> u64 {
        self.exports.saturating_sub(self.ended.total())
    }

    fn totals(&mut self, now: Timestamp, uploading: u64, gauges: &BatchGauges) -> Totals {
        let BatchGauges { to_submit, open, to_download, under_way, polls_per_second, held } =
            *gauges;
        self.eta.in_flight(open + to_download + uploading);
        let seconds_left = self.eta.left(now, self.left(), to_submit);
        Totals {
            exports: self.exports,
            ended: self.ended,
            to_submit,
            open,
            to_download,
            uploading,
            under_way,
            polls_per_second,
            throttled_seconds: held.map(seconds),
            throttled_until: held.map(|held| (now + held).to_string()),
            seconds_left: seconds_left.map(|left| left.as_secs_f64().round()),
        }
    }
}

/// Seconds, in whole milliseconds.
fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}
