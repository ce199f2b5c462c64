//! Flags that every command that talks to the service takes.

use std::path::PathBuf;

use clap::Args;
use export_hyper::{ApiVersion, Region};

use super::values::{DurationArg, RateArg};

/// Whom to ask, as whom, and what to tell meanwhile.
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

/// What one sees.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ShowArgs {
    /// Say nothing unless something is wrong
    #[arg(short, long, help_heading = None)]
    pub(crate) quiet: bool,

    /// One JSON event a line (see `wexport help json`)
    ///
    /// On standard output; on standard error if standard output carries the file.
    #[arg(long, conflicts_with = "quiet", help_heading = None)]
    pub(crate) json: bool,
}

/// Where jobs are kept.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "State")]
pub(crate) struct StateArgs {
    /// Keep jobs in this folder [env: WEXPORT_STATE_DIR] [default: the platform's place]
    #[arg(long = "state", value_name = "DIR", hide_short_help = true)]
    pub(crate) folder: Option<PathBuf>,

    /// Keep no state: a run that was cut off cannot be resumed
    #[arg(long, hide_short_help = true, conflicts_with = "folder")]
    pub(crate) no_state: bool,
}

/// Flags of the connection. Each beats its environment variable, which beats the config file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// us, eu or apac [env: WEXPORT_REGION] [default: us]
    #[arg(long, value_name = "NAME", conflicts_with = "base_url", help_heading = None)]
    pub(crate) region: Option<Region>,

    /// Another API host, such as a sandbox's [env: WEXPORT_BASE_URL]
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) base_url: Option<String>,

    /// Let --base-url be plain http beyond this machine: the token crosses the network in
    /// the clear
    #[arg(long, hide_short_help = true)]
    pub(crate) allow_plain_http: bool,

    /// Let the token go to this origin too; may be repeated
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) allow_origin: Vec<String>,

    /// Generation of the API: 2026-01-01 or 2022-01-01 [env: WEXPORT_API_VERSION]
    /// [default: 2026-01-01]
    #[arg(long, value_name = "DATE", hide_short_help = true)]
    pub(crate) api_version: Option<ApiVersion>,

    /// Fail, before anything is sent, if the endpoint has an announced end
    #[arg(long, hide_short_help = true)]
    pub(crate) deny_deprecated: bool,

    /// Proxy for everything, or `none` [env: WEXPORT_PROXY]
    /// [default: HTTPS_PROXY and NO_PROXY]
    ///
    /// One that wants a password belongs in a variable: others can read a command line.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) proxy: Option<String>,

    /// PEM file of certificate authorities to believe besides the system's; may be repeated
    /// [env: WEXPORT_CA_BUNDLE, SSL_CERT_FILE]
    ///
    /// What a company needs whose proxy re-signs TLS. On Linux, SSL_CERT_FILE stands in for the
    /// system's authorities, as it does for other programs.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) ca_bundle: Vec<PathBuf>,

    /// Give up if the export is not made within this time [env: WEXPORT_TIMEOUT]
    /// [default: 1h]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) timeout: Option<DurationArg>,

    /// Break off a download of which nothing comes for this time, and go on with it anew
    /// [env: WEXPORT_STALL_TIMEOUT] [default: 60s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) stall_timeout: Option<DurationArg>,

    /// Wait this long for the answer to one request [env: WEXPORT_REQUEST_TIMEOUT]
    /// [default: 30s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) request_timeout: Option<DurationArg>,

    /// Shortest wait between two polls [env: WEXPORT_POLL_INTERVAL] [default: 1s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) poll_interval: Option<DurationArg>,

    /// Limits of the service that are known, such as 5/s or 60/m, for polls and for submits
    /// [env: WEXPORT_POLL_RATE] [default: found out, from 1/s]
    #[arg(long, value_name = "RATE", hide_short_help = true)]
    pub(crate) poll_rate: Option<RateArg>,

    /// [env: WEXPORT_SUBMIT_RATE] [default: found out, from 1/s]
    #[arg(long, value_name = "RATE", hide_short_help = true)]
    pub(crate) submit_rate: Option<RateArg>,

    /// Try again after a failure, up to so many times in a row [env: WEXPORT_RETRIES]
    /// [default: 10]
    #[arg(long, value_name = "COUNT", hide_short_help = true)]
    pub(crate) retries: Option<u32>,

    /// Config file [env: WEXPORT_CONFIG] [default: the platform's place]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,

    /// Profile of the config file [env: WEXPORT_PROFILE]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) profile: Option<String>,
}

/// Flags of the credentials.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Credentials (never an argument)")]
pub(crate) struct CredentialArgs {
    /// OAuth client [env: WORKIVA_CLIENT_ID, with its secret in WORKIVA_CLIENT_SECRET]
    #[arg(long, value_name = "ID", hide_short_help = true)]
    pub(crate) client_id: Option<String>,

    /// File with the client's secret [env: WORKIVA_CLIENT_SECRET_FILE]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// File with a bearer token [env: WORKIVA_TOKEN_FILE; the token itself: WORKIVA_TOKEN]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    #[arg(conflicts_with_all = ["client_id", "client_secret_file"])]
    pub(crate) token_file: Option<PathBuf>,

    /// Read a bearer token from standard input
    #[arg(long, hide_short_help = true)]
    #[arg(conflicts_with_all = ["token_file", "client_id", "client_secret_file"])]
    pub(crate) token_stdin: bool,

    /// Refuse a secret's file that others may read, in place of warning about it
    #[arg(long, hide_short_help = true)]
    pub(crate) strict_permissions: bool,
}
