//! How a client is made, whichever adapter it belongs to.

use std::fmt;
use std::sync::Arc;

use export_core::{
    ApiVersion, Config, Event, InvalidToken, Limits, Pace, Pacer, Region, Resubmit, TokenSource,
    UrlError,
};
use http::HeaderMap;

use crate::clock::jitter_seed;
use crate::credentials::Credentials;
use crate::hooks::Hooks;
use crate::proxy::{ProxyError, ProxyRules, ProxySettings};
use crate::shared_pacer::SharedPacer;
use crate::tls::{CaBundle, TlsError, TlsOptions};

/// An adapter's client, which is made of [`Settings`].
pub trait FromSettings: Sized {
    /// Its trait for stores of checkpoints.
    type Store: fmt::Debug + ?Sized;

    /// A transport of the caller's, in place of the adapter's own.
    type Transport: fmt::Debug;

    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Fails if a setting is of no use.
    fn from_settings(settings: Settings<Self::Store, Self::Transport>) -> Result<Self, BuildError>;
}

/// What a client is made of: everything is read and checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings<S: ?Sized, T> {
    /// The core's settings.
    pub config: Config,
    /// Where tokens come from.
    pub tokens: TokenSource,
    /// When requests may go.
    pub pacer: Arc<SharedPacer>,
    /// Whom to believe.
    pub tls: TlsOptions,
    /// Which proxy to use.
    pub proxies: ProxyRules,
    /// The caller's own transport, to which TLS and proxies do not apply.
    pub transport: Option<T>,
    /// The caller's functions.
    pub hooks: Hooks,
    /// Where checkpoints are stored, if they are.
    pub checkpoints: Option<Arc<S>>,
}

/// The settings of a client, the same for each adapter.
///
/// | setting | default |
/// |---|---|
/// | `credentials` | none: they have to be given |
/// | `region`, `base_url`, `plain_http_base_url` | the United States; the last one that is given counts |
/// | `api_version` | `2022-01-01`, which the service itself takes when it is not told |
/// | `allow_origin` | none: the token goes to the base URL's origin and the region's own |
/// | `ca_bundle` | none: the system's certificate authorities alone |
/// | `proxy` | what the environment says |
/// | `limits`, `pace`, `resubmit` | [`Limits::default`], [`Pace::Gentle`], [`Resubmit::IfHarmless`] |
/// | `pacer` | one that has heard nothing yet, with [`Rates::default`](export_core::Rates) |
/// | `jitter` | another seed for each client |
/// | `checkpoints` | none: jobs do not outlive the process |
/// | `on_event`, `on_progress`, `headers` | none |
#[derive(Debug)]
#[must_use = "nothing happens before `build`"]
pub struct ClientBuilder<A: FromSettings> {
    credentials: Option<Credentials>,
    place: Place,
    allowed: Vec<String>,
    api_version: ApiVersion,
    limits: Limits,
    pace: Pace,
    resubmit: Resubmit,
    pacer: Pacer,
    jitter: Option<u64>,
    tls: TlsOptions,
    proxy: ProxySettings,
    hooks: Hooks,
    transport: Option<A::Transport>,
    checkpoints: Option<Arc<A::Store>>,
}

#[derive(Debug)]
enum Place {
    Region(Region),
    BaseUrl(String),
    PlainHttp(String),
}

impl<A: FromSettings> Default for ClientBuilder<A> {
    fn default() -> Self {
        Self {
            credentials: None,
            place: Place::Region(Region::Us),
            allowed: Vec::new(),
            api_version: ApiVersion::default(),
            limits: Limits::default(),
            pace: Pace::default(),
            resubmit: Resubmit::default(),
            pacer: Pacer::default(),
            jitter: None,
            tls: TlsOptions::new(),
            proxy: ProxySettings::default(),
            hooks: Hooks::default(),
            transport: None,
            checkpoints: None,
        }
    }
}

impl<A: FromSettings> ClientBuilder<A> {
    /// Who is asking. Required.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Where the workspace lives. **United States** by default.
    pub fn region(mut self, region: Region) -> Self {
        self.place = Place::Region(region);
        self
    }

    /// Another base URL than a region's: `https`, or `http` on this machine.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.place = Place::BaseUrl(url.into());
        self
    }

    /// A base URL that may be plain http on a network that is trusted. Tokens cross it unprotected.
    pub fn plain_http_base_url(mut self, url: impl Into<String>) -> Self {
        self.place = Place::PlainHttp(url.into());
        self
    }

    /// Allows the token to be sent to one more origin.
    pub fn allow_origin(mut self, url: impl Into<String>) -> Self {
        self.allowed.push(url.into());
        self
    }

    /// The generation of the API. **2022-01-01** by default.
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.api_version = version;
        self
    }

    /// The budgets.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How a wait before a poll is chosen. **Gentle** by default.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// When a submit is sent again that may have arrived. **If harmless** by default.
    pub fn resubmit(mut self, resubmit: Resubmit) -> Self {
        self.resubmit = resubmit;
        self
    }

    /// What keeps the requests of all jobs of the client under the service's limits: limits that
    /// are known, or what was learnt of them by another process.
    pub fn pacer(mut self, pacer: Pacer) -> Self {
        self.pacer = pacer;
        self
    }

    /// The seed of the chance that lengthens back-offs. Another one in each client by default.
    pub fn jitter(mut self, seed: u64) -> Self {
        self.jitter = Some(seed);
        self
    }

    /// Certificate authorities to believe besides the system's. May be called again for more.
    pub fn ca_bundle(mut self, bundle: impl Into<CaBundle>) -> Self {
        self.tls = self.tls.with_ca_bundle(bundle);
        self
    }

    /// Believes Mozilla's certificate authorities, as they were when this was compiled, in place
    /// of the system's.
    #[cfg(feature = "webpki-roots")]
    pub fn compiled_in_roots(mut self) -> Self {
        self.tls = self.tls.with_compiled_in_roots();
        self
    }

    /// Which proxy to use. By default, the one that the **environment** names.
    pub fn proxy(mut self, proxy: ProxySettings) -> Self {
        self.proxy = proxy;
        self
    }

    /// Is told of everything that happens. It must not block.
    pub fn on_event(mut self, observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks = self.hooks.with_event(observe);
        self
    }

    /// Is told how far a download is, with each piece: the bytes so far, and the length of the
    /// whole if it is known. It must not block.
    pub fn on_progress(
        mut self,
        observe: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_progress(observe);
        self
    }

    /// Puts headers, such as `User-Agent` or `traceparent`, into the empty map that it is given:
    /// they are added to every request that goes to an origin which may have the token, but for
    /// those that the request has already. Other requests carry nothing that identifies the caller.
    /// Without a `User-Agent` among them, one that names this client is added.
    pub fn headers(mut self, add: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.hooks.headers = Some(Arc::new(add));
        self
    }

    /// Stores a checkpoint of every job before it does anything that must not be forgotten.
    pub fn checkpoints(mut self, store: Arc<A::Store>) -> Self {
        self.checkpoints = Some(store);
        self
    }

    /// Sends by a transport of the caller's. CA bundles and proxies do not apply to it.
    pub fn transport(mut self, transport: A::Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Fails if a setting is missing or of no use; the error says which.
    pub fn build(self) -> Result<A, BuildError> {
        let mut config = match &self.place {
            Place::Region(region) => Config::for_region(*region),
            Place::BaseUrl(url) => Config::new(url).map_err(BuildError::BaseUrl)?,
            Place::PlainHttp(url) => Config::with_plain_http(url).map_err(BuildError::BaseUrl)?,
        };
        for origin in &self.allowed {
            config = config.with_allowed_origin(origin).map_err(BuildError::AllowedOrigin)?;
        }
        let config = config
            .with_api_version(self.api_version)
            .with_limits(self.limits)
            .with_pace(self.pace)
            .with_resubmit(self.resubmit)
            .with_jitter(self.jitter.unwrap_or_else(jitter_seed));
        let credentials = self.credentials.ok_or(BuildError::NoCredentials)?;
        A::from_settings(Settings {
            tokens: credentials.source(&config)?,
            config,
            pacer: Arc::new(SharedPacer::new(self.pacer)),
            tls: self.tls,
            proxies: self.proxy.rules()?,
            transport: self.transport,
            hooks: self.hooks,
            checkpoints: self.checkpoints,
        })
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An origin to allow is no URL.
    #[error("the origin to allow: {0}")]
    AllowedOrigin(#[source] UrlError),
    /// The base URL cannot be used.
    #[error("the base URL: {0}")]
    BaseUrl(#[source] UrlError),
    /// Nobody said who is asking.
    #[error("no credentials were given")]
    NoCredentials,
    /// A proxy is named that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// There are no certificate authorities to believe.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The token cannot stand in a header.
    #[error(transparent)]
    Token(#[from] InvalidToken),
}
