//! The client: one token source for any number of exports, on any number of threads.

use std::io;
use std::sync::Arc;

use export_core::{
    BatchLimits, BatchState, Checkpoint, Config, ExportJob, ExportSpec, JobKey, Pacer,
};
use export_host::{
    BuildError, CheckpointStore, ClientBuilder, Clock, ExportError, FromSettings, Hooks, Settings,
    SharedPacer,
};

use crate::export::Export;
use crate::exports::Exports;
use crate::own_agent::OwnAgent;
use crate::sink::Sink;
use crate::tokens::Tokens;
use crate::transport::Net;

/// A client of the service. Cheap to clone: clones share tokens, TLS sessions
/// and one pace: all of their requests together stay under the service's limits.
///
/// Everything happens on the thread that asks for it; a thousand exports at once are a thousand
/// threads that mostly sleep. Stopping one, with a [`Stopper`](crate::Stopper) or by killing the
/// process, stops this side only: what was accepted goes on at the service, and can be gone on
/// with from its checkpoint.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pacer: Arc<SharedPacer>,
    pub(crate) net: Net,
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
    pub fn resume_key(&self, key: &str) -> Result<Option<Export>, ExportError> {
        let store = self.0.checkpoints.as_ref().ok_or(ExportError::NoStore)?;
        let loaded = store
            .load(key)
            .map_err(|error| ExportError::Store { key: key.into(), error: Arc::new(error) })?;
        Ok(loaded.map(|checkpoint| self.resume(checkpoint).with_key(key)))
    }

    /// Any number of exports at once. `open` makes the place for the file of each when its download
    /// begins, and again when one that broke off goes on: a [`FileSink`](crate::FileSink) to the
    /// same path finds what is there.
    pub fn exports<S: Sink + Send + 'static>(
        &self,
        limits: BatchLimits,
        open: impl Fn(JobKey) -> io::Result<S> + Send + Sync + 'static,
    ) -> Exports<S> {
        self.exports_resumed(BatchState::default().with_limits(limits), open)
    }

    /// The same, with what an earlier process has [learnt](Exports::state).
    pub fn exports_resumed<S: Sink + Send + 'static>(
        &self,
        state: BatchState,
        open: impl Fn(JobKey) -> io::Result<S> + Send + Sync + 'static,
    ) -> Exports<S> {
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
    type Transport = OwnAgent;

    fn from_settings(settings: Settings<Self::Store, OwnAgent>) -> Result<Self, BuildError> {
        let Settings { config, tokens, pacer, tls, proxies, transport, hooks, checkpoints, .. } =
            settings;
        let tls = tls.client_config().map(Arc::new);
        if let (Err(error), None, true) = (&tls, &transport, config.origins().base().is_https()) {
            return Err(error.clone().into());
        }
        Ok(Self(Arc::new(Shared {
            config,
            tokens: Arc::new(Tokens::new(tokens, hooks.clone())),
            pacer,
            net: Net { tls, proxies: Arc::new(proxies), own: transport },
            clock: Clock::start(),
            hooks,
            checkpoints,
        })))
    }
}
