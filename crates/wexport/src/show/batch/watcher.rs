//! Whoever watches a batch: the display, and the batch's log.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use export_hyper::{Counts, Event, Pacer, RequestClass, Timestamp};

use super::pace::Pace;
use crate::clock;
use crate::report::{Exit, Problem};
use crate::show::outlet::Outlet;
use crate::show::record::{BatchEnd, BatchStart, Failure, Happening, Tally, Totals};
use crate::show::sink::Display;
use crate::spec::What;
use crate::state::EventLog;

/// Totals are kept in the log no more often: of a night, a thousand lines.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// Passes what happens to any export of a batch to the display and to the log.
///
/// It counts those that are over, and keeps nothing of them.
pub(crate) struct BatchWatcher {
    inner: Mutex<Inner>,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
}

struct Inner {
    outlet: Outlet,
    began: Duration,
    exports: u64,
    over: Tally,
    pace: Pace,
    /// Files that are on their way, by the row; no more than there are transfers at once.
    moving: HashMap<u64, Moving>,
    totals: Option<Totals>,
    /// When totals were shown, and when they were kept.
    shown: Option<Duration>,
    kept: Duration,
}

/// A file that comes, or goes on into an object store.
#[derive(Clone, Copy, Debug, Default)]
struct Moving {
    is_uploading: bool,
    /// When it was shown how far it is.
    progressed: Option<Duration>,
}

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// By the calendar.
    pub(super) at: Timestamp,
    /// By a clock that only goes forward.
    pub(super) since: Duration,
}

/// A batch that is about to run.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    /// The file that lists the exports; `-` for standard input.
    pub(crate) source: String,
    /// How many it lists.
    pub(crate) exports: u64,
    /// Those that an earlier run has brought to their end, and that this one leaves alone.
    pub(crate) over: Tally,
    pub(crate) resumed: bool,
    pub(crate) api_version: String,
    pub(crate) base_url: String,
}

/// What those who run a batch know of it at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) to_submit: u64,
    pub(crate) open: u64,
    pub(crate) to_download: u64,
    pub(crate) under_way: u64,
    pub(crate) polls_per_second: Option<f64>,
    /// For how long the service wants to be left alone.
    pub(crate) held: Option<Duration>,
}

impl Gauges {
    /// Reads them off a batch and its pacer. Rows that the batch has not been given yet are added
    /// to `to_submit` by whoever holds them back.
    pub(crate) fn read(now: Timestamp, counts: Counts, pacer: &Pacer) -> Self {
        let classes = [RequestClass::Submit, RequestClass::Operation, RequestClass::Download];
        let held = classes.into_iter().filter_map(|class| pacer.held_until(now, class)).max();
        let polls = pacer.per_second(RequestClass::Operation);
        Self {
            to_submit: counts.to_submit as u64,
            open: counts.open as u64,
            to_download: counts.to_download as u64,
            under_way: counts.under_way as u64,
            // What was learnt is not known to more than that.
            polls_per_second: polls.map(|polls| (polls * 100.0).round() / 100.0),
            held: held.map(|until| until.since(now)),
        }
    }
}

impl BatchWatcher {
    pub(crate) fn new(display: Box<dyn Display>) -> Self {
        let began = Instant::now();
        Self::with_clock(display, move || Now { at: clock::now(), since: began.elapsed() })
    }

    pub(super) fn with_clock(
        display: Box<dyn Display>,
        clock: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Self {
        let began = clock().since;
        let inner = Inner {
            outlet: Outlet::new(display),
            began,
            exports: 0,
            over: Tally::default(),
            pace: Pace::default(),
            moving: HashMap::new(),
            totals: None,
            shown: None,
            kept: began,
        };
        Self { inner: Mutex::new(inner), clock: Box::new(clock) }
    }

    /// From now on, records are those of this batch and are kept in its log.
    pub(crate) fn attend(&self, batch: String, log: EventLog) {
        self.inner().outlet.attend(batch, log);
    }

    /// The batch begins, or goes on.
    pub(crate) fn begin(&self, beginning: Beginning) {
        let Beginning { source, exports, over, resumed, api_version, base_url } = beginning;
        let now = (self.clock)();
        let mut inner = self.inner();
        (inner.exports, inner.over) = (exports, over);
        (inner.began, inner.kept) = (now.since, now.since);
        let left = inner.left();
        let start = BatchStart { source, exports, over, left, resumed, api_version, base_url };
        inner.tell(now, Happening::BatchStarted(start));
    }

    /// Takes in an event of the library.
    pub(crate) fn event(&self, row: u64, event: &Event) {
        let Some((at, what)) = Happening::of(event) else { return };
        let mut inner = self.inner();
        let record = inner.outlet.record_of_row(at, row, what);
        inner.outlet.pass_on(&record);
    }

    /// Takes in how far a file is, that comes or goes on into an object store.
    pub(crate) fn progress(&self, row: u64, bytes: u64, length: Option<u64>) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let every = inner.outlet.progress_every();
        let moving = inner.moving.entry(row).or_default();
        if moving.progressed.is_some_and(|last| now.since < last.saturating_add(every)) {
            return;
        }
        moving.progressed = Some(now.since);
        let what = Happening::Progress { bytes, length };
        let record = inner.outlet.record_of_row(now.at, row, what);
        inner.outlet.show(&record);
    }

    /// Tells something of an export: that it began, or how it ended.
    pub(crate) fn tell_row(&self, row: u64, what: Happening) {
        let now = (self.clock)();
        let mut inner = self.inner();
        match &what {
            Happening::Uploading { .. } => {
                inner.moving.entry(row).or_default().is_uploading = true;
            }
            Happening::Done { .. } => {
                inner.over.done += 1;
                inner.pace.end(now.since);
            }
            // The service had no part in it: it says nothing of the pace.
            Happening::Skipped { .. } => inner.over.skipped += 1,
            Happening::Error(_) => {
                inner.over.failed += 1;
                inner.pace.end(now.since);
            }
            _ => {}
        }
        if let Happening::Done { .. }
        | Happening::Skipped { .. }
        | Happening::Interrupted { .. }
        | Happening::Error(_) = what
        {
            inner.moving.remove(&row);
        }
        let record = inner.outlet.record_of_row(now.at, row, what);
        inner.outlet.pass_on(&record);
    }

    /// An export ended without its file.
    pub(crate) fn failed_row(&self, row: u64, export: &What, problem: &Problem) {
        let failure = Failure { export: Some(export.clone()), ..problem.into() };
        self.tell_row(row, Happening::Error(Box::new(failure)));
    }

    /// Takes in how the batch stands. This is to be called several times a second, whether anything
    /// happened or not: it is shown as often as it should be.
    pub(crate) fn totals(&self, gauges: &Gauges) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let every = inner.outlet.progress_every();
        if inner.shown.is_some_and(|last| now.since < last.saturating_add(every)) {
            return;
        }
        let totals = inner.totals(now, gauges);
        if inner.totals.as_ref() == Some(&totals) {
            return;
        }
        inner.shown = Some(now.since);
        inner.totals = Some(totals.clone());
        let record = inner.outlet.record(now.at, Happening::Totals(totals));
        inner.outlet.show(&record);
        if now.since >= inner.kept.saturating_add(KEEP_EVERY) {
            inner.kept = now.since;
            inner.outlet.keep(&record);
        }
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.tell(Happening::Warning { message: message.into() });
    }

    /// Tells of an error that is that of the whole batch, where the display is for scripts; people
    /// read it at the end.
    pub(crate) fn failed(&self, problem: &Problem) {
        self.tell(Happening::Error(Box::new(problem.into())));
    }

    /// The run is over: with this, the program ends. `not_begun` is how many exports the service
    /// was never asked for.
    pub(crate) fn end(&self, not_begun: u64, exit: Exit) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let end = BatchEnd {
            exports: inner.exports,
            over: inner.over,
            left: inner.left(),
            not_begun,
            seconds: whole_millis(now.since.saturating_sub(inner.began)),
            exit_code: exit.code(),
        };
        inner.tell(now, Happening::BatchDone(end));
    }

    /// How many exports anything is kept of.
    #[cfg(test)]
    pub(super) fn rows_in_memory(&self) -> usize {
        self.inner().moving.len()
    }

    fn tell(&self, what: Happening) {
        self.inner().tell((self.clock)(), what);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Tells something of the batch.
    fn tell(&mut self, now: Now, what: Happening) {
        let record = self.outlet.record(now.at, what);
        self.outlet.pass_on(&record);
    }

    /// How many exports are not over.
    fn left(&self) -> u64 {
        self.exports.saturating_sub(self.over.over())
    }

    fn totals(&mut self, now: Now, gauges: &Gauges) -> Totals {
        let Gauges { to_submit, open, to_download, under_way, polls_per_second, held } = *gauges;
        let uploading = self.moving.values().filter(|moving| moving.is_uploading).count() as u64;
        self.pace.in_flight(open + to_download + uploading);
        let seconds_left = self.pace.left(now.since, self.left(), to_submit);
        Totals {
            exports: self.exports,
            over: self.over,
            to_submit,
            open,
            to_download,
            uploading,
            under_way,
            polls_per_second,
            held_seconds: held.map(whole_millis),
            held_until: held.map(|held| (now.at + held).to_string()),
            seconds_left: seconds_left.map(|left| left.as_secs_f64().round()),
        }
    }
}

/// Seconds, to the millisecond.
fn whole_millis(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

impl fmt::Debug for BatchWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchWatcher")
    }
}
