//! What each setting is called: as a flag, in the environment, in the config file.

/// The names of one setting.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) flag: &'static str,
    /// The first that is set counts.
    pub(crate) variables: &'static [&'static str],
    pub(crate) key: &'static str,
}

/// Declares each setting, and the list of all keys.
macro_rules! names {
    ($($name:ident = $flag:literal, [$($variable:literal),*], $key:literal;)*) => {
        $(pub(crate) const $name: Name =
            Name { flag: $flag, variables: &[$($variable),*], key: $key };)*

        /// Every key of the config file.
        pub(crate) const KEYS: &[&str] = &[$($key),*];
    };
}

names! {
    REGION = "--region", ["WEXPORT_REGION"], "region";
    BASE_URL = "--base-url", ["WEXPORT_BASE_URL"], "base_url";
    ALLOW_PLAIN_HTTP = "--allow-plain-http", [], "allow_plain_http";
    ALLOW_ORIGIN = "--allow-origin", [], "allow_origin";
    API_VERSION = "--api-version", ["WEXPORT_API_VERSION"], "api_version";
    PROXY = "--proxy", ["WEXPORT_PROXY"], "proxy";
    CA_BUNDLE = "--ca-bundle", ["WEXPORT_CA_BUNDLE", "SSL_CERT_FILE"], "ca_bundle";
    TIMEOUT = "--timeout", ["WEXPORT_TIMEOUT"], "timeout";
    STALL_TIMEOUT = "--stall-timeout", ["WEXPORT_STALL_TIMEOUT"], "stall_timeout";
    REQUEST_TIMEOUT = "--request-timeout", ["WEXPORT_REQUEST_TIMEOUT"], "request_timeout";
    POLL_INTERVAL = "--poll-interval", ["WEXPORT_POLL_INTERVAL"], "poll_interval";
    POLL_RATE = "--poll-rate", ["WEXPORT_POLL_RATE"], "poll_rate";
    SUBMIT_RATE = "--submit-rate", ["WEXPORT_SUBMIT_RATE"], "submit_rate";
    RETRIES = "--retries", ["WEXPORT_RETRIES"], "retries";
    STATE = "--state", ["WEXPORT_STATE_DIR"], "state";
    CLIENT_ID = "--client-id", ["WORKIVA_CLIENT_ID"], "client_id";
    CLIENT_SECRET_FILE =
        "--client-secret-file", ["WORKIVA_CLIENT_SECRET_FILE"], "client_secret_file";
    TOKEN_FILE = "--token-file", ["WORKIVA_TOKEN_FILE"], "token_file";
    CREDENTIAL_COMMAND = "", [], "credential_command";
}

/// Choose the config file and its profile; they cannot stand in it.
pub(crate) const CONFIG: &str = "WEXPORT_CONFIG";
pub(crate) const PROFILE: &str = "WEXPORT_PROFILE";

/// Secrets themselves stand in the environment alone.
pub(crate) const TOKEN: &str = "WORKIVA_TOKEN";
pub(crate) const CLIENT_SECRET: &str = "WORKIVA_CLIENT_SECRET";
