//! `wexport batch`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::export::{DryRun, ResubmitArg};
use super::output::OutputArgs;
use super::session::Session;

/// Many exports, listed in a file.
#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// CSV or JSON lines, or - for stdin (see `wexport help batch-files`)
    ///
    /// Each line is an export: its kind, its id, and what its command takes as flags. Lines that
    /// cannot be used are all named, before anything is sent.
    #[arg(value_name = "LIST")]
    pub(crate) list: String,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Write a JSON object for each export that is over: its receipt, or its error
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,

    /// Go on after a failure that would befall the others too
    ///
    /// An export that fails is alone with that, and the others go on. But when credentials are
    /// refused, nobody is reached or the disk is full, no more is asked for, and only what the
    /// service has accepted is brought to its end; with this, all are tried.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// At most so many exports accepted and not completed [default: no limit]
    ///
    /// The service's own limits are found out and kept without this.
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<NonZeroUsize>,

    /// Print the requests, as http or curl, and send nothing
    #[arg(long, value_name = "AS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "http", hide_possible_values = true)]
    pub(crate) dry_run: Option<DryRun>,

    /// Whether a submit that may have arrived is sent again: if-harmless (unless it mails
    /// somebody), never or always [default: if-harmless]
    #[arg(long, value_name = "RULE", value_enum)]
    #[arg(hide_short_help = true, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,

    #[command(flatten)]
    pub(crate) session: Session,
}
