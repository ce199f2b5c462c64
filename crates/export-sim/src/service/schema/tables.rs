//! The request bodies, as Workiva's reference has them.

use super::object::{Field, Fields, Shape, flag, optional, required};
use crate::service::route::Family;

impl Family {
    pub(super) fn fields(self) -> Fields {
        match self {
            Self::Attachment => PDF,
            Self::Document => DOCUMENT,
            Self::File => FILE,
            Self::FileWithoutId => FILE_WITHOUT_ID,
            Self::Presentation => PRESENTATION,
            Self::Report => CSV,
            Self::Spreadsheet => SPREADSHEET,
            Self::StyleGuide => STYLE_GUIDE,
            Self::TestForm => XLSX,
        }
    }
}

const CSV: Fields = &[&[required("format", Shape::Word(&["csv"]))]];
const PDF: Fields = &[&[required("format", Shape::Word(&["pdf"]))]];
const XLSX: Fields = &[&[required("format", Shape::Word(&["xlsx"]))]];
const STYLE_GUIDE: Fields = &[&[optional("revision", Shape::Text)]];

const FILE: Fields = &[&[
    required(
        "kind",
        Shape::Word(&[
            "Document",
            "Spreadsheet",
            "Presentation",
            "SupportingDocument",
            "Folder",
            "Workiva",
        ]),
    ),
    optional("documentExport", Shape::Object(DOCUMENT)),
    optional("spreadsheetExport", Shape::Object(SPREADSHEET)),
    optional("presentationExport", Shape::Object(PRESENTATION)),
    optional("folderExport", Shape::Object(&[ARCHIVE])),
    optional("workivaFileExport", Shape::Object(WORKIVA_FILE)),
]];

const WORKIVA_FILE: Fields = &[&[optional("workivaFileExportOptions", Shape::Object(&[ARCHIVE]))]];

const FILE_WITHOUT_ID: Fields = &[&[
    required("kind", Shape::Word(&["Workiva"])),
    required(
        "workivaFileExportOptions",
        Shape::Object(&[&[required("sourceId", Shape::Text)], ARCHIVE]),
    ),
]];

const DOCUMENT: Fields = &[&[
    required("format", Shape::Word(&["pdf", "docx", "xhtml"])),
    optional("sections", Shape::Texts),
    optional(
        "docxOptions",
        Shape::Object(&[&[flag("includeLeaderDots"), flag("showTableCellShading")]]),
    ),
    optional(
        "pdfOptions",
        Shape::Object(&[&[
            flag("includeAlternateRowFill"),
            flag("includeAttachmentLabels"),
            flag("includeComments"),
            flag("includeDraftWatermark"),
            flag("includeHyperlinks"),
            flag("includeLeaderDots"),
            flag("includeTrackChanges"),
            flag("tagForWebAccessibility"),
            flag("useCmykColorspace"),
            flag("removeSpaceFromPartialExport"),
        ]]),
    ),
    optional(
        "xhtmlOptions",
        Shape::Object(&[&[
            flag("editableSimple"),
            flag("editableXhtml"),
            flag("includeExternalHyperlinks"),
            flag("includeHeadersAndFooters"),
        ]]),
    ),
]];

const INCHES: Shape = Shape::Number { from: 3.0, to: 100.0 };

const SPREADSHEET: Fields = &[&[
    required("format", Shape::Word(&["pdf", "xlsx", "csv"])),
    optional("sheets", Shape::Texts),
    optional("csvOptions", Shape::Object(&[&[flag("exportAsFormulas")]])),
    optional(
        "xlsxOptions",
        Shape::Object(&[&[
            flag("exportAsFormulas"),
            optional("exportPrecision", Shape::Word(&["fullPrecision", "rounded", "displayed"])),
        ]]),
    ),
    optional(
        "pdfOptions",
        Shape::Object(&[&[
            flag("includeComments"),
            flag("includeDraftWatermark"),
            flag("includeHyperlinks"),
            flag("includeLeaderDots"),
            flag("includeTrackChanges"),
            flag("onlyExportPrintAreas"),
            flag("showCellFills"),
            flag("showGridlines"),
            flag("useCmykColorspace"),
            optional("pageHeight", INCHES),
            optional("pageWidth", INCHES),
            optional("pageOrientation", Shape::Word(&["portrait", "landscape"])),
            optional("pageScale", Shape::Word(&["actualSize", "fitToWidth"])),
        ]]),
    ),
]];

const PRESENTATION: Fields = &[&[
    required("format", Shape::Word(&["pdf", "pptx"])),
    optional("slides", Shape::Texts),
    optional(
        "pdfOptions",
        Shape::Object(&[&[
            flag("includeAlternateRowFill"),
            flag("includeComments"),
            flag("includeDraftWatermark"),
            flag("includeHyperlinks"),
            flag("includeLeaderDots"),
            flag("tagForWebAccessibility"),
            flag("useCmykColorspace"),
        ]]),
    ),
    optional("pptxOptions", Shape::Object(&[&[flag("includeUnusedLayoutSlides")]])),
]];

/// What the exports of folders and of Workiva files have in common.
const ARCHIVE: &[Field] = &[
    flag("emailOnComplete"),
    flag("includeAttachments"),
    flag("includeComments"),
    flag("includeCustomFieldValues"),
    flag("includeDocumentMarkup"),
    flag("includeInputCellValues"),
    flag("includeOutlineLabels"),
    flag("includeSmartLinkMetadata"),
    flag("includeWdataIncomingConnections"),
    flag("includeWdataOutgoingConnections"),
    flag("includeXBRL"),
    flag("includeXBRLDisconnected"),
    flag("keepInputModeEnabled"),
    flag("removeGRCLinks"),
    flag("removeLinks"),
];
