//! The simulator of the service, on a thread.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use export_sim::{Completion, Config, Downloads, Endpoint, RandomRule, Scenario, Server};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::values::{runtime_error, to_python, value_error};

/// A simulated service on a loopback port.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Simulator(Mutex<Option<Server>>);

#[pymethods]
impl Simulator {
    #[new]
    #[pyo3(signature = (
        *, client_id, client_secret, token, complete_after, retry_after, operations_rate, artifact_size=None,
        files=None, downloads="api-host", scenario=None, fault_rate=0.0, seed=0, token_lifetime=3600, tls=false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of a simulator")]
    fn new(
        py: Python<'_>,
        client_id: &str,
        client_secret: &str,
        token: &str,
        complete_after: &str,
        retry_after: u64,
        operations_rate: f64,
        artifact_size: Option<u64>,
        files: Option<PathBuf>,
        downloads: &str,
        scenario: Option<&str>,
        fault_rate: f64,
        seed: u64,
        token_lifetime: u64,
        tls: bool,
    ) -> PyResult<Self> {
        let completion: Completion = complete_after.parse().map_err(value_error)?;
        let mut faults = match scenario {
            Some(json) => Scenario::from_json(json).map_err(value_error)?,
            None => Scenario::default(),
        };
        if fault_rate > 0.0 {
            faults = faults.with_random(RandomRule { seed, rate: fault_rate, faults: Vec::new() });
        }
        let downloads = match downloads {
            "api-host" => Downloads::ApiHost,
            "redirect" => Downloads::Redirect(302),
            "signed" => Downloads::Signed,
            _ => {
                let text = "invalid value for downloads: expected api-host, redirect or signed";
                return Err(PyValueError::new_err(text));
            }
        };
        let mut config = Config::default()
            .with_client(client_id, client_secret)
            .with_token(token)
            .with_token_lifetime(Duration::from_secs(token_lifetime))
            .with_completion(completion)
            .with_retry_after(retry_after)
            .with_operations_rate(operations_rate)
            .with_downloads(downloads)
            .with_scenario(faults)
            .with_seed(seed);
        if let Some(bytes) = artifact_size {
            config = config.with_artifact_size(bytes);
        }
        if let Some(folder) = files {
            config = config.with_files(folder);
        }
        if tls {
            config = config.with_tls();
        }
        let server = py.detach(|| Server::start_blocking(config))?;
        Ok(Self(Mutex::new(Some(server))))
    }

    #[getter]
    fn url(&self) -> PyResult<String> {
        self.with(|server| server.url().to_owned())
    }

    #[getter]
    fn storage_url(&self) -> PyResult<String> {
        self.with(|server| server.storage_url().to_owned())
    }

    /// The certificate of the CA to trust, if TLS is enabled.
    #[getter]
    fn ca_pem(&self) -> PyResult<Option<String>> {
        self.with(|server| server.ca_pem().map(String::from))
    }

    /// The requests received so far, without their credentials.
    #[getter]
    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let requests = self.with(Server::requests)?;
        let requests = requests.iter().map(|request| {
            let is_token = request.endpoint() == Endpoint::Token;
            let body = String::from_utf8_lossy(request.body()).into_owned();
            json!({
                "method": request.method().as_str(),
                "target": request.target(),
                "origin": if request.origin() == export_sim::Origin::Api { "api" } else { "storage" },
                "status": request.status().map(|status| status.as_u16()),
                "body": if is_token { Value::Null } else { body.into() },
                "has_token": request.header("authorization").is_some(),
                "user_agent": request.header("user-agent"),
                "faults": request.faults(),
            })
        });
        to_python(py, &requests.collect())
    }

    /// How many exports were started.
    #[getter]
    fn exports(&self) -> PyResult<usize> {
        self.with(|server| server.exports().len())
    }

    /// What the client has done wrong.
    #[getter]
    fn mistakes(&self) -> PyResult<Vec<String>> {
        let mistakes = self.with(Server::mistakes)?;
        Ok(mistakes.iter().map(|mistake| format!("{mistake:?}")).collect())
    }

    /// Stops the server.
    fn stop(&self, py: Python<'_>) {
        let server = self.server().take();
        py.detach(|| drop(server));
    }
}

impl Simulator {
    fn with<T>(&self, get: impl FnOnce(&Server) -> T) -> PyResult<T> {
        let server = self.server();
        Ok(get(server.as_ref().ok_or_else(|| runtime_error("the simulator was stopped"))?))
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
