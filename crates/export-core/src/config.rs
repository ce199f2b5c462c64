//! The settings of a job.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::origins::Origins;
use crate::settings::settings;
use crate::url::{UrlError, base_url};

/// The settings of a job: the service's base URL, the allowed origins, retries and budgets.
///
/// ```
/// use export_core::workiva::{ApiVersion, Region};
/// use export_core::Config;
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
    api_version: Option<String>,
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
    pub(crate) fn with_version_name(mut self, name: String) -> Self {
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

    /// The path of the base URL, without a trailing slash.
    pub(crate) fn base_path(&self) -> &str {
        let url = self.base_url();
        url.match_indices('/').nth(2).map_or("", |(path, _)| &url[path..])
    }

    /// The origins that may be sent the token.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// The version of the API, by the name that its dialect knows; `None` for its default.
    pub(crate) fn version_name(&self) -> Option<&str> {
        self.0.api_version.as_deref()
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
    /// If a second export would do no harm, as [`Dialect::repeat`](crate::dialect::Dialect::repeat) says.
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
    /// `Retry-After`, and at least [`Limits::min_poll_interval`].
    Exact,
}

settings! {
    /// The budgets of a job, so that every job ends.
    ///
    /// ```
    /// use core::time::Duration;
    /// use export_core::Limits;
    ///
    /// let patient = Limits::default().with_job_timeout(Duration::from_secs(6 * 3_600));
    /// assert_eq!(patient.max_submits, 6);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Limits {
        /// The time for one request and its response, without the bytes of the artifact. **30 s** by
        /// default: the service ends requests after 29 s.
        request_timeout (with_request_timeout): Duration = Duration::from_secs(30),
        /// The time from the first step until the operation is completed. An outage of the network or of
        /// the service is waited out until then; one that begins during the download, for as long.
        /// **1 h** by default.
        job_timeout (with_job_timeout): Duration = Duration::from_secs(3_600),
        /// How many requests may fail in a row; one more ends the job. **No limit** by default: the time
        /// limits apply.
        max_failures (with_max_failures): u32 = u32::MAX,
        /// The wait after the first failure; it doubles with each further one. **1 s** by default.
        backoff_base (with_backoff_base): Duration = Duration::from_secs(1),
        /// The longest wait after a failure. **30 s** by default.
        backoff_cap (with_backoff_cap): Duration = Duration::from_secs(30),
        /// The shortest wait before a poll, even if the service asks for less. **1 s** by default.
        min_poll_interval (with_min_poll_interval): Duration = Duration::from_secs(1),
        /// The longest wait before a poll, unless the service asks for more. **30 s** by default.
        max_poll_interval (with_max_poll_interval): Duration = Duration::from_secs(30),
        /// How long an accepted operation may be missing, or completed without a URL. **30 s** by
        /// default.
        grace_period (with_grace_period): Duration = Duration::from_secs(30),
        /// How many submit requests may have arrived, if a second export does no harm. **6** by default;
        /// a resumed job may send as many again. From the third on, they are spread over the time that
        /// is left: after a sixteenth of it, an eighth, and so on, and at most eight times `backoff_cap`,
        /// sixteen times, and so on.
        max_submits (with_max_submits): u32 = 6,
        /// How many requests for the artifact may be sent. **100** by default.
        max_downloads (with_max_downloads): u32 = 100,
        /// The wait for the next byte of a download. **60 s** by default.
        read_timeout (with_read_timeout): Duration = Duration::from_secs(60),
        /// The least speed of a download in **bytes per second**, over each `read_timeout`. The time
        /// that a sink takes does not count. **1,024** by default; 0 allows any speed.
        min_speed (with_min_speed): u64 = 1_024,
        /// The time from the first step to the end of the job, with the download. **No limit** by
        /// default.
        max_time (with_max_time): Duration = Duration::MAX,
        /// The longest artifact in **bytes**. **No limit** by default.
        max_file_bytes (with_max_file_bytes): u64 = u64::MAX,
        /// How many redirects may follow each other. **5** by default.
        max_redirects (with_max_redirects): u32 = 5,
        /// The longest body of a response that is not the artifact, in **bytes**. **1 MiB** by
        /// default.
        max_body_bytes (with_max_body_bytes): usize = 1_048_576,
        /// How long before its expiry a token is replaced. **60 s** by default.
        token_margin (with_token_margin): Duration = Duration::from_secs(60),
    }
}
