//! The client: one token source and one set of connections for any number of exports.

use std::future::Future;
use std::io;
use std::sync::Arc;

use export_core::{
    BatchLimits, BatchState, Checkpoint, Config, ExportJob, ExportSpec, JobKey, Pacer,
};
use export_host::{
    BuildError, ClientBuilder, ExportError, FromSettings, Hooks, Settings, SharedPacer,
};

use crate::clock::Clock;
use crate::connector::Connector;
use crate::export::Export;
use crate::exports::Exports;
use crate::keeper::CheckpointStore;
use crate::own_transport::OwnTransport;
use crate::sink::Sink;
use crate::tokens::Tokens;
use crate::transport::{Pools, Transport};

/// A client of the service. Cheap to clone: clones share connections, tokens and
/// one pace: all of their requests together stay under the service's limits.
///
/// It needs tokio with time and I/O, spawns nothing of its own but writes to files on tokio's
/// threads for blocking work, and does nothing until a future of it is awaited. Dropping such a
/// future stops everything on this side; what was accepted goes on at the service, and can be
/// gone on with from its checkpoint.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tokens: Tokens,
    pub(crate) pacer: Arc<SharedPacer>,
    pub(crate) transport: Transport,
    pub(crate) clock: Clock,
    pub(crate) hooks: Hooks,
    pub(crate) checkpoints: Option<Arc<dyn CheckpointStore>>,
}

impl Client {
    /// Settings for a client.
    pub fn builder() -> ClientBuilder<Self> {
        ClientBuilder::default()
    }

    /// An export of what `spec` describes. Nothing is sent before it is told where the file goes.
    pub fn export(&self, spec: ExportSpec) -> Export {
        let job = ExportJob::new(spec, &self.0.config).map_err(ExportError::from);
        Export::new(Arc::clone(&self.0), job)
    }

    /// Goes on with an export from its checkpoint. All budgets start anew.
    pub fn resume(&self, checkpoint: Checkpoint) -> Export {
        let job = ExportJob::resume(checkpoint, &self.0.config).map_err(ExportError::from);
        Export::new(Arc::clone(&self.0), job)
    }

    /// Goes on with the export whose checkpoint is stored under `key`, and keeps it there.
    /// `None` if there is none: it was never begun, or has its file.
    ///
    /// # Errors
    ///
    /// Fails if the client has no place for checkpoints, or if this one cannot be read.
    pub async fn resume_key(&self, key: &str) -> Result<Option<Export>, ExportError> {
        let store = self.0.checkpoints.as_ref().ok_or(ExportError::NoStore)?;
        let loaded = store
            .load(key)
            .await
            .map_err(|error| ExportError::Store { key: key.into(), error: Arc::new(error) })?;
        Ok(loaded.map(|checkpoint| self.resume(checkpoint).with_key(key)))
    }

    /// Any number of exports at once. `open` makes the place for the file of each when its download
    /// begins, and again when one that broke off goes on: a [`FileSink`](crate::FileSink) to the
    /// same path finds what is there.
    pub fn exports<S, F>(
        &self,
        limits: BatchLimits,
        open: impl Fn(JobKey) -> F + Send + Sync + 'static,
    ) -> Exports<S>
    where
        S: Sink + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        self.exports_resumed(BatchState::default().with_limits(limits), open)
    }

    /// The same, with what an earlier process has [learnt](Exports::state).
    pub fn exports_resumed<S, F>(
        &self,
        state: BatchState,
        open: impl Fn(JobKey) -> F + Send + Sync + 'static,
    ) -> Exports<S>
    where
        S: Sink + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        Exports::new(Arc::clone(&self.0), state, open)
    }

    /// What was learnt of the service's limits so far, to be stored and given to the next client.
    #[must_use]
    pub fn pacer(&self) -> Pacer {
        self.0.pacer.lock().clone()
    }

    /// Takes over an operation that was started elsewhere, by its id or URL.
    pub fn attach(&self, operation: &str) -> Export {
        let job = ExportJob::attach(operation, &self.0.config).map_err(ExportError::Attach);
        Export::new(Arc::clone(&self.0), job)
    }
}

impl FromSettings for Client {
    type Store = dyn CheckpointStore;
    type Transport = OwnTransport;

    fn from_settings(settings: Settings<Self::Store, OwnTransport>) -> Result<Self, BuildError> {
        let Settings { config, tokens, pacer, tls, proxies, transport, hooks, checkpoints, .. } =
            settings;
        let transport = match transport {
            Some(own) => Transport::Own(own),
            None => Transport::Pools(Box::new(Pools::new(Connector::new(&tls, proxies)?))),
        };
        Ok(Self(Arc::new(Shared {
            config,
            tokens: Tokens::new(tokens, hooks.clone()),
            pacer,
            transport,
            clock: Clock::start(),
            hooks,
            checkpoints,
        })))
    }
}
