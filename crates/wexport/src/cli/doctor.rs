//! What is set, and what works.

use clap::Args;

use super::session::Session;

/// `wexport doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) session: Session,
}
