//! The folder of all jobs.

use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use export_hyper::Timestamp;

use super::job::{Description, Job};
use crate::report::{Exit, Problem};

/// The folder of all jobs. Only its owner may look into it.
#[derive(Clone, Debug)]
pub(crate) struct State {
    folder: PathBuf,
}

/// How many names are tried for a new job.
const MOST_TRIES: u32 = 100;

impl State {
    /// The state in this folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        let jobs = folder.join("jobs");
        make_private(&jobs).map_err(|error| unusable(folder, &error))?;
        Ok(Self { folder: folder.into() })
    }

    /// The state in this folder, if there is any.
    pub(crate) fn existing(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the jobs are.
    pub(crate) fn jobs_folder(&self) -> PathBuf {
        self.folder.join("jobs")
    }

    /// A new job, whose description is on disk.
    pub(crate) fn create(&self, description: &Description) -> Result<Job, Problem> {
        let fail = |error| unusable(&self.folder, &error);
        for _ in 0..MOST_TRIES {
            let id = new_id(description.began);
            let path = self.jobs_folder().join(&id);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(fail(error)),
                Ok(()) => {
                    let job = Job::at(id, path);
                    job.describe(description).map_err(fail)?;
                    return Ok(job);
                }
            }
        }
        Err(fail(io::ErrorKind::AlreadyExists.into()))
    }

    /// All jobs, the oldest first.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, Problem> {
        let folder = self.jobs_folder();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| unusable(&self.folder, &error))?,
        };
        let mut jobs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unusable(&self.folder, &error))?;
            if let (Ok(id), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
                jobs.push(Job::at(id, entry.path()));
            }
        }
        jobs.sort_by(|one, other| one.id().cmp(other.id()));
        Ok(jobs)
    }

    /// The job that this names: its id, or as much of its beginning or end as no other has.
    pub(crate) fn find(&self, name: &str) -> Result<Job, Problem> {
        let jobs = self.jobs()?;
        if let Some(job) = jobs.iter().find(|job| job.id() == name) {
            return Ok(job.clone());
        }
        let fits = |job: &&Job| job.id().starts_with(name) || job.id().ends_with(name);
        let found: Vec<&Job> = jobs.iter().filter(fits).collect();
        match &found[..] {
            [job] if !name.is_empty() => Ok((*job).clone()),
            [_, _, ..] if !name.is_empty() => {
                let ids: Vec<&str> = found.iter().map(|job| job.id()).collect();
                Err(Problem::new(Exit::Usage, format!("several jobs are called {name:?}"))
                    .advise(format!("name one of {}", ids.join(", "))))
            }
            _ => Err(Problem::new(Exit::No, format!("there is no job {name:?}"))
                .advise("wexport jobs list shows which there are")),
        }
    }
}

/// The time at which it began, and something that no other job has.
fn new_id(began: Timestamp) -> String {
    let digits: String = began.to_string().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    let chance = RandomState::new().build_hasher().finish() & 0xffff;
    format!("{day}-{}-{chance:04x}", time.get(..6).unwrap_or(time))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn unusable(folder: &Path, error: &io::Error) -> Problem {
    Problem::local(format!("cannot keep the state of jobs in {}", folder.display()), error)
        .advise("name another folder with --state or WEXPORT_STATE_DIR, or run with --no-state")
}
