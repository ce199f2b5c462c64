//! Drives the exports that this process takes of a run which workers share.

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::{RunContext, RunOutcome, Runner, stopped_by};
use crate::clock;
use crate::problem::{Exit, Problem};
use crate::state::{RowStatus, RunEnd, StatusCounts, Taken};

/// The exports of a run that workers share.
#[derive(Debug)]
pub(super) struct Shared {
    /// More of them, while they are taken.
    taking: Option<JoinHandle<Result<Look, Problem>>>,
    /// When more are taken, unless few wait for their submit and there were such the last time.
    look_at: Instant,
    had_waiting: bool,
    /// Whether any worker has exports, or will take some.
    are_left: bool,
    /// Why no worker submits more of them, as the store knows it.
    halted: Option<Exit>,
    /// The exports to give back, which were not submitted.
    pub(super) withdrawn: Vec<u64>,
    /// The failure of this worker for which it submits no more.
    failed: Option<Exit>,
    /// When those that have ended were counted last.
    counted_at: Instant,
}

/// What a worker has taken, and perhaps how all exports stand.
#[derive(Debug)]
pub(super) struct Look {
    taken: Taken,
    totals: Option<StatusCounts>,
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
            taking: None,
            look_at: Instant::now(),
            had_waiting: true,
            are_left,
            halted: None,
            withdrawn: Vec::new(),
            failed: None,
            counted_at: Instant::now(),
        }
    }

    /// Whether this process may get more exports.
    pub(super) fn goes_on(&self) -> bool {
        self.are_left || self.taking.is_some()
    }

    /// Waits for the exports that are taken, if there are some.
    pub(super) async fn taken(&mut self) -> Option<Result<Look, Problem>> {
        let look = self.taking.as_mut()?.await;
        self.taking = None;
        Some(look.unwrap_or_else(|error| Err(Problem::new(Exit::Local, error.to_string()))))
    }
}

impl Runner {
    /// Gives back the exports of a shared run that are withdrawn, and begins to take others: the exports that
    /// are under way do not wait for that.
    pub(super) async fn look_for_exports(&mut self) -> Result<(), Problem> {
        if self.halted != self.shared.halted {
            self.shared.failed = self.halted;
        }
        // What fails on this machine may succeed on another.
        let is_local = self.shared.failed == Some(Exit::Local);
        if self.unrecorded.is_some() {
            self.shared.are_left = false;
            return Ok(());
        }
        if !self.shared.withdrawn.is_empty() || self.halted != self.shared.halted {
            let numbers = take(&mut self.shared.withdrawn);
            let halted = self.halted.filter(|_| !is_local);
            self.context.with_store(move |store| store.give_back(&numbers, halted)).await?;
            self.shared.halted = self.halted;
        }
        self.shared.are_left &= !is_local;
        let few_wait = self.exports.counts().to_submit < AHEAD / 2;
        let is_due = Instant::now() >= self.shared.look_at || self.shared.had_waiting && few_wait;
        if self.shared.are_left && is_due && self.shared.taking.is_none() {
            let counts = self.shared.counted_at.elapsed() >= COUNT_EVERY;
            let store = Arc::clone(&self.context.store);
            self.shared.taking = Some(spawn_blocking(move || {
                let taken = store.take(AHEAD)?;
                let totals = counts.then(|| store.totals()).transpose()?;
                Ok(Look { taken, totals })
            }));
        }
        Ok(())
    }

    /// Adds exports that were taken. Returns whether there are some.
    pub(super) async fn add_taken(&mut self, look: Look) -> Result<bool, Problem> {
        if self.unrecorded.is_some() {
            return Ok(false);
        }
        let Look { taken, totals } = look;
        self.shared.look_at = Instant::now() + LOOK_EVERY;
        if let Some(totals) = totals {
            self.shared.counted_at = Instant::now();
            self.context.reporter.set_ended((&totals).into());
        }
        let has_some = !taken.rows.is_empty();
        self.shared.had_waiting = taken.rows.iter().any(|row| row.status == RowStatus::Waiting);
        self.shared.are_left = taken.are_left;
        self.add_rows(taken.rows).await?;
        match (self.halted, taken.halted) {
            // Another worker has failed.
            (None, Some(exit)) => {
                self.withdraw(exit);
                self.shared.halted = Some(exit);
            }
            // This one has, since it began to take them.
            (Some(exit), _) => drop(self.withdraw(exit)),
            (None, None) => {}
        }
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
