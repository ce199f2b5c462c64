//! The builder of a client, for all adapters.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use export_core::origins::UrlError;
use export_core::pacer::Pacer;
use export_core::token::{InvalidToken, TokenSource};
use export_core::workiva::{ApiVersion, Region};
use export_core::{Config, Event, Limits, Pace, Resubmit, Timestamp};
use http::HeaderMap;

use crate::ca_bundle::CaBundle;
use crate::client_certificate::{ClientCertificate, ScopedCertificate};
use crate::clock::wall_clock;
use crate::credentials::Credentials;
use crate::hooks::Hooks;
use crate::net_options::{HttpVersions, NetOptions, ResolverFn};
use crate::pace_store::PaceStore;
use crate::proxy::{ProxyError, ProxyRules, ProxySettings};
use crate::random::random_number;
use crate::shared_pacer::SharedPacer;
use crate::tls::{TlsError, TlsOptions};

/// A client of an adapter, which is built from [`Settings`].
pub trait FromSettings: Sized {
    /// The adapter's trait for checkpoint stores.
    type Store: fmt::Debug + ?Sized;

    /// A custom transport.
    type Transport: fmt::Debug;

    /// A callback that returns tokens.
    type TokenFn: fmt::Debug;

    /// Builds a client. Sends nothing.
    ///
    /// # Errors
    ///
    /// Fails if a setting is invalid.
    fn from_settings(settings: Settings<Self>) -> Result<Self, BuildError>;
}

/// The settings of a client, read and checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings<A: FromSettings> {
    /// The settings of the core.
    pub config: Config,
    /// The source of tokens.
    pub tokens: TokenSource,
    /// Where the tokens of an [external](TokenSource::external) source come from.
    pub token_fn: Option<A::TokenFn>,
    /// The rate limiter of all requests.
    pub pacer: Arc<SharedPacer>,
    /// The present time.
    pub now: Timestamp,
    /// The trusted certificate authorities.
    pub tls: TlsOptions,
    /// The certificate of the client, if it has one.
    pub certificate: Option<ScopedCertificate>,
    /// The proxies.
    pub proxies: ProxyRules,
    /// The settings of connections.
    pub net: NetOptions,
    /// A custom transport, to which TLS and proxies do not apply.
    pub transport: Option<A::Transport>,
    /// The caller's callbacks.
    pub hooks: Hooks,
    /// The checkpoint store, if there is one.
    pub checkpoints: Option<Arc<A::Store>>,
}

/// Builds a client. The settings are the same for each adapter.
///
/// | setting | default |
/// |---|---|
/// | `credentials` | none: required |
/// | `config` | none: the configuration is made of the settings below |
/// | `region`, `base_url`, `plain_http_base_url` | the United States; the last one that is set applies |
/// | `api_version` | `2022-01-01`, the service's own default |
/// | `allow_origin` | none: the token is sent to the base URL's origin and those of the region |
/// | `tls`, `ca_bundle` | none: only the system's certificate authorities |
/// | `client_certificate` | none |
/// | `proxy` | that of the environment |
/// | `resolver` | that of the system |
/// | `http_versions` | all that the adapter has |
/// | `max_idle_per_host` | that of the adapter |
/// | `max_concurrent_downloads` | 8 in `export-hyper` |
/// | `limits`, `pace`, `resubmit` | [`Limits::default`], [`Pace::Gentle`], [`Resubmit::IfHarmless`] |
/// | `pacer` | a new one with [`Rates::default`](export_core::pacer::Rates) |
/// | `pace_store` | none: no other client shares the pacer |
/// | `jitter` | a random seed |
/// | `now` | that of the system |
/// | `checkpoints` | none: jobs do not survive the process |
/// | `on_event`, `on_progress`, `headers` | none |
#[derive(Debug)]
#[must_use = "nothing happens before `build`"]
pub struct ClientBuilder<A: FromSettings> {
    credentials: Option<Credentials<A::TokenFn>>,
    location: Location,
    allowed: Vec<String>,
    api_version: ApiVersion,
    limits: Limits,
    pace: Pace,
    resubmit: Resubmit,
    pacer: Pacer,
    pace_store: Option<Arc<dyn PaceStore>>,
    jitter: Option<u64>,
    now: Option<Timestamp>,
    tls: TlsOptions,
    certificate: Option<ClientCertificate>,
    proxy: ProxySettings,
    net: NetOptions,
    hooks: Hooks,
    transport: Option<A::Transport>,
    checkpoints: Option<Arc<A::Store>>,
}

#[derive(Debug)]
enum Location {
    Region(Region),
    BaseUrl(String),
    PlainHttp(String),
    Config(Box<Config>),
}

impl<A: FromSettings> Default for ClientBuilder<A> {
    fn default() -> Self {
        Self {
            credentials: None,
            location: Location::Region(Region::Us),
            allowed: Vec::new(),
            api_version: ApiVersion::default(),
            limits: Limits::default(),
            pace: Pace::default(),
            resubmit: Resubmit::default(),
            pacer: Pacer::default(),
            pace_store: None,
            jitter: None,
            now: None,
            tls: TlsOptions::new(),
            certificate: None,
            proxy: ProxySettings::default(),
            net: NetOptions::default(),
            hooks: Hooks::default(),
            transport: None,
            checkpoints: None,
        }
    }
}

impl<A: FromSettings> ClientBuilder<A> {
    /// Sets the credentials. Required.
    pub fn credentials(mut self, credentials: Credentials<A::TokenFn>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets the whole configuration. `region`, `base_url`, `plain_http_base_url`, `allow_origin`,
    /// `api_version`, `limits`, `pace` and `resubmit` are part of it, and have no effect beside it.
    ///
    /// For callers that have a [`Config`] already, to check a request before there is a client.
    pub fn config(mut self, config: Config) -> Self {
        self.location = Location::Config(Box::new(config));
        self
    }

    /// Sets the region of the workspace. **United States** by default.
    pub fn region(mut self, region: Region) -> Self {
        self.location = Location::Region(region);
        self
    }

    /// Sets another base URL than a region's: `https`, or `http` on this machine.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.location = Location::BaseUrl(url.into());
        self
    }

    /// Sets a base URL that may be plain http, for a trusted network. Tokens are sent unencrypted.
    pub fn plain_http_base_url(mut self, url: impl Into<String>) -> Self {
        self.location = Location::PlainHttp(url.into());
        self
    }

    /// Allows the token to be sent to one more origin.
    pub fn allow_origin(mut self, url: impl Into<String>) -> Self {
        self.allowed.push(url.into());
        self
    }

    /// Sets the version of the API. **2022-01-01** by default.
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.api_version = version;
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how the wait before a poll is chosen. **Gentle** by default.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Sets whether a submit that may have arrived is sent again. **If harmless** by default.
    pub fn resubmit(mut self, resubmit: Resubmit) -> Self {
        self.resubmit = resubmit;
        self
    }

    /// Sets the pacer, which keeps the requests of all jobs of the client within the service's
    /// limits: known limits, or a pacer that another process has stored.
    pub fn pacer(mut self, pacer: Pacer) -> Self {
        self.pacer = pacer;
        self
    }

    /// Sets the store of a pacer that other clients share, such as those of other processes, so that
    /// the requests of all of them together stay within the service's limits: a
    /// [`PaceFile`](crate::PaceFile), for example. **None** by default.
    ///
    /// [`pacer`](Self::pacer) then has the rates of this client: see [`Pacer::adopt`].
    pub fn pace_store(mut self, store: Arc<dyn PaceStore>) -> Self {
        self.pace_store = Some(store);
        self
    }

    /// Sets the seed of the jitter, which lengthens back-offs. **Random** by default.
    pub fn jitter(mut self, seed: u64) -> Self {
        self.jitter = Some(seed);
        self
    }

    /// Sets the present time, from which the clock of the client counts on. That of the **system** by
    /// default.
    ///
    /// For tests with a clock of their own: of an export that is resumed on another day, for example.
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Trusts the certificate authorities of a bundle as well as the system's. May be called
    /// several times.
    pub fn ca_bundle(mut self, bundle: impl Into<CaBundle>) -> Self {
        self.tls = self.tls.with_ca_bundle(bundle);
        self
    }

    /// Sets the trusted certificate authorities, in place of those that were set before.
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the proxy. That of the **environment** by default.
    pub fn proxy(mut self, proxy: ProxySettings) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets the certificate of the client, for a service or a gateway that requires mutual TLS. It is
    /// shown to the origins that may be sent the token, and to the token endpoint; never to a storage
    /// host or a proxy.
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Sets the addresses of hosts, as `--resolve` of curl does: of those for which `resolve` returns
    /// `None`, the system's apply. It is called for the host of a proxy too, and must not block.
    ///
    /// ```
    /// use std::net::IpAddr;
    ///
    /// # fn example<A: export_host::FromSettings>(builder: export_host::ClientBuilder<A>) {
    /// let gateway: IpAddr = [10, 0, 0, 7].into();
    /// let builder = builder.resolver(move |host| match host {
    ///     "api.app.wdesk.com" => Some(vec![gateway]),
    ///     _ => None,
    /// });
    /// # }
    /// ```
    pub fn resolver(
        mut self,
        resolve: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.net.resolver = Some(ResolverFn::new(resolve));
        self
    }

    /// Sets the versions of HTTP. `export-ureq` has HTTP/1.1 only.
    pub fn http_versions(mut self, versions: HttpVersions) -> Self {
        self.net.http_versions = versions;
        self
    }

    /// Sets how many connections to each host are kept open between requests; 0 opens one for each
    /// request. **Unlimited** by default in `export-hyper`. In `export-ureq` it is that of each job,
    /// which has connections of its own, and **3** by default.
    ///
    /// The connections in use are as many as the requests under way, unless HTTP/2 shares one.
    pub fn max_idle_per_host(mut self, connections: usize) -> Self {
        self.net.max_idle_per_host = Some(connections);
        self
    }

    /// Sets how many exports of the client that are run separately download at once, at least 1. The
    /// others wait for their turn, with no file and no connection open for it, and without a limit of
    /// time. **8** by default in `export-hyper`. It has no effect in `export-ureq`, where each export
    /// has a thread of the caller.
    ///
    /// Those of `Client::exports` are limited by
    /// [`BatchLimits::max_downloads`](export_core::batch::BatchLimits::max_downloads) instead, and
    /// `Export::open` by its readers.
    pub fn max_concurrent_downloads(mut self, downloads: usize) -> Self {
        self.net.max_concurrent_downloads = Some(downloads);
        self
    }

    /// Calls `on_event` with each event. It must not block.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks = self.hooks.with_event(on_event);
        self
    }

    /// Calls `on_progress` with each piece of a download: the number of bytes so far, and the
    /// length of the whole if it is known. It must not block.
    pub fn on_progress(
        mut self,
        on_progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_progress(on_progress);
        self
    }

    /// Adds headers, such as `User-Agent` or `traceparent`. `add` puts them into an empty map; they
    /// are added to each request to an origin that may receive the token, except for those that the
    /// request has already. Requests to other origins carry nothing that identifies the caller.
    /// Without a `User-Agent`, that of this client is added.
    pub fn headers(mut self, add: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.hooks.headers = Some(Arc::new(add));
        self
    }

    /// Sets the store for checkpoints. Each job is stored before it does what a crash must not
    /// undo.
    pub fn checkpoints(mut self, store: Arc<A::Store>) -> Self {
        self.checkpoints = Some(store);
        self
    }

    /// Sets a custom transport. The settings of TLS, proxies and connections do not apply to it.
    pub fn transport(mut self, transport: A::Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    ///
    /// Fails if a setting is missing or invalid; the error says which.
    pub fn build(self) -> Result<A, BuildError> {
        let config = self.configuration()?;
        let jitter = self.jitter.or_else(|| config.jitter()).unwrap_or_else(random_number);
        let config = config.with_jitter(jitter);
        let credentials = self.credentials.ok_or(BuildError::NoCredentials)?;
        let origins = credentials.origins(&config)?;
        A::from_settings(Settings {
            certificate: self.certificate.map(|it| ScopedCertificate::new(it, origins)),
            net: self.net,
            tokens: credentials.source(&config)?,
            token_fn: credentials.into_callback(),
            config,
            pacer: Arc::new(SharedPacer::with_store(self.pacer, self.pace_store)),
            now: self.now.unwrap_or_else(wall_clock),
            tls: self.tls,
            proxies: self.proxy.rules()?,
            transport: self.transport,
            hooks: self.hooks,
            checkpoints: self.checkpoints,
        })
    }

    fn configuration(&self) -> Result<Config, BuildError> {
        let mut config = match &self.location {
            Location::Config(config) => return Ok((**config).clone()),
            Location::Region(region) => Config::for_region(*region),
            Location::BaseUrl(url) => Config::new(url).map_err(BuildError::BaseUrl)?,
            Location::PlainHttp(url) => {
                Config::with_plain_http(url).map_err(BuildError::BaseUrl)?
            }
        };
        for origin in &self.allowed {
            config = config.with_allowed_origin(origin).map_err(BuildError::AllowedOrigin)?;
        }
        Ok(config
            .with_api_version(self.api_version)
            .with_limits(self.limits)
            .with_pace(self.pace)
            .with_resubmit(self.resubmit))
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An allowed origin is not a URL.
    #[error("invalid allowed origin: {0}")]
    AllowedOrigin(#[source] UrlError),
    /// The base URL is invalid.
    #[error("invalid base URL: {0}")]
    BaseUrl(#[source] UrlError),
    /// There are no credentials.
    #[error("no credentials were given")]
    NoCredentials,
    /// The proxy is invalid.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The token is not a legal header value.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// The URL of the token endpoint is invalid.
    #[error("invalid URL of the token endpoint: {0}")]
    TokenUrl(#[source] UrlError),
}
