//! The client of a run, or of several that are resumed side by side.

use std::sync::Arc;

use export_hyper::{CheckpointStore, Client, Pacer};

use crate::problem::Problem;
use crate::settings::{LoadedCredentials, Settings};
use crate::state::RunCheckpoints;

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
    /// Makes the client, with what an earlier run has learned of the service's limits. Nothing is
    /// sent yet.
    pub(crate) fn new(
        settings: &Settings,
        loaded: LoadedCredentials,
        learned: Option<Pacer>,
    ) -> Result<Self, Problem> {
        let checkpoints = RunCheckpoints::default();
        let store = Arc::new(checkpoints.clone()) as Arc<dyn CheckpointStore>;
        let LoadedCredentials { credentials, client_id } = loaded;
        let client = settings.client(credentials, Some(store), settings.pacer(learned))?;
        Ok(Self { client, client_id, checkpoints })
    }
}
