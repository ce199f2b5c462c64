//! The flags of all commands that send requests to the service.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use export_hyper::{ApiVersion, Region};

use super::values::{CountArg, DurationArg, RateArg, SizeArg};

/// The flags of connection, credentials, display and state.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Session {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// The flags of the display.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ShowArgs {
    /// Print only warnings and errors
    #[arg(short, long, help_heading = None)]
    pub(crate) quiet: bool,

    /// Print events as JSON lines (see `wexport help json`)
    ///
    /// They are printed to standard output, or to standard error with `-o -`.
    #[arg(long, conflicts_with = "quiet", help_heading = None)]
    pub(crate) json: bool,

    /// How much to print: errors, warnings, info or debug [default: info]
    ///
    /// It applies to lines and to --json (see `wexport help json`). debug has each request,
    /// response and wait, which the log of a job always has; --quiet is the same as warnings.
    #[arg(long, value_name = "LEVEL", value_enum, conflicts_with = "quiet", help_heading = None)]
    #[arg(hide_short_help = true, hide_possible_values = true)]
    pub(crate) log_level: Option<LogLevel>,
}

impl ShowArgs {
    /// How much is printed.
    pub(crate) fn level(self) -> LogLevel {
        let default = if self.quiet { LogLevel::Warnings } else { LogLevel::Info };
        self.log_level.unwrap_or(default)
    }
}

/// How much is printed: each level has what those before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Errors,
    Warnings,
    Info,
    Debug,
}

/// The flags of the state folder.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "State")]
pub(crate) struct StateArgs {
    /// Folder for the state of jobs, or the URL of a PostgreSQL database for that of batches
    /// [env: WEXPORT_STATE, WEXPORT_STATE_DIR] [default: by platform]
    ///
    /// A database such as postgres://USER@HOST/DATABASE is shared by several machines. Its password is in
    /// PGPASSWORD or ~/.pgpass.
    #[arg(long = "state", value_name = "DIR", hide_short_help = true)]
    pub(crate) folder: Option<PathBuf>,

    /// Keep no state: an interrupted run cannot be resumed
    #[arg(long, hide_short_help = true, conflicts_with = "folder")]
    pub(crate) no_state: bool,
}

/// The flags of the connection. Each overrides its environment variable, which overrides the config
/// file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// us, eu or apac [env: WEXPORT_REGION] [default: us]
    #[arg(long, value_name = "NAME", conflicts_with = "base_url", help_heading = None)]
    pub(crate) region: Option<Region>,

    /// Base URL of another API host, such as a sandbox [env: WEXPORT_BASE_URL]
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) base_url: Option<String>,

    /// Allow plain http for hosts other than this machine: the token is sent unencrypted
    #[arg(long, hide_short_help = true)]
    pub(crate) allow_plain_http: bool,

    /// Send the token to this origin too; may be repeated
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) allow_origin: Vec<String>,

    /// API version: 2026-01-01, 2022-01-01, or a later date [env: WEXPORT_API_VERSION]
    /// [default: 2026-01-01]
    #[arg(long, value_name = "DATE", hide_short_help = true)]
    pub(crate) api_version: Option<ApiVersion>,

    /// Fail before sending anything if the endpoint will be switched off
    #[arg(long, hide_short_help = true)]
    pub(crate) deny_deprecated: bool,

    /// Proxy URL, or none [env: WEXPORT_PROXY] [default: HTTPS_PROXY and NO_PROXY]
    ///
    /// Set a proxy with a password in the environment: other users can see the command line.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) proxy: Option<String>,

    /// File of CA certificates (PEM, or one in DER) to trust in addition to the system's; may be
    /// repeated [env: WEXPORT_CA_BUNDLE, SSL_CERT_FILE]
    ///
    /// Required behind a proxy that inspects TLS. On Linux, SSL_CERT_FILE replaces the system's CA
    /// certificates, as it does for other programs.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) ca_bundle: Vec<PathBuf>,

    /// Give up if the service has not completed the export after this time [env: WEXPORT_TIMEOUT]
    /// [default: 1h]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) timeout: Option<DurationArg>,

    /// Reconnect if a download receives no data for this time
    /// [env: WEXPORT_STALL_TIMEOUT] [default: 60s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) stall_timeout: Option<DurationArg>,

    /// Reconnect if a download is slower than this, in bytes per second, over --stall-timeout; 0 for
    /// any speed [env: WEXPORT_MIN_SPEED] [default: 1K]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    pub(crate) min_speed: Option<SizeArg>,

    /// Maximum time for the whole of an export, with its download [env: WEXPORT_MAX_TIME]
    /// [default: no limit]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) max_time: Option<DurationArg>,

    /// Maximum size of a file, such as 500M or 2G [env: WEXPORT_MAX_FILESIZE]
    /// [default: the free space, less a reserve]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    pub(crate) max_filesize: Option<SizeArg>,

    /// Maximum time for the response to a request [env: WEXPORT_REQUEST_TIMEOUT]
    /// [default: 30s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) request_timeout: Option<DurationArg>,

    /// Minimum time between two polls [env: WEXPORT_POLL_INTERVAL] [default: 1s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) poll_interval: Option<DurationArg>,

    /// The service's rate limit for polls, if known, such as 5/s or 60/m
    /// [env: WEXPORT_POLL_RATE] [default: learned, starting at 1/s]
    #[arg(long, value_name = "RATE", hide_short_help = true)]
    pub(crate) poll_rate: Option<RateArg>,

    /// The service's rate limit for submits, if known
    /// [env: WEXPORT_SUBMIT_RATE] [default: learned, starting at 1/s]
    #[arg(long, value_name = "RATE", hide_short_help = true)]
    pub(crate) submit_rate: Option<RateArg>,

    /// Share the service's rate limits with the commands of this name, instead of those with the same
    /// client ID [env: WEXPORT_PACE_GROUP]
    ///
    /// Commands that keep their state in the same folder, and use the same service and client ID, take
    /// turns, so that together they stay within its limits. Name a group if several clients share one
    /// limit.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) pace_group: Option<String>,

    /// Maximum number of consecutive retries, to give up before --timeout
    /// [env: WEXPORT_RETRIES] [default: no limit]
    #[arg(long, value_name = "COUNT", hide_short_help = true)]
    pub(crate) retries: Option<CountArg>,

    /// Config file [env: WEXPORT_CONFIG] [default: by platform]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,

    /// Profile of the config file [env: WEXPORT_PROFILE]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) profile: Option<String>,
}

/// The flags of the credentials.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Credentials (secrets are never arguments)")]
pub(crate) struct CredentialArgs {
    /// OAuth client ID [env: WORKIVA_CLIENT_ID; the secret: WORKIVA_CLIENT_SECRET]
    #[arg(long, value_name = "ID", hide_short_help = true)]
    pub(crate) client_id: Option<String>,

    /// File with the OAuth client ID [env: WORKIVA_CLIENT_ID_FILE]
    #[arg(long, value_name = "FILE", hide_short_help = true, conflicts_with = "client_id")]
    pub(crate) client_id_file: Option<PathBuf>,

    /// File with the client secret [env: WORKIVA_CLIENT_SECRET_FILE]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// File with a bearer token [env: WORKIVA_TOKEN_FILE; the token itself: WORKIVA_TOKEN]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    #[arg(conflicts_with_all = ["client_id", "client_id_file", "client_secret_file"])]
    pub(crate) token_file: Option<PathBuf>,

    /// Read a bearer token from standard input
    #[arg(long, hide_short_help = true)]
    #[arg(conflicts_with_all = ["token_file", "client_id", "client_id_file", "client_secret_file"])]
    pub(crate) token_stdin: bool,

    /// Fail, instead of warning, if other users can read the file of a secret
    #[arg(long, hide_short_help = true)]
    pub(crate) strict_permissions: bool,
}
