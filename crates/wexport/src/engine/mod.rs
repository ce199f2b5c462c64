//! Runs exports: a single one is a run of one.
//!
//! A run is prepared, which checks each destination before anything is sent, and stored. The
//! [runner](runner::Runner) then drives all of its exports under one limit, [closes](close) each
//! export whose job has ended, and stops when the program is stopped or when no export could
//! succeed. A resumed run follows the same steps from its store.

mod close;
mod context;
mod prepare;
mod results;
mod runner;
mod systemic;

use std::sync::Arc;

use self::context::RunContext;
use self::prepare::{Prepared, prepare, restore_names};
pub(crate) use self::runner::RunOutcome;
use self::runner::Runner;
use crate::clock;
use crate::event::Event;
use crate::output::Outputs;
use crate::problem::Problem;
use crate::request::ListedExport;
use crate::settings::{LoadedCredentials, Settings};
use crate::state::{RowEnd, RunDescription, RunOptions, RunStore, SingleRun, StateDir};
use crate::ui::Reporter;

/// What a run is to do.
#[derive(Debug)]
pub(crate) enum Plan {
    Single(Box<ListedExport>),
    Batch { exports: Vec<ListedExport>, source: String, options: RunOptions },
}

/// Runs new exports to their end.
pub(crate) async fn run(
    plan: Plan,
    settings: Settings,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = Arc::new(settings);
    let outputs = Outputs::new(&settings);
    let load_credentials = || settings.credentials.load(&mut |warning| reporter.warn(warning));
    let description = |loaded: &LoadedCredentials, source, options| RunDescription {
        began: clock::now(),
        base_url: settings.service.value.base_url().into(),
        api_version: settings.api_version.value.to_string(),
        client_id: loaded.client_id.clone(),
        source,
        options,
        end: None,
    };
    let state = settings.state.as_ref().map(|state| state.value.clone());
    let state = || state.as_deref().map(StateDir::open).transpose();
    let (store, loaded, skipped): (Arc<dyn RunStore>, _, _) = match plan {
        Plan::Single(export) => {
            let Prepared { row, skipped } = match prepare(vec![*export], &outputs).await {
                Ok(mut prepared) => prepared.remove(0),
                Err(mut refused) => return Err(refused.remove(0).1),
            };
            if let Some(file) = skipped {
                // Nothing is stored: a nightly job would leave a folder each night.
                reporter.event(Event::Skipped { file: file.clone() });
                let end = Some(RowEnd::Skipped { file });
                return Ok(RunOutcome { end, problem: None });
            }
            let loaded = load_credentials()?;
            let description = description(&loaded, None, RunOptions::default());
            let store = match state()? {
                Some(state) => state.create_job(row, description)?,
                None => SingleRun::in_memory(row, description),
            };
            (Arc::new(store), loaded, Vec::new())
        }
        Plan::Batch { exports, source, options } => {
            let state = state()?.ok_or_else(|| {
                Problem::usage("--no-state cannot be used with `batch`, which stores its exports")
            })?;
            let prepared = prepare(exports, &outputs).await;
            let prepared = prepared.map_err(|refused| prepare::merge(&refused))?;
            let (mut rows, mut skipped) = (Vec::new(), Vec::new());
            for (number, Prepared { row, skipped: file }) in (1..).zip(prepared) {
                rows.push(row);
                skipped.extend(file.map(|file| (number, file)));
            }
            let loaded = load_credentials()?;
            let description = description(&loaded, Some(source), options);
            (Arc::new(state.create_batch(&description, rows)?), loaded, skipped)
        }
    };
    let new = Arc::clone(&store);
    let context = RunContext::new(store, settings, loaded, outputs, reporter);
    // A run that is refused before its first request must not be listed. If it cannot be removed,
    // it is.
    let context = context.inspect_err(|_| drop(new.remove()))?;
    Runner::new(context, false)?.run(skipped).await
}

/// Resumes a run, with credentials of its service.
pub(crate) async fn resume(
    store: Arc<dyn RunStore>,
    settings: Settings,
    loaded: LoadedCredentials,
    reporter: &Arc<Reporter>,
) -> Result<RunOutcome, Problem> {
    let settings = Arc::new(settings);
    let outputs = Outputs::new(&settings);
    restore_names(&*store, outputs.names())?;
    let context = RunContext::new(store, settings, loaded, outputs, reporter)?;
    Runner::new(context, true)?.run(Vec::new()).await
}
