//! Drives the exports of a run.

mod shared;

use std::collections::BTreeMap;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use export_hyper::{BatchLimits, Exports};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, interval};

use self::shared::Shared;
use super::close::Closed;
use super::context::RunContext;
use super::recording_sink::RecordingSink;
use super::results::Results;
use crate::clock;
use crate::event::{BatchStart, EndCounts, Event};
use crate::explain::explain;
use crate::output::Expected;
use crate::problem::{Exit, Problem};
use crate::signals;
use crate::state::{HEARTBEAT, Items, Later, Row, RowEnd, RowStatus, RunEnd, RunStore};
use crate::text::redact;
use crate::ui::BatchGauges;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    /// The end of a single export.
    pub(crate) end: Option<RowEnd>,
    /// Why the run ended without all of its files. Displays have shown it, but for its advice.
    pub(crate) problem: Option<Problem>,
}

/// The exports of a run that have not ended.
pub(super) struct Runner {
    context: Arc<RunContext>,
    exports: Exports<RecordingSink>,
    /// The exports whose job has ended, until their end is recorded.
    closing: FuturesUnordered<Closing>,
    is_resumed: bool,
    /// The later exports with the destinations of those that are left.
    later: BTreeMap<u64, Later>,
    /// The exports that are not begun, and not added yet: a batch may have a million.
    queued: Queued,
    /// What is taken of a run that workers share.
    shared: Shared,
    /// Why no more exports are submitted, if a failure affects all of them.
    halted: Option<Exit>,
    /// Why an end of an export could not be recorded.
    unrecorded: Option<Problem>,
    /// The end of the last export, and its problem: all there is to say of a single one.
    last: (Option<RowEnd>, Option<Problem>),
}

#[derive(Debug)]
struct Queued {
    /// The number of the last one that was added.
    after: u64,
    left: u64,
    /// How many of them wait for their submit at least: as many as were added at once.
    ahead: usize,
}

/// The most exports that are added at once, and the length of their requests in **bytes** from which they are.
const PAGE: usize = 1_000;
const PAGE_BYTES: usize = 16 * 1_048_576;

type Closing = Pin<Box<dyn Future<Output = Result<Closed, Problem>> + Send>>;

/// The number of exports that may be closing. No other export is driven beyond it.
const MAX_CLOSING: usize = 16;

/// How often the reporter gets the state of a batch.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

impl Runner {
    /// A new run.
    pub(super) fn new(context: Arc<RunContext>) -> Result<Self, Problem> {
        Self::with(context, None)
    }

    /// A run that is resumed, without the exports that have a later one.
    pub(super) fn resume(
        context: Arc<RunContext>,
        later: BTreeMap<u64, Later>,
    ) -> Result<Self, Problem> {
        Self::with(context, Some(later))
    }

    fn with(
        context: Arc<RunContext>,
        later: Option<BTreeMap<u64, Later>>,
    ) -> Result<Self, Problem> {
        let limits = BatchLimits::default();
        let open = context.description.options.max_in_flight.unwrap_or(limits.max_open);
        let (limits, opener) = (limits.with_max_open(open), Arc::clone(&context));
        let exports =
            context.client.exports(limits, move |number| Arc::clone(&opener).open(number));
        let closing = FuturesUnordered::new();
        let is_shared = context.store.is_shared();
        let left = if is_shared { 0 } else { context.store.totals()?.waiting };
        let queued = Queued { after: 0, left, ahead: PAGE };
        let shared = Shared::new(is_shared);
        let (halted, unrecorded, last) = (None, None, (None, None));
        let (is_resumed, later) = (later.is_some(), later.unwrap_or_default());
        Ok(Self {
            context,
            exports,
            closing,
            is_resumed,
            later,
            queued,
            shared,
            halted,
            unrecorded,
            last,
        })
    }

    /// Runs all exports to their end, or until the program is stopped.
    pub(super) async fn run(mut self) -> Result<RunOutcome, Problem> {
        self.report_start()?;
        match signals::interruptible(self.drive()).await {
            Ok(Ok(())) => self.finish(None),
            Err(signal) => {
                self.stop().await;
                self.finish(Some(signal))
            }
            Ok(Err(problem)) => {
                self.stop().await;
                // The process that has taken over records the end, or the other workers.
                let store = &self.context.store;
                if store.lost().is_none() && !store.is_shared() {
                    self.record_end(problem.exit, problem.message.clone())?;
                }
                Err(problem)
            }
        }
    }

    fn report_start(&self) -> Result<(), Problem> {
        let RunContext { store, reporter, description, .. } = &*self.context;
        let log = store.open_log().map_err(|error| {
            Problem::local(format!("cannot open the log of {}", store.id().unwrap_or("-")), &error)
        })?;
        reporter.attach(store.id(), log);
        let (api_version, base_url) =
            (description.api_version.clone(), description.base_url.clone());
        let resumed = self.is_resumed;
        let Some(source) = description.source.clone() else {
            let subject = store.row(1)?.subject;
            reporter.event(Event::Started { subject, api_version, base_url, resumed });
            return Ok(());
        };
        let totals = store.totals()?;
        let mut ended = EndCounts::from(&totals);
        let (exports, mut left) = (totals.all(), totals.open + totals.waiting);
        if !resumed {
            // Those whose file exists are reported below.
            left += ended.skipped;
            ended.skipped = 0;
        }
        reporter.batch_started(BatchStart {
            source,
            exports,
            ended,
            left,
            resumed,
            api_version,
            base_url,
        });
        // Among a million exports, they are not looked for in vain.
        let skipped = (!resumed && totals.skipped > 0).then(|| store.results());
        for result in skipped.into_iter().flatten() {
            let result = result?;
            if let RowEnd::Skipped { file } = result.end {
                reporter.export_event(result.row, Event::Skipped { file });
            }
        }
        Ok(())
    }

    async fn drive(&mut self) -> Result<(), Problem> {
        let is_shared = self.context.store.is_shared();
        let mut opened = 0;
        while !is_shared && let Some(last) = self.add_page(RowStatus::Open, opened).await? {
            opened = last;
        }
        let mut tick = interval(REPORT_INTERVAL);
        let mut beat_at = None::<Instant>;
        let mut all_ended = false;
        while !(all_ended && self.closing.is_empty() && !self.shared.goes_on()) {
            if self.context.store.is_short_of_space() {
                self.stop_submits(Exit::Local, "the disk of the state is full");
            }
            if is_shared {
                self.look_for_exports().await?;
            } else {
                self.add_queued().await?;
            }
            let may_continue = !all_ended && self.closing.len() < MAX_CLOSING;
            tokio::select! {
                biased;
                Some(closed) = self.closing.next() => self.on_closed(closed?),
                Some(look) = self.shared.taken() => all_ended &= !self.add_taken(look?).await?,
                finished = self.exports.next(), if may_continue => match finished {
                    Some(finished) => {
                        let context = Arc::clone(&self.context);
                        self.closing.push(Box::pin(context.close(finished)));
                    }
                    None => all_ended = true,
                },
                _ = tick.tick() => {
                    self.report_totals();
                    if let Some(lost) = self.context.store.lost() {
                        return Err(lost);
                    }
                    if beat_at.is_none_or(|beat| beat.elapsed() >= HEARTBEAT) {
                        beat_at = Some(Instant::now());
                        self.context.store.beat();
                    }
                }
            }
        }
        self.report_totals();
        Ok(())
    }

    /// Adds exports that are not begun, unless enough of them wait for their submit.
    async fn add_queued(&mut self) -> Result<(), Problem> {
        while self.queued.left > 0 && self.exports.counts().to_submit < self.queued.ahead {
            match self.add_page(RowStatus::Waiting, self.queued.after).await? {
                Some(last) => self.queued.after = last,
                None => self.queued.left = 0,
            }
        }
        Ok(())
    }

    /// Adds the next exports with this status. Returns the number of the last one.
    async fn add_page(&mut self, status: RowStatus, after: u64) -> Result<Option<u64>, Problem> {
        let context = Arc::clone(&self.context);
        let page = context.with_store(move |store| first_page(store.rows(status, after))).await?;
        let last = page.last().map(|row| row.number);
        if status == RowStatus::Waiting {
            self.queued.left = self.queued.left.saturating_sub(page.len() as u64);
            self.queued.ahead = page.len();
        }
        self.add_rows(page).await?;
        Ok(last)
    }

    async fn add_rows(&mut self, rows: Vec<Row>) -> Result<(), Problem> {
        let context = Arc::clone(&self.context);
        for row in rows {
            // The destinations of a new run were checked before it was stored.
            if self.is_resumed {
                let is_open = row.status == RowStatus::Open;
                if is_open && self.resume_placed(&row).await? {
                    continue;
                }
                if let Some(later) = self.later.remove(&row.number) {
                    let closed = context.leave(row, later).await;
                    self.on_closed(closed);
                    continue;
                }
                #[cfg(feature = "store")]
                if is_open && self.resume_upload(&row).await? {
                    continue;
                }
                let RunContext { outputs, .. } = &*context;
                let expected = Expected::of(&row.destination, &row.checkpoint);
                let checked = outputs.check(row.number, &row.destination, &row.subject, &expected);
                match checked.await {
                    Ok(None) => {}
                    Ok(Some(file)) => {
                        let closed = context.skip(row, file).await;
                        self.on_closed(closed);
                        continue;
                    }
                    Err(problem) => {
                        let closed = context.fail(row, problem, false).await;
                        self.on_closed(closed);
                        continue;
                    }
                }
            }
            self.add(row).await?;
        }
        Ok(())
    }

    async fn add(&mut self, row: Row) -> Result<(), Problem> {
        let context = &self.context;
        let number = row.number;
        let (events, progress) = (Arc::clone(&context.reporter), Arc::clone(&context.reporter));
        let export = context
            .client
            .resume(row.checkpoint.clone())
            .with_key(context.key(number))
            .on_event(move |event| events.job_event(number, event))
            .on_progress(move |bytes, length| progress.progress(number, bytes, length));
        if let Err(error) = self.exports.add(number, export) {
            let problem = explain(&error, &context.explain_context(&row, None));
            let closed = context.fail(row, problem, false).await;
            self.on_closed(closed);
        }
        Ok(())
    }

    /// Concludes an export whose file a killed run has put in place; false if there is none.
    async fn resume_placed(&self, row: &Row) -> Result<bool, Problem> {
        let number = row.number;
        let find = move |store: &dyn RunStore| {
            let placement = store.load_placement(number)?;
            Ok(placement.and_then(|placement| Some((placement.find()?, placement.receipt))))
        };
        let Some((file, receipt)) = self.context.with_store(find).await? else { return Ok(false) };
        let (context, row) = (Arc::clone(&self.context), row.clone());
        self.closing.push(Box::pin(async move {
            let shown = file.display().to_string();
            Ok(context.deliver_file(row, shown, Some(file), receipt).await)
        }));
        Ok(true)
    }

    /// Resumes the upload of an export whose file is complete; false if there is none.
    #[cfg(feature = "store")]
    async fn resume_upload(&self, row: &Row) -> Result<bool, Problem> {
        let fail = |error| Problem::local("cannot read the state of an upload", &error);
        let number = row.number;
        let load = move |store: &dyn RunStore| {
            let dir = store.upload_dir(number).map_err(fail)?;
            Ok(dir.load().map_err(fail)?.map(|pending| (dir, pending)))
        };
        let Some((dir, pending)) = self.context.with_store(load).await? else { return Ok(false) };
        let (context, row) = (Arc::clone(&self.context), row.clone());
        self.closing.push(Box::pin(async move {
            let outputs = &context.outputs;
            let Row { number, destination, subject, .. } = &row;
            let upload = outputs.resume_upload(*number, destination, subject, dir, pending).await;
            match upload {
                Ok(upload) => Ok(context.upload(row, upload).await),
                Err(problem) => Ok(context.fail(row, problem, false).await),
            }
        }));
        Ok(true)
    }

    /// Decides what a closed export means for the others.
    fn on_closed(&mut self, closed: Closed) {
        match closed {
            Closed::Ended(end) => self.last = (Some(end), None),
            Closed::Failed { problem, is_systemic } => {
                let exit = problem.exit;
                self.last = (None, Some(problem));
                if is_systemic {
                    self.halt(exit);
                }
            }
            Closed::Unrecorded(problem, closed) => {
                // The file of a single export is complete or not, whatever its record says. A
                // batch that cannot record what it has done must not submit more.
                if self.context.store.is_batch() {
                    self.unrecorded.get_or_insert(problem);
                    self.stop_submits(Exit::Local, "the state cannot be written");
                } else {
                    self.context.reporter.warn(problem.message);
                }
                self.on_closed(*closed);
            }
            #[cfg(feature = "store")]
            Closed::Stopped => {}
        }
    }

    /// Submits no more exports after a failure that affects all of them.
    fn halt(&mut self, exit: Exit) {
        if self.context.description.options.keep_going || self.halted.is_some() {
            return;
        }
        let withdrawn = self.withdraw(exit);
        if withdrawn > 0 {
            self.context.reporter.warn(format!(
                "the other exports would fail in the same way: {withdrawn} are not submitted \
                 (--keep-going submits them)"
            ));
        }
    }

    /// Submits no more exports, since what the service accepts could not be recorded.
    fn stop_submits(&mut self, exit: Exit, reason: &str) {
        if self.halted.is_none() {
            let withdrawn = self.withdraw(exit);
            self.context.reporter.warn(format!("{reason}: {withdrawn} exports are not submitted"));
        }
    }

    fn withdraw(&mut self, exit: Exit) -> u64 {
        self.halted = Some(exit);
        let withdrawn = self.exports.withdraw();
        let count = withdrawn.len() as u64 + take(&mut self.queued.left);
        self.shared.withdrawn.extend(withdrawn);
        count
    }

    fn report_totals(&self) {
        let mut gauges = BatchGauges::new(self.exports.counts(), &self.context.client);
        gauges.to_submit += self.queued.left;
        self.context.reporter.totals(&gauges);
    }

    /// Stops all exports but for uploads, which are aborted. A second signal ends that too.
    async fn stop(&mut self) {
        self.context.is_stopped.send_replace(true);
        let closing = &mut self.closing;
        let closed = async { while closing.next().await.is_some() {} };
        let _ = signals::interruptible(closed).await;
    }

    /// Records and reports the end of the run.
    fn finish(self, signal: Option<Exit>) -> Result<RunOutcome, Problem> {
        let store = &self.context.store;
        if store.is_shared() {
            self.finish_shared(signal)
        } else if store.is_batch() {
            self.finish_batch(signal)
        } else {
            self.finish_single(signal)
        }
    }

    fn finish_batch(self, signal: Option<Exit>) -> Result<RunOutcome, Problem> {
        let RunContext { store, reporter, .. } = &*self.context;
        let totals = store.totals()?;
        let is_complete = totals.failed + totals.open + totals.waiting == 0;
        let unwritten = self.context.results.as_ref().and_then(Results::failure);
        let exit = match &unwritten {
            _ if !is_complete => Exit::SomeFailed,
            Some(problem) => problem.exit,
            None => Exit::Done,
        };
        let exit = signal.or(self.halted).unwrap_or(exit);
        let resume = self.context.resume_command().unwrap_or_default();
        let unwritten =
            unwritten.map(|problem| problem.advise(format!("to write them again: {resume}")));
        match &unwritten {
            Some(problem) if is_complete => reporter.failed(problem),
            Some(problem) => reporter.warn(problem.message.clone()),
            None => {}
        }
        let text = format!("{} of {} done", totals.done + totals.skipped, totals.all());
        let recorded = self.record_end(exit, text);
        if let Some(problem) = self.unrecorded {
            return Err(problem);
        }
        recorded?;
        let problem = unwritten
            .filter(|_| is_complete)
            .or_else(|| incomplete_batch(exit, store.id().unwrap_or_default(), &resume));
        Ok(RunOutcome { end: None, problem })
    }

    fn finish_single(mut self, signal: Option<Exit>) -> Result<RunOutcome, Problem> {
        let reporter = &self.context.reporter;
        let (end, mut problem) = take(&mut self.last);
        // It may have ended before the signal.
        if let (Some(signal), None, None) = (signal, &end, &problem) {
            reporter.event(Event::Interrupted { exit_code: signal.code() });
            let stopped = self.stopped(signal)?;
            reporter.failed(&stopped);
            if let Err(problem) = self.record_end(signal, stopped.message.clone()) {
                reporter.warn(problem.message);
            }
            problem = Some(stopped);
        }
        Ok(RunOutcome { end, problem })
    }

    fn record_end(&self, exit: Exit, text: String) -> Result<(), Problem> {
        let RunContext { store, reporter, .. } = &*self.context;
        let recorded =
            store.finish(RunEnd { at: clock::now(), exit_code: exit.code(), text, outcome: None });
        reporter.batch_done(store.totals()?.waiting, exit);
        recorded
    }

    /// The problem of a single export that was stopped.
    fn stopped(&self, signal: Exit) -> Result<Problem, Problem> {
        let store = &self.context.store;
        let checkpoint = store.row(1)?.checkpoint;
        let operation = checkpoint.operation().map(redact);
        let mut problem = Problem::new(signal, stopped_by(signal));
        problem.retry = Some(match (self.context.resume_command(), &operation) {
            (Some(resume), _) => format!("yes: {resume}"),
            (None, Some(operation)) => format!("yes: wexport fetch {operation}"),
            (None, None) if checkpoint.submits() > 0 => {
                "yes, after a check in Workiva: the service may have accepted the export".into()
            }
            (None, None) => "yes: the service had not accepted the export".into(),
        });
        problem.facts.operation = operation;
        Ok(problem)
    }
}

/// The next rows to add.
fn first_page(rows: Items<'_, Row>) -> Result<Vec<Row>, Problem> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let row = row?;
        bytes += row.checkpoint.spec().len();
        page.push(row);
        if page.len() == PAGE || bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

/// The problem of a batch that does not have all of its files.
pub(super) fn incomplete_batch(exit: Exit, id: &str, resume: &str) -> Option<Problem> {
    let what = match exit {
        Exit::Done => return None,
        Exit::Interrupted | Exit::Terminated => stopped_by(exit),
        Exit::SomeFailed => "some exports failed",
        _ => "the batch was stopped by a failure that affects every export",
    };
    let mut problem = Problem::new(exit, what).advise(format!("`wexport jobs show {id}` says why"));
    problem.retry = Some(match exit {
        Exit::Interrupted | Exit::Terminated => format!("yes: {resume}"),
        _ => format!("yes: {resume} (with --failed: except exports that were refused)"),
    });
    Some(problem)
}

pub(crate) const fn stopped_by(signal: Exit) -> &'static str {
    match signal {
        Exit::Interrupted => "stopped by Ctrl-C",
        _ => "stopped by SIGTERM",
    }
}

#[cfg(test)]
mod tests {
    use export_core::ExportJob;
    use export_hyper::{Config, DocumentExport, ExportSpec};

    use super::*;
    use crate::args::OutputArgs;
    use crate::output::{Destination, Moment};
    use crate::subject::Subject;

    #[test]
    fn long_requests_are_added_a_few_at_a_time() {
        let rows = |length: usize| -> Items<'_, Row> {
            let body = format!(r#"{{"format":"pdf","note":"{}"}}"#, "x".repeat(length));
            let spec = ExportSpec::document("d1", DocumentExport::pdf()).with_body(body).unwrap();
            let job = ExportJob::new(spec, &Config::new("https://api.example.com").unwrap());
            let row = Row {
                number: 1,
                line: 1,
                subject: Subject::default(),
                destination: Destination::new(&OutputArgs::default(), Moment::local(clock::now()))
                    .unwrap(),
                status: RowStatus::Waiting,
                checkpoint: job.unwrap().checkpoint(),
            };
            Box::new(std::iter::repeat(row).map(Ok))
        };
        assert_eq!(first_page(rows(0)).unwrap().len(), PAGE);
        assert_eq!(first_page(rows(6 * 1_048_576)).unwrap().len(), 3);
    }
}
