//! Presentations: pdf, pptx.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::options;
use super::rules;
use crate::workiva::format::FileFormat;

/// How a presentation is exported.
///
/// ```
/// use export_core::PresentationExport;
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

options! {
    /// Options of a presentation as pdf. A field that is `None` is not sent; the service's default is
    /// false.
    pub struct PresentationPdfOptions {
        /// Includes the fill of alternate table rows.
        pub include_alternate_row_fill: bool,
        /// Includes comments.
        pub include_comments: bool,
        /// Adds a "draft" watermark.
        pub include_draft_watermark: bool,
        /// Includes hyperlinks.
        pub include_hyperlinks: bool,
        /// Includes leader dots.
        pub include_leader_dots: bool,
        /// Tags the pdf for web accessibility.
        pub tag_for_web_accessibility: bool,
        /// Uses CMYK colours, for print.
        pub use_cmyk_colorspace: bool,
    }
}

options! {
    /// Options of a presentation as pptx. A field that is `None` is not sent; the service's default is
    /// false.
    pub struct PresentationPptxOptions {
        /// Includes the layout slides that no slide uses.
        pub include_unused_layout_slides: bool,
    }
}

impl PresentationExport {
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
