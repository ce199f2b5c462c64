//! Presentations: pdf, pptx.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::{ExportOption, ItemKind, OptionValue, options};
use super::rules;
use crate::workiva::format::FileFormat;

/// How a presentation is exported.
///
/// ```
/// use export_core::workiva::PresentationExport;
///
/// let first_slide = PresentationExport::pptx().with_slides(["slide-1"]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresentationExport {
    format: PresentationFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    slides: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdf_options: Option<PresentationPdfOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pptx_options: Option<PresentationPptxOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PresentationFormat {
    Pdf,
    Pptx,
}

/// The option that selects parts of a presentation.
pub(super) const SLIDES: ExportOption = ExportOption {
    name: "slides",
    field: "slides",
    value: OptionValue::Ids,
    kind: ItemKind::Presentation,
    format: None,
    object: None,
    doc: "Export only these slides.",
};

options! {
    /// Options of a presentation as pdf. An option that is not set is not sent; the service's default
    /// is false.
    pub struct PresentationPdfOptions for Presentation as "pdf" in "pdfOptions" {
        /// Include comments.
        include_comments: bool = "includeComments",
        /// Include hyperlinks.
        include_hyperlinks: bool = "includeHyperlinks",
        /// Add a "draft" watermark.
        include_draft_watermark: bool = "includeDraftWatermark",
        /// Include leader dots in tables of contents.
        include_leader_dots: bool = "includeLeaderDots",
        /// Include the fill of alternate table rows.
        include_alternate_row_fill: bool = "includeAlternateRowFill",
        /// Add tags for accessibility.
        tag_for_web_accessibility: bool = "tagForWebAccessibility",
        /// Use CMYK colours, for print.
        use_cmyk_colorspace: bool = "useCmykColorspace",
    }
}

options! {
    /// Options of a presentation as pptx. An option that is not set is not sent; the service's default
    /// is false.
    pub struct PresentationPptxOptions for Presentation as "pptx" in "pptxOptions" {
        /// Include unused slides of the layout.
        include_unused_layout_slides: bool = "includeUnusedLayoutSlides",
    }
}

impl PresentationExport {
    /// The formats of presentations, as the service names them.
    pub const FORMATS: &[&str] = &["pptx", "pdf"];

    /// In this one of [`FORMATS`](Self::FORMATS); `None` if it is none of them.
    #[must_use]
    pub fn in_format(name: &str) -> Option<Self> {
        match name {
            "pptx" => Some(Self::pptx()),
            "pdf" => Some(Self::pdf()),
            _ => None,
        }
    }

    /// As a pdf.
    #[must_use]
    pub const fn pdf() -> Self {
        Self::plain(PresentationFormat::Pdf)
    }

    /// As a pdf, with options.
    #[must_use]
    pub fn pdf_with(options: PresentationPdfOptions) -> Self {
        Self { pdf_options: Some(options), ..Self::pdf() }
    }

    /// As a pptx.
    #[must_use]
    pub const fn pptx() -> Self {
        Self::plain(PresentationFormat::Pptx)
    }

    /// As a pptx, with options.
    #[must_use]
    pub fn pptx_with(options: PresentationPptxOptions) -> Self {
        Self { pptx_options: Some(options), ..Self::pptx() }
    }

    /// Exports only these slides. **All** by default.
    #[must_use]
    pub fn with_slides(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.slides = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    const fn plain(format: PresentationFormat) -> Self {
        Self { format, slides: None, pdf_options: None, pptx_options: None }
    }

    pub(super) const fn file_format(&self) -> FileFormat {
        match self.format {
            PresentationFormat::Pdf => FileFormat::Pdf,
            PresentationFormat::Pptx => FileFormat::Pptx,
        }
    }

    /// `at` is the prefix of the field names.
    pub(super) fn check(&self, at: &str) -> Result<(), SpecError> {
        let chosen = self.file_format().as_str();
        rules::selection(at, "slides", self.slides.as_deref())?;
        rules::belongs(at, "pdfOptions", self.pdf_options.is_some(), "pdf", chosen)?;
        rules::belongs(at, "pptxOptions", self.pptx_options.is_some(), "pptx", chosen)
    }
}
