//! The names of each setting, and where a value was set.

use std::fmt;

/// A value, and where it was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: ValueSource,
}

impl<T> Sourced<T> {
    /// Whether nothing has set it.
    pub(crate) fn is_default(&self) -> bool {
        self.source == ValueSource::Default
    }

    /// Another form of the value.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: make(self.value), source: self.source }
    }
}

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource {
    Flag(&'static str),
    Environment(&'static str),
    /// A profile of the config file.
    Profile(String),
    /// The config file, outside of its profiles.
    File(String),
    Default,
}

impl ValueSource {
    /// The order of precedence: the source with the lowest rank is used.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Environment(_) => 1,
            Self::Profile(_) => 2,
            Self::File(_) => 3,
            Self::Default => 4,
        }
    }
}

impl ValueSource {
    /// The setting as it was named there: `'--retries'`, or `'retries' in /etc/wexport.toml`.
    pub(super) fn setting(&self, names: &Names) -> String {
        match self {
            Self::Profile(place) | Self::File(place) => format!("'{}' in {place}", names.key),
            _ => format!("'{self}'"),
        }
    }
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::Profile(place) | Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The names of a setting: as a flag, in the environment, and in the config file.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) flag: &'static str,
    /// The first variable that is set is used.
    pub(crate) variables: &'static [&'static str],
    pub(crate) key: &'static str,
}

/// Declares the names of each setting, and the list of all keys.
macro_rules! names {
    ($($name:ident = $flag:literal, [$($variable:literal),*], $key:literal;)*) => {
        $(pub(crate) const $name: Names =
            Names { flag: $flag, variables: &[$($variable),*], key: $key };)*

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
    MIN_SPEED = "--min-speed", ["WEXPORT_MIN_SPEED"], "min_speed";
    MAX_TIME = "--max-time", ["WEXPORT_MAX_TIME"], "max_time";
    MAX_FILESIZE = "--max-filesize", ["WEXPORT_MAX_FILESIZE"], "max_filesize";
    REQUEST_TIMEOUT = "--request-timeout", ["WEXPORT_REQUEST_TIMEOUT"], "request_timeout";
    POLL_INTERVAL = "--poll-interval", ["WEXPORT_POLL_INTERVAL"], "poll_interval";
    POLL_RATE = "--poll-rate", ["WEXPORT_POLL_RATE"], "poll_rate";
    SUBMIT_RATE = "--submit-rate", ["WEXPORT_SUBMIT_RATE"], "submit_rate";
    PACE_GROUP = "--pace-group", ["WEXPORT_PACE_GROUP"], "pace_group";
    RETRIES = "--retries", ["WEXPORT_RETRIES"], "retries";
    STATE = "--state", ["WEXPORT_STATE", "WEXPORT_STATE_DIR"], "state";
    LEASE = "", ["WEXPORT_LEASE"], "lease";
    KEEP_DONE_FOR = "", [], "keep_done_for";
    KEEP_DONE = "", [], "keep_done";
    ON_FAILURE = "--on-failure", [], "on_failure";
    ON_SUCCESS = "--on-success", [], "on_success";
    HOOK_TIMEOUT = "--hook-timeout", [], "hook_timeout";
    PING = "--ping", ["WEXPORT_PING"], "ping";
    METRICS = "--metrics", ["WEXPORT_METRICS"], "metrics";
    CLIENT_ID = "--client-id", ["WORKIVA_CLIENT_ID"], "client_id";
    CLIENT_ID_FILE = "--client-id-file", ["WORKIVA_CLIENT_ID_FILE"], "client_id_file";
    CLIENT_SECRET_FILE =
        "--client-secret-file", ["WORKIVA_CLIENT_SECRET_FILE"], "client_secret_file";
    TOKEN_FILE = "--token-file", ["WORKIVA_TOKEN_FILE"], "token_file";
    CREDENTIAL_COMMAND = "", [], "credential_command";
}

/// The variables that choose the config file and its profile. They have no key in the file.
pub(crate) const CONFIG: &str = "WEXPORT_CONFIG";
pub(crate) const PROFILE: &str = "WEXPORT_PROFILE";

/// The variables with the secrets themselves. They have no flag, and no key in the config file.
pub(crate) const TOKEN: &str = "WORKIVA_TOKEN";
pub(crate) const CLIENT_SECRET: &str = "WORKIVA_CLIENT_SECRET";
