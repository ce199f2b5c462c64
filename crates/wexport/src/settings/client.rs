//! A client of the settings.

use std::sync::Arc;

use export_host::TlsOptions;
use export_hyper::{
    BuildError, CheckpointStore, Client, Config, Credentials, Pacer, ProxyError, ProxySettings,
    TlsError, UrlError,
};
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};

use super::{Service, Settings};
use crate::problem::{Exit, Problem};

/// How the program calls itself.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("wexport/", env!("CARGO_PKG_VERSION")));

/// Adds the program's own headers to a request.
pub(crate) fn apply_headers(headers: &mut HeaderMap) {
    headers.insert(USER_AGENT, AGENT);
}

impl Settings {
    /// The core's settings, by which a request can be made and checked without a client.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        let config = match &self.service.value {
            Service::Region(region) => Ok(Config::for_region(*region)),
            Service::BaseUrl(url) => Config::new(url),
            Service::PlainHttp(url) => Config::with_plain_http(url),
        };
        let config = config.map_err(|error| self.wrong_base_url(&error))?;
        let allowed = &self.allowed_origins;
        let config = allowed.value.iter().try_fold(config, |config, origin| {
            let fail = |error| Problem::usage(format!("{} {origin}: {error}", allowed.from));
            config.with_allowed_origin(origin).map_err(fail)
        })?;
        Ok(config
            .with_api_version(self.api_version.value)
            .with_limits(self.limits())
            .with_resubmit(self.resubmit))
    }

    /// A client for these settings.
    pub(crate) fn client(
        &self,
        credentials: Credentials,
        checkpoints: Option<Arc<dyn CheckpointStore>>,
        pacer: Pacer,
    ) -> Result<Client, Problem> {
        let mut builder = Client::builder()
            .credentials(credentials)
            .pacer(pacer)
            .api_version(self.api_version.value)
            .limits(self.limits())
            .resubmit(self.resubmit)
            .proxy(self.proxy.value.clone())
            .headers(apply_headers);
        builder = match &self.service.value {
            Service::Region(region) => builder.region(*region),
            Service::BaseUrl(url) => builder.base_url(url),
            Service::PlainHttp(url) => builder.plain_http_base_url(url),
        };
        for origin in &self.allowed_origins.value {
            builder = builder.allow_origin(origin);
        }
        #[cfg(feature = "webpki-roots")]
        {
            builder = builder.compiled_in_roots();
        }
        for path in &self.ca_bundles.value {
            builder = builder.ca_bundle(path.clone());
        }
        if let Some(checkpoints) = checkpoints {
            builder = builder.checkpoints(checkpoints);
        }
        builder.build().map_err(|error| match error {
            BuildError::Tls(error) => self.wrong_tls(&error),
            BuildError::Proxy(error) => self.wrong_proxy(&error),
            error => Problem::usage(error.to_string()),
        })
    }

    /// Whom to believe, for connections that are made without a client.
    pub(crate) fn tls(&self) -> TlsOptions {
        let tls = TlsOptions::new();
        #[cfg(feature = "webpki-roots")]
        let tls = tls.with_compiled_in_roots();
        let bundles = self.ca_bundles.value.iter();
        bundles.fold(tls, |tls, path| tls.with_ca_bundle(path.as_path()))
    }

    /// Why there can be no TLS.
    pub(crate) fn wrong_tls(&self, error: &TlsError) -> Problem {
        match error {
            TlsError::Bundle { .. } => Problem::usage(format!("{}: {error}", self.ca_bundles.from))
                .advise(
                    "a CA bundle is a PEM file: texts from BEGIN CERTIFICATE to END CERTIFICATE",
                ),
            _ => Problem::new(Exit::Local, error.to_string()),
        }
    }

    /// Why the proxy that is named cannot be used.
    pub(crate) fn wrong_proxy(&self, error: &ProxyError) -> Problem {
        let problem = match &self.proxy.value {
            ProxySettings::Environment => Problem::usage(error.to_string()),
            _ => Problem::usage(format!("{}: {}", self.proxy.from, error.reason())),
        };
        problem.advise("name an HTTP proxy, http://HOST:PORT, or go without by --proxy none")
    }

    fn wrong_base_url(&self, error: &UrlError) -> Problem {
        // Not the URL itself: there may be a password in it.
        let from = &self.service.from;
        let problem = Problem::usage(format!("{from}: the base URL cannot be used: {error}"));
        problem.advise("an API's base URL is https, such as https://api.eu.wdesk.com")
    }
}
