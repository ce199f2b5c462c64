//! Whatever has a file id, and containers, which have none.

use export_hyper::{ArchiveOptions, ExportSpec, FileExport};

use super::formats::{document, presentation, spreadsheet};
use super::{Asked, encoded};
use crate::cli::{ContainerArgs, FileArgs, FileKind, FolderArgs};
use crate::report::Problem;
use crate::spec::choices::{Choice, apply};
use crate::spec::table::Kind;

impl Asked for FileArgs {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/files/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let kind = self.kind.ok_or_else(|| Problem::usage("give --kind, or a --body with one"))?;
        let archive = ArchiveOptions::default;
        let chosen = !self.choices().is_empty();
        let (export, shelf, at) = match kind {
            FileKind::Document => {
                (FileExport::document(document(format)?), Kind::Document, "documentExport")
            }
            FileKind::Spreadsheet => (
                FileExport::spreadsheet(spreadsheet(format)?),
                Kind::Spreadsheet,
                "spreadsheetExport",
            ),
            FileKind::Presentation => (
                FileExport::presentation(presentation(format)?),
                Kind::Presentation,
                "presentationExport",
            ),
            FileKind::SupportingDocument => {
                (FileExport::supporting_document(), Kind::SupportingDocument, "")
            }
            FileKind::Folder => {
                (FileExport::folder(chosen.then(archive)), Kind::Archive, "folderExport")
            }
            FileKind::Workiva => (
                FileExport::workiva(chosen.then(archive)),
                Kind::Archive,
                "workivaFileExport.workivaFileExportOptions",
            ),
        };
        if let (Some(format), Kind::Archive | Kind::SupportingDocument) = (format, shelf) {
            return Err(Problem::usage(format!(
                "--format {format} cannot be chosen for this --kind: leave it out"
            )));
        }
        if let (None, Some(choice), false) =
            (format, self.choices().first(), shelf == Kind::Archive)
            && shelf != Kind::SupportingDocument
        {
            return Err(Problem::usage(format!("--{} needs a --format", choice.row.flag)));
        }
        apply(ExportSpec::file(&self.id, export), at, shelf, format, self.choices())
    }
}

impl Asked for FolderArgs {
    fn kind(&self) -> &'static str {
        "folder"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/files/{}/export", encoded(&self.id))
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let options = (!self.choices().is_empty()).then(ArchiveOptions::default);
        let spec = ExportSpec::file(&self.id, FileExport::folder(options));
        apply(spec, "folderExport", Kind::Archive, None, self.choices())
    }
}

impl Asked for ContainerArgs {
    fn kind(&self) -> &'static str {
        "container"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        "/prototype/platform/files/export".into()
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let spec = ExportSpec::container(&self.id, ArchiveOptions::default());
        apply(spec, "workivaFileExportOptions", Kind::Archive, None, self.choices())
    }
}
