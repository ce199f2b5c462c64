//! Commands on operations that were started elsewhere, and `wexport doctor`.

use clap::Args;

use super::output::OutputArgs;
use super::session::Session;

/// `wexport status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// The operation: its id, or its URL
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport fetch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FetchArgs {
    /// The operation: its id, or its URL
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) session: Session,
}
