//! Which exports without a file have a later one with the same destination.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;

use export_hyper::Timestamp;

use super::db::BatchDb;
use super::dir::{StateDir, id_time};
use super::run::{RowEnd, RowResult, RowStatus, RunStatus};
use crate::event::Failure;
use crate::output::Destination;
use crate::problem::Problem;
use crate::subject::Subject;

/// A later export with the destination of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    /// The job, or the export of a batch.
    pub(crate) id: String,
    /// Its file; `None` if it has none yet, and can be resumed.
    pub(crate) file: Option<String>,
}

/// The later exports of those without a file, by the id of the run and the number of the export.
/// That of a job is 1.
#[derive(Debug, Default)]
pub(crate) struct LaterExports {
    runs: HashMap<String, Unfinished>,
}

/// A run that is not done.
#[derive(Debug, Default)]
struct Unfinished {
    exports: u64,
    later: BTreeMap<u64, Later>,
}

/// An export without a file.
struct Wanted {
    run: String,
    number: u64,
    identity: OsString,
    at: Timestamp,
}

/// The latest exports with one destination.
#[derive(Default)]
struct Latest {
    done: Option<(Timestamp, Later)>,
    resumable: Option<(Timestamp, Later)>,
}

impl LaterExports {
    /// Looks for them. What cannot be read is left out. Batches that are done are read only if an
    /// export has no file.
    pub(crate) fn find(state: &StateDir) -> Result<Self, Problem> {
        Self::find_with(state, Vec::new())
    }

    /// The file of a later export with the destination of a job that is done.
    pub(crate) fn after(
        state: &StateDir,
        id: &str,
        destination: &Destination,
        subject: &Subject,
    ) -> Result<Option<String>, Problem> {
        let Some(identity) = destination.identity(subject) else { return Ok(None) };
        let wanted = Wanted { run: id.into(), number: 1, identity, at: destination.moment.order() };
        let found = Self::find_with(state, vec![wanted])?;
        Ok(found.of_job(id).and_then(|later| later.file.clone()))
    }

    fn find_with(state: &StateDir, mut wanted: Vec<Wanted>) -> Result<Self, Problem> {
        let mut found = Self::default();
        let mut latest = HashMap::<OsString, Latest>::new();
        let (mut done, mut batches) = (Vec::new(), Vec::new());
        for job in state.jobs()? {
            let Ok(record) = job.record() else { continue };
            let Some(identity) = record.destination.identity(&record.subject) else { continue };
            let (id, at) = (job.id().to_owned(), record.destination.moment.order());
            match job.status(&record) {
                RunStatus::Done => {
                    let outcome = record.run.end.and_then(|end| end.outcome);
                    if let Some(RowEnd::Done { file, .. }) = outcome {
                        done.push((identity, at, Later { id, file: Some(file) }));
                    }
                }
                RunStatus::Interrupted | RunStatus::Failed => {
                    if !record.failure().is_some_and(Failure::would_repeat) {
                        let later = Later { id: id.clone(), file: None };
                        latest.entry(identity.clone()).or_default().resumable(at, later);
                    }
                    found.runs.entry(id.clone()).or_default().exports += 1;
                    wanted.push(Wanted { run: id, number: 1, identity, at });
                }
                RunStatus::Running | RunStatus::Superseded => {}
            }
        }
        for batch in state.batches()? {
            let Ok(db) = BatchDb::open(&batch) else { continue };
            let Ok(description) = db.description() else { continue };
            let is_running = batch.status(&description) == RunStatus::Running;
            if !is_running && found.add_rows(&db, &mut wanted, &mut latest).is_err() {
                continue;
            }
            batches.push((db, description.began));
        }
        let Some(oldest) = wanted.iter().map(|wanted| wanted.at).min() else { return Ok(found) };
        for wanted in &wanted {
            latest.entry(wanted.identity.clone()).or_default();
        }
        for (identity, at, later) in done {
            if let Some(latest) = latest.get_mut(&identity) {
                latest.done(at, later);
            }
        }
        let oldest_id = id_time(oldest);
        for (db, began) in &batches {
            // The ID has the time that orders its exports, if that is not the time at which it began.
            if *began <= oldest && db.batch().id() < oldest_id.as_str() {
                continue;
            }
            for row in db.destinations(RowStatus::Done) {
                let Ok((number, destination, subject)) = row else { break };
                let identity = destination.identity(&subject);
                let Some(latest) = identity.and_then(|identity| latest.get_mut(&identity)) else {
                    continue;
                };
                if let Ok(Some(RowResult { end: RowEnd::Done { file, .. }, .. })) =
                    db.result(number)
                {
                    let id = db.batch().row_name(number);
                    latest.done(destination.moment.order(), Later { id, file: Some(file) });
                }
            }
        }
        for wanted in wanted {
            let Some(later) =
                latest.get(&wanted.identity).and_then(|latest| latest.after(wanted.at))
            else {
                continue;
            };
            let run = found.runs.entry(wanted.run).or_default();
            run.later.insert(wanted.number, later.clone());
        }
        Ok(found)
    }

    /// Only the later exports that are not done.
    pub(crate) fn unfinished(mut self) -> Self {
        for run in self.runs.values_mut() {
            run.later.retain(|_, later| later.file.is_none());
        }
        self
    }

    /// The later export of a job.
    pub(crate) fn of_job(&self, id: &str) -> Option<&Later> {
        self.runs.get(id)?.later.get(&1)
    }

    /// The later exports of those of a batch, by their numbers.
    pub(crate) fn of_batch(&self, id: &str) -> BTreeMap<u64, Later> {
        self.runs.get(id).map(|run| run.later.clone()).unwrap_or_default()
    }

    /// The export that has brought a file in place of a job, or the last of those that have brought
    /// all files in place of a batch.
    pub(crate) fn superseding(&self, id: &str) -> Option<&Later> {
        let run = self.runs.get(id)?;
        let is_superseded = run.later.len() as u64 == run.exports
            && run.later.values().all(|later| later.file.is_some());
        run.later.values().next_back().filter(|_| is_superseded)
    }

    fn add_rows(
        &mut self,
        db: &BatchDb,
        wanted: &mut Vec<Wanted>,
        latest: &mut HashMap<OsString, Latest>,
    ) -> Result<(), Problem> {
        let run = db.batch().id();
        for status in [RowStatus::Waiting, RowStatus::Open, RowStatus::Failed] {
            for row in db.destinations(status) {
                let (number, destination, subject) = row?;
                self.runs.entry(run.into()).or_default().exports += 1;
                let Some(identity) = destination.identity(&subject) else { continue };
                let at = destination.moment.order();
                let is_resumable = status != RowStatus::Failed
                    || db.result(number)?.is_some_and(|result| match result.end {
                        RowEnd::Failed { error } => !error.would_repeat(),
                        _ => false,
                    });
                if is_resumable {
                    let later = Later { id: db.batch().row_name(number), file: None };
                    latest.entry(identity.clone()).or_default().resumable(at, later);
                }
                wanted.push(Wanted { run: run.into(), number, identity, at });
            }
        }
        Ok(())
    }
}

impl Latest {
    fn done(&mut self, at: Timestamp, later: Later) {
        if self.done.as_ref().is_none_or(|(latest, _)| *latest < at) {
            self.done = Some((at, later));
        }
    }

    fn resumable(&mut self, at: Timestamp, later: Later) {
        if self.resumable.as_ref().is_none_or(|(latest, _)| *latest < at) {
            self.resumable = Some((at, later));
        }
    }

    /// The latest export after this time: one that is done, if there is one.
    fn after(&self, time: Timestamp) -> Option<&Later> {
        let latest = [&self.done, &self.resumable].into_iter().flatten();
        latest.filter(|(at, _)| *at > time).map(|(_, later)| later).next()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::args::OutputArgs;
    use crate::output::Moment;
    use crate::state::fixtures::{batch_description, description, done, done_now, row};
    use crate::state::{NewRow, RunDescription, RunStore};

    /// Stores a run at a time, whose export has its file or is interrupted. Returns its id.
    fn run(
        state: &StateDir,
        folder: &Path,
        began: Timestamp,
        is_batch: bool,
        is_done: bool,
    ) -> String {
        let file = folder.join("latest.pdf").display().to_string();
        let args = OutputArgs { output: Some(file.clone()), ..OutputArgs::default() };
        let destination = Destination::new(&args, Moment::local(began)).unwrap();
        let row = NewRow { destination, ..row(1) };
        let store: Box<dyn RunStore> = if is_batch {
            let mut draft = state.begin_batch(began).unwrap();
            draft.add(row).unwrap();
            Box::new(draft.commit(&RunDescription { began, ..batch_description() }).unwrap())
        } else {
            Box::new(state.create_job(row, RunDescription { began, ..description() }).unwrap())
        };
        if is_done {
            done_now(store.conclude(1, &done(&file))).unwrap();
        }
        store.id().unwrap().to_owned()
    }

    #[test]
    fn later_runs_are_later_after_the_clock_is_set_back() {
        let now = Timestamp::from_date(2026, 11, 25);
        let ahead = now + Duration::from_secs(50 * 3_600);
        for is_batch in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let state = StateDir::open(&folder.path().join("state")).unwrap();
            let run = |began, is_done| run(&state, folder.path(), began, is_batch, is_done);
            run(ahead, true);
            let killed = run(now, false);
            let later = |id: &str| LaterExports::find(&state).unwrap().of_batch(id);
            assert_eq!(later(&killed), BTreeMap::new(), "batch: {is_batch}");
            let done = run(now + Duration::from_millis(1), true);
            assert!(later(&killed)[&1].id.starts_with(&done), "batch: {is_batch}");
        }
    }
}
