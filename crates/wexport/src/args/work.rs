//! `wexport work`.

use clap::Args;

use super::export::ResubmitArg;
use super::session::Session;
use super::values::key;

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Only batches of this key
    #[arg(long, value_name = "NAME", value_parser = key)]
    pub(crate) key: Option<String>,

    /// Wait for further batches, until the process is stopped
    #[arg(long)]
    pub(crate) stay: bool,

    /// Whether to resend a submit that the service may have received: if-harmless (unless it
    /// sends an email), never or always [default: if-harmless]
    #[arg(long, value_name = "RULE", value_enum, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,

    #[command(flatten)]
    pub(crate) session: Session,
}
