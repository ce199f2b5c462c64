//! The schemas of the request bodies, from Workiva's API reference.

use super::object::{Field, FieldType, Fields, flag, optional, required};
use crate::service::route::ExportKind;

impl ExportKind {
    pub(super) fn fields(self) -> Fields {
        match self {
            Self::Attachment => PDF,
            Self::Document => DOCUMENT,
            Self::File => FILE,
            Self::FileWithoutId => FILE_WITHOUT_ID,
            Self::Original => &[],
            Self::Presentation => PRESENTATION,
            Self::Report => CSV,
            Self::Spreadsheet => SPREADSHEET,
            Self::StyleGuide => STYLE_GUIDE,
            Self::TestForm => XLSX,
        }
    }
}

const CSV: Fields = &[&[required("format", FieldType::Enum(&["csv"]))]];
const PDF: Fields = &[&[optional("format", FieldType::Enum(&["pdf"]))]];
const XLSX: Fields = &[&[optional("format", FieldType::Enum(&["xlsx"]))]];
const STYLE_GUIDE: Fields = &[&[optional("revision", FieldType::String)]];

const FILE: Fields = &[&[
    required(
        "kind",
        FieldType::Enum(&[
            "Document",
            "Spreadsheet",
            "Presentation",
            "SupportingDocument",
            "Folder",
            "Workiva",
        ]),
    ),
    optional("documentExport", FieldType::Object(DOCUMENT)),
    optional("spreadsheetExport", FieldType::Object(SPREADSHEET)),
    optional("presentationExport", FieldType::Object(PRESENTATION)),
    optional("folderExport", FieldType::Object(&[ARCHIVE])),
    optional("workivaFileExport", FieldType::Object(WORKIVA_FILE)),
]];

const WORKIVA_FILE: Fields =
    &[&[optional("workivaFileExportOptions", FieldType::Object(&[ARCHIVE]))]];

const FILE_WITHOUT_ID: Fields = &[&[
    required("kind", FieldType::Enum(&["Workiva"])),
    required(
        "workivaFileExportOptions",
        FieldType::Object(&[&[required("sourceId", FieldType::String)], ARCHIVE]),
    ),
]];

const DOCUMENT: Fields = &[&[
    required("format", FieldType::Enum(&["pdf", "docx", "xhtml"])),
    optional("sections", FieldType::Strings),
    optional(
        "docxOptions",
        FieldType::Object(&[&[flag("includeLeaderDots"), flag("showTableCellShading")]]),
    ),
    optional(
        "pdfOptions",
        FieldType::Object(&[&[
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
        FieldType::Object(&[&[
            flag("editableSimple"),
            flag("editableXhtml"),
            flag("includeExternalHyperlinks"),
            flag("includeHeadersAndFooters"),
        ]]),
    ),
]];

const INCHES: FieldType = FieldType::Number { from: 3.0, to: 100.0 };

const SPREADSHEET: Fields = &[&[
    required("format", FieldType::Enum(&["pdf", "xlsx", "csv"])),
    optional("sheets", FieldType::Strings),
    optional("csvOptions", FieldType::Object(&[&[flag("exportAsFormulas")]])),
    optional(
        "xlsxOptions",
        FieldType::Object(&[&[
            flag("exportAsFormulas"),
            optional(
                "exportPrecision",
                FieldType::Enum(&["fullPrecision", "rounded", "displayed"]),
            ),
        ]]),
    ),
    optional(
        "pdfOptions",
        FieldType::Object(&[&[
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
            optional("pageOrientation", FieldType::Enum(&["portrait", "landscape"])),
            optional("pageScale", FieldType::Enum(&["actualSize", "fitToWidth"])),
        ]]),
    ),
]];

const PRESENTATION: Fields = &[&[
    required("format", FieldType::Enum(&["pdf", "pptx"])),
    optional("slides", FieldType::Strings),
    optional(
        "pdfOptions",
        FieldType::Object(&[&[
            flag("includeAlternateRowFill"),
            flag("includeComments"),
            flag("includeDraftWatermark"),
            flag("includeHyperlinks"),
            flag("includeLeaderDots"),
            flag("tagForWebAccessibility"),
            flag("useCmykColorspace"),
        ]]),
    ),
    optional("pptxOptions", FieldType::Object(&[&[flag("includeUnusedLayoutSlides")]])),
]];

/// The options that exports of folders and of Workiva files share.
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
