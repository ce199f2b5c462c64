//! The folder of all jobs and batches.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_host::{random_number, sync_folder};
use export_hyper::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::batch_dir::BatchDir;
use super::db::BatchDraft;
use super::job::Job;
use super::lock::Lock;
use super::run::{NewRow, RunDescription};
use super::single::SingleRun;
use crate::problem::{Exit, Problem};

/// The folder of all jobs and batches. Only its owner can read it.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    folder: PathBuf,
}

/// The name of the lock in the folder of a run.
pub(super) const LOCK: &str = "lock";

/// The number of ids that are tried for a new job.
const MAX_TRIES: u32 = 100;

impl StateDir {
    /// Opens the state in this folder, which is created if it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        let state = Self { folder: folder.into() };
        for folder in [state.jobs_folder(), state.batches_folder()] {
            make_private(&folder).map_err(|error| state.unusable(&error))?;
        }
        Ok(state)
    }

    /// The state in this folder, which need not exist.
    pub(crate) fn existing(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    pub(crate) fn jobs_folder(&self) -> PathBuf {
        self.folder.join("jobs")
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn batches_folder(&self) -> PathBuf {
        self.folder.join("batches")
    }

    /// The folder of the names of runs that are running.
    pub(super) fn names_folder(&self) -> PathBuf {
        self.folder.join("names")
    }

    /// What it has: folders and files.
    pub(crate) fn paths(&self) -> [PathBuf; 5] {
        let folders = [self.jobs_folder(), self.batches_folder(), self.names_folder()];
        let [jobs, batches, names] = folders;
        [jobs, batches, names, self.pace_folder(), self.creation_lock()]
    }

    /// Creates a job for one export.
    pub(crate) fn create_job(
        &self,
        mut row: NewRow,
        run: RunDescription,
    ) -> Result<SingleRun, Problem> {
        let order = self.order(run.began)?;
        row.destination.moment = row.destination.moment.with_order(order);
        let (id, path, lock) = self.new_folder(&self.jobs_folder(), order.unwrap_or(run.began))?;
        let job = Job::new(id, path);
        SingleRun::create(job.clone(), lock, row, run).map_err(|error| {
            // Nothing was sent, so the job must not be listed. If it cannot be removed, it is.
            let _ = job.remove();
            self.unusable(&error)
        })
    }

    /// Begins to store a batch.
    pub(crate) fn begin_batch(&self, began: Timestamp) -> Result<BatchDraft, Problem> {
        let order = self.order(began)?;
        let (id, path, lock) = self.new_folder(&self.batches_folder(), order.unwrap_or(began))?;
        BatchDraft::begin(BatchDir::new(id, path), lock, order)
    }

    /// Makes the folder of a batch of which nothing is copied but its ID.
    #[cfg(feature = "postgres")]
    pub(super) fn copy_name(&self, id: &str) -> Result<BatchDir, Problem> {
        let batch = BatchDir::new(id.into(), self.batches_folder().join(id));
        private().create(batch.path()).map_err(|error| self.unusable(&error))?;
        Ok(batch)
    }

    /// Begins to store a copy of a batch.
    #[cfg(feature = "postgres")]
    pub(super) fn begin_copy(&self, id: &str) -> Result<(BatchDraft, BatchDir), Problem> {
        let unusable = |error| self.unusable(&error);
        let batch = self.copy_name(id)?;
        let lock = batch.lock().map_err(unusable)?;
        let lock = lock.ok_or_else(|| unusable(io::ErrorKind::WouldBlock.into()))?;
        Ok((BatchDraft::begin(batch.clone(), lock, None)?, batch))
    }

    /// Locks a run that is to be removed; `None` if it is running, or was removed by another
    /// process. A run that is being created is not locked in its stead.
    pub(crate) fn lock_to_remove(
        &self,
        lock: impl FnOnce() -> io::Result<Option<Lock>>,
    ) -> io::Result<Option<Lock>> {
        let _nothing_is_created = Lock::wait(&self.creation_lock())?;
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            locked => locked,
        }
    }

    /// The lock that is shared by processes between creating the folder of a run and locking it.
    pub(super) fn creation_lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The time that orders a run after the last one, if the clock was set back since that began.
    fn order(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        let (jobs, batches) = (self.jobs()?, self.batches()?);
        let ids = jobs.iter().map(Job::id).chain(batches.iter().map(BatchDir::id));
        let last = ids.filter_map(time_of_id).max();
        Ok(last.filter(|last| *last > now).map(|last| last + Duration::from_secs(1)))
    }

    /// Creates and locks a folder with an id that no job and no batch has.
    fn new_folder(
        &self,
        parent: &Path,
        order: Timestamp,
    ) -> Result<(String, PathBuf, Lock), Problem> {
        let unusable = |error| self.unusable(&error);
        let _is_created = Lock::wait_shared(&self.creation_lock()).map_err(unusable)?;
        for _ in 0..MAX_TRIES {
            let id = new_id(order);
            let is_taken = |folder: PathBuf| folder.join(&id).exists();
            if is_taken(self.jobs_folder()) || is_taken(self.batches_folder()) {
                continue;
            }
            let path = parent.join(&id);
            match private().create(&path).and_then(|()| sync_folder(parent)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(unusable(error)),
                Ok(()) => {}
            }
            let lock = Lock::acquire(&path.join(LOCK));
            return match lock.and_then(|lock| lock.ok_or_else(|| io::ErrorKind::WouldBlock.into()))
            {
                Ok(lock) => Ok((id, path, lock)),
                Err(error) => {
                    let _ = fs::remove_dir_all(&path);
                    Err(unusable(error))
                }
            };
        }
        Err(self.unusable(&io::ErrorKind::AlreadyExists.into()))
    }

    /// All jobs, the oldest first.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, Problem> {
        let folders = self.folders(&self.jobs_folder())?;
        Ok(folders.into_iter().map(|(id, path)| Job::new(id, path)).collect())
    }

    /// All batches, the oldest first.
    pub(crate) fn batches(&self) -> Result<Vec<BatchDir>, Problem> {
        let folders = self.folders(&self.batches_folder())?;
        Ok(folders.into_iter().map(|(id, path)| BatchDir::new(id, path)).collect())
    }

    /// The folders in a folder, sorted by name.
    fn folders(&self, folder: &Path) -> Result<Vec<(String, PathBuf)>, Problem> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| self.unusable(&error))?,
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unusable(&error))?;
            if let (Ok(id), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
                folders.push((id, entry.path()));
            }
        }
        folders.sort_unstable();
        Ok(folders)
    }

    /// Finds a job or a batch by its id, or by a unique prefix or suffix of it. `/17` after a batch
    /// is the export on line 17 of its list.
    pub(crate) fn find(&self, name: &str) -> Result<Found, Problem> {
        let (name, number) = match name.split_once('/') {
            None => (name, None),
            Some((batch, number)) => (batch, Some(number)),
        };
        let jobs = self.jobs()?.into_iter().map(|job| (job.id().to_owned(), Found::Job(job)));
        let batches =
            self.batches()?.into_iter().map(|batch| (batch.id().to_owned(), Found::Batch(batch)));
        let mut all: Vec<_> = jobs.chain(batches).collect();
        match all.iter().position(|(id, _)| id == name) {
            Some(exact) => all = vec![all.swap_remove(exact)],
            None => all.retain(|(id, _)| id.starts_with(name) || id.ends_with(name)),
        }
        if all.len() > 1 && !name.is_empty() {
            all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            let ids: Vec<String> = all.into_iter().map(|(id, _)| id).collect();
            return Err(Problem::new(Exit::Usage, format!("the id {name:?} is ambiguous"))
                .advise(format!("use one of {}", ids.join(", "))));
        }
        match (all.pop(), number) {
            (Some((_, found)), None) if !name.is_empty() => Ok(found),
            (Some((_, Found::Batch(batch))), Some(number)) if !name.is_empty() => {
                numbered(batch, number)
            }
            (Some((id, Found::Job(_))), Some(_)) if !name.is_empty() => {
                Err(Problem::usage(format!("{id} is a job: only a batch has numbered exports")))
            }
            _ => Err(Problem::new(Exit::No, format!("no job has the id {name:?}"))
                .advise("`wexport jobs list` lists them")),
        }
    }

    pub(super) fn unusable(&self, error: &io::Error) -> Problem {
        let folder = self.folder.display();
        Problem::local(format!("cannot store state in {folder}"), error).advise(OTHER_FOLDER)
    }
}

/// What a command reads of the state. A copy of a database has nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    Ids,
    /// The totals of batches, and their exports without a file.
    Unfinished,
    /// The batch with this name.
    Run(&'a str),
    /// That batch or the latest, and the one of the same list before it.
    Report(Option<&'a str>),
}

/// What an id refers to.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Job(Job),
    Batch(BatchDir),
    /// An export of a batch, which may not have that many.
    Row(BatchDir, u64),
}

/// The advice where no state can be kept.
const OTHER_FOLDER: &str = "use another folder with --state or WEXPORT_STATE_DIR, or --no-state";

fn numbered(batch: BatchDir, number: &str) -> Result<Found, Problem> {
    match number.parse() {
        Ok(number @ 1..) => Ok(Found::Row(batch, number)),
        _ => Err(Problem::usage(format!("invalid export number {number:?}"))
            .advise(format!("use the line of the export in its list: {}", batch.row_name(2)))),
    }
}

/// An id from the time that orders a run, with a random part. Ids are in the order of their times, in
/// milliseconds: the last run of a script is the last one, also within a second.
fn new_id(order: Timestamp) -> String {
    let suffix = order.as_millis() % 1000 * SUFFIXES + random_number() % SUFFIXES;
    format!("{}-{suffix:04x}", id_time(order))
}

/// The ids of a millisecond: those of a second are 65,000, which four hexadecimal digits have.
const SUFFIXES: u64 = 65;

/// The time in an id, in seconds.
pub(super) fn id_time(order: Timestamp) -> String {
    let digits: String = order.to_string().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{day}-{}", time.get(..6).unwrap_or(time))
}

/// The time in an id, in whole seconds.
fn time_of_id(id: &str) -> Option<Timestamp> {
    let (time, _) = id.rsplit_once('-')?;
    let time = DateTime::strptime("%Y%m%d-%H%M%S", time).ok()?;
    let time = TimeZone::UTC.to_timestamp(time).ok()?;
    time.as_millisecond().try_into().ok().map(Timestamp::from_millis)
}

/// Creates a folder that only its owner may read, and its parents.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    private().recursive(true).create(folder)
}

fn private() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_times() {
        let ids = [0, 1, 998, 999, 1000, 60_000].map(|millis| {
            let id = new_id(Timestamp::from_date(2026, 11, 30) + Duration::from_millis(millis));
            assert_eq!(id.len(), "20261130-000000-xxxx".len());
            id
        });
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
