//! `wexport jobs`: list, show, resume and clean.

mod clean;
mod list;
mod resume;
mod show;

use std::ops::Deref;
use std::sync::Arc;

use super::environment;
use crate::args::{DurationArg, Session, StateArgs};
use crate::clock;
use crate::problem::Problem;
use crate::settings::{Overrides, Settings};
use crate::state::{
    BatchDb, BatchDbWriter, BatchDir, DbError, Reopen, RunStore, RunningProcess, StateDir,
    StatusCounts, Wanted,
};
#[cfg(feature = "postgres")]
use crate::state::{FollowedBatch, PgBook, RunDescription, Snapshot};
use crate::ui::print;

use self::clean::Which;
pub(super) use self::resume::run as resume;

/// Prints a line.
type Out<'a> = &'a mut dyn FnMut(&str) -> Result<(), Problem>;

/// Lists jobs and batches.
pub(super) fn list(failed: bool, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    let state = JobsState::open(&settings_of(flags)?, Wanted::Unfinished)?;
    list::list(&state, failed, json, &mut print)
}

/// Shows what happened to a job, a batch, or an export of a batch.
pub(super) fn show(id: &str, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    let state = JobsState::open(&settings_of(flags)?, Wanted::Run(id))?;
    show::show(&state, id, json, &mut print)
}

/// Removes old jobs and batches.
pub(super) async fn clean(
    older_than: DurationArg,
    resumable: bool,
    flags: &StateArgs,
) -> Result<(), Problem> {
    let settings = settings_of(flags)?;
    let state = JobsState::open(&settings, Wanted::Unfinished)?;
    let which = Which { older_than, resumable };
    clean::clean(&state, clock::now(), which, settings, &mut print).await
}

pub(super) fn settings_of(flags: &StateArgs) -> Result<Settings, Problem> {
    let session = Session { state: flags.clone(), ..Session::default() };
    Settings::resolve(&session, &Overrides::default(), &environment)
}

/// The state of jobs and batches. Of a database it is a copy of what is wanted, which is removed when this is dropped.
pub(super) struct JobsState {
    dir: StateDir,
    #[cfg(feature = "postgres")]
    shared: Option<(PgBook, Snapshot)>,
}

impl JobsState {
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "a folder is read as it is needed")
    )]
    pub(super) fn open(settings: &Settings, wanted: Wanted<'_>) -> Result<Self, Problem> {
        #[cfg(feature = "postgres")]
        if let Some(book) = PgBook::open(settings)? {
            let copy = Snapshot::take(&book, wanted)?;
            return Ok(Self { dir: copy.state().clone(), shared: Some((book, copy)) });
        }
        let folder = settings
            .state
            .as_ref()
            .ok_or_else(|| Problem::usage("--no-state cannot be used with `jobs`"))?;
        Ok(Self {
            dir: StateDir::existing(&folder.value),
            #[cfg(feature = "postgres")]
            shared: None,
        })
    }

    /// The totals of a batch.
    fn totals(&self, db: &BatchDb) -> Result<StatusCounts, DbError> {
        #[cfg(feature = "postgres")]
        if let Some((_, copy)) = &self.shared {
            return Ok(copy.totals(db.batch().id()).unwrap_or_default());
        }
        db.totals()
    }

    /// Opens a batch to resume it, without those of its exports that stay as they ended.
    fn resume(&self, batch: &BatchDir, which: Reopen) -> Result<Arc<dyn RunStore>, Problem> {
        #[cfg(feature = "postgres")]
        if let Some((book, _)) = &self.shared {
            return Ok(Arc::new(book.resume(batch.id(), which)?));
        }
        Ok(Arc::new(BatchDbWriter::resume(batch, which)?))
    }

    /// The workers that have exports of a batch.
    fn workers(&self, id: &str) -> Result<Vec<RunningProcess>, Problem> {
        #[cfg(feature = "postgres")]
        if let Some((book, _)) = &self.shared {
            return book.workers(id);
        }
        let _ = id;
        Ok(Vec::new())
    }

    /// Lets workers run the exports of a batch again that have failed; `None` if it is not for workers.
    #[cfg(feature = "postgres")]
    fn resume_for_workers(
        &self,
        id: &str,
        run: &RunDescription,
        which: Reopen,
    ) -> Result<Option<FollowedBatch>, Problem> {
        let shared = self.shared.as_ref().filter(|_| run.options.for_workers);
        let Some((book, _)) = shared else { return Ok(None) };
        book.resume_for_workers(id, which)?;
        Ok(Some(book.follow(id)))
    }

    /// Removes a batch that is locked here.
    fn remove(&self, batch: &BatchDir) -> Result<(), Problem> {
        #[cfg(feature = "postgres")]
        if let Some((book, _)) = &self.shared {
            book.remove(batch.id())?;
        }
        batch.remove().map_err(|error| clean::not_removed(batch.path(), &error))
    }
}

impl Deref for JobsState {
    type Target = StateDir;

    fn deref(&self) -> &StateDir {
        &self.dir
    }
}
