//! Files: anything with a file id, exported by its kind.

use serde::{Deserialize, Serialize};

use super::archive::ArchiveOptions;
use super::document::DocumentExport;
use super::error::SpecError;
use super::presentation::PresentationExport;
use super::rules;
use super::spreadsheet::SpreadsheetExport;
use crate::workiva::format::FileFormat;

/// How a file is exported: its kind, and the options of that kind.
///
/// ```
/// use export_core::workiva::{ArchiveOptions, DocumentExport, FileExport};
///
/// let as_uploaded = FileExport::supporting_document();
/// let pdf = FileExport::document(DocumentExport::pdf());
/// let default_format = FileExport::document(None);
/// let folder = FileExport::folder(ArchiveOptions::default().include_attachments(true));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileExport {
    kind: FileKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_export: Option<DocumentExport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spreadsheet_export: Option<SpreadsheetExport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presentation_export: Option<PresentationExport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder_export: Option<ArchiveOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workiva_file_export: Option<WorkivaFileExport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum FileKind {
    Document,
    Folder,
    Presentation,
    Spreadsheet,
    SupportingDocument,
    Workiva,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkivaFileExport {
    #[serde(skip_serializing_if = "Option::is_none")]
    workiva_file_export_options: Option<ArchiveOptions>,
}

impl FileExport {
    /// A document. With `None`, the service chooses the format.
    #[must_use]
    pub fn document(export: impl Into<Option<DocumentExport>>) -> Self {
        Self { document_export: export.into(), ..Self::plain(FileKind::Document) }
    }

    /// A spreadsheet. With `None`, the service chooses the format.
    #[must_use]
    pub fn spreadsheet(export: impl Into<Option<SpreadsheetExport>>) -> Self {
        Self { spreadsheet_export: export.into(), ..Self::plain(FileKind::Spreadsheet) }
    }

    /// A presentation. With `None`, the service chooses the format.
    #[must_use]
    pub fn presentation(export: impl Into<Option<PresentationExport>>) -> Self {
        Self { presentation_export: export.into(), ..Self::plain(FileKind::Presentation) }
    }

    /// An uploaded file, in its original form.
    #[must_use]
    pub const fn supporting_document() -> Self {
        Self::plain(FileKind::SupportingDocument)
    }

    /// A folder with its contents, as a `.tar.gz`.
    #[must_use]
    pub fn folder(options: impl Into<Option<ArchiveOptions>>) -> Self {
        Self { folder_export: options.into(), ..Self::plain(FileKind::Folder) }
    }

    /// A file in Workiva's own format, as a `.tar.gz`.
    #[must_use]
    pub fn workiva(options: impl Into<Option<ArchiveOptions>>) -> Self {
        let export = options
            .into()
            .map(|options| WorkivaFileExport { workiva_file_export_options: Some(options) });
        Self { workiva_file_export: export, ..Self::plain(FileKind::Workiva) }
    }

    const fn plain(kind: FileKind) -> Self {
        Self {
            kind,
            document_export: None,
            spreadsheet_export: None,
            presentation_export: None,
            folder_export: None,
            workiva_file_export: None,
        }
    }

    /// The object that has the options of the kind.
    pub(super) const fn object_of_options(&self) -> Option<&'static str> {
        match self.kind {
            FileKind::Document => Some("documentExport"),
            FileKind::Folder => Some("folderExport"),
            FileKind::Presentation => Some("presentationExport"),
            FileKind::Spreadsheet => Some("spreadsheetExport"),
            FileKind::SupportingDocument => None,
            FileKind::Workiva => Some("workivaFileExport.workivaFileExportOptions"),
        }
    }

    pub(super) fn file_format(&self) -> FileFormat {
        let known = match self.kind {
            FileKind::Document => self.document_export.as_ref().map(DocumentExport::file_format),
            FileKind::Folder | FileKind::Workiva => Some(FileFormat::TarGz),
            FileKind::Presentation => {
                self.presentation_export.as_ref().map(PresentationExport::file_format)
            }
            FileKind::Spreadsheet => {
                self.spreadsheet_export.as_ref().map(SpreadsheetExport::file_format)
            }
            FileKind::SupportingDocument => None,
        };
        known.unwrap_or(FileFormat::Any)
    }

    /// The formats among which the service chooses.
    pub(super) const fn formats(&self) -> &'static [&'static str] {
        match self.kind {
            FileKind::Document => DocumentExport::FORMATS,
            FileKind::Presentation => PresentationExport::FORMATS,
            FileKind::Spreadsheet => SpreadsheetExport::FORMATS,
            FileKind::Folder | FileKind::SupportingDocument | FileKind::Workiva => &[],
        }
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        let (document, spreadsheet, presentation) =
            (&self.document_export, &self.spreadsheet_export, &self.presentation_export);
        let (folder, workiva) = (&self.folder_export, &self.workiva_file_export);
        for (field, given, kind) in [
            ("documentExport", document.is_some(), FileKind::Document),
            ("spreadsheetExport", spreadsheet.is_some(), FileKind::Spreadsheet),
            ("presentationExport", presentation.is_some(), FileKind::Presentation),
            ("folderExport", folder.is_some(), FileKind::Folder),
            ("workivaFileExport", workiva.is_some(), FileKind::Workiva),
        ] {
            rules::belongs("", field, given, kind.as_str(), self.kind.as_str())?;
        }
        document.as_ref().map_or(Ok(()), |export| export.check("documentExport."))?;
        spreadsheet.as_ref().map_or(Ok(()), |export| export.check("spreadsheetExport."))?;
        presentation.as_ref().map_or(Ok(()), |export| export.check("presentationExport."))
    }
}

impl FileKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "kind Document",
            Self::Folder => "kind Folder",
            Self::Presentation => "kind Presentation",
            Self::Spreadsheet => "kind Spreadsheet",
            Self::SupportingDocument => "kind SupportingDocument",
            Self::Workiva => "kind Workiva",
        }
    }
}
