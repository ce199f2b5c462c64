//! `wexport init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use export_hyper::Region;

/// `wexport init`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InitArgs {
    /// us, eu or apac [default: us]
    #[arg(long, value_name = "NAME", conflicts_with = "base_url")]
    pub(crate) region: Option<Region>,

    /// Base URL of another API host, such as a sandbox
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) base_url: Option<String>,

    /// OAuth client ID
    #[arg(long, value_name = "ID", conflicts_with = "credential_command")]
    pub(crate) client_id: Option<String>,

    /// File with the client secret
    #[arg(long, value_name = "FILE", group = "secret")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// The client secret is in the variable WORKIVA_CLIENT_SECRET
    ///
    /// The entry that is printed says where to set the variable for it.
    #[arg(long, group = "secret")]
    pub(crate) client_secret_variable: bool,

    /// Command line that prints a token, or JSON with a client ID and secret
    ///
    /// It is for the system's shell, and stored in the config file: it must not contain a secret. See
    /// `wexport help config`.
    #[arg(long, value_name = "COMMAND", group = "secret")]
    pub(crate) credential_command: Option<String>,

    /// Proxy URL, or none
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) proxy: Option<String>,

    /// File of CA certificates to trust too; may be repeated
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) ca_bundle: Vec<PathBuf>,

    /// Config file to write [env: WEXPORT_CONFIG] [default: by platform]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,

    /// Replace the config file if it exists
    #[arg(long)]
    pub(crate) force: bool,

    /// Do not try the settings with the service
    #[arg(long, hide_short_help = true)]
    pub(crate) no_check: bool,

    /// Ask no questions: what no flag says is an error
    #[arg(long, hide_short_help = true)]
    pub(crate) no_input: bool,

    /// Entry to print: cron, systemd, cronjob (Kubernetes) or task (Windows)
    ///
    /// Without flags of settings, an existing config file is kept, and its entry printed. The default
    /// is cron, and task on Windows.
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub(crate) print: Option<EntryKind>,

    /// Command to run each night, without the name of the program
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// What starts the program each night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntryKind {
    Cron,
    Systemd,
    Cronjob,
    Task,
}
