//! Drives the exports that this process takes of a run which workers share.

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{RunContext, RunOutcome, Runner, stopped_by};
use crate::clock;
use crate::problem::{Exit, Problem};
use crate::state::{RowStatus, RunEnd};

/// The exports of a run that workers share.
#[derive(Debug)]
pub(super) struct Shared {
    /// When more are taken, unless few wait for their submit and there were such the last time.
    look_at: Instant,
    had_waiting: bool,
    /// Whether any worker has exports, or will take some.
    pub(super) are_left: bool,
    /// Why no worker submits more of them, as the store knows it.
    halted: Option<Exit>,
    /// The exports to give back, which were not submitted.
    pub(super) withdrawn: Vec<u64>,
    /// The failure of this worker for which it submits no more.
    failed: Option<Exit>,
    /// When those that have ended were counted last.
    counted_at: Instant,
}

/// The most exports of a shared run that wait for their submit: the other workers need some too.
const AHEAD: usize = 16;

/// How often a worker looks for exports, of workers that are gone too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a worker counts what all of them have done.
const COUNT_EVERY: Duration = Duration::from_secs(10);

impl Shared {
    /// `are_left` is false if the run is not shared.
    pub(super) fn new(are_left: bool) -> Self {
        Self {
            look_at: Instant::now(),
            had_waiting: true,
            are_left,
            halted: None,
            withdrawn: Vec::new(),
            failed: None,
            counted_at: Instant::now(),
        }
    }
}

impl Runner {
    /// Takes exports of a shared run, and gives back those that are withdrawn. Returns whether it has
    /// added some.
    pub(super) async fn take_shared(&mut self) -> Result<bool, Problem> {
        let context = Arc::clone(&self.context);
        if self.halted != self.shared.halted {
            self.shared.failed = self.halted;
        }
        // What fails on this machine may succeed on another.
        let is_local = self.shared.failed == Some(Exit::Local);
        if self.unrecorded.is_some() {
            self.shared.are_left = false;
            return Ok(false);
        }
        if !self.shared.withdrawn.is_empty() || self.halted != self.shared.halted {
            let numbers = take(&mut self.shared.withdrawn);
            let halted = self.halted.filter(|_| !is_local);
            context.with_store(move |store| store.give_back(&numbers, halted)).await?;
            self.shared.halted = self.halted;
        }
        self.shared.are_left &= !is_local;
        let few_wait = self.exports.counts().to_submit < AHEAD / 2;
        let is_due = Instant::now() >= self.shared.look_at || self.shared.had_waiting && few_wait;
        if !self.shared.are_left || !is_due {
            return Ok(false);
        }
        let taken = context.with_store(|store| store.take(AHEAD)).await?;
        self.shared.look_at = Instant::now() + LOOK_EVERY;
        if self.shared.counted_at.elapsed() >= COUNT_EVERY {
            self.shared.counted_at = Instant::now();
            let totals = context.with_store(|store| store.totals()).await?;
            context.reporter.set_ended((&totals).into());
        }
        let has_some = !taken.rows.is_empty();
        self.shared.had_waiting = taken.rows.iter().any(|row| row.status == RowStatus::Waiting);
        self.shared.are_left = taken.are_left;
        if let (Some(exit), None) = (taken.halted, self.halted) {
            self.withdraw(exit);
            self.shared.halted = Some(exit);
        }
        self.add_rows(taken.rows).await?;
        Ok(has_some)
    }

    /// Ends a worker. The last one records the end of the run.
    pub(super) fn finish_shared(self, signal: Option<Exit>) -> Result<RunOutcome, Problem> {
        let RunContext { store, reporter, .. } = &*self.context;
        if let Some(problem) = self.unrecorded {
            return Err(problem);
        }
        let id = store.id().unwrap_or_default();
        if let Some(exit) = signal {
            let what = format!("{}: other workers go on with batch {id}", stopped_by(exit));
            let problem = Problem::new(exit, what);
            reporter.failed(&problem);
            return Ok(RunOutcome { end: None, problem: Some(problem) });
        }
        let totals = store.totals()?;
        reporter.set_ended((&totals).into());
        let of_run = match self.shared.halted {
            Some(exit) => exit,
            None if totals.failed > 0 => Exit::SomeFailed,
            None => Exit::Done,
        };
        let exit = match self.shared.failed {
            // The others go on.
            Some(Exit::Local) => Exit::Local,
            failed => {
                let text = format!("{} of {} done", totals.done + totals.skipped, totals.all());
                let (at, exit_code) = (clock::now(), of_run.code());
                store.finish(RunEnd { at, exit_code, text, outcome: None })?;
                failed.unwrap_or(of_run)
            }
        };
        reporter.batch_done(totals.waiting, exit);
        let problem = self.shared.failed.map(|exit| {
            Problem::new(exit, "the worker was stopped by a failure that affects every export")
                .advise(format!("`wexport jobs show {id}` says why"))
        });
        Ok(RunOutcome { end: None, problem })
    }
}
