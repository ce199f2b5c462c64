//! `wexport batch`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::export::{DryRun, ResubmitArg};
use super::hooks::HookArgs;
use super::output::OutputArgs;
use super::session::Session;
use super::values::key;

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// CSV or JSON lines file, or - for stdin (see `wexport help batch-files`)
    ///
    /// Each row is an export: its kind, its ID, and flags of its command. All invalid rows are
    /// reported before anything is sent.
    #[arg(value_name = "LIST")]
    pub(crate) list: String,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Write the receipt or the error of each export to a JSON lines file
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,

    /// Continue the batch of this list and date, if there is one
    ///
    /// For a command that runs again, as in cron: after a failure, a kill or a reboot the same command
    /// goes on with what is under way, and repeats what failed. A file that is there as it was exported
    /// is not exported again; one that is gone or has changed is. If the list has changed, what is
    /// in both is taken over by a new batch. If no such batch is known, rows with --receipt are done
    /// whose file and receipt of this date are there.
    ///
    /// The same batch has the same path of the list, date (that of --date, or today), service and
    /// client ID. While it is running, the command is refused.
    #[arg(long = "continue")]
    pub(crate) continues: bool,

    /// Continue the batch of this name, wherever its list is
    #[arg(long, value_name = "NAME", value_parser = key, hide_short_help = true)]
    pub(crate) key: Option<String>,

    /// Leave the exports to the processes of `wexport work`, and follow them to the end
    ///
    /// The list is checked and stored in the database of --state or WEXPORT_STATE. The same command, on
    /// any machine, follows the batch again. Each file needs a name of its own, such as {id}.{ext}.
    #[arg(long, requires = "key", conflicts_with_all = ["resubmit", "continues", "dry_run"])]
    #[arg(hide_short_help = true, hide = !cfg!(feature = "postgres"))]
    pub(crate) for_workers: bool,

    /// Continue after a failure that affects every export
    ///
    /// A failed export does not stop the others. But if the credentials are rejected, the service is
    /// unreachable or the disk is full, no more exports are submitted, and only those that the
    /// service has accepted are completed. This flag submits them anyway.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Maximum number of exports accepted but not completed [default: no limit]
    ///
    /// The limits of the service itself are learned and applied without this flag.
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) max_in_flight: Option<NonZeroUsize>,

    /// Print the requests (http or curl) instead of sending them
    #[arg(long, value_name = "AS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "http", hide_possible_values = true)]
    pub(crate) dry_run: Option<DryRun>,

    /// Whether to resend a submit that the service may have received: if-harmless (unless it
    /// sends an email), never or always [default: if-harmless]
    #[arg(long, value_name = "RULE", value_enum)]
    #[arg(hide_short_help = true, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,

    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}
