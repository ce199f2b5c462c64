//! The dialect for Workiva's API: its paths, headers and JSON.

mod dialect;
mod errors;
mod files;
mod format;
mod job;
mod lenient;
mod responses;
mod routes;
mod saved;
mod settings;
mod spec;
mod token;

pub use self::dialect::Workiva;
pub use self::files::{FilesQuery, ListFiles, ListedFile};
pub use self::saved::RestoreError;
pub use self::settings::{ApiVersion, Region, UnknownName, VersionDate};
pub use self::spec::{
    ArchiveOptions, DocumentDocxOptions, DocumentExport, DocumentPdfOptions, DocumentXhtmlOptions,
    ExportOption, ExportPrecision, ExportSpec, FileExport, ItemKind, OptionValue, PageOrientation,
    PageScale, PresentationExport, PresentationPdfOptions, PresentationPptxOptions, SpecError,
    SpreadsheetCsvOptions, SpreadsheetExport, SpreadsheetPdfOptions, SpreadsheetXlsxOptions,
    Strict, StyleGuideExport, TestAttachment,
};
