//! `wexport doctor`: what is set, and whether each step from here to the service works.
//!
//! The steps are taken one by one, as a client would take them all at once: each is told by
//! itself, and one that fails says what to do.

mod api;
mod certificate;
mod chart;
mod exchange;
mod machine;
mod route;
mod service;
mod token;
mod values;
mod walk;

use std::time::Duration;

pub(crate) use self::chart::{Chart, Finding};
use self::route::Route;
pub(crate) use self::values::Value;
use self::walk::Line;
use crate::args::Session;
use crate::problem::Exit;
use crate::settings::{Environment, Overrides, Settings};

/// Whoever hears what is found, as it is found.
pub(crate) trait Listener {
    /// A setting, and where it was set.
    fn value(&mut self, value: &Value);
    /// One thing that was looked at.
    fn finding(&mut self, finding: &Finding);
}

/// No step takes longer, whatever time a request may have.
const WITHIN: Duration = Duration::from_secs(5);

/// Looks at everything, and says how it ended: the code of the first failure.
pub(crate) async fn examine(
    session: &Session,
    environment: Environment<'_>,
    listener: &mut dyn Listener,
) -> Exit {
    let settings = match Settings::resolve(session, &Overrides::default(), environment) {
        Ok(settings) => settings,
        Err(problem) => {
            let mut chart = Chart::new(listener);
            chart.failed("settings", &problem);
            chart.not_checked(&ALL, "the settings cannot be read");
            return chart.exit();
        }
    };
    for value in values::of(&settings) {
        listener.value(&value);
    }
    let mut chart = Chart::new(listener);
    machine::config_file(&settings, &mut chart);
    machine::state(&settings, &mut chart);
    let loaded = machine::credentials(&settings, &mut chart);
    match settings.config() {
        Ok(config) => {
            let within = settings.request_timeout.value.0.min(WITHIN);
            let line = match Route::choose(&settings, &config, within, &mut chart) {
                Some(route) => walk::to_service(route, &mut chart).await,
                None => None,
            };
            match line {
                Some(line) => visit(&line, loaded, &config, &mut chart).await,
                None => chart.not_checked(&AT_SERVICE, "there is no way to the service"),
            }
            api::version(&config, &mut chart);
        }
        Err(problem) => {
            chart.failed("base url", &problem);
            chart.not_checked(&ALL, "there is no service to go to");
        }
    }
    chart.exit()
}

/// The steps that need a service, in their order.
const ALL: [&str; 9] =
    ["proxy", "name", "connection", "tls", "service", "clock", "token", "scopes", "api version"];

/// Those that need an answer of it.
const AT_SERVICE: [&str; 4] = ["service", "clock", "token", "scopes"];

async fn visit(
    line: &Line,
    loaded: Option<crate::settings::Loaded>,
    config: &export_hyper::Config,
    chart: &mut Chart<'_>,
) {
    if !service::answers(line, config, chart).await {
        chart.not_checked(&["token", "scopes"], "it is not the service that answers");
        return;
    }
    match loaded {
        Some(loaded) => token::check(line, loaded, config, chart).await,
        None => chart.not_checked(&["token", "scopes"], "there are no credentials"),
    }
}
