//! The flags of what is done when a command begins and ends.

use std::path::PathBuf;

use clap::Args;

use super::values::DurationArg;

/// The flags of the hooks of a command that exports.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "When it has ended")]
pub(crate) struct HookArgs {
    /// Run this command line if the command fails, with a summary on its standard input
    ///
    /// The shell runs it, once, with facts in its environment: WEXPORT_EXIT_CODE, WEXPORT_STATUS and
    /// others (see `wexport help hooks`). It is killed after --hook-timeout. Its failure is a warning, and
    /// does not change the exit code.
    #[arg(long, value_name = "CMD", hide_short_help = true)]
    pub(crate) on_failure: Option<String>,

    /// Run this command line if the command succeeds, as --on-failure
    #[arg(long, value_name = "CMD", hide_short_help = true)]
    pub(crate) on_success: Option<String>,

    /// Kill the command of --on-failure or --on-success after this time [default: 60s]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) hook_timeout: Option<DurationArg>,

    /// Ping a monitor of cron jobs: GET URL/start, and URL or URL/fail at the end
    /// [env: WEXPORT_PING]
    ///
    /// As healthchecks.io expects it. A ping that fails is a warning. Other users can see the
    /// command line: keep a secret URL in the variable or in the config file.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) ping: Option<String>,

    /// Write metrics to this file at the end, for the textfile collector of Prometheus
    /// [env: WEXPORT_METRICS]
    ///
    /// The file is replaced in one step. See `wexport help hooks` for the names.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) metrics: Option<PathBuf>,
}
