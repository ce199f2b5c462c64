//! The command line: what can be asked for, as types. Nothing here does anything.

mod batch;
mod export;
mod help;
mod jobs;
mod operation;
mod option_table;
mod options;
mod output;
mod session;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::batch::BatchArgs;
pub(crate) use self::export::{
    AttachmentArgs, ContainerArgs, DocumentArgs, DryRun, Export, FileArgs, FileKind, FolderArgs,
    GraphReportArgs, PresentationArgs, RequestArgs, ResubmitArg, SpreadsheetArgs, StyleGuideArgs,
    TestFormArgs,
};
pub(crate) use self::help::{HelpArgs, TOPICS};
pub(crate) use self::jobs::{JobsArgs, JobsCommand, ResumeArgs};
pub(crate) use self::operation::{DoctorArgs, FetchArgs, StatusArgs};
pub(crate) use self::option_table::{Kind, OPTIONS, OptionScope, OptionSpec};
pub(crate) use self::options::OptionValue;
pub(crate) use self::output::{IfExistsArg, OutputArgs};
pub(crate) use self::session::{ConnectionArgs, CredentialArgs, Session, ShowArgs, StateArgs};
pub(crate) use self::values::{DurationArg, RateArg};

/// Export files from Workiva.
#[derive(Debug, Parser)]
#[command(
    name = "wexport",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    term_width = 80,
    override_help = help::OVERVIEW
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Export a document: pdf, docx or xhtml
    Document(Box<Export<DocumentArgs>>),
    /// Export a spreadsheet: xlsx, csv or pdf
    Spreadsheet(Box<Export<SpreadsheetArgs>>),
    /// Export a presentation: pptx or pdf
    Presentation(Box<Export<PresentationArgs>>),
    /// Export any file by its id and kind (needs the scope file:write)
    File(Box<Export<FileArgs>>),
    /// Export a folder with everything in it, as a .tar.gz
    Folder(Box<Export<FolderArgs>>),
    /// Export a container, as a .tar.gz (--api-version 2022-01-01 only)
    Container(Box<Export<ContainerArgs>>),
    /// Export a style guide
    StyleGuide(Box<Export<StyleGuideArgs>>),
    /// Export a graph report, as csv
    GraphReport(Box<Export<GraphReportArgs>>),
    /// Export a test form, as an xlsx
    TestForm(Box<Export<TestFormArgs>>),
    /// Export an attachment of a test form, as a pdf
    Attachment(Box<Export<AttachmentArgs>>),
    /// Export everything that a list names, under one limit
    Batch(Box<BatchArgs>),
    /// Ask once how far an operation is
    Status(Box<StatusArgs>),
    /// Wait for an operation that was started elsewhere, and fetch its file
    Fetch(Box<FetchArgs>),
    /// List, show, resume and clean the jobs of this machine
    Jobs(Box<JobsArgs>),
    /// Check files against their receipts
    Verify {
        /// Files that were exported with --receipt
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show what is set, and check each step to the service
    Doctor(Box<DoctorArgs>),
    /// Print what a shell needs to complete command lines
    Completions {
        /// bash, elvish, fish, powershell or zsh
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command
    Man {
        /// Write the pages into this folder
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// See it work: a simulated service, a real file of each kind, no credentials
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Help on a command or a topic
    Help(HelpArgs),
}

/// The demonstration.
#[cfg(feature = "demo")]
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where the files go
    #[arg(value_name = "FOLDER", default_value = "wexport-demo")]
    pub(crate) folder: PathBuf,
}
