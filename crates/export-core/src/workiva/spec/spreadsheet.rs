//! Spreadsheets: pdf, xlsx, csv.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::options;
use super::rules;
use crate::workiva::format::FileFormat;

/// How a spreadsheet is exported.
///
/// ```
/// use export_core::{PageOrientation, SpreadsheetExport, SpreadsheetPdfOptions};
///
/// let one_sheet = SpreadsheetExport::csv().with_sheets(["sheet-1"]);
/// let wide = SpreadsheetExport::pdf_with(SpreadsheetPdfOptions {
///     page_orientation: Some(PageOrientation::Landscape),
///     page_width: Some(17.0),
///     ..Default::default()
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpreadsheetExport {
    format: SpreadsheetFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheets: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csv_options: Option<SpreadsheetCsvOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdf_options: Option<SpreadsheetPdfOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xlsx_options: Option<SpreadsheetXlsxOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SpreadsheetFormat {
    Csv,
    Pdf,
    Xlsx,
}

options! {
    /// How a spreadsheet becomes csv. Whatever is `None` is left to the service, which takes it
    /// as false.
    pub struct SpreadsheetCsvOptions {
        /// Formulas rather than their values.
        pub export_as_formulas: bool,
    }
}

options! {
    /// How a spreadsheet becomes an xlsx. Whatever is `None` is left to the service.
    pub struct SpreadsheetXlsxOptions {
        /// Formulas rather than their values; false if it is left to the service.
        pub export_as_formulas: bool,
        /// How many digits of a number are written.
        pub export_precision: ExportPrecision,
    }
}

options! {
    /// How a spreadsheet becomes a pdf. Whatever is `None` is left to the service, which takes a
    /// switch as false.
    ///
    /// The service makes a pdf of up to 250,000 cells.
    pub struct SpreadsheetPdfOptions {
        /// The comments.
        pub include_comments: bool,
        /// A watermark that says "draft".
        pub include_draft_watermark: bool,
        /// Links that can be followed.
        pub include_hyperlinks: bool,
        /// Leader dots.
        pub include_leader_dots: bool,
        /// The changes that were tracked.
        pub include_track_changes: bool,
        /// The print areas only.
        pub only_export_print_areas: bool,
        /// The height of a page in **inches**, 3 to 100; 11 if it is left to the service.
        pub page_height: f64,
        /// Upright or sideways.
        pub page_orientation: PageOrientation,
        /// How large a sheet is on its page.
        pub page_scale: PageScale,
        /// The width of a page in **inches**, 3 to 100; 8.5 if it is left to the service.
        pub page_width: f64,
        /// The fill of cells.
        pub show_cell_fills: bool,
        /// The lines between cells.
        pub show_gridlines: bool,
        /// Colours for print (CMYK) rather than for screens.
        pub use_cmyk_colorspace: bool,
    }
}

/// How many digits of a number go into an xlsx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ExportPrecision {
    /// As many as are displayed.
    Displayed,
    /// All: what the service does by itself.
    FullPrecision,
    /// As many as the number is rounded to.
    Rounded,
}

/// How a sheet lies on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PageOrientation {
    /// Sideways.
    Landscape,
    /// Upright: what the service does by itself.
    Portrait,
}

/// How large a sheet is on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PageScale {
    /// As large as it is: what the service does by itself.
    ActualSize,
    /// As wide as the page.
    FitToWidth,
}

impl SpreadsheetExport {
    /// As csv: one file for one sheet, a zip of such files for the whole spreadsheet.
    #[must_use]
    pub const fn csv() -> Self {
        Self::plain(SpreadsheetFormat::Csv)
    }

    /// As csv, with options.
    #[must_use]
    pub fn csv_with(options: SpreadsheetCsvOptions) -> Self {
        Self { csv_options: Some(options), ..Self::csv() }
    }

    /// As a pdf.
    #[must_use]
    pub const fn pdf() -> Self {
        Self::plain(SpreadsheetFormat::Pdf)
    }

    /// As a pdf, with options.
    #[must_use]
    pub fn pdf_with(options: SpreadsheetPdfOptions) -> Self {
        Self { pdf_options: Some(options), ..Self::pdf() }
    }

    /// As an xlsx.
    #[must_use]
    pub const fn xlsx() -> Self {
        Self::plain(SpreadsheetFormat::Xlsx)
    }

    /// As an xlsx, with options.
    #[must_use]
    pub fn xlsx_with(options: SpreadsheetXlsxOptions) -> Self {
        Self { xlsx_options: Some(options), ..Self::xlsx() }
    }

    /// Exports these sheets only. **All** by default; csv takes one of them.
    #[must_use]
    pub fn with_sheets(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sheets = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    const fn plain(format: SpreadsheetFormat) -> Self {
        Self { format, sheets: None, csv_options: None, pdf_options: None, xlsx_options: None }
    }

    pub(super) const fn file_format(&self) -> FileFormat {
        match (self.format, &self.sheets) {
            (SpreadsheetFormat::Csv, Some(_)) => FileFormat::Csv,
            (SpreadsheetFormat::Csv, None) => FileFormat::CsvZip,
            (SpreadsheetFormat::Pdf, _) => FileFormat::Pdf,
            (SpreadsheetFormat::Xlsx, _) => FileFormat::Xlsx,
        }
    }

    /// `at` is what the names of fields begin with.
    pub(super) fn check(&self, at: &str) -> Result<(), SpecError> {
        let chosen = match self.format {
            SpreadsheetFormat::Csv => "csv",
            SpreadsheetFormat::Pdf => "pdf",
            SpreadsheetFormat::Xlsx => "xlsx",
        };
        rules::selection(at, "sheets", self.sheets.as_deref())?;
        rules::belongs(at, "csvOptions", self.csv_options.is_some(), "csv", chosen)?;
        rules::belongs(at, "pdfOptions", self.pdf_options.is_some(), "pdf", chosen)?;
        rules::belongs(at, "xlsxOptions", self.xlsx_options.is_some(), "xlsx", chosen)?;
        let count = self.sheets.as_ref().map_or(0, Vec::len);
        if self.format == SpreadsheetFormat::Csv && count > 1 {
            return Err(SpecError::Sheets { field: format!("{at}sheets"), count });
        }
        self.pdf_options.as_ref().map_or(Ok(()), |options| {
            rules::page_side(at, "pageHeight", options.page_height)?;
            rules::page_side(at, "pageWidth", options.page_width)
        })
    }
}
