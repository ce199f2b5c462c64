//! `wexport jobs resume`.

use std::collections::BTreeMap;
use std::sync::Arc;

use export_hyper::Config;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Uri;
use tokio::sync::Mutex;

use super::JobsState;
use crate::args::ResumeArgs;
use crate::clock;
use crate::commands::single_command::SingleCommand;
use crate::commands::{batch, environment};
use crate::engine::{self, ResumeOptions, RunOutcome, SharedClient, SharedClients};
use crate::hooks::{Hooks, Shown};
use crate::problem::{Exit, Problem};
use crate::run_facts::RunFacts;
use crate::settings::{Overrides, Settings};
use crate::state::{
    BatchDb, BatchDir, DbError, Found, Job, JobRecord, Later, LaterExports, Reopen, RunDescription,
    RunStatus, RunningProcess, SingleRun, StateDir, Wanted,
};
use crate::text::export_count;
use crate::ui::Reporter;

/// The number of runs that are resumed at once. Their exports share one set of rate limits.
const MAX_CONCURRENT: usize = 16;

/// Resumes one job or batch, or all that may succeed. The exit code is that of the first that did
/// not succeed.
pub(crate) async fn run(args: ResumeArgs) -> Exit {
    let overrides = Overrides { hooks: args.hooks.clone(), ..Overrides::default() };
    let today = Settings::resolve(&args.session, &overrides, &environment);
    let hooks = Hooks::begin(&today, &overrides.hooks);
    let shown = Shown { show: args.session.show, stdout_carries_file: false };
    let mut runs = Vec::new();
    let exit = run_all(args, today, &mut runs).await;
    hooks.end(exit, &runs, shown).await;
    exit
}

/// Resumes the runs, and adds the facts of each.
async fn run_all(
    args: ResumeArgs,
    today: Result<Settings, Problem>,
    facts: &mut Vec<RunFacts>,
) -> Exit {
    let found = today.and_then(|today| {
        let state =
            JobsState::open(&today, args.id.as_deref().map_or(Wanted::Unfinished, Wanted::Run))?;
        let found = find(&args, &state)?;
        Ok((today, state, found))
    });
    let (today, state, found) = match found {
        Ok(found) => found,
        Err(problem) => {
            let command = SingleCommand::new(args.session.show, false);
            let reporter = Arc::clone(&command.reporter);
            let exit = command.finish(Err(problem));
            facts.push(reporter.facts());
            return exit;
        }
    };
    let reporter = Reporter::of_single(args.session.show, None, false);
    for reason in found.left {
        reporter.warn(format!("not resumed: {reason}"));
    }
    let (is_named, clients) = (found.runs.len() > 1, Mutex::default());
    let command = Resume { args, today, state, is_named, clients };
    // Standard output takes one file after the other.
    let (last, first) = found.runs.into_iter().enumerate().partition(|(_, run)| run.is_stdout());
    let mut resumed = Resumed { failed: BTreeMap::new(), facts };
    for (runs, at_once) in [(first, MAX_CONCURRENT), (last, 1)] {
        if let Err(signal) = command.resume_all(runs, at_once, &mut resumed).await {
            return signal;
        }
    }
    reporter.exit_code(resumed.failed.into_values().next().unwrap_or(Exit::Done))
}

/// The runs to resume.
#[derive(Default)]
struct FoundRuns {
    runs: Vec<Unfinished>,
    /// Why others are not resumed.
    left: Vec<String>,
}

enum Unfinished {
    Job(Job, Box<JobRecord>),
    /// A batch, and the later exports with the same destinations as its own.
    Batch(BatchDir, BTreeMap<u64, Later>),
}

impl Unfinished {
    fn is_stdout(&self) -> bool {
        matches!(self, Self::Job(_, record) if record.destination.is_stdout())
    }
}

fn find(args: &ResumeArgs, state: &StateDir) -> Result<FoundRuns, Problem> {
    let later = LaterExports::find(state)?;
    let later = if args.overwrite_newer { later.unfinished() } else { later };
    let mut found = FoundRuns::default();
    if let Some(id) = &args.id {
        found.runs.push(match state.find(id)? {
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
        });
        return Ok(found);
    }
    for job in state.jobs()? {
        match job.record() {
            Ok(record) if job.is_unfinished(&record) => {
                match reason_to_leave_job(&job, &record, &later) {
                    Some(reason) => found.left.push(reason),
                    None => found.runs.push(Unfinished::Job(job, Box::new(record))),
                }
            }
            Ok(record) if job.status(&record) == RunStatus::Running => {
                found.left.extend(silent("job", job.id(), job.process()));
            }
            Ok(_) => {}
            Err(_) if job.is_incomplete() => {}
            Err(error) => found.left.push(format!("job {}: {error}", job.id())),
        }
    }
    for batch in state.batches()? {
        match look_at(&batch) {
            Ok(Unended { is_running: true, .. }) => {
                found.left.extend(silent("batch", batch.id(), batch.process()));
            }
            Ok(Unended { resumable, refused, .. }) => {
                if let Err(superseded) = not_superseded("batch", batch.id(), &later) {
                    found.left.push(one_line(&superseded));
                    continue;
                }
                if refused > 0 {
                    found.left.push(refused_exports(batch.id(), refused));
                }
                if resumable {
                    let later = later.of_batch(batch.id());
                    found.runs.push(Unfinished::Batch(batch, later));
                }
            }
            Err(error) if error.is_incomplete() => {}
            Err(error) => found.left.push(error.to_string()),
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

/// Why a job that is not named is not resumed.
fn reason_to_leave_job(job: &Job, record: &JobRecord, later: &LaterExports) -> Option<String> {
    let id = job.id();
    if let Err(superseded) = not_superseded("job", id, later) {
        return Some(one_line(&superseded));
    }
    if let Some(failure) = record.failure().filter(|failure| failure.would_repeat()) {
        let message = &failure.message;
        return Some(format!(
            "job {id}: {message} (the service has refused or ended it; to export it again: wexport jobs resume {id})"
        ));
    }
    let Later { id: by, .. } = later.of_job(id)?;
    Some(format!("job {id}: {by} is later, has the same destination, and is not done"))
}

/// Why a run is not resumed whose process has not been heard of for long.
fn silent(kind: &str, id: &str, process: Option<RunningProcess>) -> Option<String> {
    let (process, now) = (process?, clock::now());
    process.silence(now)?;
    Some(format!("{kind} {id} is {}: {}", process.status(now), process.remark(now, id)))
}

fn refused_exports(id: &str, count: u64) -> String {
    format!(
        "batch {id}: {} that the service refused or ended (wexport jobs show {id} says why; to \
         export them again: wexport jobs resume {id})",
        export_count(count)
    )
}

fn one_line(problem: &Problem) -> String {
    format!("{} ({})", problem.message, problem.advice.join("; "))
}

/// The exports of a batch without their files, unless it is running.
#[derive(Default)]
struct Unended {
    is_running: bool,
    /// Whether there is one that may succeed, or the end of the batch is not recorded.
    resumable: bool,
    /// The number of those that would fail again.
    refused: u64,
}

fn look_at(batch: &BatchDir) -> Result<Unended, DbError> {
    let db = BatchDb::open(batch)?;
    let totals = db.totals()?;
    let status = batch.status(&db.description()?);
    if status == RunStatus::Running {
        return Ok(Unended { is_running: true, ..Unended::default() });
    }
    let refused = db.repeating()?;
    let left = totals.waiting + totals.open + totals.failed - refused;
    let resumable = left > 0 || status == RunStatus::Interrupted;
    Ok(Unended { resumable, refused, ..Unended::default() })
}

/// What has become of the runs.
struct Resumed<'a> {
    /// The codes of those that did not succeed.
    failed: BTreeMap<usize, Exit>,
    facts: &'a mut Vec<RunFacts>,
}

/// What the runs that are resumed share.
struct Resume {
    args: ResumeArgs,
    today: Settings,
    state: JobsState,
    /// Whether messages name their runs.
    is_named: bool,
    clients: Mutex<SharedClients>,
}

impl Resume {
    /// Resumes runs, some of them at once, and adds what has become of each.
    ///
    /// # Errors
    ///
    /// Fails with the code of a signal. No more runs are resumed then.
    async fn resume_all(
        &self,
        runs: Vec<(usize, Unfinished)>,
        at_once: usize,
        resumed: &mut Resumed<'_>,
    ) -> Result<(), Exit> {
        let (mut runs, mut under_way) = (runs.into_iter(), FuturesUnordered::new());
        let mut stopped = None;
        loop {
            while under_way.len() < at_once && stopped.is_none() {
                let Some((index, run)) = runs.next() else { break };
                under_way.push(async move { (index, self.resume(run).await) });
            }
            let Some((index, (exit, facts))) = under_way.next().await else {
                return stopped.map_or(Ok(()), Err);
            };
            resumed.facts.push(facts);
            match exit {
                Exit::Done => {}
                Exit::Interrupted | Exit::Terminated => stopped = Some(exit),
                _ => drop(resumed.failed.insert(index, exit)),
            }
        }
    }

    async fn resume(&self, run: Unfinished) -> (Exit, RunFacts) {
        let show = self.args.session.show;
        match run {
            Unfinished::Job(job, record) => {
                let name = format!("job {}", job.id());
                let name = self.is_named.then_some(name.as_str());
                let command = SingleCommand::of_run(show, name, record.destination.is_stdout());
                let reporter = Arc::clone(&command.reporter);
                reporter.attach(Some(job.id()), None);
                let outcome = self.resume_job(job, &record, &reporter).await;
                (command.finish(outcome), reporter.facts())
            }
            Unfinished::Batch(folder, later) => {
                let name = format!("batch {}", folder.id());
                let name = self.is_named.then_some(name.as_str());
                let reporter = Arc::new(Reporter::of_batch(show, name));
                reporter.attach(Some(folder.id()), None);
                let outcome = self.resume_batch(&folder, later, &reporter).await;
                (batch::finish(outcome, show, name, &reporter), reporter.facts())
            }
        }
    }

    /// Resumes a job; `None` if it is left out.
    async fn resume_job(
        &self,
        job: Job,
        record: &JobRecord,
        reporter: &Arc<Reporter>,
    ) -> Result<Option<RunOutcome>, Problem> {
        let ready = self.client_for(job.id(), &record.run, reporter).await?;
        let Some((settings, client)) = ready else { return Ok(None) };
        let store = Arc::new(SingleRun::resume(job)?);
        let options = self.options(BTreeMap::new());
        engine::resume(store, options, settings, client, reporter).await.map(Some)
    }

    /// Resumes a batch; `None` if it is left out.
    async fn resume_batch(
        &self,
        batch: &BatchDir,
        later: BTreeMap<u64, Later>,
        reporter: &Arc<Reporter>,
    ) -> Result<Option<RunOutcome>, Problem> {
        let description = BatchDb::open(batch)?.description()?;
        let ready = self.client_for(batch.id(), &description, reporter).await?;
        let Some((settings, client)) = ready else { return Ok(None) };
        let which = if self.args.failed { Reopen::Resumable } else { Reopen::All };
        #[cfg(feature = "postgres")]
        if let Some(followed) = self.state.resume_for_workers(batch.id(), &description, which)? {
            return engine::follow(followed, settings, reporter).await.map(Some);
        }
        let store = self.state.resume(batch, which)?;
        engine::resume(store, self.options(later), settings, client, reporter).await.map(Some)
    }

    fn options(&self, later: BTreeMap<u64, Later>) -> ResumeOptions {
        ResumeOptions { overwrite_newer: self.args.overwrite_newer, later }
    }

    /// The settings and the client for a run, if the credentials belong to its service: those of
    /// another one are never sent there. A run that is not named is left out with a warning, and
    /// `None` is returned.
    async fn client_for(
        &self,
        id: &str,
        run: &RunDescription,
        reporter: &Arc<Reporter>,
    ) -> Result<Option<(Settings, SharedClient)>, Problem> {
        let base_url = self.today.service.value.base_url();
        let refused = if is_same_service(base_url, &run.base_url) {
            let api_version = Some(run.api_version.clone());
            let overrides =
                Overrides { resubmit: self.args.resubmit, api_version, ..Overrides::default() };
            let settings = Settings::resolve(&self.args.session, &overrides, &environment)?;
            let client = self.clients.lock().await.get(&settings, reporter)?;
            match other_client(id, run, &client) {
                None => return Ok(Some((settings, client))),
                Some(problem) => problem,
            }
        } else {
            other_service(id, run, &self.today)
        };
        if self.args.id.is_some() {
            return Err(refused);
        }
        reporter.warn(format!("not resumed: {}", one_line(&refused)));
        Ok(None)
    }
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
fn other_client(id: &str, run: &RunDescription, client: &SharedClient) -> Option<Problem> {
    let (begun, today) = (run.client_id.as_ref()?, client.client_id.as_ref()?);
    (begun != today).then(|| {
        let message = format!("{id} was begun with the client ID {begun}, not with {today}");
        Problem::usage(message)
            .advise(format!("use its client: --client-id {begun}, with its secret"))
    })
}
