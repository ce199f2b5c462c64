//! The settings of a job.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::origins::Origins;
use crate::url::{UrlError, base_url};

/// The settings of a job: the service's base URL, the allowed origins, retries and budgets.
///
/// ```
/// use export_core::{ApiVersion, Config, Region};
///
/// let config = Config::for_region(Region::Eu).with_api_version(ApiVersion::V2026_01_01);
/// assert_eq!(config.base_url(), "https://api.eu.wdesk.com");
/// ```
///
/// Cloning is cheap: clones share their contents.
#[derive(Clone, Debug)]
pub struct Config(Arc<Settings>);

#[derive(Clone, Debug)]
struct Settings {
    base_url: String,
    origins: Origins,
    /// The version of the service's API, by the name that its dialect knows.
    api_version: Option<&'static str>,
    resubmit: Resubmit,
    pace: Pace,
    limits: Limits,
    jitter: Option<u64>,
}

impl Config {
    /// Settings for a service at this base URL. A path in the URL is prepended to every endpoint.
    ///
    /// # Errors
    ///
    /// Fails if `base_url` is not a URL, has a query, or is plain http to another machine.
    pub fn new(base_url: &str) -> Result<Self, UrlError> {
        Self::with_origins(base_url, Origins::new(base_url)?)
    }

    fn with_origins(url: &str, origins: Origins) -> Result<Self, UrlError> {
        Ok(Self(Arc::new(Settings {
            base_url: base_url(url)?,
            origins,
            api_version: None,
            resubmit: Resubmit::default(),
            pace: Pace::default(),
            limits: Limits::default(),
            jitter: None,
        })))
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }

    /// Like [`Config::new`], but allows plain http, for a network that is trusted. Tokens cross it
    /// unencrypted.
    ///
    /// # Errors
    ///
    /// Fails if `base_url` is not a URL or has a query.
    pub fn with_plain_http(base_url: &str) -> Result<Self, UrlError> {
        Self::with_origins(base_url, Origins::with_plain_http_base(base_url)?)
    }

    /// Allows another origin to be sent the token.
    ///
    /// # Errors
    ///
    /// Fails if `url` is not a URL.
    pub fn with_allowed_origin(mut self, url: &str) -> Result<Self, UrlError> {
        let settings = self.settings();
        settings.origins = settings.origins.clone().with_allowed(url)?;
        Ok(self)
    }

    /// Sets the version of the API, by the name that its dialect knows.
    pub(crate) fn with_version_name(mut self, name: &'static str) -> Self {
        self.settings().api_version = Some(name);
        self
    }

    /// Sets when a submit that may have arrived is sent again. [`Resubmit::IfHarmless`] by default.
    #[must_use]
    pub fn with_resubmit(mut self, resubmit: Resubmit) -> Self {
        self.settings().resubmit = resubmit;
        self
    }

    /// Sets how the wait before a poll is chosen. [`Pace::Gentle`] by default.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.settings().pace = pace;
        self
    }

    /// Sets the budgets.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.settings().limits = limits;
        self
    }

    /// Lengthens each back-off by up to a half, with random numbers from this seed. **No jitter** by
    /// default.
    ///
    /// Jitter keeps clients that failed at the same time from retrying at the same time.
    #[must_use]
    pub fn with_jitter(mut self, seed: u64) -> Self {
        self.settings().jitter = Some(seed);
        self
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// The origins that may be sent the token.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// The version of the API, by the name that its dialect knows; `None` for its default.
    pub(crate) fn version_name(&self) -> Option<&'static str> {
        self.0.api_version
    }

    /// When a submit that may have arrived is sent again.
    #[must_use]
    pub fn resubmit(&self) -> Resubmit {
        self.0.resubmit
    }

    /// How the wait before a poll is chosen.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.0.pace
    }

    /// The budgets.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The seed of the jitter.
    #[must_use]
    pub fn jitter(&self) -> Option<u64> {
        self.0.jitter
    }
}

/// When a submit request that may have arrived is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum Resubmit {
    /// If a second export would do no harm, as [`Dialect::repeat`](crate::Dialect::repeat) says.
    #[default]
    IfHarmless,
    /// Never: the job ends with [`Error::SubmitUnconfirmed`](crate::Error::SubmitUnconfirmed).
    Never,
    /// Always, even if that causes a side effect, such as a mail, twice.
    Always,
}

/// How long to wait before a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum Pace {
    /// `Retry-After`, and at least a tenth of the job's age: an export that has taken ten minutes is
    /// polled once a minute.
    #[default]
    Gentle,
    /// `Retry-After`, and at least [`Limits::min_interval`].
    Exact,
}

/// The budgets of a job. Each is finite, so that every job ends.
///
/// | limit | default | what it bounds |
/// |---|---|---|
/// | `attempt` | 30 s | one request and its response, without the bytes of the artifact |
/// | `job` | 1 h | the time from the first step until the operation is completed |
/// | `failures` | 10 | failures in a row; one more ends the job |
/// | `backoff_base` | 1 s | the wait after the first failure; it doubles with each further one |
/// | `backoff_cap` | 30 s | the longest back-off |
/// | `min_interval` | 1 s | the shortest wait before a poll, even if the service asks for less |
/// | `max_interval` | 30 s | the longest wait before a poll, unless the service asks for more |
/// | `grace` | 30 s | how long an accepted operation may be missing, or completed without a URL |
/// | `submits` | 3 | submit requests that may have arrived |
/// | `downloads` | 100 | requests for the artifact |
/// | `stall` | 60 s | the wait for the next byte of a download |
/// | `hops` | 5 | redirects in a row |
/// | `body` | 1 MiB | the body of a response that is not the artifact |
/// | `token_margin` | 60 s | how long before its expiry a token is replaced |
///
/// ```
/// use core::time::Duration;
/// use export_core::Limits;
///
/// let limits = Limits::default();
/// assert_eq!(limits.attempt, Duration::from_secs(30)); // the service ends requests at 29 s
/// assert_eq!(limits.job, Duration::from_secs(3_600));
/// assert_eq!(limits.failures, 10);
/// assert_eq!(limits.backoff_base, Duration::from_secs(1));
/// assert_eq!(limits.backoff_cap, Duration::from_secs(30));
/// assert_eq!(limits.min_interval, Duration::from_secs(1));
/// assert_eq!(limits.max_interval, Duration::from_secs(30));
/// assert_eq!(limits.grace, Duration::from_secs(30));
/// assert_eq!(limits.submits, 3);
/// assert_eq!(limits.downloads, 100);
/// assert_eq!(limits.stall, Duration::from_secs(60));
/// assert_eq!(limits.hops, 5);
/// assert_eq!(limits.body, 1_048_576);
/// assert_eq!(limits.token_margin, Duration::from_secs(60));
///
/// let patient = Limits { job: Duration::from_secs(6 * 3_600), ..Limits::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written with struct update syntax")]
#[expect(missing_docs, reason = "the table above documents the fields")]
pub struct Limits {
    pub attempt: Duration,
    pub job: Duration,
    pub failures: u32,
    pub backoff_base: Duration,
    pub backoff_cap: Duration,
    pub min_interval: Duration,
    pub max_interval: Duration,
    pub grace: Duration,
    pub submits: u32,
    pub downloads: u32,
    pub stall: Duration,
    pub hops: u32,
    pub body: usize,
    pub token_margin: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(30),
            job: Duration::from_secs(3_600),
            failures: 10,
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(30),
            min_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            submits: 3,
            downloads: 100,
            stall: Duration::from_secs(60),
            hops: 5,
            body: 1_048_576,
            token_margin: Duration::from_secs(60),
        }
    }
}
