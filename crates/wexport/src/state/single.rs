//! A run of one export: a job.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::job::{Job, JobRecord};
use super::lock::Lock;
use super::log::EventLog;
use super::placement::Placement;
use super::presence::{Presence, running_elsewhere};
use super::reserve::Reserve;
use super::run::{
    Items, NewRow, Row, RowEnd, RowResult, RowStatus, RunDescription, RunEnd, RunStatus, RunStore,
    StatusCounts, Written, written,
};
use crate::clock;
use crate::event::Event;
use crate::output::Destination;
#[cfg(feature = "store")]
use crate::output::UploadDir;
use crate::problem::{Exit, Problem};
use export_hyper::Checkpoint;

/// A run of one export, in the folder of its job, or in memory if no state is kept.
#[derive(Debug)]
pub(crate) struct SingleRun {
    job: Option<StoredJob>,
    export: Mutex<SingleExport>,
}

/// The folder of a job that runs.
#[derive(Debug)]
struct StoredJob {
    job: Job,
    reserve: Reserve,
    presence: Option<Presence>,
    _lock: Lock,
}

/// The space to reserve, in **bytes**: a checkpoint and a record take a block each.
const RESERVE: u64 = 131_072;

#[derive(Debug)]
struct SingleExport {
    record: JobRecord,
    line: u64,
    status: RowStatus,
    checkpoint: Checkpoint,
    end: Option<RowEnd>,
    /// Created on first use, if no state is kept.
    #[cfg(feature = "store")]
    upload_dir: Option<UploadDir>,
}

impl SingleRun {
    /// A new run, in memory.
    pub(crate) fn in_memory(row: NewRow, run: RunDescription) -> Self {
        Self { job: None, export: Mutex::new(SingleExport::new(row, run)) }
    }

    /// A new run in the folder of a job.
    pub(super) fn create(
        job: Job,
        lock: Lock,
        row: NewRow,
        run: RunDescription,
    ) -> io::Result<Self> {
        let export = SingleExport::new(row, run);
        let stored = StoredJob::new(job, lock)?;
        stored.job.store_fresh(&export.checkpoint)?;
        // A job that is stopped before its first request can be resumed too.
        stored.job.store_checkpoint(&export.checkpoint)?;
        stored.job.store_record(&export.record)?;
        Ok(Self { job: Some(stored), export: Mutex::new(export) })
    }

    /// Resumes the export of a job.
    pub(crate) fn resume(job: Job) -> Result<Self, Problem> {
        let fail = |error| Problem::local(format!("cannot read job {}", job.id()), &error);
        let lock = job
            .lock()
            .map_err(fail)?
            .ok_or_else(|| running_elsewhere("job", job.id(), job.process()))?;
        let mut record = Self::resumable_record(&job)?;
        let fresh = match record.failure() {
            Some(failure) if failure.is_final() => job.fresh().map_err(fail)?,
            _ => None,
        };
        let starts_over = fresh.is_some();
        let checkpoint = match fresh {
            Some(fresh) => fresh,
            None => job.checkpoint().map_err(fail)?.ok_or_else(|| without_checkpoint(&job))?,
        };
        record.run.end = None;
        let stored = StoredJob::new(job.clone(), lock).map_err(fail)?;
        if starts_over {
            stored.job.store_checkpoint(&checkpoint).map_err(fail)?;
        }
        stored.job.store_record(&record).map_err(fail)?;
        let export = SingleExport::with_record(record, 1, RowStatus::Open, checkpoint);
        Ok(Self { job: Some(stored), export: Mutex::new(export) })
    }

    /// The record of a job that can be resumed. A process that was killed may have left the
    /// checkpoint of one that is done.
    pub(crate) fn resumable_record(job: &Job) -> Result<JobRecord, Problem> {
        if job.is_incomplete() {
            return Err(incomplete(job));
        }
        let record = job.record();
        let record = record
            .map_err(|error| Problem::local(format!("cannot read job {}", job.id()), &error))?;
        match (record.status(), &record.run.end) {
            (RunStatus::Done, Some(end)) => {
                let message = format!("job {} is done: {}", job.id(), end.text);
                Err(Problem::new(Exit::No, message))
            }
            _ => Ok(record),
        }
    }

    fn export(&self) -> MutexGuard<'_, SingleExport> {
        self.export.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store_end(&self, export: &mut SingleExport, end: RunEnd) -> Result<(), Problem> {
        export.record.run.end = Some(end);
        let Some(stored) = &self.job else { return Ok(()) };
        stored.write(|job| job.store_record(&export.record)).map_err(|error| {
            let id = stored.job.id();
            Problem::local(format!("the end of job {id} was not recorded"), &error)
        })
    }

    /// Records how the export ended.
    fn store_row_end(&self, number: u64, end: &RowEnd) -> Result<RowResult, Problem> {
        let mut export = self.export();
        let text = match end {
            RowEnd::Done { file, .. } => file.clone(),
            RowEnd::Skipped { file } => format!("skipped: {file} exists"),
            RowEnd::Failed { error } => error.message.clone(),
        };
        (export.status, export.end) = (end.status(), Some(end.clone()));
        if let (Some(left), RowEnd::Done { file, .. } | RowEnd::Skipped { file }) =
            (&mut export.record.left, end)
        {
            left.file = Some(file.clone());
        }
        let outcome = Some(end.clone());
        let run_end = RunEnd { at: clock::now(), exit_code: end.exit_code(), text, outcome };
        self.store_end(&mut export, run_end)?;
        if let (Some(StoredJob { job, .. }), RowEnd::Done { .. } | RowEnd::Skipped { .. }) =
            (&self.job, end)
        {
            // What is left of them is harmless: the record says that the job is done.
            let _ = job.remove_checkpoint().and_then(|()| job.remove_placement());
        }
        let subject = export.record.subject.clone();
        Ok(RowResult::new(number, export.line, subject, end.clone()))
    }
}

impl StoredJob {
    fn new(job: Job, lock: Lock) -> io::Result<Self> {
        let reserve = Reserve::take(job.reserve_path(), RESERVE)?;
        let presence = Presence::announce(job.path());
        Ok(Self { job, reserve, presence, _lock: lock })
    }

    /// Writes to the folder. If the disk is full, reserved space is released.
    fn write(&self, write: impl Fn(&Job) -> io::Result<()>) -> io::Result<()> {
        loop {
            match write(&self.job) {
                Err(error) if is_full(&error) && self.reserve.release() => {}
                written => return written,
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl SingleExport {
    fn new(row: NewRow, run: RunDescription) -> Self {
        let record = JobRecord::new(&row, run);
        Self::with_record(record, row.line, RowStatus::Waiting, row.fresh)
    }

    const fn with_record(
        record: JobRecord,
        line: u64,
        status: RowStatus,
        checkpoint: Checkpoint,
    ) -> Self {
        Self {
            record,
            line,
            status,
            checkpoint,
            end: None,
            #[cfg(feature = "store")]
            upload_dir: None,
        }
    }

    fn row(&self) -> Row {
        Row {
            number: 1,
            line: self.line,
            subject: self.record.subject.clone(),
            destination: self.record.destination.clone(),
            status: self.status,
            checkpoint: self.checkpoint.clone(),
        }
    }
}

impl RunStore for SingleRun {
    fn id(&self) -> Option<&str> {
        self.job.as_ref().map(|stored| stored.job.id())
    }

    fn is_batch(&self) -> bool {
        false
    }

    fn description(&self) -> Result<RunDescription, Problem> {
        Ok(self.export().record.run.clone())
    }

    fn bind_client(&self, client_id: &str) -> Result<(), Problem> {
        let mut export = self.export();
        let Some(stored) = &self.job else { return Ok(()) };
        if export.record.run.client_id.is_some() {
            return Ok(());
        }
        export.record.run.client_id = Some(client_id.into());
        stored.write(|job| job.store_record(&export.record)).map_err(|error| {
            Problem::local(format!("cannot write job {}", stored.job.id()), &error)
        })
    }

    /// Records the end of a run that was stopped. That of an export is recorded with its file.
    fn finish(&self, end: RunEnd) -> Result<(), Problem> {
        let mut export = self.export();
        if export.end.is_some() { Ok(()) } else { self.store_end(&mut export, end) }
    }

    fn beat(&self) {
        if let Some(StoredJob { presence: Some(presence), .. }) = &self.job {
            presence.beat();
        }
    }

    /// There is no other export to submit.
    fn is_short_of_space(&self) -> bool {
        false
    }

    fn remove(&self) -> io::Result<()> {
        self.job.as_ref().map_or(Ok(()), |stored| stored.job.remove())
    }

    fn open_log(&self) -> io::Result<Option<EventLog>> {
        self.job.as_ref().map(|stored| stored.job.open_log()).transpose()
    }

    fn totals(&self) -> Result<StatusCounts, Problem> {
        let mut totals = StatusCounts::default();
        *totals.count_mut(self.export().status) += 1;
        Ok(totals)
    }

    fn row(&self, _number: u64) -> Result<Row, Problem> {
        Ok(self.export().row())
    }

    fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row> {
        let row = self.export().row();
        let is_wanted = row.status == status && row.number > after;
        Box::new(is_wanted.then_some(Ok(row)).into_iter())
    }

    fn results(&self) -> Items<'_, RowResult> {
        let export = self.export();
        let end = export.end.clone();
        let subject = export.record.subject.clone();
        Box::new(end.map(|end| Ok(RowResult::new(1, export.line, subject, end))).into_iter())
    }

    /// A single export shares its names with no other.
    fn reserved_names(&self) -> Items<'_, (u64, String)> {
        Box::new(std::iter::empty())
    }

    fn reserve_name(&self, _number: u64, _name: &str) {}

    fn load_checkpoint(&self, _number: u64) -> io::Result<Option<Checkpoint>> {
        let export = self.export();
        Ok((export.status == RowStatus::Open).then(|| export.checkpoint.clone()))
    }

    fn store_checkpoint(&self, _number: u64, checkpoint: &Checkpoint) -> Written<(), io::Error> {
        let mut export = self.export();
        let store = |stored: &StoredJob| stored.write(|job| job.store_checkpoint(checkpoint));
        let stored = self.job.as_ref().map_or(Ok(()), store);
        if stored.is_ok() {
            (export.status, export.checkpoint) = (RowStatus::Open, checkpoint.clone());
        }
        written(stored)
    }

    fn store_destination(&self, _number: u64, destination: &Destination) -> Result<(), Problem> {
        let mut export = self.export();
        export.record.destination = destination.clone();
        let Some(stored) = &self.job else { return Ok(()) };
        stored.write(|job| job.store_record(&export.record)).map_err(|error| {
            Problem::local(format!("cannot write job {}", stored.job.id()), &error)
        })
    }

    fn store_placement(&self, _number: u64, placement: &Placement) -> Written<(), io::Error> {
        let store = |stored: &StoredJob| stored.write(|job| job.store_placement(placement));
        written(self.job.as_ref().map_or(Ok(()), store))
    }

    fn load_placement(&self, _number: u64) -> Result<Option<Placement>, Problem> {
        // One that cannot be read recognises no file.
        Ok(self.job.as_ref().and_then(|stored| stored.job.placement().ok().flatten()))
    }

    fn conclude(&self, number: u64, end: &RowEnd) -> Written<RowResult> {
        written(self.store_row_end(number, end))
    }

    #[cfg(feature = "store")]
    fn upload_dir(&self, _number: u64) -> io::Result<UploadDir> {
        if let Some(stored) = &self.job {
            return Ok(stored.job.upload_dir());
        }
        let created = &mut self.export().upload_dir;
        match created {
            Some(dir) => Ok(dir.clone()),
            none => Ok(none.insert(UploadDir::temporary()?).clone()),
        }
    }
}

fn incomplete(job: &Job) -> Problem {
    let id = job.id();
    Problem::new(
        Exit::No,
        format!("job {id} was interrupted before it was stored: nothing was sent"),
    )
    .advise("run the command again")
}

/// The problem of a job whose checkpoint somebody has removed. Its log says what was sent.
fn without_checkpoint(job: &Job) -> Problem {
    let problem =
        Problem::new(Exit::Local, format!("the checkpoint of job {} is missing", job.id()));
    let Ok(events) = job.events() else { return problem };
    let operation = events.iter().rev().find_map(|record| match &record.event {
        Event::Accepted { operation } => Some(operation),
        _ => None,
    });
    let has_sent = events.iter().any(|record| matches!(record.event, Event::Sending { .. }));
    match operation {
        Some(operation) => {
            let mut problem = problem.advise(format!("get its file: wexport fetch {operation}"));
            problem.facts.operation = Some(operation.clone());
            problem
        }
        None if has_sent => {
            problem.advise("look whether the service has the export before you start another one")
        }
        None => problem.advise("run the command again: nothing was sent"),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::state::StateDir;
    use crate::state::fixtures::{description, done, done_now, failed, row, submitted};

    /// A run whose export was submitted, and its job.
    fn submitted_run() -> (SingleRun, Job, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let run = StateDir::open(folder.path()).unwrap().create_job(row(1), description()).unwrap();
        done_now(run.store_checkpoint(1, &submitted(1))).unwrap();
        let job = run.job.as_ref().unwrap().job.clone();
        (run, job, folder)
    }

    fn end(exit: Exit) -> RunEnd {
        RunEnd { at: clock::now(), exit_code: exit.code(), text: "stopped".into(), outcome: None }
    }

    #[test]
    fn a_new_run_can_be_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let run = StateDir::open(folder.path()).unwrap().create_job(row(1), description()).unwrap();
        let (job, fresh) = (run.job.as_ref().unwrap().job.clone(), row(1).fresh);
        assert_eq!(run.rows(RowStatus::Waiting, 0).count(), 1);
        assert_eq!(run.load_checkpoint(1).unwrap(), None);
        drop(run);
        let resumed = SingleRun::resume(job).unwrap();
        assert_eq!(resumed.row(1).unwrap().checkpoint, fresh);
    }

    #[test]
    fn conclude_keeps_the_checkpoint_of_a_failure() {
        for exit in [Exit::GaveUp, Exit::Local, Exit::Network, Exit::Unauthorized] {
            let (run, job, _folder) = submitted_run();
            let result = done_now(run.conclude(1, &failed(exit))).unwrap();
            assert_eq!((result.row, result.line, result.end), (1, 1, failed(exit)));
            assert_eq!(job.checkpoint().unwrap(), Some(submitted(1)), "{exit:?}");
            drop(run);
            let record = job.record().unwrap();
            assert!(job.is_unfinished(&record), "{exit:?}");
            assert_eq!(record.run.end.unwrap().exit_code, exit.code());

            let resumed = SingleRun::resume(job.clone()).unwrap();
            assert_eq!(resumed.row(1).unwrap().checkpoint, submitted(1));
            assert_eq!(resumed.totals().unwrap(), StatusCounts { open: 1, ..Default::default() });
            assert_eq!(job.record().unwrap().run.end, None);
        }
    }

    #[test]
    fn conclude_removes_the_checkpoint_with_the_file() {
        let skipped = RowEnd::Skipped { file: "a.pdf".into() };
        for (end, text) in [(done("a.pdf"), "a.pdf"), (skipped, "skipped: a.pdf exists")] {
            let (run, job, _folder) = submitted_run();
            done_now(run.conclude(1, &end)).unwrap();
            assert_eq!(job.checkpoint().unwrap(), None);
            assert_eq!(run.results().count(), 1);
            drop(run);
            let record = job.record().unwrap();
            assert_eq!(record.status(), RunStatus::Done);
            assert_eq!(record.run.end.unwrap().text, text);
            let problem = SingleRun::resume(job).unwrap_err();
            assert_eq!(problem.exit, Exit::No);
            assert!(problem.message.contains("is done"), "{problem}");
        }
    }

    #[test]
    fn finish_after_a_conclusion_changes_nothing() {
        for conclusion in [done("a.pdf"), failed(Exit::GaveUp)] {
            let (run, job, _folder) = submitted_run();
            done_now(run.conclude(1, &conclusion)).unwrap();
            let (record, checkpoint) = (job.record().unwrap(), job.checkpoint().unwrap());
            run.finish(end(Exit::Interrupted)).unwrap();
            assert_eq!((job.record().unwrap(), job.checkpoint().unwrap()), (record, checkpoint));
        }
    }

    #[test]
    fn finish_records_an_interrupted_run() {
        let (run, job, _folder) = submitted_run();
        run.finish(end(Exit::Interrupted)).unwrap();
        assert_eq!(job.record().unwrap().status(), RunStatus::Interrupted);
        assert_eq!(job.checkpoint().unwrap(), Some(submitted(1)));
        assert_eq!(run.results().count(), 0);
    }

    #[test]
    fn a_run_in_memory_has_no_state_on_disk() {
        let run = SingleRun::in_memory(row(1), description());
        assert_eq!(run.id(), None);
        assert!(run.open_log().unwrap().is_none());
        done_now(run.store_checkpoint(1, &submitted(1))).unwrap();
        assert_eq!(run.load_checkpoint(1).unwrap(), Some(submitted(1)));
        done_now(run.conclude(1, &done("a.pdf"))).unwrap();
        assert_eq!(run.totals().unwrap(), StatusCounts { done: 1, ..Default::default() });
    }
}
