//! The commands that export one file.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use export_hyper::{DocumentExport, PresentationExport, SpreadsheetExport};
use serde::{Deserialize, Serialize};

use super::export_options::{AnyFile, Archive, Document, OptionArgs, Presentation, Spreadsheet};
use super::hooks::HookArgs;
use super::item_link::id_of;
use super::output::OutputArgs;
use super::session::Session;
use super::values::key;

/// The arguments of a command that exports one file.
#[derive(Debug, Args)]
pub(crate) struct Export<C: Args> {
    #[command(flatten)]
    pub(crate) command: C,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `wexport document`.
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// ID of the document, or a link to it (see `wexport files`)
    #[arg(value_name = "ID", value_parser = id_of("document"))]
    pub(crate) id: String,
    /// Format: pdf, docx or xhtml [default: extension of -o]
    #[arg(short, long, hide_possible_values = true)]
    #[arg(ignore_case = true, value_parser = formats(DocumentExport::FORMATS))]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Document>,
}

/// `wexport spreadsheet`.
#[derive(Debug, Args)]
pub(crate) struct SpreadsheetArgs {
    /// ID of the spreadsheet, or a link to it (see `wexport files`)
    #[arg(value_name = "ID", value_parser = id_of("spreadsheet"))]
    pub(crate) id: String,
    /// Format: xlsx, csv or pdf [default: extension of -o]
    ///
    /// Without --sheets, csv is a zip with one csv per sheet. A pdf can have at most 250,000 cells.
    #[arg(short, long, hide_possible_values = true)]
    #[arg(ignore_case = true, value_parser = formats(SpreadsheetExport::FORMATS))]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Spreadsheet>,
}

/// `wexport presentation`.
#[derive(Debug, Args)]
pub(crate) struct PresentationArgs {
    /// ID of the presentation, or a link to it (see `wexport files`)
    #[arg(value_name = "ID", value_parser = id_of("presentation"))]
    pub(crate) id: String,
    /// Format: pptx or pdf [default: extension of -o]
    #[arg(short, long, hide_possible_values = true)]
    #[arg(ignore_case = true, value_parser = formats(PresentationExport::FORMATS))]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Presentation>,
}

/// `wexport file`.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// ID of the file, or a link to it (see `wexport files`)
    #[arg(value_name = "ID", value_parser = id_of("file"))]
    pub(crate) id: String,
    /// Kind: Document, Spreadsheet, SupportingDocument, ...
    ///
    /// Document, Spreadsheet, Presentation, SupportingDocument (an uploaded file), Folder, or
    /// Workiva (a .tar.gz in Workiva's own format).
    #[arg(short, long, value_enum, ignore_case = true, hide_possible_values = true)]
    #[arg(required_unless_present = "body")]
    pub(crate) kind: Option<FileKind>,
    /// Format, if the kind has several [default: extension of -o, or the service's]
    #[arg(short, long, hide_possible_values = true)]
    #[arg(ignore_case = true)]
    #[arg(value_parser = formats(&["pdf", "docx", "xhtml", "xlsx", "csv", "pptx"]))]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) options: OptionArgs<AnyFile>,
}

/// The kind of a file, as the API spells it.
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
    /// ID of the container
    #[arg(value_name = "ID", value_parser = id_of("container"))]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Archive>,
}

/// `wexport folder`.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// ID of the folder, or a link to it (see `wexport files`)
    #[arg(value_name = "ID", value_parser = id_of("folder"))]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) options: OptionArgs<Archive>,
}

/// `wexport style-guide`.
#[derive(Debug, Args)]
pub(crate) struct StyleGuideArgs {
    /// ID of the style guide
    #[arg(value_name = "ID", value_parser = id_of("style guide"))]
    pub(crate) id: String,
    /// Revision [default: the latest]
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<String>,
}

/// `wexport graph-report`.
#[derive(Debug, Args)]
pub(crate) struct GraphReportArgs {
    /// ID of the graph report
    #[arg(value_name = "ID", value_parser = id_of("graph report"))]
    pub(crate) id: String,
}

/// `wexport test-form`.
#[derive(Debug, Args)]
pub(crate) struct TestFormArgs {
    /// ID of the test form
    #[arg(value_name = "ID", value_parser = id_of("test form"))]
    pub(crate) id: String,
}

/// `wexport attachment`.
#[derive(Debug, Args)]
pub(crate) struct AttachmentArgs {
    /// ID of the attachment
    #[arg(value_name = "ID", value_parser = id_of("attachment"))]
    pub(crate) id: String,
    /// ID of its test form
    #[arg(long, value_name = "ID", value_parser = id_of("test form"))]
    pub(crate) test_form: String,
    /// ID of its test phase
    #[arg(long, value_name = "ID", value_parser = id_of("test phase"))]
    pub(crate) test_phase: String,
    /// ID of its matrix, if it belongs to one
    #[arg(long, value_name = "ID", value_parser = id_of("matrix"))]
    pub(crate) matrix: Option<String>,
    /// ID of its sample, if it belongs to one
    #[arg(long, value_name = "ID", value_parser = id_of("sample"), requires = "matrix")]
    pub(crate) sample: Option<String>,
    /// Download it as it was uploaded, instead of as pdf
    #[arg(long)]
    pub(crate) original: bool,
}

/// Reads a format, also in capitals, as kinds are.
fn formats(known: &'static [&'static str]) -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(known).map(|format| format.to_ascii_lowercase())
}

/// The flags of the request.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Request body: @FILE, - for stdin, or JSON. It is validated; unknown fields cause a
    /// warning
    #[arg(long, value_name = "BODY", hide_short_help = true)]
    pub(crate) body: Option<String>,

    /// Set a field of the request body, such as pdfOptions.newFlag=true; may be repeated
    #[arg(long = "option", value_name = "PATH=JSON", hide_short_help = true)]
    pub(crate) options: Vec<String>,

    /// Continue the export of this name and date, if there is one, instead of another one
    ///
    /// For a command that runs again, as in cron. If the job of this name and date (that of --date, or
    /// today), service and client ID has failed or was killed, it is resumed. If its file is there as
    /// it was exported, nothing is sent; if it is gone or has changed, it is exported again. If no such
    /// job is known, a file with a receipt of the same request and date is kept (--receipt writes one).
    #[arg(long, value_name = "NAME", value_parser = key, hide_short_help = true)]
    pub(crate) key: Option<String>,

    /// Stop when the service has accepted the export, and print its operation
    ///
    /// `wexport fetch OPERATION` waits for it and downloads the file, on any machine. No job is stored.
    #[arg(long, hide_short_help = true, conflicts_with_all = ["key", "dry_run", "output"])]
    pub(crate) no_wait: bool,

    /// Print the request (http or curl) instead of sending it
    ///
    /// The output is the request exactly as it would be sent, without the token.
    #[arg(long, value_name = "AS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "http", hide_possible_values = true, help_heading = None)]
    pub(crate) dry_run: Option<DryRun>,

    /// Whether to resend a submit that the service may have received: if-harmless (unless it
    /// sends an email), never or always [default: if-harmless]
    #[arg(long, value_name = "RULE", value_enum)]
    #[arg(hide_short_help = true, hide_possible_values = true)]
    pub(crate) resubmit: Option<ResubmitArg>,
}

/// The format in which a request is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    Http,
    Curl,
}

/// When to resend a submit that the service may have received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResubmitArg {
    IfHarmless,
    Never,
    Always,
}

impl From<ResubmitArg> for export_hyper::Resubmit {
    fn from(arg: ResubmitArg) -> Self {
        match arg {
            ResubmitArg::IfHarmless => Self::IfHarmless,
            ResubmitArg::Never => Self::Never,
            ResubmitArg::Always => Self::Always,
        }
    }
}
