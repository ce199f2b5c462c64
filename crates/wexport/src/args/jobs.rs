//! `wexport jobs`.

use clap::{ArgGroup, Args, Subcommand};

use super::export::ResubmitArg;
use super::hooks::HookArgs;
use super::session::{Session, StateArgs};
use super::values::DurationArg;

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

/// The subcommands of `wexport jobs`.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum JobsCommand {
    /// List jobs and batches, the oldest first
    ///
    /// A process that runs one gives a sign of life every 30 seconds. One that was not heard of for 2
    /// minutes is stopped, or hangs, and is listed with what to do.
    List {
        /// Only jobs that have ended without their file: those that failed or were interrupted, but
        /// not those that a later job supersedes
        #[arg(long)]
        failed: bool,
        /// Print JSON lines (see `wexport help json`)
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show the requests, responses and waits of a job, in UTC
    Show {
        /// Job ID, or a unique prefix or suffix of it
        #[arg(value_name = "ID")]
        id: String,
        /// Print the recorded events as JSON lines
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Resume jobs that failed or were interrupted
    ///
    /// One that is named is always resumed: if the service has refused or ended its export, with a
    /// new one. --failed leaves those that would be refused again, and names them.
    ///
    /// Credentials are sent only to the service that is set today. A job of another base URL or
    /// client ID is refused; --failed leaves it out.
    Resume(Box<ResumeArgs>),
    /// Remove old jobs that are not running, and cannot be resumed
    ///
    /// A job is forgotten with its checkpoint and the log of its requests: those that are done, that
    /// a later job supersedes, or that the service refused or ended. Files and receipts stay. A job
    /// that was interrupted or gave up is kept, since it can be resumed without a second export.
    ///
    /// Done jobs are also forgotten by themselves, when another run starts: those that began more
    /// than 30 days ago, or are not among the latest 1,000. The keys keep_done_for and keep_done of
    /// the config file change this.
    Clean {
        /// Remove jobs that began longer ago than this
        #[arg(long, value_name = "TIME", default_value = "30d")]
        older_than: DurationArg,
        /// Also remove jobs that can be resumed: what the service has accepted for them is lost
        #[arg(long)]
        resumable: bool,
        #[command(flatten)]
        state: StateArgs,
    },
}

/// `wexport jobs resume`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("jobs").args(["id", "failed"]).required(true).multiple(true)))]
pub(crate) struct ResumeArgs {
    /// ID of a job or batch, or a unique prefix or suffix of it
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,

    /// Resume all jobs that `jobs list --failed` lists, side by side, except exports that the service
    /// refused or ended
    #[arg(long)]
    pub(crate) failed: bool,

    /// Replace files that are newer than the jobs, also those of later jobs
    ///
    /// Without this, a job that has a later one with the same destination is left once that is
    /// done, and fails where it would replace a file that was written or put there since it was
    /// begun.
    #[arg(long)]
    pub(crate) overwrite_newer: bool,

    /// Whether to resend a submit that the service may have received: if-harmless, never or always
    #[arg(long, value_name = "RULE", value_enum, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,

    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}
