//! Settings and their sources. Flags override the environment, which overrides the config file.

mod client;
mod command;
mod credentials;
mod file;
mod hooks;
#[cfg(feature = "postgres")]
mod postgres;
mod secret;
mod setting;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Duration;

use export_hyper::{ApiVersion, Limits, Pacer, ProxySettings, Rates, Region, Resubmit};

pub(crate) use self::client::apply_headers;
pub(crate) use self::credentials::{ClientId, CredentialPlan, CredentialSource, LoadedCredentials};
pub(crate) use self::file::{default_config_file, profile_names};
pub(crate) use self::hooks::{HookSettings, PingSignal, PingUrl};
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::PgPlace;
#[cfg(feature = "store")]
pub(crate) use self::secret::trimmed_variable;
#[cfg(test)]
pub(crate) use self::setting::KEYS;
pub(crate) use self::setting::Sourced;
use self::setting::ValueSource;
use self::sources::Sources;
pub(crate) use self::sources::{Environment, expand_home};
use crate::args::{CountArg, DurationArg, HookArgs, RateArg, ResubmitArg, Session, SizeArg};
use crate::problem::Problem;

/// The settings of a run, each with its source.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The config file that was read, if there was one.
    pub(crate) config_file: Sourced<Option<PathBuf>>,
    pub(crate) profile: Option<Sourced<String>>,
    pub(crate) service: Sourced<Service>,
    pub(crate) allowed_origins: Sourced<Vec<String>>,
    pub(crate) api_version: Sourced<ApiVersion>,
    pub(crate) proxy: Sourced<ProxySettings>,
    pub(crate) ca_bundles: Sourced<Vec<PathBuf>>,
    pub(crate) timeout: Sourced<DurationArg>,
    pub(crate) stall_timeout: Sourced<DurationArg>,
    pub(crate) min_speed: Sourced<SizeArg>,
    pub(crate) max_time: Option<Sourced<DurationArg>>,
    pub(crate) max_filesize: Option<Sourced<SizeArg>>,
    pub(crate) request_timeout: Sourced<DurationArg>,
    pub(crate) poll_interval: Sourced<DurationArg>,
    /// The rate limits of the service, if the user knows them.
    pub(crate) poll_rate: Option<Sourced<RateArg>>,
    pub(crate) submit_rate: Option<Sourced<RateArg>>,
    pub(crate) pace_group: Option<Sourced<String>>,
    /// `None` for no other limit than the time.
    pub(crate) retries: Option<Sourced<CountArg>>,
    pub(crate) credentials: CredentialPlan,
    /// `None` if no state is kept, or if it is in a database.
    pub(crate) state: Option<Sourced<PathBuf>>,
    /// The database that has the state of batches.
    #[cfg(feature = "postgres")]
    pub(crate) database: Option<Sourced<PgPlace>>,
    /// For how long a process holds a batch in a database after its last sign of life.
    pub(crate) lease: Sourced<DurationArg>,
    /// How long, and how many, runs are kept in the state once they are done.
    pub(crate) keep_done_for: Sourced<DurationArg>,
    pub(crate) keep_done: Sourced<CountArg>,
    /// What is done when a command begins and ends.
    pub(crate) hooks: HookSettings,
    pub(crate) deny_deprecated: bool,
    pub(crate) resubmit: Resubmit,
}

/// How long, and how many, runs are kept in the state once they are done.
const KEEP_DONE_FOR: Duration = Duration::from_secs(30 * 86_400);
const KEEP_DONE: u32 = 1_000;

/// For how long a process holds a batch after its last sign of life: it gives four in this time.
const LEASE: Duration = Duration::from_secs(60);

/// The service to connect to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Service {
    Region(Region),
    BaseUrl(String),
    /// A base URL that may be plain http for other hosts than this machine.
    PlainHttp(String),
}

impl Service {
    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Region(region) => region.base_url(),
            Self::BaseUrl(url) | Self::PlainHttp(url) => url,
        }
    }
}

/// What a command sets in addition to the flags of its session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) resubmit: Option<ResubmitArg>,
    /// The API version of a run that is resumed.
    pub(crate) api_version: Option<String>,
    pub(crate) hooks: HookArgs,
}

impl Overrides {
    fn api_version(&self, set: Sourced<ApiVersion>) -> Sourced<ApiVersion> {
        let version = self.api_version.as_ref().and_then(|version| version.parse().ok());
        match version {
            Some(value) => Sourced { value, ..set },
            None => set,
        }
    }
}

impl Settings {
    /// Resolves the settings from the flags, the environment and the config file.
    pub(crate) fn resolve(
        session: &Session,
        overrides: &Overrides,
        environment: Environment<'_>,
    ) -> Result<Self, Problem> {
        Self::from_sources(session, overrides, &Sources::open(&session.connection, environment)?)
    }

    /// Resolves the settings without the config file.
    pub(crate) fn resolve_without_file(
        session: &Session,
        environment: Environment<'_>,
    ) -> Result<Self, Problem> {
        Self::from_sources(session, &Overrides::default(), &Sources::without_file(environment))
    }

    fn from_sources(
        session: &Session,
        overrides: &Overrides,
        sources: &Sources<'_>,
    ) -> Result<Self, Problem> {
        let Session { connection: flags, credentials, state, .. } = session;
        let limits = Limits::default();
        let duration = |value: Duration| DurationArg(value);
        let request_timeout = sources.get_or(
            flags.request_timeout,
            &setting::REQUEST_TIMEOUT,
            duration(limits.request_timeout),
        )?;
        let command_timeout = request_timeout.value.0;
        let database = sources.database(state)?;
        let settings = Self {
            config_file: sources.config_file(),
            profile: sources.profile(),
            service: sources.service(flags)?,
            allowed_origins: sources.list(&flags.allow_origin, &setting::ALLOW_ORIGIN)?,
            api_version: overrides.api_version(sources.get_or(
                flags.api_version,
                &setting::API_VERSION,
                ApiVersion::V2026_01_01,
            )?),
            proxy: sources.proxy(flags.proxy.as_ref())?,
            ca_bundles: sources.paths(&flags.ca_bundle, &setting::CA_BUNDLE)?,
            timeout: sources.get_or(
                flags.timeout,
                &setting::TIMEOUT,
                duration(limits.job_timeout),
            )?,
            stall_timeout: sources.get_or(
                flags.stall_timeout,
                &setting::STALL_TIMEOUT,
                duration(limits.read_timeout),
            )?,
            min_speed: sources.get_or(
                flags.min_speed,
                &setting::MIN_SPEED,
                SizeArg(limits.min_speed),
            )?,
            max_time: sources.get(flags.max_time, &setting::MAX_TIME)?,
            max_filesize: sources.get(flags.max_filesize, &setting::MAX_FILESIZE)?,
            request_timeout,
            poll_interval: sources.get_or(
                flags.poll_interval,
                &setting::POLL_INTERVAL,
                duration(limits.min_poll_interval),
            )?,
            poll_rate: sources.get(flags.poll_rate, &setting::POLL_RATE)?,
            submit_rate: sources.get(flags.submit_rate, &setting::SUBMIT_RATE)?,
            pace_group: sources.get(flags.pace_group.clone(), &setting::PACE_GROUP)?,
            retries: sources.get(flags.retries, &setting::RETRIES)?,
            credentials: CredentialPlan::resolve(credentials, sources, command_timeout)?,
            state: if database.is_some() { None } else { sources.state(state)? },
            #[cfg(feature = "postgres")]
            database: database.map(|url| sources.postgres(url)).transpose()?,
            lease: sources.get_or(None, &setting::LEASE, duration(LEASE))?,
            keep_done_for: sources.get_or(
                None,
                &setting::KEEP_DONE_FOR,
                duration(KEEP_DONE_FOR),
            )?,
            keep_done: sources.get_or(None, &setting::KEEP_DONE, CountArg(KEEP_DONE))?,
            hooks: HookSettings::resolve(&overrides.hooks, sources)?,
            deny_deprecated: flags.deny_deprecated,
            resubmit: overrides.resubmit.map(Into::into).unwrap_or_default(),
        };
        settings.refuse_zeros()?;
        Ok(settings)
    }

    /// Whether the state of batches is in a database.
    pub(crate) const fn has_database(&self) -> bool {
        #[cfg(feature = "postgres")]
        return self.database.is_some();
        #[cfg(not(feature = "postgres"))]
        false
    }

    /// Refuses limits that no export can keep.
    fn refuse_zeros(&self) -> Result<(), Problem> {
        let time = |time: &Sourced<DurationArg>| (time.value.0.is_zero(), time.source.clone());
        let limits = [
            (&setting::TIMEOUT, Some(time(&self.timeout))),
            (&setting::STALL_TIMEOUT, Some(time(&self.stall_timeout))),
            (&setting::REQUEST_TIMEOUT, Some(time(&self.request_timeout))),
            (&setting::LEASE, Some(time(&self.lease))),
            (&setting::HOOK_TIMEOUT, Some(time(&self.hooks.timeout))),
            (&setting::MAX_TIME, self.max_time.as_ref().map(time)),
            (
                &setting::MAX_FILESIZE,
                self.max_filesize.as_ref().map(|size| (size.value.0 == 0, size.source.clone())),
            ),
        ];
        let mut limits = limits.into_iter().filter_map(|(names, limit)| Some((names, limit?)));
        match limits.find(|(_, (is_zero, _))| *is_zero) {
            Some((names, (_, source))) => {
                let setting = source.setting(names);
                Err(Problem::usage(format!(
                    "invalid value '0' for {setting}: no export can keep it"
                )))
            }
            None => Ok(()),
        }
    }

    /// The files that the settings name and no export may replace, with what they are and what named them.
    pub(crate) fn input_files(&self) -> Vec<(String, &Path)> {
        let Sourced { value, source } = &self.config_file;
        let config = match source {
            ValueSource::Default => "the config file".into(),
            _ => format!("the config file ({source})"),
        };
        let secret = &self.credentials.secret;
        let path = match &secret.value {
            CredentialSource::TokenFile(path) | CredentialSource::ClientSecretFile(path) => {
                Some(path)
            }
            _ => None,
        };
        let secret = path.map(|path| (format!("the file of a secret ({})", secret.source), path));
        let client_id = self.credentials.client_id.as_ref().and_then(|id| match &id.value {
            ClientId::File(path) => {
                Some((format!("the file of the client ID ({})", id.source), path))
            }
            ClientId::Text(_) => None,
        });
        let bundles = self.ca_bundles.value.iter();
        let source = &self.ca_bundles.source;
        let bundles = bundles.map(|path| (format!("a CA bundle ({source})"), path));
        let config = value.iter().map(|path| (config.clone(), path));
        let metrics = self.hooks.metrics.as_ref();
        let metrics =
            metrics.map(|file| (format!("the file of metrics ({})", file.source), &file.value));
        let files = config.chain(secret).chain(client_id).chain(bundles).chain(metrics);
        files.map(|(what, path)| (what, path.as_path())).collect()
    }

    /// The pacer to start with.
    fn pacer(&self) -> Pacer {
        let rate = |rate: &Option<Sourced<RateArg>>| rate.as_ref().map(|rate| rate.value.rate());
        let rates = Rates::default();
        Pacer::new(
            rates
                .with_submits(rate(&self.submit_rate).unwrap_or(rates.submits))
                .with_operations(rate(&self.poll_rate).unwrap_or(rates.operations)),
        )
    }

    /// The time limits and the number of retries.
    pub(crate) fn limits(&self) -> Limits {
        let poll_interval = self.poll_interval.value.0;
        let defaults = Limits::default();
        defaults
            .with_job_timeout(self.timeout.value.0)
            .with_read_timeout(self.stall_timeout.value.0)
            .with_request_timeout(self.request_timeout.value.0)
            .with_min_poll_interval(poll_interval)
            .with_max_poll_interval(defaults.max_poll_interval.max(poll_interval))
            .with_backoff_base(defaults.backoff_base.min(poll_interval))
            .with_max_failures(
                self.retries.as_ref().map_or(defaults.max_failures, |retries| retries.value.0),
            )
            .with_min_speed(self.min_speed.value.0)
            .with_max_time(self.max_time.as_ref().map_or(defaults.max_time, |time| time.value.0))
            .with_max_file_bytes(
                self.max_filesize.as_ref().map_or(defaults.max_file_bytes, |size| size.value.0),
            )
    }
}
