//! `wexport jobs resume`.

use std::collections::BTreeMap;
use std::sync::Arc;

use export_hyper::Config;
use http::Uri;

use super::state_dir;
use crate::args::ResumeArgs;
use crate::commands::single_command::SingleCommand;
use crate::commands::{batch, environment};
use crate::engine::{self, ResumeOptions, RunOutcome};
use crate::problem::{Exit, Problem};
use crate::settings::{LoadedCredentials, Overrides, Settings};
use crate::state::{
    BatchDb, BatchDbWriter, BatchDir, DbError, Found, Job, JobRecord, Later, LaterExports, Reopen,
    RunDescription, RunStatus, SingleRun, StateDir,
};
use crate::ui::Reporter;

/// Resumes one job or batch, or all that can be resumed. The exit code is that of the first that
/// did not succeed.
pub(crate) async fn run(args: ResumeArgs) -> Exit {
    let (today, unfinished) = match settings_and_runs(&args) {
        Ok(found) => found,
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
                let outcome = resume_job(&args, &today, job, &record, &command.reporter).await;
                command.finish(outcome)
            }
            Unfinished::Batch(folder, later) => {
                let reporter = Arc::new(Reporter::of_batch(args.session.show));
                let outcome = resume_batch(&args, &today, &folder, later, &reporter).await;
                batch::finish(outcome, &reporter)
            }
            Unfinished::Left(reason) => {
                let command = SingleCommand::new(args.session.show, false);
                command.reporter.warn(format!("not resumed: {reason}"));
                continue;
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
    /// A batch, and the later exports with the same destinations as its own.
    Batch(BatchDir, BTreeMap<u64, Later>),
    /// It is not resumed, for this reason.
    Left(String),
}

/// The settings of today, and the runs to resume.
fn settings_and_runs(args: &ResumeArgs) -> Result<(Settings, Vec<Unfinished>), Problem> {
    let today = Settings::resolve(&args.session, &Overrides::default(), &environment)?;
    let found = find(args, &state_dir(&today)?)?;
    Ok((today, found))
}

fn find(args: &ResumeArgs, state: &StateDir) -> Result<Vec<Unfinished>, Problem> {
    let later = match args.overwrite_newer {
        true => LaterExports::default(),
        false => LaterExports::find(state)?,
    };
    if let Some(id) = &args.id {
        return Ok(vec![match state.find(id)? {
            Found::Job(job) => {
                let record = SingleRun::resumable_record(&job)?;
                not_superseded("job", job.id(), &later)?;
                Unfinished::Job(job, Box::new(record))
            }
            Found::Batch(batch) => {
                not_superseded("batch", batch.id(), &later)?;
                // One that is named goes before later ones that are not done.
                let mut later = later.of_batch(batch.id());
                later.retain(|_, later| later.file.is_some());
                Unfinished::Batch(batch, later)
            }
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
                if let Some(reason) = reason_to_leave("job", job.id(), &later) {
                    found.push(Unfinished::Left(reason));
                    continue;
                }
                found.push(Unfinished::Job(job, Box::new(record)));
            }
            Ok(_) => {}
            Err(_) if job.is_incomplete() => {}
            Err(error) => found.push(Unfinished::Left(format!("job {}: {error}", job.id()))),
        }
    }
    for batch in state.batches()? {
        match is_unfinished(&batch) {
            Ok(true) => match reason_to_leave("batch", batch.id(), &later) {
                Some(reason) => found.push(Unfinished::Left(reason)),
                None => {
                    let later = later.of_batch(batch.id());
                    found.push(Unfinished::Batch(batch, later));
                }
            },
            Ok(false) => {}
            Err(error) if error.is_incomplete() => {}
            Err(error) => found.push(Unfinished::Left(error.to_string())),
        }
    }
    Ok(found)
}

/// Refuses a run that is superseded.
fn not_superseded(kind: &str, id: &str, later: &LaterExports) -> Result<(), Problem> {
    let Some(Later { id: by, file: Some(file) }) = later.superseding(id) else { return Ok(()) };
    let message = format!("{kind} {id} is superseded by {by}, which is done: {file}");
    Err(Problem::new(Exit::No, message)
        .advise(format!("to replace the file: wexport jobs resume {id} --overwrite-newer")))
}

/// Why a run that is not named is left because of later ones.
fn reason_to_leave(kind: &str, id: &str, later: &LaterExports) -> Option<String> {
    if let Err(superseded) = not_superseded(kind, id, later) {
        return Some(format!("{} ({})", superseded.message, superseded.advice.join("; ")));
    }
    let Later { id: by, .. } = later.of_job(id).filter(|_| kind == "job")?;
    Some(format!("job {id}: {by} is later, has the same destination, and is not done"))
}

/// Whether a batch that is not running has exports without their file, or was killed before its end
/// was recorded.
fn is_unfinished(batch: &BatchDir) -> Result<bool, DbError> {
    let db = BatchDb::open(batch)?;
    let totals = db.totals()?;
    Ok(match batch.status(&db.description()?) {
        RunStatus::Running | RunStatus::Superseded => false,
        RunStatus::Interrupted => true,
        RunStatus::Failed | RunStatus::Done => totals.waiting + totals.open + totals.failed > 0,
    })
}

/// Resumes a job; `None` if it is left out.
async fn resume_job(
    args: &ResumeArgs,
    today: &Settings,
    job: Job,
    record: &JobRecord,
    reporter: &Arc<Reporter>,
) -> Result<Option<RunOutcome>, Problem> {
    let ready = credentials_for(args, today, job.id(), &record.run, reporter)?;
    let Some((settings, loaded)) = ready else { return Ok(None) };
    let store = Arc::new(SingleRun::resume(job)?);
    let options =
        ResumeOptions { overwrite_newer: args.overwrite_newer, ..ResumeOptions::default() };
    engine::resume(store, options, settings, loaded, reporter).await.map(Some)
}

/// Resumes a batch; `None` if it is left out.
async fn resume_batch(
    args: &ResumeArgs,
    today: &Settings,
    batch: &BatchDir,
    later: BTreeMap<u64, Later>,
    reporter: &Arc<Reporter>,
) -> Result<Option<RunOutcome>, Problem> {
    let description = BatchDb::open(batch)?.description()?;
    let ready = credentials_for(args, today, batch.id(), &description, reporter)?;
    let Some((settings, loaded)) = ready else { return Ok(None) };
    let which = if args.failed { Reopen::All } else { Reopen::Resumable };
    let store = Arc::new(BatchDbWriter::resume(batch, which)?);
    let options = ResumeOptions { overwrite_newer: args.overwrite_newer, later };
    engine::resume(store, options, settings, loaded, reporter).await.map(Some)
}

/// The settings and the credentials for a run, if they belong to its service: those of another one
/// are never sent there. A run that is not named is left out with a warning, and `None` is returned.
fn credentials_for(
    args: &ResumeArgs,
    today: &Settings,
    id: &str,
    run: &RunDescription,
    reporter: &Reporter,
) -> Result<Option<(Settings, LoadedCredentials)>, Problem> {
    let base_url = today.service.value.base_url();
    let refused = if is_same_service(base_url, &run.base_url) {
        let api_version = Some(run.api_version.clone());
        let overrides = Overrides { resubmit: args.resubmit, api_version };
        let settings = Settings::resolve(&args.session, &overrides, &environment)?;
        let loaded = settings.credentials.load(&mut |warning| reporter.warn(warning))?;
        match other_client(id, run, &loaded) {
            None => return Ok(Some((settings, loaded))),
            Some(problem) => problem,
        }
    } else {
        other_service(id, run, today)
    };
    if args.id.is_some() {
        return Err(refused);
    }
    reporter.warn(format!("not resumed: {} ({})", refused.message, refused.advice.join("; ")));
    Ok(None)
}

/// Whether two base URLs lead to the same paths of the same origin.
fn is_same_service(one: &str, other: &str) -> bool {
    let parse = |url| {
        let config = Config::with_plain_http(url).ok()?;
        let path = config.base_url().parse::<Uri>().ok()?.path().trim_end_matches('/').to_owned();
        Some((config.origins().base().clone(), path))
    };
    parse(one).is_some_and(|one| parse(other) == Some(one))
}

fn other_service(id: &str, run: &RunDescription, today: &Settings) -> Problem {
    let (base_url, source) = (today.service.value.base_url(), &today.service.source);
    let message =
        format!("{id} belongs to {}, but the service is {base_url} ({source})", run.base_url);
    let flags = run.service_flags();
    Problem::usage(message)
        .advise(format!("with the credentials of that service: wexport jobs resume {id} {flags}"))
}

/// The problem of credentials that are those of another client. Whose a token is cannot be told.
fn other_client(id: &str, run: &RunDescription, loaded: &LoadedCredentials) -> Option<Problem> {
    let (begun, today) = (run.client_id.as_ref()?, loaded.client_id.as_ref()?);
    (begun != today).then(|| {
        let message = format!("{id} was begun with the client ID {begun}, not with {today}");
        Problem::usage(message)
            .advise(format!("use its client: --client-id {begun}, with its secret"))
    })
}
