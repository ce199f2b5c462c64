//! The earlier run with the name and the date of a command, which the command continues.

use std::fs;
use std::path::PathBuf;

use super::batch_dir::BatchDir;
use super::db::BatchDb;
use super::dir::{LOCK, StateDir, make_private};
use super::earlier::digest;
use super::job::Job;
use super::lock::Lock;
use super::presence::{Presence, RunningProcess, running_elsewhere};
use super::run::{RunDescription, RunStatus};
use crate::problem::Problem;

/// Holds the name of a run, so that two processes do not begin it at the same time.
#[derive(Debug)]
pub(crate) struct NameClaim {
    folder: PathBuf,
    creation_lock: PathBuf,
    _presence: Option<Presence>,
    _lock: Lock,
}

impl StateDir {
    /// Claims the name and the date of a run.
    ///
    /// # Errors
    ///
    /// Fails with the process that has claimed them, if there is one.
    pub(crate) fn claim_name(&self, run: &RunDescription) -> Result<NameClaim, Problem> {
        let name = run.options.name().unwrap_or_default();
        let (folder, creation_lock) =
            (self.names_folder().join(name_digest(run)), self.creation_lock());
        let claimed = || {
            // The folder is not removed between its creation and its lock.
            let _creating = Lock::wait_shared(&creation_lock)?;
            make_private(&folder)?;
            Lock::acquire(&folder.join(LOCK))
        };
        let Some(lock) = claimed().map_err(|error| self.unusable(&error))? else {
            // The run itself tells when its process was last heard of, once it is stored.
            match &run.source {
                Some(_) => drop(self.previous_batch(run)?),
                None => drop(self.previous_job(run)?),
            }
            let process = RunningProcess::read(&folder);
            return Err(running_elsewhere("the run of", &name, process));
        };
        let _presence = Presence::announce(&folder);
        Ok(NameClaim { folder, creation_lock, _presence, _lock: lock })
    }

    /// The latest batch with the name and the date of a run.
    ///
    /// # Errors
    ///
    /// Fails if it is running.
    pub(crate) fn previous_batch(
        &self,
        run: &RunDescription,
    ) -> Result<Option<(BatchDir, RunDescription)>, Problem> {
        for batch in self.batches()?.into_iter().rev() {
            let description = BatchDb::open(&batch).and_then(|db| db.description());
            // One that cannot be read is not known to be the same.
            let Ok(description) = description else { continue };
            if description.is_same(run) {
                return match batch.status(&description) {
                    RunStatus::Running => {
                        Err(running_elsewhere("batch", batch.id(), batch.process()))
                    }
                    _ => Ok(Some((batch, description))),
                };
            }
        }
        Ok(None)
    }

    /// The latest job with the name and the date of a run.
    ///
    /// # Errors
    ///
    /// Fails if it is running.
    pub(crate) fn previous_job(&self, run: &RunDescription) -> Result<Option<Job>, Problem> {
        for job in self.jobs()?.into_iter().rev() {
            let Ok(record) = job.record() else { continue };
            if record.run.is_same(run) {
                return match job.status(&record) {
                    RunStatus::Running => Err(running_elsewhere("job", job.id(), job.process())),
                    _ => Ok(Some(job)),
                };
            }
        }
        Ok(None)
    }
}

impl Drop for NameClaim {
    fn drop(&mut self) {
        // One that is left, as by a process that is killed, is claimed again by the next run.
        if let Ok(_nothing_is_created) = Lock::wait(&self.creation_lock) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl RunDescription {
    /// Whether a run is continued by the command of another: the same list or key, date, service and
    /// client. Whose a token is cannot be told.
    fn is_same(&self, other: &Self) -> bool {
        let same_client = match (&self.client_id, &other.client_id) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let (one, other_options) = (&self.options, &other.options);
        same_client
            && one.name().is_some()
            && one.key.is_some() == other_options.key.is_some()
            && (one.name(), &one.date) == (other_options.name(), &other_options.date)
            && (&self.base_url, &self.api_version) == (&other.base_url, &other.api_version)
    }
}

/// What names a run with its date, service and client.
pub(super) fn name_digest(run: &RunDescription) -> String {
    let RunDescription { base_url, client_id, source, options, .. } = run;
    let kind = if source.is_some() { "batch" } else { "job" };
    let is_key = if options.key.is_some() { "key" } else { "list" };
    let name = options.name().unwrap_or_default();
    let date = options.date.as_deref().unwrap_or_default();
    let client_id = client_id.as_deref().unwrap_or_default();
    digest([kind, is_key, &name, date, base_url, client_id])
}
