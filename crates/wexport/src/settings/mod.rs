//! What was set, and where: a flag beats the environment, which beats the config file.

mod client;
mod command;
mod credentials;
mod file;
mod names;
mod permissions;
mod secret;
mod sources;

use std::path::PathBuf;
use std::time::Duration;

use export_hyper::{ApiVersion, Limits, Pacer, ProxySettings, Rates, Region, Resubmit};

pub(crate) use self::client::apply_headers;
pub(crate) use self::credentials::{CredentialPlan, Loaded, Who};
use self::sources::Sources;
pub(crate) use self::sources::{Environment, Sourced};
use crate::args::{DurationArg, RateArg, ResubmitArg, Session};
use crate::clock;
use crate::problem::Problem;

/// The settings of a run, each with its origin.
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
    pub(crate) request_timeout: Sourced<DurationArg>,
    pub(crate) poll_interval: Sourced<DurationArg>,
    /// Limits that are known.
    pub(crate) poll_rate: Option<Sourced<RateArg>>,
    pub(crate) submit_rate: Option<Sourced<RateArg>>,
    pub(crate) retries: Sourced<u32>,
    pub(crate) credentials: CredentialPlan,
    /// `None` if no state is kept.
    pub(crate) state: Option<Sourced<PathBuf>>,
    pub(crate) deny_deprecated: bool,
    pub(crate) resubmit: Resubmit,
}

/// Where the service is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Service {
    Region(Region),
    BaseUrl(String),
    /// One that may be plain http beyond this machine.
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

/// What a command sets beside the flags of its session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) resubmit: Option<ResubmitArg>,
    /// The base URL and the API version of a run that is resumed.
    pub(crate) run: Option<(String, String)>,
}

impl Overrides {
    /// The service of the run that is resumed, whatever is set for new ones.
    fn service(&self, set: Sourced<Service>) -> Sourced<Service> {
        let Some((base_url, _)) = &self.run else { return set };
        if set.value.base_url().trim_end_matches('/') == base_url.trim_end_matches('/') {
            return set;
        }
        let known = [Region::Us, Region::Eu, Region::Apac];
        let region = known.into_iter().find(|region| region.base_url() == base_url);
        let value = region.map_or_else(|| Service::BaseUrl(base_url.clone()), Service::Region);
        Sourced { value, ..set }
    }

    fn api_version(&self, set: Sourced<ApiVersion>) -> Sourced<ApiVersion> {
        let version = self.run.as_ref().and_then(|(_, version)| version.parse().ok());
        match version {
            Some(value) => Sourced { value, ..set },
            None => set,
        }
    }
}

impl Settings {
    /// Reads the flags, the environment and the config file.
    pub(crate) fn resolve(
        session: &Session,
        overrides: &Overrides,
        environment: Environment<'_>,
    ) -> Result<Self, Problem> {
        Self::from_sources(session, overrides, &Sources::open(&session.connection, environment)?)
    }

    /// The same without the config file.
    #[cfg(feature = "demo")]
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
        let span = |value: Duration| DurationArg(value);
        let request_timeout =
            sources.pick(flags.request_timeout, &names::REQUEST_TIMEOUT, span(limits.attempt))?;
        let patience = request_timeout.value.0;
        Ok(Self {
            config_file: sources.config_file(),
            profile: sources.profile(),
            service: overrides.service(sources.service(flags)?),
            allowed_origins: sources.list(&flags.allow_origin, &names::ALLOW_ORIGIN)?,
            api_version: overrides.api_version(sources.pick(
                flags.api_version,
                &names::API_VERSION,
                ApiVersion::V2026_01_01,
            )?),
            proxy: sources.proxy(flags.proxy.as_ref())?,
            ca_bundles: sources.paths(&flags.ca_bundle, &names::CA_BUNDLE)?,
            timeout: sources.pick(flags.timeout, &names::TIMEOUT, span(limits.job))?,
            stall_timeout: sources.pick(
                flags.stall_timeout,
                &names::STALL_TIMEOUT,
                span(limits.stall),
            )?,
            request_timeout,
            poll_interval: sources.pick(
                flags.poll_interval,
                &names::POLL_INTERVAL,
                span(limits.min_interval),
            )?,
            poll_rate: sources.find(flags.poll_rate, &names::POLL_RATE)?,
            submit_rate: sources.find(flags.submit_rate, &names::SUBMIT_RATE)?,
            retries: sources.pick(flags.retries, &names::RETRIES, limits.failures)?,
            credentials: CredentialPlan::resolve(credentials, sources, patience)?,
            state: sources.state(state)?,
            deny_deprecated: flags.deny_deprecated,
            resubmit: overrides.resubmit.map(Into::into).unwrap_or_default(),
        })
    }

    /// The pace to begin with: by what is known of the service's limits, or else by what was learnt
    /// of them before.
    pub(crate) fn pacer(&self, learnt: Option<Pacer>) -> Pacer {
        let known = |rate: &Option<Sourced<RateArg>>| rate.as_ref().map(|it| it.value.rate());
        match (known(&self.submit_rate), known(&self.poll_rate), learnt) {
            (None, None, Some(learnt)) => learnt.resumed(clock::now()),
            (submit, operations, _) => {
                let rates = Rates::default();
                Pacer::new(Rates {
                    submit: submit.unwrap_or(rates.submit),
                    operations: operations.unwrap_or(rates.operations),
                    ..rates
                })
            }
        }
    }

    /// The budgets.
    pub(crate) fn limits(&self) -> Limits {
        let poll_interval = self.poll_interval.value.0;
        let defaults = Limits::default();
        Limits {
            job: self.timeout.value.0,
            stall: self.stall_timeout.value.0,
            attempt: self.request_timeout.value.0,
            min_interval: poll_interval,
            max_interval: defaults.max_interval.max(poll_interval),
            backoff_base: defaults.backoff_base.min(poll_interval),
            failures: self.retries.value,
            ..defaults
        }
    }
}
