//! What the exports of a run share.

use std::io;
use std::sync::Arc;

use export_hyper::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::recording_sink::RecordingSink;
use super::results::Results;
use super::shared_client::SharedClient;
use crate::explain::Context;
use crate::output::Outputs;
use crate::problem::{Exit, Problem};
use crate::receipt::Origin;
use crate::settings::Settings;
use crate::state::{Row, RunCheckpoints, RunDescription, RunStore};
use crate::ui::Reporter;

/// The settings, the store, the outputs and the reporter of a run.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) settings: Arc<Settings>,
    pub(super) client: Client,
    checkpoints: RunCheckpoints,
    pub(super) client_id: Option<String>,
    pub(super) store: Arc<dyn RunStore>,
    pub(super) description: RunDescription,
    pub(super) outputs: Outputs,
    pub(super) reporter: Arc<Reporter>,
    pub(super) results: Option<Results>,
    /// Whether the program is being stopped.
    pub(super) is_stopped: watch::Sender<bool>,
}

impl RunContext {
    /// Nothing is sent yet.
    pub(super) fn new(
        store: Arc<dyn RunStore>,
        settings: Arc<Settings>,
        shared: SharedClient,
        outputs: Outputs,
        reporter: &Arc<Reporter>,
    ) -> Result<Arc<Self>, Problem> {
        let description = store.description()?;
        let names = Arc::clone(&store);
        let outputs = outputs.with_observer(move |number, name| names.reserve_name(number, name));
        let SharedClient { client, client_id, checkpoints } = shared;
        if let Some(client_id) = &client_id {
            store.bind_client(client_id)?;
        }
        checkpoints.add(&store);
        // Last, since it replaces the results of an earlier run.
        // A shared run is followed by the process that writes them.
        let results = match description.options.results.as_ref().filter(|_| !store.is_shared()) {
            Some(path) => {
                if let Some(folder) = path.parent() {
                    outputs.make_folder(folder)?;
                }
                Some(Results::create(path, store.results())?)
            }
            None => None,
        };
        Ok(Arc::new(Self {
            settings,
            client,
            checkpoints,
            client_id,
            store,
            description,
            outputs,
            reporter: Arc::clone(reporter),
            results,
            is_stopped: watch::Sender::new(false),
        }))
    }

    /// The key of an export among those of all runs.
    pub(super) fn key(&self, number: u64) -> String {
        RunCheckpoints::key(&*self.store, number)
    }

    /// Calls the store where it may block.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn RunStore) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        match spawn_blocking(move || call(&*store)).await {
            Ok(result) => result,
            Err(error) => Err(Problem::new(Exit::Local, error.to_string())),
        }
    }

    pub(super) async fn row(&self, number: u64) -> Result<Row, Problem> {
        self.with_store(move |store| store.row(number)).await
    }

    /// Makes the sink of an export whose download begins, or is resumed.
    pub(super) async fn open(self: Arc<Self>, number: u64) -> io::Result<RecordingSink> {
        let row = self.row(number).await.map_err(crate::output::OpenFailure::from)?;
        let opened = self.outputs.open(
            number,
            &row.destination,
            &row.subject,
            #[cfg(feature = "store")]
            || Ok((self.store.upload_dir(number)?, self.origin(&row))),
        );
        let sink = opened.await?;
        Ok(RecordingSink::new(sink, self, row))
    }

    /// What a receipt has beside what the service says.
    pub(super) fn origin(&self, row: &Row) -> Origin {
        Origin {
            subject: row.subject.clone(),
            spec: spec_of(row),
            base_url: self.description.base_url.clone(),
            api_version: self.description.api_version.clone(),
            client_id: self.client_id.clone(),
            began: row.destination.moment.at,
            date: row.destination.moment.date(),
        }
    }

    /// The command that resumes the run; `None` if no state is kept.
    pub(super) fn resume_command(&self) -> Option<String> {
        Some(resume_command(self.store.id()?, &self.settings, &self.description))
    }

    /// What an error of an export is explained with.
    pub(super) fn explain_context(&self, row: &Row, operation: Option<String>) -> Context {
        let scope = &row.subject.scope;
        Context {
            scope: (!scope.is_empty()).then(|| scope.clone()),
            resume: self.resume_command(),
            operation,
            token_source: self.settings.credentials.token_source(self.client_id.as_deref()),
            is_attached: row.subject.kind == "operation",
            sends_email: sends_email(row.checkpoint.spec()),
        }
    }
}

impl Drop for RunContext {
    fn drop(&mut self) {
        self.checkpoints.forget(&*self.store);
    }
}

/// The command that resumes a run. It names the service if the command line of this run did: a run
/// is resumed with the credentials of its own service only.
pub(super) fn resume_command(id: &str, settings: &Settings, run: &RunDescription) -> String {
    match settings.service.source.to_string().as_str() {
        "--region" | "--base-url" => format!("wexport jobs resume {id} {}", run.service_flags()),
        _ => format!("wexport jobs resume {id}"),
    }
}

/// Whether an export of this spec sends an email: the service's name of the option is set in it.
pub(crate) fn sends_email(spec: &str) -> bool {
    const OPTION: &str = "\"emailOnComplete\":";
    spec.split_once(OPTION).is_some_and(|(_, value)| !value.starts_with("false"))
}

/// What was asked for, from the checkpoint of an export.
pub(super) fn spec_of(row: &Row) -> Option<Value> {
    serde_json::from_str(row.checkpoint.spec()).ok()
}
