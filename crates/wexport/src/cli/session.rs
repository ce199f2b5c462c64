//! What every command that talks to the service has in common.

use std::path::PathBuf;

use clap::Args;

use super::connection::ConnectionArgs;
use super::credentials::CredentialArgs;

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
