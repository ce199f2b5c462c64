use std::path::Path;

/// The format of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A single sheet as comma-separated values.
    Csv,
    /// A zip archive with a CSV file for each sheet.
    CsvZip,
    /// A Word document.
    Docx,
    /// A PDF.
    Pdf,
    /// A PowerPoint presentation.
    Pptx,
    /// A gzipped tar archive.
    TarGz,
    /// An XHTML page.
    Xhtml,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::CsvZip => "application/zip",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pdf => "application/pdf",
            Self::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
            Self::TarGz => "application/gzip",
            Self::Xhtml => "application/xhtml+xml",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The file extension, without the leading dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvZip => "zip",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::TarGz => "tar.gz",
            Self::Xhtml => "xhtml",
            Self::Xlsx => "xlsx",
        }
    }

    /// The bytes at the start of a file of this format. Empty for CSV, which has none.
    #[must_use]
    pub const fn magic(self) -> &'static [u8] {
        match self {
            Self::Csv => b"",
            Self::CsvZip | Self::Docx | Self::Pptx | Self::Xlsx => b"PK\x03\x04",
            Self::Pdf => b"%PDF-1.7\n",
            Self::TarGz => b"\x1f\x8b\x08",
            Self::Xhtml => b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        }
    }

    /// The format with this name in request bodies.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "csv" => Self::Csv,
            "docx" => Self::Docx,
            "pdf" => Self::Pdf,
            "pptx" => Self::Pptx,
            "xhtml" => Self::Xhtml,
            "xlsx" => Self::Xlsx,
            _ => return None,
        })
    }
}

/// The media type of a user's file, by its extension.
pub(super) fn media_type_of(path: &Path) -> &'static str {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let formats = [
        Format::Csv,
        Format::CsvZip,
        Format::Docx,
        Format::Pdf,
        Format::Pptx,
        Format::TarGz,
        Format::Xhtml,
        Format::Xlsx,
    ];
    let known = formats.iter().find(|format| name.ends_with(&format!(".{}", format.extension())));
    known.map_or("application/octet-stream", |format| format.media_type())
}
