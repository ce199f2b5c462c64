//! `wexport work`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{batch, environment};
use crate::args::WorkArgs;
use crate::engine::{self, ResumeOptions, RunOutcome, SharedClients, stopped_by};
use crate::event::Event;
use crate::problem::{Exit, Problem};
use crate::settings::{Overrides, Settings};
use crate::signals;
use crate::ui::Reporter;

/// How often a worker looks for a batch.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(args: WorkArgs) -> Exit {
    let reporter = Arc::new(Reporter::of_batch(args.session.show, None));
    let outcome = work(&args, &reporter).await;
    batch::finish(outcome, args.session.show, None, &reporter)
}

/// Works on one batch after the other. Returns the outcome of the last one if it has failed.
async fn work(args: &WorkArgs, reporter: &Arc<Reporter>) -> Result<Option<RunOutcome>, Problem> {
    let settings = |api_version| {
        let overrides = Overrides { resubmit: args.resubmit, api_version, ..Overrides::default() };
        Settings::resolve(&args.session, &overrides, &environment)
    };
    let today = settings(None)?;
    if !today.has_database() {
        return Err(batch::no_database("`wexport work`"));
    }
    let mut clients = SharedClients::default();
    let client_id = clients.get(&today, reporter)?.client_id;
    let mut is_waiting = false;
    loop {
        let joined = engine::join_batch(&today, client_id.clone(), args.key.clone());
        let joined = match signals::interruptible(joined).await {
            Ok(joined) => joined?,
            Err(signal) => return Err(Problem::new(signal, stopped_by(signal))),
        };
        let Some(store) = joined else {
            if !args.stay {
                return Ok(None);
            }
            if !is_waiting {
                is_waiting = true;
                let message = "no batch has exports for workers: waiting for one".into();
                reporter.event(Event::Continuing { message });
            }
            match signals::interruptible(sleep(LOOK_EVERY)).await {
                Ok(()) => continue,
                Err(signal) => return Err(Problem::new(signal, stopped_by(signal))),
            }
        };
        is_waiting = false;
        let api_version = store.description()?.api_version;
        let settings = settings(Some(api_version))?;
        let client = clients.get(&settings, reporter)?;
        let options = ResumeOptions::default();
        let outcome = engine::resume(store, options, settings, client, reporter).await?;
        if outcome.problem.is_some() {
            return Ok(Some(outcome));
        }
    }
}
