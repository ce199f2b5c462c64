//! Spreadsheets: pdf, xlsx, csv.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use super::options::{ExportOption, ItemKind, OptionValue, option_values, options};
use super::rules;
use crate::workiva::format::FileFormat;

/// How a spreadsheet is exported.
///
/// ```
/// use export_core::workiva::{PageOrientation, SpreadsheetExport, SpreadsheetPdfOptions};
///
/// let one_sheet = SpreadsheetExport::csv().with_sheets(["sheet-1"]);
/// let wide = SpreadsheetExport::pdf_with(SpreadsheetPdfOptions::default().page_orientation(PageOrientation::Landscape).page_width(17.0));
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

/// The option that selects parts of a spreadsheet.
pub(super) const SHEETS: ExportOption = ExportOption {
    name: "sheets",
    field: "sheets",
    value: OptionValue::Ids,
    kind: ItemKind::Spreadsheet,
    format: None,
    object: None,
    doc: "Export only these sheets; csv takes one.",
};

options! {
    /// Options of a spreadsheet as csv. An option that is not set is not sent; the service's default
    /// is false.
    pub struct SpreadsheetCsvOptions for Spreadsheet as "csv" in "csvOptions" {
        /// Export formulas instead of their values.
        export_as_formulas: bool = "exportAsFormulas",
    }
}

options! {
    /// Options of a spreadsheet as xlsx. An option that is not set is not sent.
    pub struct SpreadsheetXlsxOptions for Spreadsheet as "xlsx" in "xlsxOptions" {
        /// Export formulas instead of their values.
        export_as_formulas: bool = "exportAsFormulas",
        /// Digits of numbers (default: full precision).
        export_precision: ExportPrecision = "exportPrecision",
    }
}

options! {
    /// Options of a spreadsheet as pdf. An option that is not set is not sent; the service's default of a
    /// `bool` is false.
    ///
    /// The service exports at most 250,000 cells as pdf.
    pub struct SpreadsheetPdfOptions for Spreadsheet as "pdf" in "pdfOptions" {
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
        /// Use CMYK colours, for print.
        use_cmyk_colorspace: bool = "useCmykColorspace",
        /// Page orientation (default: portrait).
        page_orientation: PageOrientation = "pageOrientation",
        /// Page scale (default: actual size).
        page_scale: PageScale = "pageScale",
        /// Page width in inches, 3 to 100 (default: 8.5).
        page_width: f64 = "pageWidth",
        /// Page height in inches, 3 to 100 (default: 11).
        page_height: f64 = "pageHeight",
        /// Export only the print areas.
        only_export_print_areas: bool = "onlyExportPrintAreas",
        /// Include the fill of cells.
        show_cell_fills: bool = "showCellFills",
        /// Include gridlines.
        show_gridlines: bool = "showGridlines",
    }
}

option_values! {
    /// How many digits of a number are exported to xlsx.
    pub enum ExportPrecision {
        /// All digits. The service's default.
        FullPrecision = "fullPrecision",
        /// The digits to which the number is rounded.
        Rounded = "rounded",
        /// The digits that are displayed.
        Displayed = "displayed",
    }
}

option_values! {
    /// The orientation of a page.
    pub enum PageOrientation {
        /// Higher than wide. The service's default.
        Portrait = "portrait",
        /// Wider than high.
        Landscape = "landscape",
    }
}

option_values! {
    /// The scale of a sheet on its page.
    pub enum PageScale {
        /// Its actual size. The service's default.
        ActualSize = "actualSize",
        /// Scaled to the width of the page.
        FitToWidth = "fitToWidth",
    }
}

impl SpreadsheetExport {
    /// The formats of spreadsheets, as the service names them.
    pub const FORMATS: &[&str] = &["xlsx", "csv", "pdf"];

    /// In this one of [`FORMATS`](Self::FORMATS); `None` if it is none of them.
    #[must_use]
    pub fn in_format(name: &str) -> Option<Self> {
        match name {
            "xlsx" => Some(Self::xlsx()),
            "csv" => Some(Self::csv()),
            "pdf" => Some(Self::pdf()),
            _ => None,
        }
    }

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
