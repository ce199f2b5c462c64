//! Makes the client, and other types of the library, from settings.

use std::sync::Arc;

use export_core::origins::UrlError;
use export_hyper::{
    BuildError, CheckpointStore, Client, Config, Credentials, PaceStore, ProxyError, ProxySettings,
    TlsError, TlsOptions,
};
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};

use super::{Service, Settings, setting};
use crate::problem::{Exit, Problem};

const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("wexport/", env!("CARGO_PKG_VERSION")));

/// Adds the program's own headers to a request.
pub(crate) fn apply_headers(headers: &mut HeaderMap) {
    headers.insert(USER_AGENT, USER_AGENT_VALUE);
}

impl Settings {
    /// The configuration of jobs: enough to make and check requests without a client.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        let config = match &self.service.value {
            Service::Region(region) => Ok(Config::for_region(*region)),
            Service::BaseUrl(url) => Config::new(url),
            Service::PlainHttp(url) => Config::with_plain_http(url),
        };
        let config = config.map_err(|error| self.base_url_problem(&error))?;
        let allowed = &self.allowed_origins;
        let config = allowed.value.iter().try_fold(config, |config, origin| {
            let fail = |error| {
                // What a URL has before an `@` may be a password.
                let given = match origin.contains('@') {
                    true => String::new(),
                    false => format!(" '{origin}'"),
                };
                let setting = allowed.source.setting(&setting::ALLOW_ORIGIN);
                Problem::usage(format!("invalid value{given} for {setting}: {error}"))
            };
            config.with_allowed_origin(origin).map_err(fail)
        })?;
        Ok(config
            .with_api_version(self.api_version.value)
            .with_limits(self.limits())
            .with_resubmit(self.resubmit))
    }

    pub(crate) fn client(
        &self,
        credentials: Credentials,
        checkpoints: Option<Arc<dyn CheckpointStore>>,
        pace_store: Option<Arc<dyn PaceStore>>,
    ) -> Result<Client, Problem> {
        let mut builder = Client::builder()
            .config(self.config()?)
            .credentials(credentials)
            .pacer(self.pacer())
            .tls(self.tls())
            .proxy(self.proxy.value.clone())
            .headers(apply_headers);
        if let Some(checkpoints) = checkpoints {
            builder = builder.checkpoints(checkpoints);
        }
        if let Some(pace_store) = pace_store {
            builder = builder.pace_store(pace_store);
        }
        #[cfg(test)]
        let builder = crate::machine::set_up(builder);
        builder.build().map_err(|error| self.build_problem(&error))
    }

    /// The trusted certificate authorities.
    pub(crate) fn tls(&self) -> TlsOptions {
        let tls = TlsOptions::new();
        #[cfg(feature = "webpki-roots")]
        let tls = tls.with_compiled_in_roots();
        let bundles = self.ca_bundles.value.iter();
        bundles.fold(tls, |tls, path| tls.with_ca_bundle(path.as_path()))
    }

    /// Explains why a client cannot be built.
    pub(crate) fn build_problem(&self, error: &BuildError) -> Problem {
        match error {
            BuildError::Tls(error) => self.tls_problem(error),
            BuildError::Proxy(error) => self.proxy_problem(error),
            error => Problem::usage(error.to_string()),
        }
    }

    /// Explains invalid TLS settings.
    fn tls_problem(&self, error: &TlsError) -> Problem {
        match error {
            TlsError::Bundle { .. } => {
                Problem::usage(format!("{}: {error}", self.ca_bundles.source)).advise(
                    "a CA bundle is one certificate in DER, or a PEM file: blocks from BEGIN \
                     CERTIFICATE to END CERTIFICATE",
                )
            }
            _ => Problem::new(Exit::Local, error.to_string()),
        }
    }

    /// Explains invalid proxy settings.
    pub(crate) fn proxy_problem(&self, error: &ProxyError) -> Problem {
        let problem = match &self.proxy.value {
            ProxySettings::Environment => Problem::usage(error.to_string()),
            _ => Problem::usage(format!("{}: {}", self.proxy.source, error.reason())),
        };
        problem.advise("set an HTTP proxy as http://HOST:PORT, or disable it with --proxy none")
    }

    fn base_url_problem(&self, error: &UrlError) -> Problem {
        // The message does not contain the URL, which may contain a password.
        let setting = self.service.source.setting(&setting::BASE_URL);
        let problem = Problem::usage(format!("invalid base URL in {setting}: {error}"))
            .advise("expected an https URL such as https://api.eu.wdesk.com");
        let is_quoted = self.service.value.base_url().trim().starts_with(['"', '\'']);
        match error {
            _ if is_quoted => problem.advise("remove the quotes around it"),
            UrlError::PlainHttp => problem.advise(
                "to send the credentials unencrypted in a trusted network: --allow-plain-http",
            ),
            _ => problem,
        }
    }
}
