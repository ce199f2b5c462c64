//! Which value came from where. A secret is told to be set, and no more.

use export_hyper::ProxySettings;

use crate::settings::{Service, Settings, Sourced, Who};

/// A setting, and where it was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) from: String,
}

/// All settings that are of interest.
pub(super) fn of(settings: &Settings) -> Vec<Value> {
    let mut values = vec![config_file(settings)];
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
    for (name, span) in [
        ("timeout", &settings.timeout),
        ("stall timeout", &settings.stall_timeout),
        ("request timeout", &settings.request_timeout),
        ("poll interval", &settings.poll_interval),
    ] {
        values.push(value(name, span, span.value.to_string()));
    }
    for (name, rate) in [("poll rate", &settings.poll_rate), ("submit rate", &settings.submit_rate)]
    {
        values.extend(rate.as_ref().map(|rate| value(name, rate, rate.value.to_string())));
    }
    values.push(value("retries", &settings.retries, settings.retries.value.to_string()));
    values.push(match &settings.state {
        Some(folder) => value("state", folder, folder.value.display().to_string()),
        None => told("state", "none is kept", "--no-state"),
    });
    values.extend(credentials(settings));
    values
}

fn value<T>(name: &'static str, sourced: &Sourced<T>, value: String) -> Value {
    Value { name, value, from: sourced.from.to_string() }
}

fn told(name: &'static str, value: &str, from: &str) -> Value {
    Value { name, value: value.into(), from: from.into() }
}

fn config_file(settings: &Settings) -> Value {
    let file = &settings.config_file;
    let path = file.value.as_ref().map_or_else(|| "none".into(), |p| p.display().to_string());
    value("config file", file, path)
}

fn service(settings: &Settings) -> Value {
    let service = &settings.service;
    let (name, text) = match &service.value {
        Service::Region(region) => ("region", format!("{region}, {}", region.base_url())),
        Service::BaseUrl(url) | Service::PlainHttp(url) => ("base url", without_user(url).into()),
    };
    value(name, service, text)
}

fn proxy(settings: &ProxySettings) -> String {
    match settings {
        ProxySettings::Environment => "as the environment says".into(),
        ProxySettings::Off => "none".into(),
        ProxySettings::Url(url) => without_user(url).into(),
    }
}

/// The URL without what stands in front of its last `@`: there may be a password in it.
fn without_user(url: &str) -> &str {
    url.rsplit('@').next().unwrap_or_default()
}

fn credentials(settings: &Settings) -> Vec<Value> {
    let plan = &settings.credentials;
    let mut values = Vec::new();
    let secret_of_client = |who: &Who| matches!(who, Who::Secret(_) | Who::SecretFile(_));
    if let Some(id) = &plan.client_id
        && (secret_of_client(&plan.who.value) || matches!(plan.who.value, Who::Nobody))
    {
        values.push(value("client id", id, id.value.clone()));
    }
    let (name, text) = match &plan.who.value {
        Who::Token(_) => ("token", "set".into()),
        Who::TokenStdin => ("token", "on standard input".into()),
        Who::TokenFile(path) => ("token", format!("in {}", path.display())),
        Who::Secret(_) => ("client secret", "set".into()),
        Who::SecretFile(path) => ("client secret", format!("in {}", path.display())),
        // Not the command itself: there may be a secret in it.
        Who::Command(_) => ("credentials", "printed by credential_command".into()),
        Who::Nobody => ("credentials", "none".into()),
    };
    values.push(value(name, &plan.who, text));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_a_url_is_not_told() {
        assert_eq!(without_user("http://me:a@b@proxy:3128"), "proxy:3128");
        assert_eq!(without_user("https://api.example.com"), "https://api.example.com");
    }
}
