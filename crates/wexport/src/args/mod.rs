//! The command line as types. This module only parses.

mod batch;
mod config_help;
mod export;
mod export_options;
mod files;
mod help;
mod hooks;
mod init;
mod item_link;
mod jobs;
mod output;
mod session;
mod usage;
mod values;
mod version;
#[cfg(feature = "postgres")]
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::batch::BatchArgs;
pub(crate) use self::config_help::CONFIG;
pub(crate) use self::export::{
    AttachmentArgs, ContainerArgs, DocumentArgs, DryRun, Export, FileArgs, FileKind, FolderArgs,
    GraphReportArgs, PresentationArgs, RequestArgs, ResubmitArg, SpreadsheetArgs, StyleGuideArgs,
    TestFormArgs,
};
pub(crate) use self::export_options::{OPTION_FLAGS, OptionArg, OptionFlag};
pub(crate) use self::files::{FileSortArg, FilesArgs};
pub(crate) use self::help::{HelpArgs, TOPICS};
pub(crate) use self::hooks::HookArgs;
pub(crate) use self::init::{EntryKind, InitArgs};
pub(crate) use self::item_link::is_link_to_item;
pub(crate) use self::jobs::{JobsArgs, JobsCommand, ResumeArgs};
pub(crate) use self::output::{IfExistsArg, OutputArgs};
pub(crate) use self::session::{
    ConnectionArgs, CredentialArgs, LogLevel, Session, ShowArgs, StateArgs,
};
pub(crate) use self::usage::{JsonStream, json_stream, parse, usage_problem};
pub(crate) use self::values::{CountArg, DateArg, DurationArg, RateArg, SizeArg, SwitchArg};
#[cfg(feature = "postgres")]
pub(crate) use self::work::WorkArgs;

/// Export files from Workiva
#[derive(Debug, Parser)]
#[command(
    name = "wexport",
    version,
    long_version = version::long(),
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    term_width = 80,
    override_help = help::overview()
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the files of the workspace, with their IDs
    Files(Box<FilesArgs>),
    /// Export a document as pdf, docx or xhtml
    Document(Box<Export<DocumentArgs>>),
    /// Export a spreadsheet as xlsx, csv or pdf
    Spreadsheet(Box<Export<SpreadsheetArgs>>),
    /// Export a presentation as pptx or pdf
    Presentation(Box<Export<PresentationArgs>>),
    /// Export any file by ID and kind (requires the scope file:write)
    File(Box<Export<FileArgs>>),
    /// Export a folder and its contents as .tar.gz
    Folder(Box<Export<FolderArgs>>),
    /// Export a container as .tar.gz (only with --api-version 2022-01-01)
    Container(Box<Export<ContainerArgs>>),
    /// Export a style guide
    StyleGuide(Box<Export<StyleGuideArgs>>),
    /// Export a graph report as csv
    GraphReport(Box<Export<GraphReportArgs>>),
    /// Export a test form as xlsx
    TestForm(Box<Export<TestFormArgs>>),
    /// Export an attachment of a test form as pdf, or as it was uploaded
    Attachment(Box<Export<AttachmentArgs>>),
    /// Export all rows of a CSV or JSON list
    Batch(Box<BatchArgs>),
    /// Drive exports of batches that are left to workers
    ///
    /// `wexport batch LIST --key NAME --for-workers` leaves the exports of a list to any number of these
    /// processes, on any machines that share a PostgreSQL database. Each takes a few exports at a time of
    /// the oldest batch of its service and client ID, and those of a worker that gives no sign of life.
    /// It ends when no batch has any left.
    #[cfg(feature = "postgres")]
    Work(Box<WorkArgs>),
    /// Show the status of an operation
    Status(Box<StatusArgs>),
    /// Wait for an operation that was started elsewhere, and download its file
    Fetch(Box<FetchArgs>),
    /// List, show, resume and remove the jobs of this machine
    Jobs(Box<JobsArgs>),
    /// Report what a batch did: as text for a mail, Markdown or a page
    Report(ReportArgs),
    /// Check files against their receipts
    Verify {
        /// Files exported with --receipt
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Write the config file, and print what runs an export each night
    ///
    /// Asks for the region, the client ID and where the client secret is, tries them as a cron job
    /// would have them, and writes the config file. What the flags say is not asked. A secret is
    /// never an argument, and never in the config file.
    ///
    /// The entry that runs an export each night is printed to standard output. Its command is given
    /// after `--`, as in `wexport init --print systemd -- document 124efa2a142f --format pdf`.
    Init(Box<InitArgs>),
    /// Show the settings, and check the connection to the service
    Doctor(Box<DoctorArgs>),
    /// Print a shell completion script
    Completions {
        /// Shell: bash, elvish, fish, powershell or zsh
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command
    Man {
        /// Write a page for each command to this folder
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Export a file of each kind from a simulated service
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Show help on a command or a topic
    Help(HelpArgs),
}

/// `wexport status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// ID or URL of the operation
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport fetch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FetchArgs {
    /// ID or URL of the operation
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Take any file: also JSON, and one of another format than the name after -o implies
    #[arg(long)]
    pub(crate) any: bool,

    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// ID of a batch or job, or a unique prefix or suffix of it [default: the last batch]
    #[arg(value_name = "BATCH")]
    pub(crate) id: Option<String>,

    /// Report the last batch: the default
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,

    /// Print Markdown
    #[arg(long)]
    pub(crate) md: bool,

    /// Also write a page with a bar for each export: one file, which loads nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// `wexport doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for the files
    #[arg(value_name = "FOLDER", default_value = "wexport-demo")]
    pub(crate) folder: PathBuf,
}

/// The names of the commands that export one kind. Tests compare the lists of them with this.
#[cfg(test)]
pub(crate) fn export_commands() -> Vec<String> {
    use clap::CommandFactory;

    let cli = Cli::command();
    let exports = cli.get_subcommands().filter(|command| {
        // Only an export has a request body.
        command.get_arguments().any(|arg| arg.get_id() == "body")
    });
    exports.map(|command| command.get_name().to_owned()).collect()
}
