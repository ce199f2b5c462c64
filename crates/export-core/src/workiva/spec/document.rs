//! Documents: pdf, docx, xhtml.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::{ExportOption, ItemKind, OptionValue, options};
use super::rules;
use crate::workiva::format::FileFormat;

/// How a document is exported.
///
/// ```
/// use export_core::workiva::{DocumentExport, DocumentPdfOptions};
///
/// let plain = DocumentExport::docx();
/// let part = DocumentExport::pdf_with(DocumentPdfOptions::default().include_comments(true))
/// .with_sections(["section-1", "section-2"]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentExport {
    format: DocumentFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    sections: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docx_options: Option<DocumentDocxOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdf_options: Option<DocumentPdfOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xhtml_options: Option<DocumentXhtmlOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DocumentFormat {
    Docx,
    Pdf,
    Xhtml,
}

/// The option that selects parts of a document.
pub(super) const SECTIONS: ExportOption = ExportOption {
    name: "sections",
    field: "sections",
    value: OptionValue::Ids,
    kind: ItemKind::Document,
    format: None,
    object: None,
    doc: "Export only these sections.",
};

options! {
    /// Options of a document as docx. An option that is not set is not sent; the service's default
    /// is false.
    pub struct DocumentDocxOptions for Document as "docx" in "docxOptions" {
        /// Include leader dots in tables of contents.
        include_leader_dots: bool = "includeLeaderDots",
        /// Include the shading of table cells.
        show_table_cell_shading: bool = "showTableCellShading",
    }
}

options! {
    /// Options of a document as pdf. An option that is not set is not sent; the service's default
    /// is false.
    pub struct DocumentPdfOptions for Document as "pdf" in "pdfOptions" {
        /// Include comments.
        include_comments: bool = "includeComments",
        /// Include hyperlinks.
        include_hyperlinks: bool = "includeHyperlinks",
        /// Add a "draft" watermark.
        include_draft_watermark: bool = "includeDraftWatermark",
        /// Include tracked changes.
        include_track_changes: bool = "includeTrackChanges",
        /// Include leader dots in tables of contents.
        include_leader_dots: bool = "includeLeaderDots",
        /// Include the fill of alternate table rows.
        include_alternate_row_fill: bool = "includeAlternateRowFill",
        /// Include labels of attachments.
        include_attachment_labels: bool = "includeAttachmentLabels",
        /// Remove the gaps of sections that are not exported.
        remove_space_from_partial_export: bool = "removeSpaceFromPartialExport",
        /// Add tags for accessibility.
        tag_for_web_accessibility: bool = "tagForWebAccessibility",
        /// Use CMYK colours, for print.
        use_cmyk_colorspace: bool = "useCmykColorspace",
    }
}

options! {
    /// Options of a document as xhtml. An option that is not set is not sent; the service's default
    /// is false. If no options are sent at all, its default is `editableXhtml`.
    ///
    /// `editable_simple` and `editable_xhtml` exclude every other option when they are true.
    pub struct DocumentXhtmlOptions for Document as "xhtml" in "xhtmlOptions" {
        /// Export xhtml for editing (default without xhtml options); excludes all others.
        editable_xhtml: bool = "editableXhtml",
        /// Export simple xhtml for editing; excludes all others.
        editable_simple: bool = "editableSimple",
        /// Include links to targets outside of the document.
        include_external_hyperlinks: bool = "includeExternalHyperlinks",
        /// Include headers and footers.
        include_headers_and_footers: bool = "includeHeadersAndFooters",
    }
}

impl DocumentExport {
    /// The formats of documents, as the service names them.
    pub const FORMATS: &[&str] = &["pdf", "docx", "xhtml"];

    /// In this one of [`FORMATS`](Self::FORMATS); `None` if it is none of them.
    #[must_use]
    pub fn in_format(name: &str) -> Option<Self> {
        match name {
            "pdf" => Some(Self::pdf()),
            "docx" => Some(Self::docx()),
            "xhtml" => Some(Self::xhtml()),
            _ => None,
        }
    }

    /// As a pdf.
    #[must_use]
    pub const fn pdf() -> Self {
        Self::plain(DocumentFormat::Pdf)
    }

    /// As a pdf, with options.
    #[must_use]
    pub fn pdf_with(options: DocumentPdfOptions) -> Self {
        Self { pdf_options: Some(options), ..Self::pdf() }
    }

    /// As a docx.
    #[must_use]
    pub const fn docx() -> Self {
        Self::plain(DocumentFormat::Docx)
    }

    /// As a docx, with options.
    #[must_use]
    pub fn docx_with(options: DocumentDocxOptions) -> Self {
        Self { docx_options: Some(options), ..Self::docx() }
    }

    /// As xhtml.
    #[must_use]
    pub const fn xhtml() -> Self {
        Self::plain(DocumentFormat::Xhtml)
    }

    /// As xhtml, with options.
    #[must_use]
    pub fn xhtml_with(options: DocumentXhtmlOptions) -> Self {
        Self { xhtml_options: Some(options), ..Self::xhtml() }
    }

    /// Exports only these sections. **All** by default.
    #[must_use]
    pub fn with_sections(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sections = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    const fn plain(format: DocumentFormat) -> Self {
        Self { format, sections: None, docx_options: None, pdf_options: None, xhtml_options: None }
    }

    pub(super) const fn file_format(&self) -> FileFormat {
        match self.format {
            DocumentFormat::Docx => FileFormat::Docx,
            DocumentFormat::Pdf => FileFormat::Pdf,
            DocumentFormat::Xhtml => FileFormat::Xhtml,
        }
    }

    /// `at` is the prefix of the field names.
    pub(super) fn check(&self, at: &str) -> Result<(), SpecError> {
        let chosen = self.file_format().as_str();
        rules::selection(at, "sections", self.sections.as_deref())?;
        rules::belongs(at, "docxOptions", self.docx_options.is_some(), "docx", chosen)?;
        rules::belongs(at, "pdfOptions", self.pdf_options.is_some(), "pdf", chosen)?;
        rules::belongs(at, "xhtmlOptions", self.xhtml_options.is_some(), "xhtml", chosen)?;
        self.xhtml_options.as_ref().map_or(Ok(()), |options| options.check(at))
    }
}

impl DocumentXhtmlOptions {
    fn check(&self, at: &str) -> Result<(), SpecError> {
        let given = [
            ("editableSimple", self.editable_simple),
            ("editableXhtml", self.editable_xhtml),
            ("includeExternalHyperlinks", self.include_external_hyperlinks),
            ("includeHeadersAndFooters", self.include_headers_and_footers),
        ];
        let name = |field: &str| format!("{at}xhtmlOptions.{field}");
        for (exclusive, value) in &given[..2] {
            let other = given.iter().find(|(field, value)| field != exclusive && value.is_some());
            if let (Some(true), Some((field, _))) = (value, other) {
                return Err(SpecError::Conflict { field: name(field), with: name(exclusive) });
            }
        }
        Ok(())
    }
}
