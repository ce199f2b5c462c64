//! The jobs of this machine.

use clap::{Args, Subcommand};

use super::export::ResubmitArg;
use super::session::{Session, StateArgs};
use super::values::DurationArg;

/// `wexport jobs`.
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum JobsCommand {
    /// List the jobs, the latest last
    List {
        /// Only those that ended without their file, or were cut off
        #[arg(long)]
        failed: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show what happened to a job: each request, answer and wait, in UTC
    Show {
        /// The job's id, or enough of its beginning or end
        #[arg(value_name = "ID")]
        id: String,
        /// The events as they were recorded, one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Go on with a job that was cut off or gave up
    Resume(Box<ResumeArgs>),
    /// Forget jobs that are over
    Clean {
        /// Those that began longer ago than this
        #[arg(long, value_name = "TIME", default_value = "30d")]
        older_than: DurationArg,
        #[command(flatten)]
        state: StateArgs,
    },
}

/// `wexport jobs resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The id of a job or a batch, or enough of its beginning or end
    #[arg(value_name = "ID", required_unless_present = "failed")]
    pub(crate) id: Option<String>,

    /// Everything that was cut off or gave up, one after the other; of batches, begin those anew
    /// too that the service refused or failed
    #[arg(long)]
    pub(crate) failed: bool,

    /// Whether a submit that may have arrived is sent again: if-harmless, never or always
    #[arg(long, value_name = "RULE", value_enum, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,

    #[command(flatten)]
    pub(crate) session: Session,
}
