//! Every option of every export, once: its flag, its field, and where the field belongs.
//!
//! The flags of all commands, their help, the refusals and the fields of the body are made of
//! this table. A flag is the service's name for its field, as flags are written.

use self::OptionScope::{
    DocumentDocx, DocumentPdf, DocumentXhtml, PresentationPdf, PresentationPptx, SpreadsheetCsv,
    SpreadsheetPdf, SpreadsheetXlsx,
};
use self::ValueKind::{Ids, Inches, Switch, Word};

/// One option.
#[derive(Debug)]
pub(crate) struct OptionSpec {
    /// Its flag, without dashes.
    pub(crate) flag: &'static str,
    /// Its field, as the service spells it.
    pub(crate) field: &'static str,
    pub(crate) value: ValueKind,
    /// Where the field belongs.
    pub(crate) scopes: &'static [OptionScope],
    /// Whether the short help shows it.
    pub(crate) is_common: bool,
    pub(crate) help: &'static str,
}

/// What follows the flag.
#[derive(Debug)]
pub(crate) enum ValueKind {
    /// Nothing: the flag itself is a yes.
    Switch,
    /// A length in inches.
    Inches,
    /// One of these: the flag's word, and the service's.
    Word(&'static [(&'static str, &'static str)]),
    /// Ids, separated by commas.
    Ids,
}

/// What is exported, as far as options go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    Spreadsheet,
    Presentation,
    Archive,
    /// It has no options at all.
    SupportingDocument,
}

/// An object of a body that has options.
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
const SHOWN: bool = true;
const LONG: bool = false;

/// **Source:** Workiva's API reference, as of 2026-11.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[OptionSpec] = &[
    option("sections", "sections", Ids, &[OptionScope::Document], SHOWN, "These sections only, as ID,ID,... [default: all]"),
    option("sheets", "sheets", Ids, &[OptionScope::Spreadsheet], SHOWN, "These sheets only, as ID,ID,...; csv takes one"),
    option("slides", "slides", Ids, &[OptionScope::Presentation], SHOWN, "These slides only, as ID,ID,... [default: all]"),

    option("include-comments", "includeComments", Switch, &[DocumentPdf, SpreadsheetPdf, PresentationPdf, OptionScope::Archive], SHOWN, "The comments"),
    option("include-hyperlinks", "includeHyperlinks", Switch, ALL_PDF, SHOWN, "Links that can be followed"),
    option("include-draft-watermark", "includeDraftWatermark", Switch, ALL_PDF, SHOWN, "A watermark that says \"draft\""),
    option("include-track-changes", "includeTrackChanges", Switch, &[DocumentPdf, SpreadsheetPdf], LONG, "The changes that were tracked"),
    option("include-leader-dots", "includeLeaderDots", Switch, &[DocumentPdf, DocumentDocx, SpreadsheetPdf, PresentationPdf], LONG, "Dots that lead from a table of contents to its page numbers"),
    option("include-alternate-row-fill", "includeAlternateRowFill", Switch, &[DocumentPdf, PresentationPdf], LONG, "The fill of every other table row"),
    option("include-attachment-labels", "includeAttachmentLabels", Switch, &[DocumentPdf], LONG, "The labels of attachments"),
    option("remove-space-from-partial-export", "removeSpaceFromPartialExport", Switch, &[DocumentPdf], LONG, "No gaps where --sections leaves something out"),
    option("tag-for-web-accessibility", "tagForWebAccessibility", Switch, &[DocumentPdf, PresentationPdf], LONG, "Tags that make the pdf accessible"),
    option("use-cmyk-colorspace", "useCmykColorspace", Switch, ALL_PDF, LONG, "Colours for print (CMYK) rather than for screens"),

    option("show-table-cell-shading", "showTableCellShading", Switch, &[DocumentDocx], LONG, "The shading of table cells"),
    option("editable-xhtml", "editableXhtml", Switch, &[DocumentXhtml], LONG, "Xhtml that is meant to be edited: the service's choice where no option for xhtml is given; excludes the others"),
    option("editable-simple", "editableSimple", Switch, &[DocumentXhtml], LONG, "Simple xhtml that is meant to be edited; excludes the others"),
    option("include-external-hyperlinks", "includeExternalHyperlinks", Switch, &[DocumentXhtml], LONG, "Links that lead out of the document"),
    option("include-headers-and-footers", "includeHeadersAndFooters", Switch, &[DocumentXhtml], LONG, "Headers and footers"),

    option("export-as-formulas", "exportAsFormulas", Switch, &[SpreadsheetCsv, SpreadsheetXlsx], LONG, "Formulas rather than their values"),
    option("export-precision", "exportPrecision", Word(PRECISIONS), &[SpreadsheetXlsx], LONG, "full-precision (default), rounded or displayed"),
    option("page-orientation", "pageOrientation", Word(ORIENTATIONS), SHEET_PDF, LONG, "portrait (default) or landscape"),
    option("page-scale", "pageScale", Word(SCALES), SHEET_PDF, LONG, "actual-size (default) or fit-to-width"),
    option("page-width", "pageWidth", Inches, SHEET_PDF, LONG, "Width of a page in inches, 3 to 100 [default: 8.5]"),
    option("page-height", "pageHeight", Inches, SHEET_PDF, LONG, "Height of a page in inches, 3 to 100 [default: 11]"),
    option("only-export-print-areas", "onlyExportPrintAreas", Switch, SHEET_PDF, LONG, "The print areas only"),
    option("show-cell-fills", "showCellFills", Switch, SHEET_PDF, LONG, "The fill of cells"),
    option("show-gridlines", "showGridlines", Switch, SHEET_PDF, LONG, "The lines between cells"),

    option("include-unused-layout-slides", "includeUnusedLayoutSlides", Switch, &[PresentationPptx], LONG, "Slides of the layout that no slide uses"),

    option("email-on-complete", "emailOnComplete", Switch, ARCHIVE, SHOWN, "Mail somebody when it is ready"),
    option("include-attachments", "includeAttachments", Switch, ARCHIVE, SHOWN, "The attachments"),
    option("include-custom-field-values", "includeCustomFieldValues", Switch, ARCHIVE, LONG, "The values of custom fields"),
    option("include-document-markup", "includeDocumentMarkup", Switch, ARCHIVE, LONG, "The markup of documents"),
    option("include-input-cell-values", "includeInputCellValues", Switch, ARCHIVE, LONG, "The values of input cells"),
    option("include-outline-labels", "includeOutlineLabels", Switch, ARCHIVE, LONG, "The labels of outlines"),
    option("include-smart-link-metadata", "includeSmartLinkMetadata", Switch, ARCHIVE, LONG, "The metadata of smart links"),
    option("include-wdata-incoming-connections", "includeWdataIncomingConnections", Switch, ARCHIVE, LONG, "Connections through which Wdata comes in"),
    option("include-wdata-outgoing-connections", "includeWdataOutgoingConnections", Switch, ARCHIVE, LONG, "Connections through which Wdata goes out"),
    option("include-xbrl", "includeXBRL", Switch, ARCHIVE, SHOWN, "XBRL"),
    option("include-xbrl-disconnected", "includeXBRLDisconnected", Switch, ARCHIVE, LONG, "XBRL that is disconnected"),
    option("keep-input-mode-enabled", "keepInputModeEnabled", Switch, ARCHIVE, LONG, "Leave input mode on"),
    option("remove-grc-links", "removeGRCLinks", Switch, ARCHIVE, LONG, "Remove links to governance, risk and compliance"),
    option("remove-links", "removeLinks", Switch, ARCHIVE, LONG, "Remove links"),
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
    /// Whether it chooses parts of what is exported.
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
            Self::SupportingDocument => "files as they were uploaded",
        }
    }

    pub(crate) const fn article(self) -> &'static str {
        match self {
            Self::Document => "a document",
            Self::Spreadsheet => "a spreadsheet",
            Self::Presentation => "a presentation",
            Self::Archive => "an archive",
            Self::SupportingDocument => "a file as it was uploaded",
        }
    }

    /// The flag that chooses parts of it.
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

    /// The format that the options are for; `None` if they are for every one.
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

    /// The name of the object; empty if the options stand beside the format.
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
