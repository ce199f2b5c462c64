//! `wexport doctor`: shows the settings, and checks each step of a connection to the service.
//!
//! The connection and the requests are those of an export: the same code opens and sends them. The
//! steps of the connection are reported one by one, so that a failure belongs to one step, and the
//! advice to that step.

mod certificate;
mod connection;
mod local;
mod requests;
mod service;

use std::time::Duration;

use export_hyper::Config;

use self::requests::Requests;
use crate::args::Session;
use crate::event::CheckStatus;
use crate::problem::{Exit, Problem};
use crate::settings::{Environment, LoadedCredentials, Overrides, Settings};

/// Receives settings and the results of checks, as soon as they are known.
pub(crate) trait Observer {
    fn setting(&mut self, setting: &SettingValue);
    fn check(&mut self, check: &CheckResult);
}

/// A setting, and where its value is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SettingValue {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) source: String,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckResult {
    pub(crate) name: &'static str,
    pub(crate) status: CheckStatus,
    /// What was found, in one sentence.
    pub(crate) message: String,
    /// What to do, the most likely remedy first.
    pub(crate) advice: Vec<String>,
}

/// The longest time for one step of the connection, and for one request, even if `--request-timeout`
/// is longer.
const MAX_STEP_TIME: Duration = Duration::from_secs(5);

/// The checks that need a service, in their order.
const REMOTE_CHECKS: [&str; 9] =
    ["proxy", "name", "connection", "tls", "service", "clock", "token", "scopes", "api version"];

/// The checks that need a response of the service.
const SERVICE_CHECKS: [&str; 4] = ["service", "clock", "token", "scopes"];

/// Runs all checks. The exit code is that of the first failure.
pub(crate) async fn run(
    session: &Session,
    environment: Environment<'_>,
    observer: &mut dyn Observer,
) -> Exit {
    let settings = match Settings::resolve(session, &Overrides::default(), environment) {
        Ok(settings) => settings,
        Err(problem) => {
            let mut checks = Checks::new(observer);
            checks.failed("settings", &problem);
            checks.not_checked(&REMOTE_CHECKS, "the settings are invalid");
            return checks.exit();
        }
    };
    for setting in local::setting_values(&settings) {
        observer.setting(&setting);
    }
    let mut checks = Checks::new(observer);
    local::check_config_file(&settings, &mut checks);
    local::check_state(&settings, &mut checks);
    let credentials = local::check_credentials(&settings, &mut checks);
    match settings.config() {
        Ok(config) => {
            let step_timeout = settings.request_timeout.value.0.min(MAX_STEP_TIME);
            match connection::check(&settings, &config, step_timeout, &mut checks).await {
                Some(requests) => {
                    check_service(&requests, credentials, &config, &mut checks).await;
                }
                None => checks.not_checked(&SERVICE_CHECKS, "no connection to the service"),
            }
            service::check_api_version(&config, &mut checks);
        }
        Err(problem) => {
            checks.failed("base url", &problem);
            checks.not_checked(&REMOTE_CHECKS, "the base URL is invalid");
        }
    }
    checks.exit()
}

async fn check_service(
    requests: &Requests,
    credentials: Option<LoadedCredentials>,
    config: &Config,
    checks: &mut Checks<'_>,
) {
    if !service::check_response(requests, config, checks).await {
        checks.not_checked(&["token", "scopes"], "no response from the service");
        return;
    }
    match credentials {
        Some(credentials) => service::check_token(requests, credentials, config, checks).await,
        None => checks.not_checked(&["token", "scopes"], "no credentials"),
    }
}

/// Passes results to an observer, and keeps the exit code of the first failure.
struct Checks<'a> {
    observer: &'a mut dyn Observer,
    first_failure: Option<Exit>,
}

impl<'a> Checks<'a> {
    fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, first_failure: None }
    }

    fn ok(&mut self, name: &'static str, message: impl Into<String>) {
        self.report(name, CheckStatus::Ok, message.into(), Vec::new());
    }

    fn warning(&mut self, name: &'static str, message: impl Into<String>, advice: &str) {
        self.report(name, CheckStatus::Warning, message.into(), vec![advice.into()]);
    }

    fn failed(&mut self, name: &'static str, problem: &Problem) {
        self.first_failure.get_or_insert(problem.exit);
        self.report(name, CheckStatus::Failed, problem.message.clone(), problem.advice.clone());
    }

    fn not_checked(&mut self, names: &[&'static str], reason: &str) {
        for name in names {
            let message = format!("not checked: {reason}");
            self.report(name, CheckStatus::NotChecked, message, Vec::new());
        }
    }

    fn exit(&self) -> Exit {
        self.first_failure.unwrap_or(Exit::Done)
    }

    fn report(
        &mut self,
        name: &'static str,
        status: CheckStatus,
        message: String,
        advice: Vec<String>,
    ) {
        self.observer.check(&CheckResult { name, status, message, advice });
    }
}
