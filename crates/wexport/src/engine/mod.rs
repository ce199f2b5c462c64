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
mod open;
mod prepare;
mod recording_sink;
mod results;
mod results_path;
mod runner;
mod shared_client;
mod systemic;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use self::context::sends_email;
use self::context::{RunContext, resume_command};
#[cfg(feature = "postgres")]
use self::follow::Follower;
#[cfg(feature = "postgres")]
pub(crate) use self::in_database::join_batch;
use self::open::{Opening, Prepared};
use self::prepare::restore_names;
use self::results_path::protect_results;
use self::runner::Runner;
pub(crate) use self::runner::{RunOutcome, stopped_by};
pub(crate) use self::shared_client::{SharedClient, SharedClients, shared_pace};
use crate::event::Event;
use crate::output::{Outputs, Protected};
use crate::problem::Problem;
use crate::request::ListedExport;
use crate::settings::Settings;
#[cfg(feature = "postgres")]
use crate::state::FollowedBatch;
use crate::state::{Later, NewRow, RowEnd, RunOptions, RunStore};
use crate::ui::Reporter;

/// What a run is to do.
pub(crate) enum Plan<'a> {
    /// With a key, it continues the job with its name and date.
    Single(Box<ListedExport>, RunOptions),
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
    let mut opening = Opening::new(settings, &outputs, reporter);
    match opening.prepare(plan).await {
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
