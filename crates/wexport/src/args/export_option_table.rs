//! The table of all export options: flag, field, and where the field is in a request body.
//!
//! The flags of the commands, their help, their errors and the fields of request bodies are made
//! from this table. A flag is the field's name in kebab case.

use self::OptionScope::{
    DocumentDocx, DocumentPdf, DocumentXhtml, PresentationPdf, PresentationPptx, SpreadsheetCsv,
    SpreadsheetPdf, SpreadsheetXlsx,
};
use self::ValueKind::{Choice, Ids, Inches, Switch};

/// An export option.
#[derive(Debug)]
pub(crate) struct OptionSpec {
    /// The flag, without dashes.
    pub(crate) flag: &'static str,
    /// The field, as the service spells it.
    pub(crate) field: &'static str,
    pub(crate) value: ValueKind,
    /// The objects that may have the field.
    pub(crate) scopes: &'static [OptionScope],
    /// Whether the short help includes it.
    pub(crate) is_common: bool,
    pub(crate) help: &'static str,
}

/// The value of a flag.
#[derive(Debug)]
pub(crate) enum ValueKind {
    /// None: the flag sets the field to true.
    Switch,
    /// A length in inches.
    Inches,
    /// One of a list: as the flag spells it, and as the service does.
    Choice(&'static [(&'static str, &'static str)]),
    /// IDs, separated by commas.
    Ids,
}

/// The kinds of items that have different options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    Spreadsheet,
    Presentation,
    Archive,
    /// It has no options.
    SupportingDocument,
}

/// An object of a request body that has options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionScope {
    Archive,
    Document,
    DocumentDocx,
    DocumentPdf,
    DocumentXhtml,
    Presentation,
    PresentationPdf,
    PresentationPptx,
    Spreadsheet,
    SpreadsheetCsv,
    SpreadsheetPdf,
    SpreadsheetXlsx,
}

const ALL_PDF: &[OptionScope] = &[DocumentPdf, SpreadsheetPdf, PresentationPdf];
const ARCHIVE: &[OptionScope] = &[OptionScope::Archive];
const SHEET_PDF: &[OptionScope] = &[SpreadsheetPdf];
/// Values of [`OptionSpec::is_common`].
const COMMON: bool = true;
const RARE: bool = false;

/// **Source:** Workiva's API reference, as of 2026-11.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[OptionSpec] = &[
    option("sections", "sections", Ids, &[OptionScope::Document], COMMON, "Only these sections (comma-separated IDs)"),
    option("sheets", "sheets", Ids, &[OptionScope::Spreadsheet], COMMON, "Only these sheets (comma-separated IDs; one for csv)"),
    option("slides", "slides", Ids, &[OptionScope::Presentation], COMMON, "Only these slides (comma-separated IDs)"),

    option("include-comments", "includeComments", Switch, &[DocumentPdf, SpreadsheetPdf, PresentationPdf, OptionScope::Archive], COMMON, "Include comments"),
    option("include-hyperlinks", "includeHyperlinks", Switch, ALL_PDF, COMMON, "Include hyperlinks"),
    option("include-draft-watermark", "includeDraftWatermark", Switch, ALL_PDF, COMMON, "Add a \"draft\" watermark"),
    option("include-track-changes", "includeTrackChanges", Switch, &[DocumentPdf, SpreadsheetPdf], RARE, "Include tracked changes"),
    option("include-leader-dots", "includeLeaderDots", Switch, &[DocumentPdf, DocumentDocx, SpreadsheetPdf, PresentationPdf], RARE, "Include leader dots in tables of contents"),
    option("include-alternate-row-fill", "includeAlternateRowFill", Switch, &[DocumentPdf, PresentationPdf], RARE, "Include the fill of alternate table rows"),
    option("include-attachment-labels", "includeAttachmentLabels", Switch, &[DocumentPdf], RARE, "Include labels of attachments"),
    option("remove-space-from-partial-export", "removeSpaceFromPartialExport", Switch, &[DocumentPdf], RARE, "Remove the gaps of sections that --sections omits"),
    option("tag-for-web-accessibility", "tagForWebAccessibility", Switch, &[DocumentPdf, PresentationPdf], RARE, "Add tags for accessibility"),
    option("use-cmyk-colorspace", "useCmykColorspace", Switch, ALL_PDF, RARE, "Use CMYK colours, for print"),

    option("show-table-cell-shading", "showTableCellShading", Switch, &[DocumentDocx], RARE, "Include the shading of table cells"),
    option("editable-xhtml", "editableXhtml", Switch, &[DocumentXhtml], RARE, "Export editable xhtml (the service's default without xhtml options); excludes the others"),
    option("editable-simple", "editableSimple", Switch, &[DocumentXhtml], RARE, "Export simple editable xhtml; excludes the others"),
    option("include-external-hyperlinks", "includeExternalHyperlinks", Switch, &[DocumentXhtml], RARE, "Include links to targets outside of the document"),
    option("include-headers-and-footers", "includeHeadersAndFooters", Switch, &[DocumentXhtml], RARE, "Include headers and footers"),

    option("export-as-formulas", "exportAsFormulas", Switch, &[SpreadsheetCsv, SpreadsheetXlsx], RARE, "Export formulas instead of their values"),
    option("export-precision", "exportPrecision", Choice(PRECISIONS), &[SpreadsheetXlsx], RARE, "Numbers: full-precision (default), rounded or displayed"),
    option("page-orientation", "pageOrientation", Choice(ORIENTATIONS), SHEET_PDF, RARE, "Page orientation: portrait (default) or landscape"),
    option("page-scale", "pageScale", Choice(SCALES), SHEET_PDF, RARE, "Page scale: actual-size (default) or fit-to-width"),
    option("page-width", "pageWidth", Inches, SHEET_PDF, RARE, "Page width in inches, 3 to 100 [default: 8.5]"),
    option("page-height", "pageHeight", Inches, SHEET_PDF, RARE, "Page height in inches, 3 to 100 [default: 11]"),
    option("only-export-print-areas", "onlyExportPrintAreas", Switch, SHEET_PDF, RARE, "Only the print areas"),
    option("show-cell-fills", "showCellFills", Switch, SHEET_PDF, RARE, "Include the fill of cells"),
    option("show-gridlines", "showGridlines", Switch, SHEET_PDF, RARE, "Include gridlines"),

    option("include-unused-layout-slides", "includeUnusedLayoutSlides", Switch, &[PresentationPptx], RARE, "Include unused slides of the layout"),

    option("email-on-complete", "emailOnComplete", Switch, ARCHIVE, COMMON, "Send an email when the export is complete"),
    option("include-attachments", "includeAttachments", Switch, ARCHIVE, COMMON, "Include attachments"),
    option("include-custom-field-values", "includeCustomFieldValues", Switch, ARCHIVE, RARE, "Include values of custom fields"),
    option("include-document-markup", "includeDocumentMarkup", Switch, ARCHIVE, RARE, "Include the markup of documents"),
    option("include-input-cell-values", "includeInputCellValues", Switch, ARCHIVE, RARE, "Include values of input cells"),
    option("include-outline-labels", "includeOutlineLabels", Switch, ARCHIVE, RARE, "Include labels of outlines"),
    option("include-smart-link-metadata", "includeSmartLinkMetadata", Switch, ARCHIVE, RARE, "Include the metadata of smart links"),
    option("include-wdata-incoming-connections", "includeWdataIncomingConnections", Switch, ARCHIVE, RARE, "Include incoming Wdata connections"),
    option("include-wdata-outgoing-connections", "includeWdataOutgoingConnections", Switch, ARCHIVE, RARE, "Include outgoing Wdata connections"),
    option("include-xbrl", "includeXBRL", Switch, ARCHIVE, COMMON, "Include XBRL"),
    option("include-xbrl-disconnected", "includeXBRLDisconnected", Switch, ARCHIVE, RARE, "Include disconnected XBRL"),
    option("keep-input-mode-enabled", "keepInputModeEnabled", Switch, ARCHIVE, RARE, "Keep input mode enabled"),
    option("remove-grc-links", "removeGRCLinks", Switch, ARCHIVE, RARE, "Remove links to governance, risk and compliance (GRC)"),
    option("remove-links", "removeLinks", Switch, ARCHIVE, RARE, "Remove links"),
];

const PRECISIONS: &[(&str, &str)] =
    &[("full-precision", "fullPrecision"), ("rounded", "rounded"), ("displayed", "displayed")];
const ORIENTATIONS: &[(&str, &str)] = &[("portrait", "portrait"), ("landscape", "landscape")];
const SCALES: &[(&str, &str)] = &[("actual-size", "actualSize"), ("fit-to-width", "fitToWidth")];

const fn option(
    flag: &'static str,
    field: &'static str,
    value: ValueKind,
    scopes: &'static [OptionScope],
    is_common: bool,
    help: &'static str,
) -> OptionSpec {
    OptionSpec { flag, field, value, scopes, is_common, help }
}

impl ValueKind {
    /// Whether the flag selects parts of the item.
    pub(crate) const fn is_selection(&self) -> bool {
        matches!(self, Ids)
    }
}

impl Kind {
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Document => "documents",
            Self::Spreadsheet => "spreadsheets",
            Self::Presentation => "presentations",
            Self::Archive => "folders and Workiva files",
            Self::SupportingDocument => "supporting documents",
        }
    }

    /// The flag that selects parts of an item of this kind.
    pub(crate) const fn selection(self) -> Option<&'static str> {
        match self {
            Self::Document => Some("sections"),
            Self::Spreadsheet => Some("sheets"),
            Self::Presentation => Some("slides"),
            Self::Archive | Self::SupportingDocument => None,
        }
    }
}

impl OptionScope {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Archive => Kind::Archive,
            Self::Document | DocumentDocx | DocumentPdf | DocumentXhtml => Kind::Document,
            Self::Presentation | PresentationPdf | PresentationPptx => Kind::Presentation,
            Self::Spreadsheet | SpreadsheetCsv | SpreadsheetPdf | SpreadsheetXlsx => {
                Kind::Spreadsheet
            }
        }
    }

    /// The format that has the options; `None` if all formats have them.
    pub(crate) const fn format(self) -> Option<&'static str> {
        match self {
            Self::Archive | Self::Document | Self::Presentation | Self::Spreadsheet => None,
            DocumentDocx => Some("docx"),
            DocumentPdf | PresentationPdf | SpreadsheetPdf => Some("pdf"),
            DocumentXhtml => Some("xhtml"),
            PresentationPptx => Some("pptx"),
            SpreadsheetCsv => Some("csv"),
            SpreadsheetXlsx => Some("xlsx"),
        }
    }

    /// The name of the object; empty if the options are beside the format.
    pub(crate) const fn object(self) -> &'static str {
        match self {
            Self::Archive | Self::Document | Self::Presentation | Self::Spreadsheet => "",
            DocumentDocx => "docxOptions",
            DocumentPdf | PresentationPdf | SpreadsheetPdf => "pdfOptions",
            DocumentXhtml => "xhtmlOptions",
            PresentationPptx => "pptxOptions",
            SpreadsheetCsv => "csvOptions",
            SpreadsheetXlsx => "xlsxOptions",
        }
    }
}
