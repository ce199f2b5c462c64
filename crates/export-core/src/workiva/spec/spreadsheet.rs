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
    /// Options of a spreadsheet as csv. A field that is `None` is not sent; the service's default is
    /// false.
    pub struct SpreadsheetCsvOptions {
        /// Exports formulas instead of their values.
        pub export_as_formulas: bool,
    }
}

options! {
    /// Options of a spreadsheet as xlsx. A field that is `None` is not sent.
    pub struct SpreadsheetXlsxOptions {
        /// Exports formulas instead of their values. The service's default is false.
        pub export_as_formulas: bool,
        /// How many digits of a number are exported. The service's default is all.
        pub export_precision: ExportPrecision,
    }
}

options! {
    /// Options of a spreadsheet as pdf. A field that is `None` is not sent; the service's default of a
    /// `bool` is false.
    ///
    /// The service exports at most 250,000 cells as pdf.
    pub struct SpreadsheetPdfOptions {
        /// Includes comments.
        pub include_comments: bool,
        /// Adds a "draft" watermark.
        pub include_draft_watermark: bool,
        /// Includes hyperlinks.
        pub include_hyperlinks: bool,
        /// Includes leader dots.
        pub include_leader_dots: bool,
        /// Includes tracked changes.
        pub include_track_changes: bool,
        /// Exports only the print areas.
        pub only_export_print_areas: bool,
        /// The page height in **inches**, from 3 to 100. The service's default is 11.
        pub page_height: f64,
        /// The page orientation. The service's default is portrait.
        pub page_orientation: PageOrientation,
        /// The scale of a sheet on its page. The service's default is its actual size.
        pub page_scale: PageScale,
        /// The page width in **inches**, from 3 to 100. The service's default is 8.5.
        pub page_width: f64,
        /// Shows the fill of cells.
        pub show_cell_fills: bool,
        /// Shows the gridlines between cells.
        pub show_gridlines: bool,
        /// Uses CMYK colours, for print.
        pub use_cmyk_colorspace: bool,
    }
}

/// How many digits of a number are exported to xlsx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ExportPrecision {
    /// The digits that are displayed.
    Displayed,
    /// All digits. The service's default.
    FullPrecision,
    /// The digits to which the number is rounded.
    Rounded,
}

/// The orientation of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PageOrientation {
    /// Wider than high.
    Landscape,
    /// Higher than wide. The service's default.
    Portrait,
}

/// The scale of a sheet on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PageScale {
    /// Its actual size. The service's default.
    ActualSize,
    /// Scaled to the width of the page.
    FitToWidth,
}

impl SpreadsheetExport {
    /// As csv: a csv file for a single sheet, a zip of csv files for all sheets.
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

    /// Exports only these sheets. **All** by default; csv takes a single one.
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

    /// `at` is the prefix of the field names.
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
