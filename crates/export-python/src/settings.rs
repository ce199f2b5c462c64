//! The settings of a client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use export_core::pacer::{Pacer, Rate, Rates};
use export_core::token::TokenSource;
use export_core::workiva::{ApiVersion, Region};
use export_core::{Config, Limits, Pace, Resubmit};
use export_host::{CheckpointFolder, CheckpointStore, PaceFile, PaceStore, SharedPacer};
use export_ureq::{AccessToken, Credentials, TokenError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::pace::{self, PythonPace};
use crate::values::{self, checkpoint_text, value_error};

/// The settings of a client, whatever its transport.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Settings {
    pub(crate) config: Config,
    credentials: Login,
    pub(crate) checkpoints: Option<CheckpointFolder>,
    pub(crate) pace_store: Option<Arc<dyn PaceStore>>,
    rates: Rates,
}

enum Login {
    Client(String, String),
    Token(String),
    Callback(Py<PyAny>),
}

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (
        *, client_id=None, client_secret=None, token=None, region=None, base_url=None, plain_http=false,
        api_version="2026-01-01", allowed_origins=vec![], limits=None, resubmit="if_harmless", pace="gentle",
        jitter=None, checkpoints=None, pace_store=None, submit_rate=None, poll_rate=None, download_rate=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of a client")]
    fn new(
        client_id: Option<String>,
        client_secret: Option<String>,
        token: Option<Bound<'_, PyAny>>,
        region: Option<&str>,
        base_url: Option<&str>,
        plain_http: bool,
        api_version: &str,
        allowed_origins: Vec<String>,
        limits: Option<&Bound<'_, PyDict>>,
        resubmit: &str,
        pace: &str,
        jitter: Option<u64>,
        checkpoints: Option<PathBuf>,
        pace_store: Option<Bound<'_, PyAny>>,
        submit_rate: Option<f64>,
        poll_rate: Option<f64>,
        download_rate: Option<f64>,
    ) -> PyResult<Self> {
        let credentials = match (client_id, client_secret, token) {
            (Some(id), Some(secret), None) => Login::Client(id, secret),
            (None, None, Some(token)) if token.is_callable() => Login::Callback(token.unbind()),
            (None, None, Some(token)) => Login::Token(token.extract()?),
            _ => {
                return Err(PyValueError::new_err(
                    "expected client_id and client_secret, or token, but not both",
                ));
            }
        };
        let mut config = match (base_url, region) {
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("expected region or base_url, but not both"));
            }
            (Some(url), None) if plain_http => Config::with_plain_http(url),
            (Some(url), None) => Config::new(url),
            (None, region) => Ok(Config::for_region(
                region.unwrap_or("us").parse::<Region>().map_err(value_error)?,
            )),
        }
        .map_err(|error| PyValueError::new_err(format!("invalid base_url: {error}")))?;
        for origin in allowed_origins {
            config = config.with_allowed_origin(&origin).map_err(value_error)?;
        }
        let resubmit = match resubmit {
            "if_harmless" => Resubmit::IfHarmless,
            "never" => Resubmit::Never,
            "always" => Resubmit::Always,
            _ => return Err(one_of("resubmit", resubmit, "if_harmless, never or always")),
        };
        let pace = match pace {
            "gentle" => Pace::Gentle,
            "exact" => Pace::Exact,
            _ => return Err(one_of("pace", pace, "gentle or exact")),
        };
        let api_version: ApiVersion = api_version.parse().map_err(value_error)?;
        let mut config = config
            .with_api_version(api_version)
            .with_resubmit(resubmit)
            .with_pace(pace)
            .with_limits(limits.map_or(Ok(Limits::default()), read_limits)?);
        if let Some(seed) = jitter {
            config = config.with_jitter(seed);
        }
        let checkpoints = checkpoints.map(CheckpointFolder::new);
        let pace_store = pace_store.map(|store| -> Arc<dyn PaceStore> {
            match store.extract::<PathBuf>() {
                Ok(path) => Arc::new(PaceFile::new(path).with_on_failure(pace::report)),
                Err(_) => Arc::new(PythonPace(store.unbind())),
            }
        });
        let mut rates = Rates::default();
        if let Some(rate) = submit_rate {
            rates = rates.with_submits(known_rate("submit_rate", rate)?);
        }
        if let Some(rate) = poll_rate {
            rates = rates.with_operations(known_rate("poll_rate", rate)?);
        }
        if let Some(rate) = download_rate {
            rates = rates.with_downloads(known_rate("download_rate", rate)?);
        }
        Ok(Self { config, credentials, checkpoints, pace_store, rates })
    }

    #[getter]
    fn base_url(&self) -> &str {
        self.config.base_url()
    }

    /// Whether tokens come from a callback.
    #[getter]
    fn token_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.credentials {
            Login::Callback(callback) => Some(callback.clone_ref(py)),
            _ => None,
        }
    }

    #[getter]
    fn checkpoints(&self) -> Option<PathBuf> {
        self.checkpoints.as_ref().map(|folder| folder.path().to_path_buf())
    }

    /// The JSON of the checkpoint under a key.
    fn load(&self, py: Python<'_>, key: &str) -> PyResult<Option<String>> {
        let Some(folder) = &self.checkpoints else { return Ok(None) };
        let loaded = py.detach(|| folder.load(key))?;
        Ok(loaded.as_ref().map(checkpoint_text))
    }

    /// Stores the JSON of a checkpoint, durably.
    fn store(&self, py: Python<'_>, key: &str, checkpoint: &str) -> PyResult<()> {
        let Some(folder) = &self.checkpoints else { return Ok(()) };
        let checkpoint = values::checkpoint(checkpoint)?;
        Ok(py.detach(|| folder.store(key, &checkpoint))?)
    }

    fn remove(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        let Some(folder) = &self.checkpoints else { return Ok(()) };
        Ok(py.detach(|| folder.remove(key))?)
    }

    fn __repr__(&self) -> String {
        format!("Settings({:?})", self.config.base_url())
    }
}

impl Settings {
    /// The pacer of a new client.
    pub(crate) fn pacer(&self) -> Pacer {
        Pacer::new(self.rates)
    }

    /// The same, which other processes may share.
    pub(crate) fn shared_pacer(&self) -> SharedPacer {
        SharedPacer::with_store(self.pacer(), self.pace_store.clone())
    }

    /// The credentials for the blocking client.
    pub(crate) fn credentials(&self, py: Python<'_>) -> Credentials {
        match &self.credentials {
            Login::Client(id, secret) => Credentials::client(id, secret),
            Login::Token(token) => Credentials::token(token.as_str()),
            Login::Callback(callback) => {
                let callback = callback.clone_ref(py);
                Credentials::from_fn(move || Python::attach(|py| call_token(py, &callback)))
            }
        }
    }

    /// The tokens of a client whose driver sends the requests.
    pub(crate) fn token_source(&self) -> PyResult<TokenSource> {
        Ok(match &self.credentials {
            Login::Client(id, secret) => TokenSource::client_credentials(id, secret, &self.config),
            Login::Token(token) => {
                TokenSource::fixed(export_core::token::Token::fixed(token).map_err(value_error)?)
            }
            Login::Callback(_) => TokenSource::external(*self.config.limits()),
        })
    }
}

/// Calls a callback that returns a token, or a token and its lifetime in seconds.
fn call_token(py: Python<'_>, callback: &Py<PyAny>) -> Result<AccessToken, TokenError> {
    let called = callback.call0(py).and_then(|token| {
        let token = token.into_bound(py);
        match token.extract::<(String, f64)>() {
            Ok((token, seconds)) => Ok((token, Some(seconds))),
            Err(_) => Ok((token.extract::<String>()?, None)),
        }
    });
    let (token, seconds) = called.map_err(|error| TokenError::unavailable(error.to_string()))?;
    let token = AccessToken::new(token);
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(lifetime)) => Ok(token.with_lifetime(lifetime)),
        _ => Ok(token),
    }
}

/// A rate in requests per second; 0 is no limit.
fn known_rate(name: &str, rate: f64) -> PyResult<Rate> {
    match rate {
        0.0 => Ok(Rate::unlimited()),
        rate if rate.is_finite() && rate > 0.0 => Ok(Rate::per_second(rate)),
        rate => Err(PyValueError::new_err(format!(
            "invalid value {rate} for {name}: expected requests per second, or 0 for no limit"
        ))),
    }
}

fn one_of(name: &str, value: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("invalid value {value:?} for {name}: expected {expected}"))
}

/// Reads limits by the names that [`Limits`] has. Times are in seconds.
fn read_limits(values: &Bound<'_, PyDict>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    for (name, value) in values {
        let name: String = name.extract()?;
        let invalid = || PyValueError::new_err(format!("invalid value for {name}"));
        let seconds = || Duration::try_from_secs_f64(value.extract()?).map_err(|_| invalid());
        let number = || value.extract::<u64>().map_err(|_| invalid());
        let count = || number().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        limits = match name.as_str() {
            "request_timeout" => limits.with_request_timeout(seconds()?),
            "job_timeout" => limits.with_job_timeout(seconds()?),
            "read_timeout" => limits.with_read_timeout(seconds()?),
            "max_time" => limits.with_max_time(seconds()?),
            "grace_period" => limits.with_grace_period(seconds()?),
            "backoff_base" => limits.with_backoff_base(seconds()?),
            "backoff_cap" => limits.with_backoff_cap(seconds()?),
            "min_poll_interval" => limits.with_min_poll_interval(seconds()?),
            "max_poll_interval" => limits.with_max_poll_interval(seconds()?),
            "token_margin" => limits.with_token_margin(seconds()?),
            "max_failures" => limits.with_max_failures(count()?),
            "max_submits" => limits.with_max_submits(count()?),
            "max_downloads" => limits.with_max_downloads(count()?),
            "max_redirects" => limits.with_max_redirects(count()?),
            "min_speed" => limits.with_min_speed(number()?),
            "max_file_bytes" => limits.with_max_file_bytes(number()?),
            "max_body_bytes" => {
                limits.with_max_body_bytes(usize::try_from(number()?).unwrap_or(usize::MAX))
            }
            _ => return Err(PyValueError::new_err(format!("there is no limit {name:?}"))),
        };
    }
    Ok(limits)
}
