//! The commands that ask for an export.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::options::{AnyFile, Archive, Document, OptionArgs, Presentation, Spreadsheet};
use super::output::OutputArgs;
use super::session::Session;

/// One export of a kind: what, how, and where its file goes.
#[derive(Debug, Args)]
pub(crate) struct Export<C: Args> {
    #[command(flatten)]
    pub(crate) command: C,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport document`.
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// The document
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// pdf, docx or xhtml [default: the ending of -o]
    #[arg(short, long, value_parser = ["pdf", "docx", "xhtml"], hide_possible_values = true)]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Document>,
}

/// `wexport spreadsheet`.
#[derive(Debug, Args)]
pub(crate) struct SpreadsheetArgs {
    /// The spreadsheet
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// xlsx, csv or pdf [default: the ending of -o]
    ///
    /// The whole spreadsheet as csv is a zip with a csv for each sheet. A pdf is made of up to
    /// 250,000 cells.
    #[arg(short, long, value_parser = ["xlsx", "csv", "pdf"], hide_possible_values = true)]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Spreadsheet>,
}

/// `wexport presentation`.
#[derive(Debug, Args)]
pub(crate) struct PresentationArgs {
    /// The presentation
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// pptx or pdf [default: the ending of -o]
    #[arg(short, long, value_parser = ["pptx", "pdf"], hide_possible_values = true)]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Presentation>,
}

/// `wexport file`.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Document, Spreadsheet, SupportingDocument, ...
    ///
    /// Document, Spreadsheet, Presentation, SupportingDocument (a file as it was uploaded),
    /// Folder, or Workiva (a .tar.gz in Workiva's own form).
    #[arg(short, long, value_enum, ignore_case = true, hide_possible_values = true)]
    #[arg(required_unless_present = "body")]
    pub(crate) kind: Option<FileKind>,
    /// Of a kind that has several [default: the service's choice]
    #[arg(short, long, hide_possible_values = true)]
    #[arg(value_parser = ["pdf", "docx", "xhtml", "xlsx", "csv", "pptx"])]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<AnyFile>,
}

/// What a file is, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum FileKind {
    Document,
    Spreadsheet,
    Presentation,
    SupportingDocument,
    Folder,
    Workiva,
}

/// `wexport container`.
#[derive(Debug, Args)]
pub(crate) struct ContainerArgs {
    /// The container
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Archive>,
}

/// `wexport folder`.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The folder
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Archive>,
}

/// `wexport style-guide`.
#[derive(Debug, Args)]
pub(crate) struct StyleGuideArgs {
    /// The style guide
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// A revision of it [default: the latest]
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<String>,
}

/// `wexport graph-report`.
#[derive(Debug, Args)]
pub(crate) struct GraphReportArgs {
    /// The report
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `wexport test-form`.
#[derive(Debug, Args)]
pub(crate) struct TestFormArgs {
    /// The test form
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `wexport attachment`.
#[derive(Debug, Args)]
pub(crate) struct AttachmentArgs {
    /// The attachment
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The test form that it belongs to
    #[arg(long, value_name = "ID")]
    pub(crate) test_form: String,
    /// The test phase that it belongs to
    #[arg(long, value_name = "ID")]
    pub(crate) test_phase: String,
    /// The matrix of the phase, if it belongs to one
    #[arg(long, value_name = "ID")]
    pub(crate) matrix: Option<String>,
    /// The sample of the matrix, if it belongs to one
    #[arg(long, value_name = "ID", requires = "matrix")]
    pub(crate) sample: Option<String>,
}

/// Flags of the request itself.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Body of a request that a script has already: @FILE, - for stdin, or JSON. It is
    /// checked, and fields that this release does not know are named
    #[arg(long, value_name = "BODY", hide_short_help = true)]
    pub(crate) body: Option<String>,

    /// Set a field of the body, such as pdfOptions.newFlag=true; may be repeated
    #[arg(long = "option", value_name = "PATH=JSON", hide_short_help = true)]
    pub(crate) options: Vec<String>,

    /// Print the request, as http or curl, and send nothing
    ///
    /// Exactly as it would be sent, but without the token.
    #[arg(long, value_name = "AS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "http", hide_possible_values = true, help_heading = None)]
    pub(crate) dry_run: Option<DryRun>,

    /// Whether a submit that may have arrived is sent again: if-harmless (unless it mails
    /// somebody), never or always [default: if-harmless]
    #[arg(long, value_name = "RULE", value_enum)]
    #[arg(hide_short_help = true, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,
}

/// How a request is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    Http,
    Curl,
}

/// When a submit is sent again that may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResubmitArg {
    IfHarmless,
    Never,
    Always,
}

impl From<ResubmitArg> for export_hyper::Resubmit {
    fn from(word: ResubmitArg) -> Self {
        match word {
            ResubmitArg::IfHarmless => Self::IfHarmless,
            ResubmitArg::Never => Self::Never,
            ResubmitArg::Always => Self::Always,
        }
    }
}
