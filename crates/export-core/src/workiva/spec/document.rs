//! Documents: pdf, docx, xhtml.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::options;
use super::rules;
use crate::workiva::format::FileFormat;

/// How a document is exported.
///
/// ```
/// use export_core::{DocumentExport, DocumentPdfOptions};
///
/// let plain = DocumentExport::docx();
/// let part = DocumentExport::pdf_with(DocumentPdfOptions {
///     include_comments: Some(true),
///     ..Default::default()
/// })
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

options! {
    /// How a document becomes a docx. Whatever is `None` is left to the service, which takes it
    /// as false.
    pub struct DocumentDocxOptions {
        /// Dots that lead from an entry of a table of contents to its page number.
        pub include_leader_dots: bool,
        /// The shading of table cells.
        pub show_table_cell_shading: bool,
    }
}

options! {
    /// How a document becomes a pdf. Whatever is `None` is left to the service, which takes it
    /// as false.
    pub struct DocumentPdfOptions {
        /// The fill of every other table row.
        pub include_alternate_row_fill: bool,
        /// The labels of attachments.
        pub include_attachment_labels: bool,
        /// The comments.
        pub include_comments: bool,
        /// A watermark that says "draft".
        pub include_draft_watermark: bool,
        /// Links that can be followed.
        pub include_hyperlinks: bool,
        /// Dots that lead from an entry of a table of contents to its page number.
        pub include_leader_dots: bool,
        /// The changes that were tracked.
        pub include_track_changes: bool,
        /// No gaps where sections are left out.
        pub remove_space_from_partial_export: bool,
        /// Tags that make the pdf accessible.
        pub tag_for_web_accessibility: bool,
        /// Colours for print (CMYK) rather than for screens.
        pub use_cmyk_colorspace: bool,
    }
}

options! {
    /// How a document becomes xhtml. Where no such options are given at all, the service takes
    /// `editableXhtml` as true; otherwise whatever is `None` as false.
    ///
    /// `editable_simple` and `editable_xhtml` exclude every other option when they are true.
    pub struct DocumentXhtmlOptions {
        /// Simple xhtml that is meant to be edited.
        pub editable_simple: bool,
        /// Xhtml that is meant to be edited.
        pub editable_xhtml: bool,
        /// Links that lead out of the document.
        pub include_external_hyperlinks: bool,
        /// Headers and footers.
        pub include_headers_and_footers: bool,
    }
}

impl DocumentExport {
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

    /// Exports these sections only. **All** by default.
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

    /// `at` is what the names of fields begin with.
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
