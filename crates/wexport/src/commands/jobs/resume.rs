//! `wexport jobs resume`.

use std::sync::Arc;

use super::state_dir;
use crate::args::ResumeArgs;
use crate::commands::single_command::SingleCommand;
use crate::commands::{batch, environment};
use crate::engine::{self, RunOutcome};
use crate::problem::{Exit, Problem};
use crate::settings::{Overrides, Settings};
use crate::state::{
    BatchDb, BatchDbWriter, BatchDir, Found, Job, JobRecord, Reopen, RunDescription, RunStatus,
    RunStore, SingleRun, StateDir,
};
use crate::ui::Reporter;

/// Resumes one job or batch, or all that can be resumed. The exit code is that of the first that
/// did not succeed.
pub(crate) async fn run(args: ResumeArgs) -> Exit {
    let unfinished = match state_of(&args).and_then(|state| find(&args, &state)) {
        Ok(unfinished) => unfinished,
        Err(problem) => {
            return SingleCommand::new(args.session.show, false).finish(Err(problem));
        }
    };
    let mut code = Exit::Done;
    for unfinished in unfinished {
        let exit = match unfinished {
            Unfinished::Job(job, record) => {
                let to_stdout = record.destination.is_stdout();
                let command = SingleCommand::new(args.session.show, to_stdout);
                let outcome = resume_job(&args, job, &record, &command.reporter).await;
                command.finish(outcome.map(Some))
            }
            Unfinished::Batch(folder) => {
                let reporter = Arc::new(Reporter::of_batch(args.session.show));
                let outcome = resume_batch(&args, &folder, &reporter).await;
                batch::finish(outcome.map(Some), &reporter)
            }
        };
        if matches!(exit, Exit::Interrupted | Exit::Terminated) {
            return exit;
        }
        if code == Exit::Done {
            code = exit;
        }
    }
    code
}

enum Unfinished {
    Job(Job, Box<JobRecord>),
    Batch(BatchDir),
}

fn state_of(args: &ResumeArgs) -> Result<StateDir, Problem> {
    let settings = Settings::resolve(&args.session, &Overrides::default(), &environment)?;
    state_dir(&settings)
}

fn find(args: &ResumeArgs, state: &StateDir) -> Result<Vec<Unfinished>, Problem> {
    if let Some(id) = &args.id {
        return Ok(vec![match state.find(id)? {
            Found::Job(job) => {
                let fail = |error| Problem::local(format!("cannot read job {}", job.id()), &error);
                let record = job.record().map_err(fail)?;
                Unfinished::Job(job, Box::new(record))
            }
            Found::Batch(batch) => Unfinished::Batch(batch),
            Found::Row(batch, _) => {
                return Err(Problem::usage("the exports of a batch are resumed together")
                    .advise(format!("wexport jobs resume {}", batch.id())));
            }
        }]);
    }
    let mut found = Vec::new();
    for job in state.jobs()? {
        match job.record() {
            Ok(record) if job.is_resumable(&record) => {
                found.push(Unfinished::Job(job, Box::new(record)));
            }
            _ => {}
        }
    }
    let batches = state.batches()?.into_iter().filter(is_unfinished);
    found.extend(batches.map(Unfinished::Batch));
    Ok(found)
}

/// Whether a batch that is not running has exports without their file. One that cannot be read
/// cannot be resumed.
fn is_unfinished(batch: &BatchDir) -> bool {
    let Ok(db) = BatchDb::open(batch) else { return false };
    let status = db.description().map(|description| batch.status(&description));
    let is_running = status.is_ok_and(|status| status == RunStatus::Running);
    let totals = db.totals().unwrap_or_default();
    !is_running && totals.waiting + totals.open + totals.failed > 0
}

async fn resume_job(
    args: &ResumeArgs,
    job: Job,
    record: &JobRecord,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = settings_of(args, &record.run)?;
    engine::resume(Arc::new(SingleRun::resume(job)?), settings, reporter).await
}

async fn resume_batch(
    args: &ResumeArgs,
    batch: &BatchDir,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let which = if args.failed { Reopen::All } else { Reopen::Resumable };
    let store = BatchDbWriter::resume(batch, which)?;
    let settings = settings_of(args, &store.description()?)?;
    engine::resume(Arc::new(store), settings, reporter).await
}

/// The settings for a run: those of its service, and otherwise those of today.
fn settings_of(args: &ResumeArgs, run: &RunDescription) -> Result<Settings, Problem> {
    let service = (run.base_url.clone(), run.api_version.clone());
    let overrides = Overrides { resubmit: args.resubmit, run: Some(service) };
    Settings::resolve(&args.session, &overrides, &environment)
}
