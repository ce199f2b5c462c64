//! `wexport jobs clean`.

use std::fs;
use std::io;
use std::path::Path;

use export_hyper::Timestamp;

use super::Out;
use crate::cli::Span;
use crate::clock;
use crate::report::Problem;
use crate::settings::Settings;
use crate::state::{Batch, Description, Job, Standing, State};

/// Forgets jobs and batches that are over, or that nobody went on with for so long. One is kept if
/// what it left in an object store cannot be taken back.
pub(super) async fn clean(
    state: &State,
    now: Timestamp,
    older_than: Span,
    settings: &Settings,
    out: Out<'_>,
) -> Result<(), Problem> {
    let is_old = |began| now.since(began) >= older_than.0;
    let (mut jobs, mut batches, mut kept) = (0, 0, Ok(()));
    for job in state.jobs()? {
        let Ok(description) = job.description() else { continue };
        if is_old(description.began) && job.standing(&description) != Standing::Running {
            match take_back(&job, &description, settings).await {
                Ok(()) => job.remove().map_err(|error| not_removed(job.path(), &error))?,
                Err(problem) => {
                    kept = kept.and_then(|()| Err(keep("job", job.id(), problem)));
                    continue;
                }
            }
            jobs += 1;
        }
    }
    for batch in state.batches()? {
        let Some(began) = began(&batch) else { continue };
        let fail = |error| not_removed(batch.path(), &error);
        // Held until it is gone: nobody may begin to run it in the meantime.
        if is_old(began)
            && let Some(_lock) = batch.lock().map_err(fail)?
        {
            match take_back_all(&batch, settings).await {
                Ok(()) => batch.remove().map_err(fail)?,
                Err(problem) => {
                    kept = kept.and_then(|()| Err(keep("batch", batch.id(), problem)));
                    continue;
                }
            }
            batches += 1;
        }
    }
    out(&forgot(jobs, batches))?;
    kept
}

fn forgot(jobs: u32, batches: u32) -> String {
    let jobs = format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" });
    match batches {
        0 => format!("forgot {jobs}\n"),
        1 => format!("forgot {jobs} and 1 batch\n"),
        batches => format!("forgot {jobs} and {batches} batches\n"),
    }
}

/// When a batch began; `None` if its book cannot be read, as that of a newer release.
fn began(batch: &Batch) -> Option<Timestamp> {
    match batch.read().and_then(|book| book.description()) {
        Ok(description) => Some(description.began),
        Err(error) if error.is_incomplete() => {
            let made = fs::metadata(batch.path()).and_then(|folder| folder.modified());
            made.ok().map(clock::at)
        }
        Err(_) => None,
    }
}

fn not_removed(path: &Path, error: &io::Error) -> Problem {
    Problem::local(format!("cannot remove {}", path.display()), error)
}

fn keep(kind: &str, id: &str, mut problem: Problem) -> Problem {
    problem.what = format!("{kind} {id} is kept: {}", problem.what);
    problem
}

/// Takes back the upload that a job began, if it did.
#[cfg_attr(
    not(feature = "store"),
    expect(unused_variables, clippy::unused_async, reason = "no job left anything anywhere")
)]
async fn take_back(
    job: &Job,
    description: &Description,
    settings: &Settings,
) -> Result<(), Problem> {
    #[cfg(feature = "store")]
    crate::place::abandon(job.path(), &description.place, settings).await?;
    Ok(())
}

/// Takes back the uploads that a batch began.
#[cfg_attr(
    not(feature = "store"),
    expect(unused_variables, clippy::unused_async, reason = "no batch left anything anywhere")
)]
async fn take_back_all(batch: &Batch, settings: &Settings) -> Result<(), Problem> {
    #[cfg(feature = "store")]
    {
        let fail = |error: io::Error| Problem::local("its uploads cannot be looked up", &error);
        let spooled = batch.spooled().map_err(fail)?;
        if spooled.is_empty() {
            return Ok(());
        }
        let book = batch.read()?;
        for number in spooled {
            if let Some(row) = book.row(number)? {
                crate::place::abandon(&batch.spool(number), &row.place, settings).await?;
            }
        }
    }
    Ok(())
}
