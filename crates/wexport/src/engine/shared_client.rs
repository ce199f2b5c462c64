//! The client of a run, or of several that are resumed side by side.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use export_hyper::{CheckpointStore, Client, PaceStore};

use crate::problem::Problem;
use crate::settings::{LoadedCredentials, Settings};
#[cfg(feature = "postgres")]
use crate::state::PgBook;
use crate::state::{RunCheckpoints, StateDir};
use crate::ui::Reporter;

/// A client, and the checkpoints of the runs that use it. Its runs share one token and one set of
/// rate limits.
#[derive(Clone, Debug)]
pub(crate) struct SharedClient {
    pub(super) client: Client,
    /// The ID of the OAuth client; `None` for a token.
    pub(crate) client_id: Option<String>,
    pub(super) checkpoints: RunCheckpoints,
}

impl SharedClient {
    /// Makes the client, which shares its pacer with all commands that keep their state in the same
    /// folder. Nothing is sent yet.
    pub(crate) fn new(
        settings: &Settings,
        loaded: LoadedCredentials,
        reporter: &Arc<Reporter>,
    ) -> Result<Self, Problem> {
        let checkpoints = RunCheckpoints::default();
        let store = Arc::new(checkpoints.clone()) as Arc<dyn CheckpointStore>;
        let LoadedCredentials { credentials, client_id } = loaded;
        let pace = shared_pace(settings, client_id.as_deref(), reporter);
        let client = settings.client(credentials, Some(store), pace)?;
        Ok(Self { client, client_id, checkpoints })
    }
}

/// The clients of runs with the same credentials: one for each version of the API.
#[derive(Debug, Default)]
pub(crate) struct SharedClients(HashMap<String, SharedClient>);

impl SharedClients {
    /// The client for the version in these settings.
    pub(crate) fn get(
        &mut self,
        settings: &Settings,
        reporter: &Arc<Reporter>,
    ) -> Result<SharedClient, Problem> {
        let api_version = settings.api_version.value.to_string();
        if let Some(client) = self.0.get(&api_version) {
            return Ok(client.clone());
        }
        let loaded = settings.credentials.load(&mut |warning| reporter.warn(warning))?;
        let client = SharedClient::new(settings, loaded, reporter)?;
        self.0.insert(api_version, client.clone());
        Ok(client)
    }
}

/// The pacer that this command shares with others; `None` if there is no state, or if it cannot be
/// stored there.
pub(crate) fn shared_pace(
    settings: &Settings,
    client_id: Option<&str>,
    reporter: &Arc<Reporter>,
) -> Option<Arc<dyn PaceStore>> {
    let group = settings.pace_group.as_ref().map(|group| group.value.as_str());
    let group = group.or(client_id).unwrap_or("");
    #[cfg(feature = "postgres")]
    if let Some(database) = &settings.database {
        let alone = goes_on_alone(reporter, database.value.to_string());
        let on_failure = alone.clone();
        let pace = PgBook::pace(settings, group, move |error| on_failure(error));
        return pace.unwrap_or_else(|problem| {
            alone(&problem.message);
            None
        });
    }
    let folder = settings.state.as_ref().map(|folder| &folder.value).filter(|it| it.exists())?;
    let state = StateDir::existing(folder);
    let alone = goes_on_alone(reporter, state.pace_folder().display().to_string());
    match state.pace_file(settings.service.value.base_url(), group) {
        Ok(file) => Some(Arc::new(file.with_on_failure(move |error| alone(error)))),
        Err(error) => {
            alone(&error);
            None
        }
    }
}

/// Warns that the rate limit cannot be shared, because of an error.
fn goes_on_alone(
    reporter: &Arc<Reporter>,
    place: String,
) -> impl Fn(&dyn fmt::Display) + Clone + use<> {
    let reporter = Arc::clone(reporter);
    move |error| {
        reporter.warn(format!(
            "cannot share the rate limit with other commands in {place}: {error}: this command goes \
             on without them"
        ));
    }
}
