//! `wexport jobs clean`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use export_hyper::Timestamp;

use super::{JobsState, Out};
use crate::args::DurationArg;
use crate::clock;
use crate::event::Failure;
use crate::output::Outputs;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::state::{BatchDb, BatchDir, DbError, Job, LaterExports, RunStatus};

/// Which jobs and batches are removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which {
    pub(super) older_than: DurationArg,
    /// Also those that can be resumed.
    pub(super) resumable: bool,
}

/// Removes old jobs and batches that do not run. One is kept if its multipart upload cannot be
/// aborted.
pub(super) async fn clean(
    state: &JobsState,
    now: Timestamp,
    which: Which,
    settings: Settings,
    out: Out<'_>,
) -> Result<(), Problem> {
    let outputs = Outputs::new(&Arc::new(settings));
    let is_old = |began| now.since(began) >= which.older_than.0;
    let later = LaterExports::find(state)?;
    let (mut jobs, mut batches, mut resumable, mut kept) = (0, 0, 0, Ok(()));
    for job in state.jobs()? {
        let fail = |error| not_removed(job.path(), &error);
        let Some(began) = job_began(&job) else { continue };
        if !is_old(began) {
            continue;
        }
        // Locked until it is removed: another process must not resume it in the meantime.
        if let Some(_lock) = state.lock_to_remove(|| job.lock()).map_err(fail)? {
            if !which.resumable && can_resume_job(&job, &later) {
                resumable += 1;
                continue;
            }
            match abort_upload(&job, &outputs).await {
                Ok(()) => job.remove().map_err(fail)?,
                Err(problem) => {
                    kept = kept.and_then(|()| Err(keep("job", job.id(), problem)));
                    continue;
                }
            }
            jobs += 1;
        }
    }
    for batch in state.batches()? {
        let Some(began) = batch_began(&batch) else { continue };
        let fail = |error| not_removed(batch.path(), &error);
        if !is_old(began) {
            continue;
        }
        if let Some(_lock) = state.lock_to_remove(|| batch.lock()).map_err(fail)? {
            if !which.resumable && can_resume_batch(&batch, &later) {
                resumable += 1;
                continue;
            }
            match abort_uploads(&batch, &outputs).await {
                Ok(()) => state.remove(&batch)?,
                Err(problem) => {
                    kept = kept.and_then(|()| Err(keep("batch", batch.id(), problem)));
                    continue;
                }
            }
            batches += 1;
        }
    }
    out(&removed(jobs, batches))?;
    if resumable > 0 {
        let them = if resumable == 1 { "it" } else { "them" };
        out(&format!("kept {resumable} that can be resumed (--resumable removes {them} too)\n"))?;
    }
    kept
}

fn removed(jobs: u32, batches: u32) -> String {
    let jobs = format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" });
    match batches {
        0 => format!("removed {jobs}\n"),
        1 => format!("removed {jobs} and 1 batch\n"),
        batches => format!("removed {jobs} and {batches} batches\n"),
    }
}

/// Whether a job that is locked here can be resumed, with a chance to succeed.
fn can_resume_job(job: &Job, later: &LaterExports) -> bool {
    let Ok(record) = job.record() else { return false };
    record.status() != RunStatus::Done
        && !record.failure().is_some_and(Failure::would_repeat)
        && later.superseding(job.id()).is_none()
}

/// The same of a batch. One that cannot be read has no exports to resume.
fn can_resume_batch(batch: &BatchDir, later: &LaterExports) -> bool {
    let is_unfinished = || -> Result<bool, DbError> {
        let db = BatchDb::open(batch)?;
        let totals = db.totals()?;
        let left = totals.waiting + totals.open + totals.failed - db.repeating()?;
        Ok(left > 0 || db.description()?.end.is_none())
    };
    is_unfinished().unwrap_or(false) && later.superseding(batch.id()).is_none()
}

/// When a job began; `None` if its record cannot be read.
fn job_began(job: &Job) -> Option<Timestamp> {
    match job.record() {
        Ok(record) => Some(record.run.began),
        Err(_) if job.is_incomplete() => modified(job.path()),
        Err(_) => None,
    }
}

/// When a batch began; `None` if its database cannot be read, as that of a newer release.
fn batch_began(batch: &BatchDir) -> Option<Timestamp> {
    match BatchDb::open(batch).and_then(|db| db.description()) {
        Ok(description) => Some(description.began),
        Err(error) if error.is_incomplete() => modified(batch.path()),
        Err(_) => None,
    }
}

fn modified(folder: &Path) -> Option<Timestamp> {
    fs::metadata(folder).and_then(|folder| folder.modified()).ok().map(clock::at)
}

pub(super) fn not_removed(path: &Path, error: &io::Error) -> Problem {
    Problem::local(format!("cannot remove {}", path.display()), error)
}

fn keep(kind: &str, id: &str, mut problem: Problem) -> Problem {
    problem.message = format!("{kind} {id} is kept: {}", problem.message);
    problem
}

#[cfg_attr(
    not(feature = "store"),
    expect(unused_variables, clippy::unused_async, reason = "there are no uploads")
)]
async fn abort_upload(job: &Job, outputs: &Outputs) -> Result<(), Problem> {
    #[cfg(feature = "store")]
    if let Ok(record) = job.record() {
        outputs.abort_upload(&record.destination, &job.upload_dir()).await?;
    }
    Ok(())
}

#[cfg_attr(
    not(feature = "store"),
    expect(unused_variables, clippy::unused_async, reason = "there are no uploads")
)]
async fn abort_uploads(batch: &BatchDir, outputs: &Outputs) -> Result<(), Problem> {
    #[cfg(feature = "store")]
    {
        let fail = |error: io::Error| Problem::local("cannot read the state of uploads", &error);
        let numbers = batch.exports_with_upload_dir().map_err(fail)?;
        if numbers.is_empty() {
            return Ok(());
        }
        let db = BatchDb::open(batch)?;
        for number in numbers {
            if let Some(row) = db.row(number)? {
                outputs.abort_upload(&row.destination, &batch.upload_dir(number)).await?;
            }
        }
    }
    Ok(())
}
