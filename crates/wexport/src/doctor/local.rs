//! Settings, and the checks that need no network: config file, state folder, credentials.

use std::io;
use std::path::Path;

use export_host::FolderChecks;
use export_hyper::ProxySettings;

use super::{Checks, SettingValue};
use crate::problem::{Exit, Problem};
use crate::settings::{
    ClientId, CredentialSource, HookSettings, LoadedCredentials, Service, Settings, Sourced,
    default_config_file,
};
#[cfg(feature = "postgres")]
use crate::state::PgBook;
use crate::state::StateDir;

/// The settings in the order of the report. Of a secret, only its source is shown.
pub(super) fn setting_values(settings: &Settings) -> Vec<SettingValue> {
    let file = &settings.config_file;
    let path = file.value.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string());
    let mut values = vec![value("config file", file, path)];
    if let Some(profile) = &settings.profile {
        values.push(value("profile", profile, profile.value.clone()));
    }
    values.extend([
        service(settings),
        value("api version", &settings.api_version, settings.api_version.value.to_string()),
        value("proxy", &settings.proxy, proxy(&settings.proxy.value)),
    ]);
    let origins = &settings.allowed_origins;
    if !origins.value.is_empty() {
        values.push(value("allowed origins", origins, origins.value.join(" ")));
    }
    let bundles = &settings.ca_bundles;
    let paths: Vec<String> = bundles.value.iter().map(|path| path.display().to_string()).collect();
    let paths = if paths.is_empty() { "none".into() } else { paths.join(" ") };
    values.push(value("ca bundle", bundles, paths));
    for (name, duration) in [
        ("timeout", &settings.timeout),
        ("stall timeout", &settings.stall_timeout),
        ("request timeout", &settings.request_timeout),
        ("poll interval", &settings.poll_interval),
    ] {
        values.push(value(name, duration, duration.value.to_string()));
    }
    let speed = &settings.min_speed;
    values.push(value("min speed", speed, speed.value.to_string()));
    let time = settings.max_time.as_ref();
    values.extend(time.map(|time| value("max time", time, time.value.to_string())));
    let size = settings.max_filesize.as_ref();
    values.extend(size.map(|size| value("max filesize", size, size.value.to_string())));
    for (name, rate) in [("poll rate", &settings.poll_rate), ("submit rate", &settings.submit_rate)]
    {
        values.extend(rate.as_ref().map(|rate| value(name, rate, rate.value.to_string())));
    }
    let group = settings.pace_group.as_ref();
    values.extend(group.map(|group| value("pace group", group, group.value.clone())));
    let retries = settings.retries.as_ref();
    values.extend(retries.map(|retries| value("retries", retries, retries.value.to_string())));
    values.push(state(settings));
    values.push(value("lease", &settings.lease, settings.lease.value.to_string()));
    let (time, count) = (&settings.keep_done_for, &settings.keep_done);
    values.push(value("keep done for", time, time.value.to_string()));
    values.push(value("keep done", count, count.value.to_string()));
    values.extend(hooks(&settings.hooks));
    values.extend(credentials(settings));
    values
}

fn state(settings: &Settings) -> SettingValue {
    #[cfg(feature = "postgres")]
    if let Some(database) = &settings.database {
        return value("state", database, format!("postgres://{}", database.value));
    }
    match &settings.state {
        Some(folder) => value("state", folder, folder.value.display().to_string()),
        None => {
            SettingValue { name: "state", value: "disabled".into(), source: "--no-state".into() }
        }
    }
}

/// The hooks. Their commands are not shown: the arguments may contain a secret.
fn hooks(hooks: &HookSettings) -> Vec<SettingValue> {
    let commands = [("on failure", &hooks.on_failure), ("on success", &hooks.on_success)];
    let commands = commands.into_iter().filter_map(|(name, command)| {
        command.as_ref().map(|command| value(name, command, "a command".into()))
    });
    let ping = hooks.ping.as_ref().map(|ping| value("ping", ping, ping.value.to_string()));
    let is_set = hooks.on_failure.is_some() || hooks.on_success.is_some();
    let timeout = value("hook timeout", &hooks.timeout, hooks.timeout.value.to_string());
    let metrics = hooks.metrics.as_ref();
    let metrics = metrics.map(|file| value("metrics", file, file.value.display().to_string()));
    commands.chain(is_set.then_some(timeout)).chain(ping).chain(metrics).collect()
}

fn value<T>(name: &'static str, sourced: &Sourced<T>, value: String) -> SettingValue {
    SettingValue { name, value, source: sourced.source.to_string() }
}

fn service(settings: &Settings) -> SettingValue {
    let service = &settings.service;
    let (name, text) = match &service.value {
        Service::Region(region) => ("region", format!("{region}, {}", region.base_url())),
        Service::BaseUrl(url) | Service::PlainHttp(url) => ("base url", without_user(url).into()),
    };
    value(name, service, text)
}

fn proxy(settings: &ProxySettings) -> String {
    match settings {
        ProxySettings::Environment => "from the environment".into(),
        ProxySettings::Off => "none".into(),
        ProxySettings::Url(url) => without_user(url).into(),
    }
}

/// The part of a URL after its last `@`: the part before it may contain a password.
fn without_user(url: &str) -> &str {
    url.rsplit('@').next().unwrap_or_default()
}

fn credentials(settings: &Settings) -> Vec<SettingValue> {
    let plan = &settings.credentials;
    let secret = &plan.secret;
    let mut values = Vec::new();
    if let Some(id) = &plan.client_id
        && matches!(
            secret.value,
            CredentialSource::ClientSecret(_)
                | CredentialSource::ClientSecretFile(_)
                | CredentialSource::Missing
        )
    {
        let text = match &id.value {
            ClientId::Text(id) => id.clone(),
            ClientId::File(path) => format!("in {}", path.display()),
        };
        values.push(value("client id", id, text));
    }
    let (name, text) = match &secret.value {
        CredentialSource::Token(_) => ("token", "set".into()),
        CredentialSource::TokenStdin => ("token", "on standard input".into()),
        CredentialSource::TokenFile(path) => ("token", format!("in {}", path.display())),
        CredentialSource::ClientSecret(_) => ("client secret", "set".into()),
        CredentialSource::ClientSecretFile(path) => {
            ("client secret", format!("in {}", path.display()))
        }
        // The command itself is not shown: its arguments may contain a secret.
        CredentialSource::Command(_) => ("credentials", "printed by credential_command".into()),
        CredentialSource::Missing => ("credentials", "none".into()),
    };
    values.push(value(name, secret, text));
    values
}

pub(super) fn check_config_file(settings: &Settings, checks: &mut Checks<'_>) {
    match &settings.config_file.value {
        Some(path) => checks.ok("settings", format!("read {}", path.display())),
        None => {
            let path = default_config_file().map(|path| format!(" at {}", path.display()));
            let path = path.unwrap_or_default();
            let message =
                format!("no config file{path}: it is optional, see `wexport help config`");
            checks.ok("settings", message);
        }
    }
}

/// Checks that jobs can be stored, and that other users cannot read them.
pub(super) fn check_state(settings: &Settings, checks: &mut Checks<'_>) {
    #[cfg(feature = "postgres")]
    if let Some(database) = &settings.database {
        return match PgBook::open(settings) {
            Ok(_) => checks.ok("state", format!("postgres://{} can be used", database.value)),
            Err(problem) => checks.failed("state", &problem),
        };
    }
    let Some(folder) = settings.state.as_ref().map(|folder| &folder.value) else {
        return checks.ok("state", "disabled: an interrupted run cannot be resumed");
    };
    let jobs = match StateDir::open(folder) {
        Ok(state) => state.jobs_folder(),
        Err(problem) => return checks.failed("state", &problem),
    };
    // The files of jobs are written as those of exports are.
    let fallbacks = match FolderChecks::default().check(&jobs) {
        Ok(fallbacks) => fallbacks,
        Err(error) => {
            let problem = Problem::new(Exit::Local, error.to_string()).advise(OTHER_FOLDER);
            return checks.failed("state", &problem);
        }
    };
    if let Some(fallback) = fallbacks.first() {
        return checks.warning("state", fallback.to_string(), OTHER_FOLDER);
    }
    match is_private(&jobs) {
        Ok(true) => checks.ok("state", format!("{} is writable and private", folder.display())),
        Ok(false) => checks.warning(
            "state",
            format!("other users can access {}", jobs.display()),
            &format!("run: chmod 700 {}", jobs.display()),
        ),
        Err(error) => {
            let message = format!("cannot look at {}", jobs.display());
            checks.failed("state", &Problem::local(message, &error).advise(OTHER_FOLDER));
        }
    }
}

const OTHER_FOLDER: &str = "choose another folder with --state or WEXPORT_STATE_DIR";

#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(folder.metadata()?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Loads the credentials. Whether they are valid is checked with the service.
pub(super) fn check_credentials(
    settings: &Settings,
    checks: &mut Checks<'_>,
) -> Option<LoadedCredentials> {
    let mut warnings = Vec::new();
    match settings.credentials.load(&mut |warning| warnings.push(warning)) {
        Ok(loaded) => {
            match (warnings.is_empty(), &loaded.client_id) {
                (true, Some(id)) => checks.ok("credentials", format!("client {id}, with a secret")),
                (true, None) => checks.ok("credentials", "a token"),
                (false, _) => {
                    let advice = "see `wexport help environment` for the order of precedence";
                    checks.warning("credentials", warnings.join("; "), advice);
                }
            }
            Some(loaded)
        }
        Err(problem) => {
            checks.failed("credentials", &problem);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_of_a_url_is_not_shown() {
        assert_eq!(without_user("http://me:a@b@proxy:3128"), "proxy:3128");
        assert_eq!(without_user("https://api.example.com"), "https://api.example.com");
    }
}
