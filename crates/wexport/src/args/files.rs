//! `wexport files`.

use clap::{Args, ValueEnum};

use super::item_link::id_of;
use super::session::Session;

/// `wexport files`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FilesArgs {
    /// List only files whose name contains this text, in any case
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// List only files of this kind: Document, Spreadsheet, Presentation, ...
    ///
    /// Document, Spreadsheet, Presentation, Folder, Script, SupportingDocument (an uploaded file), or
    /// any other kind that the service names.
    #[arg(short, long)]
    pub(crate) kind: Option<String>,
    /// List only files in the folder with this ID (or link), and not in its folders
    #[arg(long = "in", value_name = "FOLDER", value_parser = id_of("folder"))]
    pub(crate) container: Option<String>,
    /// List files in the trash, instead of those that are active
    #[arg(long)]
    pub(crate) trashed: bool,
    /// List files in the trash too
    #[arg(long, conflicts_with = "trashed")]
    pub(crate) all: bool,
    /// Sort by name, kind, created or modified [default: name]
    ///
    /// By time, the newest file is the first.
    #[arg(long, value_name = "BY", value_enum, ignore_case = true, hide_possible_values = true)]
    pub(crate) sort: Option<FileSortArg>,
    /// Print a list for `wexport batch`, with the files that can be exported
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Format of the exports of --csv, for the kinds that have it
    #[arg(short, long, requires = "csv", value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// The order of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileSortArg {
    #[default]
    Name,
    Kind,
    Created,
    Modified,
}
