//! The client: a token source and a pacer for any number of exports, on any number of threads.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use export_core::batch::{BatchLimits, JobKey};
use export_core::dialect::Dialect;
use export_core::pacer::Pacer;
use export_core::workiva::{ExportSpec, FilesQuery, ListFiles, ListedFile};
use export_core::{Checkpoint, Config, ExportJob};
use export_host::{
    BlockingTokenFn, BuildError, CheckpointStore, ClientBuilder, Clock, ExportError, FromSettings,
    Hooks, Settings, SharedPacer,
};

use crate::export::Export;
use crate::exports::Exports;
use crate::own_agent::OwnAgent;
use crate::sink::Sink;
use crate::tokens::Tokens;
use crate::transport::NetConfig;

/// A client of the service. Cheap to clone: clones share tokens, TLS sessions and one [`Pacer`], so
/// that all of their requests together stay within the service's limits.
///
/// An export runs on the calling thread; a thousand single exports at once take a thousand threads,
/// most of which sleep. Stopping an export, with a [`Stopper`](crate::Stopper) or by killing the
/// process, stops it locally. An export that was accepted continues at the service, and can be
/// resumed from its checkpoint.
#[derive(Clone, Debug)]
pub struct Client(Arc<ClientInner>);

#[derive(Debug)]
pub(crate) struct ClientInner {
    pub(crate) config: Config,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pacer: Arc<SharedPacer>,
    pub(crate) net: NetConfig,
    pub(crate) clock: Clock,
    pub(crate) hooks: Hooks,
    pub(crate) checkpoints: Option<Arc<dyn CheckpointStore>>,
}

impl Client {
    /// A builder for a client.
    pub fn builder() -> ClientBuilder<Self> {
        ClientBuilder::default()
    }

    /// An export as `spec` describes it. Nothing is sent until a method of it is called that says
    /// where the file goes.
    pub fn export(&self, spec: ExportSpec) -> Export {
        let job = ExportJob::new(spec, &self.0.config).map_err(ExportError::from);
        Export::new(Arc::clone(&self.0), job)
    }

    /// An export of a job that was built by hand, such as one in the dialect of another service. Build
    /// it with the client's [`config`](Self::config), which says where the token may go.
    ///
    /// ```no_run
    /// # fn example(dialect: std::sync::Arc<dyn export_ureq::export_core::dialect::Dialect>)
    /// #     -> Result<export_ureq::Export, export_ureq::BuildError> {
    /// use export_ureq::export_core::ExportJob;
    /// use export_ureq::{Client, Credentials};
    ///
    /// let client = Client::builder()
    ///     .base_url("https://api.example.com")
    ///     .credentials(Credentials::client_at(
    ///         "https://login.example.com/oauth2/token",
    ///         "an-id",
    ///         "a-secret",
    ///     ))
    ///     .build()?;
    /// let export = client.job(ExportJob::with_dialect(dialect, client.config()));
    /// # Ok(export)
    /// # }
    /// ```
    pub fn job(&self, job: ExportJob) -> Export {
        Export::new(Arc::clone(&self.0), Ok(job))
    }

    /// Lists the files of the workspace, sorted by name: what there is to export.
    ///
    /// Its requests are retried, paced and reported as those of exports are.
    ///
    /// # Errors
    ///
    /// Fails with [`ExportError::Files`] if the service refuses the list, for example to a client without
    /// the scope `file:read`, or cannot be reached.
    pub fn files(&self, query: FilesQuery) -> Result<Vec<ListedFile>, ExportError> {
        self.list_files(ListFiles::new(query, &self.0.config), |page| page)
    }

    /// The same with a list of yours, each of whose pages `prepare` may observe or stop.
    ///
    /// # Errors
    ///
    /// Fails as [`files`](Self::files) does, and when it is stopped.
    pub fn list_files(
        &self,
        mut list: ListFiles,
        prepare: impl Fn(Export) -> Export,
    ) -> Result<Vec<ListedFile>, ExportError> {
        let files_error = |error| ExportError::Files(Box::new(error));
        while let Some(page) = list.next_page().map_err(files_error)? {
            let handled = match prepare(self.job(page)).bytes(ListFiles::MAX_PAGE_BYTES) {
                Ok((_, body)) => list.handle_page(&body),
                Err(ExportError::Job { error, .. }) => list.handle_error(*error),
                Err(other) => return Err(other),
            };
            handled.map_err(files_error)?;
        }
        Ok(list.into_files())
    }

    /// The settings of the client's jobs.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Resumes an export from its checkpoint: see [`ExportJob::resume`].
    pub fn resume(&self, checkpoint: Checkpoint) -> Export {
        let job = ExportJob::resume(checkpoint, &self.0.config).map_err(ExportError::from);
        Export::new(Arc::clone(&self.0), job)
    }

    /// Resumes the export whose checkpoint is stored under `key`, and keeps storing it there.
    /// `None` if there is none: the export was never started, or is complete.
    ///
    /// # Errors
    ///
    /// Fails if the client has no checkpoint store, or if the checkpoint cannot be read.
    pub fn resume_key(&self, key: &str) -> Result<Option<Export>, ExportError> {
        Ok(self.load(key)?.map(|checkpoint| self.resume(checkpoint).with_key(key)))
    }

    /// Like [`resume_key`](Self::resume_key), in any dialect.
    ///
    /// # Errors
    ///
    /// Fails as `resume_key` does.
    pub fn resume_key_with(
        &self,
        key: &str,
        dialect: Arc<dyn Dialect>,
    ) -> Result<Option<Export>, ExportError> {
        let Some(checkpoint) = self.load(key)? else { return Ok(None) };
        let job = ExportJob::resume_with(dialect, &checkpoint, &self.0.config);
        Ok(Some(Export::new(Arc::clone(&self.0), job.map_err(ExportError::from)).with_key(key)))
    }

    fn load(&self, key: &str) -> Result<Option<Checkpoint>, ExportError> {
        let store = self.0.checkpoints.as_ref().ok_or(ExportError::NoStore)?;
        let loaded = store.load(key);
        loaded.map_err(|error| ExportError::Store { key: key.into(), error: Arc::new(error) })
    }

    /// Any number of exports at once. `open` creates the sink of an export when its download
    /// starts, and again when a broken download is resumed: a [`FileSink`](crate::FileSink) with
    /// the same path continues the part.
    pub fn exports<S: Sink + Send + 'static>(
        &self,
        limits: BatchLimits,
        open: impl Fn(JobKey) -> io::Result<S> + Send + Sync + 'static,
    ) -> Exports<S> {
        Exports::new(Arc::clone(&self.0), limits, open)
    }

    /// A copy of the pacer, with what it has learned of the service's limits, to be stored and
    /// passed to the next client. A client with a [`pace_store`](ClientBuilder::pace_store) stores it
    /// there by itself; its times are by the clock of that store.
    #[must_use]
    pub fn pacer(&self) -> Pacer {
        self.0.pacer.pacer()
    }

    /// For how long a 429 holds back requests of the client; `None` if none does.
    #[must_use]
    pub fn held_for(&self) -> Option<Duration> {
        self.0.pacer.held_for(self.0.clock.now())
    }

    /// Attaches to an operation that was started elsewhere, by its id or URL.
    pub fn attach(&self, operation: &str) -> Export {
        let job = ExportJob::attach(operation, &self.0.config).map_err(ExportError::Attach);
        Export::new(Arc::clone(&self.0), job)
    }
}

impl FromSettings for Client {
    type Store = dyn CheckpointStore;
    type Transport = OwnAgent;
    type TokenFn = BlockingTokenFn;

    fn from_settings(settings: Settings<Self>) -> Result<Self, BuildError> {
        let Settings { config, tokens, token_fn, pacer, tls, .. } = settings;
        let Settings { certificate, proxies, net: options, transport, .. } = settings;
        let Settings { now, hooks, checkpoints, .. } = settings;
        let certified = match (certificate, &transport) {
            (Some(certificate), None) => {
                let config = certificate.client_config(&tls)?;
                Some((certificate, Arc::new(config)))
            }
            _ => None,
        };
        let tls = tls.client_config().map(Arc::new);
        match (&tls, &transport) {
            (Err(error), None) if error.is_fatal_for(config.origins().base()) => {
                return Err(error.clone().into());
            }
            _ => {}
        }
        Ok(Self(Arc::new(ClientInner {
            config,
            tokens: Arc::new(Tokens::new(tokens, token_fn, hooks.clone())),
            pacer,
            net: NetConfig {
                tls,
                certified,
                proxies: Arc::new(proxies),
                options,
                custom: transport,
            },
            clock: Clock::with_instants(now, Instant::now),
            hooks,
            checkpoints,
        })))
    }
}
