//! The folder of all jobs and batches.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use export_hyper::Timestamp;

use super::batch::{Batch, BatchDescription};
use super::book::{HeldBook, NewRow};
use super::job::{Description, Job};
use super::pace::Paces;
use crate::report::{Exit, Problem};

/// The folder of all jobs and batches. Only its owner may look into it.
#[derive(Clone, Debug)]
pub(crate) struct State {
    folder: PathBuf,
}

/// How many names are tried for a new one.
const MOST_TRIES: u32 = 100;

impl State {
    /// The state in this folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        let state = Self { folder: folder.into() };
        for folder in [state.jobs_folder(), state.batches_folder()] {
            make_private(&folder).map_err(|error| state.unusable(&error))?;
        }
        Ok(state)
    }

    /// The state in this folder, if there is any.
    pub(crate) fn existing(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the jobs are.
    pub(crate) fn jobs_folder(&self) -> PathBuf {
        self.folder.join("jobs")
    }

    /// What was learnt of the limits of services.
    pub(crate) fn paces(&self) -> Paces {
        Paces::in_file(self.folder.join("pace.json"))
    }

    /// Where the batches are.
    fn batches_folder(&self) -> PathBuf {
        self.folder.join("batches")
    }

    /// A new job, whose description is on disk.
    pub(crate) fn create(&self, description: &Description) -> Result<Job, Problem> {
        let (id, path) = self.new_folder(&self.jobs_folder(), description.began)?;
        let job = Job::at(id, path);
        job.describe(description).map_err(|error| self.unusable(&error))?;
        Ok(job)
    }

    /// A new batch of these exports, all of which are on disk. They are numbered from 1 on.
    pub(crate) fn create_batch(
        &self,
        description: &BatchDescription,
        rows: impl IntoIterator<Item = NewRow>,
    ) -> Result<HeldBook, Problem> {
        let (id, path) = self.new_folder(&self.batches_folder(), description.began)?;
        let batch = Batch::at(id, path);
        HeldBook::create(&batch, description, rows).map_err(|error| {
            // Nothing was sent. What is left would only be in the way; it may be undeletable.
            let _ = batch.remove();
            Problem::from(error).advise(ELSEWHERE)
        })
    }

    /// A new folder in this one, which lasts, under a name that no job and no batch has.
    fn new_folder(&self, parent: &Path, began: Timestamp) -> Result<(String, PathBuf), Problem> {
        for _ in 0..MOST_TRIES {
            let id = new_id(began);
            let is_taken = |folder: PathBuf| folder.join(&id).exists();
            if is_taken(self.jobs_folder()) || is_taken(self.batches_folder()) {
                continue;
            }
            let path = parent.join(&id);
            let made = private().create(&path).and_then(|()| sync(parent));
            match made {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.unusable(&error)),
                Ok(()) => return Ok((id, path)),
            }
        }
        Err(self.unusable(&io::ErrorKind::AlreadyExists.into()))
    }

    /// All jobs, the oldest first.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, Problem> {
        let folders = self.folders(&self.jobs_folder())?;
        Ok(folders.into_iter().map(|(id, path)| Job::at(id, path)).collect())
    }

    /// All batches, the oldest first.
    pub(crate) fn batches(&self) -> Result<Vec<Batch>, Problem> {
        let folders = self.folders(&self.batches_folder())?;
        Ok(folders.into_iter().map(|(id, path)| Batch::at(id, path)).collect())
    }

    /// The folders in this one by their names, in the order of these.
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

    /// What this names: the id of a job or a batch, or as much of its beginning or end as no other
    /// has; after the name of a batch, `/17` is its 17th export.
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
            return Err(Problem::new(Exit::Usage, format!("several jobs are called {name:?}"))
                .advise(format!("name one of {}", ids.join(", "))));
        }
        match (all.pop(), number) {
            (Some((_, found)), None) if !name.is_empty() => Ok(found),
            (Some((_, Found::Batch(batch))), Some(number)) if !name.is_empty() => {
                numbered(batch, number)
            }
            (Some((id, Found::Job(_))), Some(_)) if !name.is_empty() => Err(Problem::usage(
                format!("{id} is a job: only the exports of a batch have numbers"),
            )),
            _ => Err(Problem::new(Exit::No, format!("there is no job {name:?}"))
                .advise("wexport jobs list shows which there are")),
        }
    }

    fn unusable(&self, error: &io::Error) -> Problem {
        let folder = self.folder.display();
        Problem::local(format!("cannot keep the state of jobs in {folder}"), error)
            .advise(ELSEWHERE)
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Job(Job),
    Batch(Batch),
    /// An export of a batch. Whether the batch has that many is not known.
    Row(Batch, u64),
}

/// What can be done where no state can be kept.
const ELSEWHERE: &str =
    "name another folder with --state or WEXPORT_STATE_DIR, or run with --no-state";

/// The export of a batch that has this number.
fn numbered(batch: Batch, number: &str) -> Result<Found, Problem> {
    match number.parse() {
        Ok(number @ 1..) => Ok(Found::Row(batch, number)),
        _ => Err(Problem::usage(format!("{number:?} is not the number of an export"))
            .advise(format!("the first one is {}", batch.row_name(1)))),
    }
}

/// The time at which it began, and something that no other job has.
fn new_id(began: Timestamp) -> String {
    let digits: String = began.to_string().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    let chance = RandomState::new().build_hasher().finish() & 0xffff;
    format!("{day}-{}-{chance:04x}", time.get(..6).unwrap_or(time))
}

/// Makes a folder into which its owner alone may look, with all folders above it.
fn make_private(folder: &Path) -> io::Result<()> {
    private().recursive(true).create(folder)
}

fn private() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes what was made in a folder last. Windows has no such call and does not need it.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
