//! Runs exports: a single one is a run of one.
//!
//! A run is prepared, which checks each destination before anything is sent, and stored. The
//! [runner](runner::Runner) then drives all of its exports under one limit, [closes](close) each
//! export whose job has ended, and stops when the program is stopped or when no export could
//! succeed. A resumed run follows the same steps from its store.

mod close;
mod context;
mod continuing;
#[cfg(feature = "postgres")]
mod follow;
#[cfg(feature = "postgres")]
mod in_database;
mod prepare;
mod recording_sink;
mod results;
mod results_path;
mod runner;
mod shared_client;
mod systemic;

use std::collections::BTreeMap;
use std::mem::take;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread;

pub(crate) use self::context::sends_email;
use self::context::{RunContext, resume_command};
use self::continuing::{ContinuedBatch, ContinuedJob, Continuing};
#[cfg(feature = "postgres")]
use self::follow::Follower;
#[cfg(feature = "postgres")]
use self::in_database::DatabaseBatch;
#[cfg(feature = "postgres")]
pub(crate) use self::in_database::join_batch;
use self::prepare::{DestinationChecks, restore_names};
use self::results_path::protect_results;
use self::runner::Runner;
pub(crate) use self::runner::{RunOutcome, stopped_by};
pub(crate) use self::shared_client::{SharedClient, SharedClients, shared_pace};
use crate::clock;
use crate::event::Event;
use crate::output::{Outputs, Protected};
use crate::problem::{Exit, Problem};
use crate::request::ListedExport;
use crate::settings::Settings;
#[cfg(feature = "postgres")]
use crate::state::FollowedBatch;
use crate::state::{
    BatchDraft, Later, NameClaim, NewRow, Retention, RowEnd, RunDescription, RunOptions, RunStore,
    SingleRun, StateDir,
};
use crate::ui::Reporter;

/// What a run is to do.
pub(crate) enum Plan<'a> {
    Single(Box<ListedExport>),
    /// One that continues the job with its name and date.
    Named(Box<ListedExport>, RunOptions),
    Batch {
        read: ReadExports<'a>,
        source: String,
        options: RunOptions,
        start: Start,
    },
}

/// Whether a batch continues the one with its name and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    New,
    Continue,
}

/// Reads the exports of a batch, and adds each. Fails if one of them is invalid.
pub(crate) type ReadExports<'a> = Box<dyn FnOnce(AddExport<'_>) -> Result<(), Problem> + 'a>;

/// Adds an export to a batch.
pub(crate) type AddExport<'a> = &'a mut dyn FnMut(ListedExport) -> Result<(), Problem>;

/// Runs new exports to their end.
pub(crate) async fn run(
    plan: Plan<'_>,
    settings: Settings,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = Arc::new(settings);
    let outputs = outputs(&settings, reporter);
    // Held until the run has ended.
    let mut claim = None;
    match prepare(plan, settings, &outputs, reporter, &mut claim).await {
        Ok(Prepared::Kept(file)) => {
            reporter.event(Event::Skipped { file: file.clone() });
            Ok(RunOutcome { end: Some(RowEnd::Skipped { file }), problem: None })
        }
        Ok(Prepared::Ready(runner)) => runner.run().await,
        #[cfg(feature = "postgres")]
        Ok(Prepared::WithWorkers(follower)) => follower.run().await,
        Err(problem) => {
            outputs.remove_made_folders();
            Err(problem)
        }
    }
}

/// What a plan has become before anything is sent.
enum Prepared {
    /// The file of a single export exists, and is kept.
    Kept(String),
    Ready(Box<Runner>),
    /// Workers drive its exports.
    #[cfg(feature = "postgres")]
    WithWorkers(Box<Follower>),
}

/// Checks a plan, and stores the run.
async fn prepare(
    plan: Plan<'_>,
    settings: Arc<Settings>,
    outputs: &Outputs,
    reporter: &Arc<Reporter>,
    claim: &mut Option<NameClaim>,
) -> Result<Prepared, Problem> {
    let began = clock::now();
    let description = |source, options| RunDescription {
        began,
        base_url: settings.service.value.base_url().into(),
        api_version: settings.api_version.value.to_string(),
        client_id: None,
        source,
        options,
        end: None,
    };
    let load = || settings.credentials.load(&mut |warning| reporter.warn(warning));
    let mut loaded = None;
    let mut claim_name = |state: Option<&StateDir>, description: &mut RunDescription| {
        // A run is continued by its own client only.
        description.client_id.clone_from(&loaded.insert(load()?).client_id);
        *claim = state.map(|state| state.claim_name(description)).transpose()?;
        Ok::<_, Problem>(())
    };
    let state = settings.state.as_ref().map(|state| state.value.clone());
    let retention = Retention {
        keep_for: settings.keep_done_for.value.0,
        keep: usize::try_from(settings.keep_done.value.0).unwrap_or(usize::MAX),
    };
    let state = || -> Result<Option<StateDir>, Problem> {
        let state = state.as_deref().map(StateDir::open).transpose()?;
        Ok(state.inspect(|state| state.forget_done(began, retention)))
    };
    let (plan, options) = match plan {
        Plan::Named(export, options) => (Plan::Single(export), options),
        plan => (plan, RunOptions::default()),
    };
    #[cfg(feature = "postgres")]
    if let (Some(database), Plan::Single(_)) = (&settings.database, &plan) {
        return Err(Problem::usage(format!(
            "a single export cannot keep its state in a database ({})",
            database.source
        ))
        .advise("use a folder: --state DIR; or `wexport batch` with a list of one"));
    }
    let mut earlier = None;
    let store: Arc<dyn RunStore> = match plan {
        #[cfg(feature = "postgres")]
        Plan::Batch { read, source, options, start } if settings.database.is_some() => {
            let mut description = description(Some(source), options);
            // A run is continued by its own client only.
            description.client_id.clone_from(&loaded.insert(load()?).client_id);
            let read = |add: AddExport<'_>| {
                read(&mut |export| {
                    outputs.protect_body(export.request.body_file.as_deref());
                    add(export)
                })
            };
            let opened =
                in_database::open_batch(read, start, &description, &settings, outputs, reporter);
            match opened.await? {
                DatabaseBatch::Held { store, is_resumed } => {
                    earlier = is_resumed.then(BTreeMap::new);
                    store
                }
                DatabaseBatch::ForWorkers(batch) => {
                    let options = &description.options;
                    let follower = Follower::new(*batch, options, &settings, outputs, reporter);
                    return Ok(Prepared::WithWorkers(Box::new(follower.await?)));
                }
            }
        }
        Plan::Single(export) | Plan::Named(export, _) => {
            outputs.protect_body(export.request.body_file.as_deref());
            let row = NewRow::from(*export);
            let mut description = description(None, options);
            let continued = if description.options.key.is_some() {
                let state = state()?;
                claim_name(state.as_ref(), &mut description)?;
                let (state, description) = (state.as_ref(), &description);
                let continuing = Continuing { state, description, outputs, reporter };
                continuing.job(&row).await?
            } else {
                ContinuedJob::New
            };
            match continued {
                ContinuedJob::Done(file) => return Ok(Prepared::Kept(file)),
                ContinuedJob::Earlier(store) => {
                    earlier = Some(BTreeMap::new());
                    Arc::new(*store)
                }
                ContinuedJob::New => {
                    let checks = DestinationChecks::new(outputs, &settings);
                    let NewRow { destination, subject, fresh, .. } = &row;
                    if let Some(file) = checks.check(1, destination, subject, fresh).await? {
                        // Nothing is stored: a nightly job would leave a folder each night.
                        return Ok(Prepared::Kept(file));
                    }
                    Arc::new(match state()? {
                        Some(state) => state.create_job(row, description)?,
                        None => SingleRun::in_memory(row, description),
                    })
                }
            }
        }
        Plan::Batch { read, source, options, start } => {
            let state = state()?.ok_or_else(|| {
                Problem::usage("--no-state cannot be used with `batch`, which stores its exports")
            })?;
            let mut description = description(Some(source), options);
            let mut previous = None;
            if start == Start::Continue {
                claim_name(Some(&state), &mut description)?;
                previous = state.previous_batch(&description)?;
            }
            let mut draft = Box::new(state.begin_batch(began)?);
            store_rows(&mut draft, |add| {
                read(&mut |export| {
                    outputs.protect_body(export.request.body_file.as_deref());
                    add(export)
                })
            })?;
            protect_files(&description.options, outputs, &settings)?;
            let continued = if start == Start::Continue {
                let (state, description) = (&state, &description);
                Continuing { state: Some(state), description, outputs, reporter }
                    .batch(previous, draft)
                    .await?
            } else {
                ContinuedBatch::New(draft, Vec::new())
            };
            match continued {
                ContinuedBatch::Earlier(store, later) => {
                    earlier = Some(later);
                    store
                }
                ContinuedBatch::New(draft, begun) => {
                    DestinationChecks::new(outputs, &settings).check_batch(&draft).await?;
                    for (number, checkpoint) in begun {
                        draft.take_over_checkpoint(number, &checkpoint)?;
                    }
                    Arc::new(draft.commit(&description)?)
                }
            }
        }
    };
    let loaded = loaded.map_or_else(load, Ok);
    let Some(later) = earlier else {
        let new = Arc::clone(&store);
        let context = loaded.and_then(|loaded| {
            let client = SharedClient::new(&settings, loaded, reporter)?;
            RunContext::new(store, settings, client, outputs.clone(), reporter)
        });
        // A run that is refused before its first request must not be listed. If it cannot be removed,
        // it is.
        let context = context.inspect_err(|_| drop(new.remove()))?;
        return Ok(Prepared::Ready(Box::new(Runner::new(context)?)));
    };
    let client = SharedClient::new(&settings, loaded?, reporter)?;
    let mut outputs = outputs.clone();
    if let Some(id) = store.id() {
        outputs = outputs.keeping_newer(resume_command(id, &settings, &store.description()?));
    }
    restore_names(&*store, &outputs)?;
    let context = RunContext::new(store, settings, client, outputs, reporter)?;
    Ok(Prepared::Ready(Box::new(Runner::resume(context, later)?)))
}

/// Stores the rows of a list while the next ones are read and checked.
fn store_rows(
    draft: &mut BatchDraft,
    read: impl FnOnce(AddExport<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    thread::scope(|scope| {
        let (chunks, read_chunks) = mpsc::sync_channel::<Vec<ListedExport>>(1);
        let storing = scope.spawn(move || {
            let mut rows = read_chunks.into_iter().flatten();
            rows.try_for_each(|export| draft.add(export.into()))?;
            draft.flush()
        });
        // The receiver is gone only if a row could not be stored, which is reported instead.
        let gone = |_| Problem::new(Exit::Local, "the batch could not be stored");
        let mut chunk = Vec::new();
        let read = read(&mut |export| {
            chunk.push(export);
            let is_full = chunk.len() == CHUNK;
            if is_full { chunks.send(take(&mut chunk)).map_err(gone) } else { Ok(()) }
        });
        let read = read.and_then(|()| chunks.send(chunk).map_err(gone));
        drop(chunks);
        let stored = storing.join().unwrap_or_else(|panic| resume_unwind(panic));
        stored.and(read)
    })
}

/// The number of rows that are handed over at once: a thread takes longer to wake up than to store one.
const CHUNK: usize = 64;

/// How a run is resumed.
#[derive(Debug, Default)]
pub(crate) struct ResumeOptions {
    /// Whether files that are newer than their exports are replaced.
    pub(crate) overwrite_newer: bool,
    /// The later exports with the same destinations, by the numbers of the exports that are left.
    pub(crate) later: BTreeMap<u64, Later>,
}

/// Resumes a run, with a client of its service.
pub(crate) async fn resume(
    store: Arc<dyn RunStore>,
    options: ResumeOptions,
    settings: Settings,
    client: SharedClient,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = Arc::new(settings);
    let mut outputs = outputs(&settings, reporter);
    let description = store.description()?;
    if let (false, Some(id)) = (options.overwrite_newer, store.id()) {
        outputs = outputs.keeping_newer(resume_command(id, &settings, &description));
    }
    // The names of a shared run are known to differ, and its files are those of the process that follows it.
    if !store.is_shared() {
        protect_files(&description.options, &outputs, &settings)?;
        restore_names(&*store, &outputs)?;
    }
    let context = RunContext::new(store, settings, client, outputs, reporter)?;
    Runner::resume(context, options.later)?.run().await
}

/// Follows a batch whose exports are driven by workers.
#[cfg(feature = "postgres")]
pub(crate) async fn follow(
    batch: FollowedBatch,
    settings: Settings,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = Arc::new(settings);
    let outputs = outputs(&settings, reporter);
    let options = batch.description()?.options;
    protect_files(&options, &outputs, &settings)?;
    Follower::new(batch, &options, &settings, &outputs, reporter).await?.run().await
}

/// Protects the list and the results of a batch.
fn protect_files(
    options: &RunOptions,
    outputs: &Outputs,
    settings: &Settings,
) -> Result<(), Problem> {
    if let Some(list) = &options.list {
        outputs.names().protect(list, &Protected::Input("the list".into()));
    }
    let results = options.results.as_deref();
    results.map_or(Ok(()), |path| protect_results(path, outputs.names(), settings))
}

impl From<ListedExport> for NewRow {
    fn from(export: ListedExport) -> Self {
        let ListedExport { line, request, destination } = export;
        let destination = destination.with_earlier(&request.subject);
        Self { line, subject: request.subject, destination, fresh: request.job.checkpoint() }
    }
}

fn outputs(settings: &Arc<Settings>, reporter: &Arc<Reporter>) -> Outputs {
    let reporter = Arc::clone(reporter);
    Outputs::new(settings).with_warnings(move |warning| reporter.warn(warning))
}
