//! Follows a batch whose exports are driven by workers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::close::done;
use super::context::resume_command;
use super::in_database::blocking;
use super::results::Results;
use super::runner::{RunOutcome, incomplete_batch, stopped_by};
use crate::event::{BatchStart, EndCounts, Event, Failure};
use crate::output::Outputs;
use crate::problem::{Exit, Problem};
use crate::settings::Settings;
use crate::signals;
use crate::state::{FollowedBatch, RowEnd, RowResult, RunDescription, RunOptions, StatusCounts};
use crate::ui::{BatchGauges, Reporter};

/// A process that follows a batch, and drives none of its exports.
pub(crate) struct Follower {
    batch: Arc<FollowedBatch>,
    description: RunDescription,
    results: Option<Results>,
    reporter: Arc<Reporter>,
    /// The command that follows the batch again.
    resume: String,
    /// For how long workers may give no sign of life.
    lease: Duration,
    /// When one has given a sign of life, or its absence was reported.
    heard: Instant,
}

/// How often the state of the batch is read.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the absence of workers is reported.
const WARN_EVERY: Duration = Duration::from_secs(600);

/// What is read of a batch.
struct Look {
    description: RunDescription,
    totals: StatusCounts,
    ended: Vec<RowResult>,
    has_worker: bool,
}

impl Follower {
    /// Creates the file of results. `options` are those of this command.
    pub(crate) async fn new(
        batch: FollowedBatch,
        options: &RunOptions,
        settings: &Settings,
        outputs: &Outputs,
        reporter: &Arc<Reporter>,
    ) -> Result<Self, Problem> {
        let path = options.results.clone();
        if let Some(folder) = path.as_deref().and_then(Path::parent) {
            outputs.make_folder(folder)?;
        }
        let batch = Arc::new(batch);
        let read = Arc::clone(&batch);
        let (description, results) = blocking(move || {
            let results = match path {
                Some(path) => Some(Results::create(&path, read.ended()?)?),
                None => {
                    read.ended()?.try_for_each(|result| result.map(drop))?;
                    None
                }
            };
            Ok((read.description()?, results))
        })
        .await?;
        let resume = resume_command(batch.id(), settings, &description);
        let (lease, heard) = (settings.lease.value.0, Instant::now());
        let reporter = Arc::clone(reporter);
        Ok(Self { batch, description, results, reporter, resume, lease, heard })
    }

    /// Follows the batch to its end, or until this process is stopped.
    pub(crate) async fn run(mut self) -> Result<RunOutcome, Problem> {
        let id = self.batch.id().to_owned();
        self.reporter.attach(Some(&id), None);
        match signals::interruptible(self.follow()).await {
            Ok(outcome) => outcome,
            Err(signal) => {
                let what = format!("{}: workers go on with batch {id}", stopped_by(signal));
                let mut problem = Problem::new(signal, what);
                problem.retry = Some(format!("yes, to follow it: {}", self.resume));
                self.reporter.failed(&problem);
                Ok(RunOutcome { end: None, problem: Some(problem) })
            }
        }
    }

    async fn follow(&mut self) -> Result<RunOutcome, Problem> {
        let mut earlier = Some(self.batch.end_counts());
        loop {
            let look = self.look().await?;
            if let Some(earlier) = earlier.take() {
                self.report_start(look.totals.all(), earlier);
            }
            for result in look.ended {
                self.report(result);
            }
            let gauges = BatchGauges {
                to_submit: look.totals.waiting,
                open: look.totals.open,
                ..BatchGauges::default()
            };
            self.reporter.totals(&gauges);
            if let Some(end) = look.description.end {
                let exit = Exit::from_code(end.exit_code.into()).unwrap_or(Exit::SomeFailed);
                return Ok(self.finish(exit, look.totals.waiting));
            }
            self.report_absence(look.has_worker);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Reads the state of the batch: whether it has ended before how its exports have.
    async fn look(&self) -> Result<Look, Problem> {
        let batch = Arc::clone(&self.batch);
        let look = blocking(move || {
            let (description, totals) = (batch.description()?, batch.totals()?);
            let has_worker = batch.has_worker(&description)?;
            Ok(Look { description, totals, has_worker, ended: batch.newly_ended()? })
        });
        look.await
    }

    fn report_start(&self, exports: u64, ended: EndCounts) {
        let RunDescription { source, api_version, base_url, .. } = self.description.clone();
        self.reporter.batch_started(BatchStart {
            source: source.unwrap_or_default(),
            exports,
            ended,
            left: exports.saturating_sub(ended.total()),
            resumed: ended.total() > 0,
            api_version,
            base_url,
        });
    }

    /// Reports how an export has ended.
    fn report(&self, result: RowResult) {
        if let Some(results) = &self.results {
            results.append(&result);
        }
        let event = match result.end {
            RowEnd::Done { file, receipt: Some(receipt) } => done(&file, &receipt),
            // Each export of a batch that is done has a receipt.
            RowEnd::Done { file, receipt: None } | RowEnd::Skipped { file } => {
                Event::Skipped { file }
            }
            RowEnd::Failed { error } => {
                Event::Error(Box::new(Failure { subject: Some(result.subject), ..*error }))
            }
        };
        self.reporter.export_event(result.row, event);
    }

    /// Warns if no worker has given a sign of life for longer than a lease.
    fn report_absence(&mut self, has_worker: bool) {
        if has_worker {
            self.heard = Instant::now();
        } else if self.heard.elapsed() > self.lease {
            self.heard = Instant::now() + WARN_EVERY;
            self.reporter.warn("no worker gives a sign of life: start one with `wexport work`");
        }
    }

    fn finish(&self, exit: Exit, waiting: u64) -> RunOutcome {
        let failure = self.results.as_ref().and_then(Results::failure);
        let (exit, problem) = match failure {
            Some(problem) if exit == Exit::Done => {
                self.reporter.failed(&problem);
                (problem.exit, Some(problem))
            }
            failure => {
                if let Some(problem) = failure {
                    self.reporter.warn(problem.message);
                }
                (exit, incomplete_batch(exit, self.batch.id(), &self.resume))
            }
        };
        self.reporter.batch_done(waiting, exit);
        RunOutcome { end: None, problem }
    }
}
