//! Operations that were started elsewhere.

use clap::Args;

use super::place::PlaceArgs;
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
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}
