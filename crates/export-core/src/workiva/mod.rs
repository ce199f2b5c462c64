//! The dialect of Workiva's API: its paths, its JSON, its words.

mod answers;
mod dialect;
mod errors;
mod format;
mod generation;
mod job;
mod lenient;
mod routes;
mod saved;
mod spec;
mod token;

pub use self::dialect::Workiva;
pub use self::generation::{ApiVersion, Region, UnknownName};
pub use self::saved::RestoreError;
pub use self::spec::{
    ArchiveOptions, DocumentDocxOptions, DocumentExport, DocumentPdfOptions, DocumentXhtmlOptions,
    ExportPrecision, ExportSpec, FileExport, PageOrientation, PageScale, PresentationExport,
    PresentationPdfOptions, PresentationPptxOptions, SpecError, SpreadsheetCsvOptions,
    SpreadsheetExport, SpreadsheetPdfOptions, SpreadsheetXlsxOptions, StyleGuideExport,
    TestAttachment,
};
