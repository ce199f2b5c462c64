//! Forgets old runs that are done, at the start of another one.

use std::time::Duration;

use export_hyper::Timestamp;

use super::batch_dir::BatchDir;
use super::db::BatchDb;
use super::dir::{StateDir, id_time};
use super::job::Job;
use super::later::LaterExports;
use super::run::RunStatus;
use crate::problem::Problem;

/// Which runs that are done are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Those that began less than this time ago,
    pub(crate) keep_for: Duration,
    /// if they are among this number of the latest runs.
    pub(crate) keep: usize,
}

/// The most runs that are removed at once: the start of a run must not take long.
const MAX_REMOVED: usize = 200;

#[derive(Debug)]
enum Run {
    Job(Job),
    Batch(BatchDir),
}

impl StateDir {
    /// Removes the runs that are done, or superseded, and are not to be kept. Others can be resumed,
    /// and stay. What cannot be read or removed stays too.
    pub(crate) fn forget_done(&self, now: Timestamp, retention: Retention) {
        self.forget_paces();
        let _ = self.try_forget(now, retention);
    }

    fn try_forget(&self, now: Timestamp, retention: Retention) -> Result<(), Problem> {
        let Retention { keep_for, keep } = retention;
        let jobs = self.jobs()?.into_iter().map(Run::Job);
        let mut runs: Vec<Run> = jobs.chain(self.batches()?.into_iter().map(Run::Batch)).collect();
        runs.sort_by(|one, other| one.id().cmp(other.id()));
        let surplus = runs.len().saturating_sub(keep);
        // The time in an id saves reading the records of all runs.
        let oldest_kept = id_time(Timestamp::EPOCH + now.since(Timestamp::EPOCH + keep_for));
        let is_old = |index: usize, run: &Run| index < surplus || run.id() < oldest_kept.as_str();
        let old = runs.into_iter().enumerate().filter(|(index, run)| is_old(*index, run));
        let (mut done, mut unfinished) = (Vec::new(), Vec::new());
        for (_, run) in old {
            match run.status() {
                Some(RunStatus::Done) => done.push(run),
                Some(RunStatus::Interrupted | RunStatus::Failed) => unfinished.push(run),
                _ => {}
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        if !unfinished.is_empty() {
            // They go with the runs that supersede them, which would not be known any more.
            let later = LaterExports::find(self)?;
            unfinished.retain(|run| later.superseding(run.id()).is_some() && !run.has_upload());
        }
        for run in unfinished.iter().chain(&done).take(MAX_REMOVED) {
            let locked = match run {
                Run::Job(job) => self.lock_to_remove(|| job.lock()),
                Run::Batch(batch) => self.lock_to_remove(|| batch.lock()),
            };
            // Locked until it is removed: another process must not resume it in the meantime.
            if let Ok(Some(_lock)) = locked {
                let _ = match run {
                    Run::Job(job) => job.remove(),
                    Run::Batch(batch) => batch.remove(),
                };
            }
        }
        Ok(())
    }
}

impl Run {
    fn id(&self) -> &str {
        match self {
            Self::Job(job) => job.id(),
            Self::Batch(batch) => batch.id(),
        }
    }

    /// The status; `None` if it cannot be read.
    fn status(&self) -> Option<RunStatus> {
        match self {
            Self::Job(job) => Some(job.status(&job.record().ok()?)),
            Self::Batch(batch) => {
                let description = BatchDb::open(batch).ok()?.description().ok()?;
                Some(batch.status(&description))
            }
        }
    }

    /// Whether a file waits for its upload, whose parts have to be removed from the store first.
    #[cfg(feature = "store")]
    fn has_upload(&self) -> bool {
        match self {
            Self::Job(job) => !matches!(job.upload_dir().load(), Ok(None)),
            Self::Batch(batch) => {
                !batch.exports_with_upload_dir().is_ok_and(|numbers| numbers.is_empty())
            }
        }
    }

    #[cfg(not(feature = "store"))]
    const fn has_upload(&self) -> bool {
        false
    }
}
