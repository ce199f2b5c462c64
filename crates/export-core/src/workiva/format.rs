//! The format of an exported file, and checks of a download against it.

use crate::dialect::{Contradiction, begins_a_page};

/// The requested format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFormat {
    Csv,
    /// A zip with one csv for each sheet.
    CsvZip,
    Docx,
    Pdf,
    Pptx,
    TarGz,
    Xhtml,
    Xlsx,
    /// Unknown before the download: any file but JSON, in which the service describes its objects.
    File,
    /// Anything.
    Any,
}

impl FileFormat {
    const ALL: [Self; 10] = [
        Self::Csv,
        Self::CsvZip,
        Self::Docx,
        Self::Pdf,
        Self::Pptx,
        Self::TarGz,
        Self::Xhtml,
        Self::Xlsx,
        Self::File,
        Self::Any,
    ];

    /// The name in checkpoints: the API's own where it has one.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvZip => "csv.zip",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::TarGz => "tar.gz",
            Self::Xhtml => "xhtml",
            Self::Xlsx => "xlsx",
            Self::File => "file",
            Self::Any => "any",
        }
    }

    /// The format with this name; [`Any`](Self::Any) for a name of a later release.
    pub(super) fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|format| format.as_str() == word).unwrap_or(Self::Any)
    }

    /// The file name extension, without the dot.
    pub(super) fn extension(self) -> Option<&'static str> {
        self.extensions().first().copied()
    }

    /// The extension as a list, which is empty for [`Any`](Self::Any).
    pub(super) const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["csv"],
            Self::CsvZip => &["zip"],
            Self::Docx => &["docx"],
            Self::Pdf => &["pdf"],
            Self::Pptx => &["pptx"],
            Self::TarGz => &["tar.gz"],
            Self::Xhtml => &["xhtml"],
            Self::Xlsx => &["xlsx"],
            Self::File | Self::Any => &[],
        }
    }

    /// Why a file with this media type and these first bytes does not have this format; `None` if it
    /// has, or may have once there are more bytes.
    pub(super) fn contradiction(
        self,
        media_type: Option<&str>,
        first: &[u8],
        is_whole: bool,
    ) -> Option<Contradiction> {
        let (expected, magic): (_, &[u8]) = match self {
            Self::Any => return None,
            Self::Csv => ("a csv file", b""),
            Self::CsvZip => ("csv in a zip", b""),
            Self::File => ("an exported file", b""),
            Self::Docx => ("a docx file", b"PK"),
            Self::Pdf => ("a pdf file", b"%PDF-"),
            Self::Pptx => ("a pptx file", b"PK"),
            Self::TarGz => ("a gzip file", b"\x1f\x8b"),
            Self::Xhtml => ("an xhtml file", b""),
            Self::Xlsx => ("an xlsx file", b"PK"),
        };
        let called = |name: &str| media_type.is_some_and(|given| given.eq_ignore_ascii_case(name));
        // A cell may have the tag of a page.
        let is_csv = matches!(self, Self::Csv | Self::CsvZip) && called("text/csv");
        let may_be_page = matches!(self, Self::Xhtml | Self::File);
        let is_page = |first| !may_be_page && !is_csv && begins_a_page(first);
        let may_have_magic = match self {
            Self::Pdf => {
                let is_decided = is_whole || first.len() >= PDF_WINDOW || is_no_pdf(first);
                !is_decided || first.windows(magic.len()).any(|bytes| bytes == magic)
            }
            _ => first.starts_with(magic),
        };
        if called("application/json") {
            Some(Contradiction::WrongFormat(expected))
        } else if (!may_be_page && called("text/html")) || is_page(first) {
            Some(Contradiction::Page)
        } else if may_have_magic {
            None
        } else {
            Some(Contradiction::WrongFormat(expected))
        }
    }
}

/// A pdf may have other bytes before its signature: readers look for it in this number of bytes.
const PDF_WINDOW: usize = 1_024;

/// Whether a file has the signature of another format, or is JSON.
fn is_no_pdf(first: &[u8]) -> bool {
    [&b"PK\x03\x04"[..], b"\x1f\x8b", b"{", b"[", b"<?xml"]
        .iter()
        .any(|begin| first.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Option<Contradiction> = Some(Contradiction::Page);

    fn other(expected: &'static str) -> Option<Contradiction> {
        Some(Contradiction::WrongFormat(expected))
    }

    #[test]
    fn file_signature_decides_over_the_media_type() {
        for (format, first) in [
            (FileFormat::Pdf, &b"%PDF-1.7"[..]),
            (FileFormat::Docx, b"PK\x03\x04\x14\0\x06\0"),
            (FileFormat::Xlsx, b"PK\x03\x04\x14\0\x06\0"),
            (FileFormat::Pptx, b"PK\x03\x04\x14\0\x06\0"),
            (FileFormat::TarGz, b"\x1f\x8b\x08\0\0\0\0\0"),
            (FileFormat::Csv, b"a,b,c\n1,"),
            (FileFormat::Csv, b""),
            (FileFormat::Csv, b"PK\x03\x04\x14\0\x06\0"),
            (FileFormat::CsvZip, b"PK\x03\x04\x14\0\x06\0"),
            (FileFormat::CsvZip, b"a,b,c\n1,"),
            (FileFormat::Xhtml, b"<?xml ve"),
            (FileFormat::Xhtml, b"PK\x03\x04\x14\0\x06\0"),
        ] {
            for media in [None, Some("application/octet-stream"), Some("text/plain")] {
                assert_eq!(format.contradiction(media, first, true), None, "{format:?} {media:?}");
            }
        }
    }

    #[test]
    fn html_page_is_recognised() {
        for format in FileFormat::ALL {
            let free = matches!(format, FileFormat::Any | FileFormat::File | FileFormat::Xhtml);
            let page = if free { None } else { PAGE };
            assert_eq!(
                format.contradiction(Some("Text/HTML"), b"Please w", true),
                page,
                "{format:?}"
            );
            for first in
                [b"<!DOCTYP", b"<!doctyp", b"<html la", b"<HTML>\r\n", b" \n<html>", b"<head><t"]
            {
                assert_eq!(format.contradiction(None, first, true), page, "{format:?}");
            }
            assert_eq!(format.contradiction(None, b"\xef\xbb\xbf<html", true), page, "{format:?}");
        }
    }

    #[test]
    fn csv_may_begin_like_a_page() {
        let contradiction = |media| FileFormat::Csv.contradiction(media, b"<html>,1\r\n", true);
        assert_eq!(contradiction(Some("Text/CSV")), None);
        assert_eq!(contradiction(Some("text/plain")), PAGE);
        assert_eq!(contradiction(Some("text/html")), PAGE);
    }

    #[test]
    fn pdf_may_have_bytes_before_its_signature() {
        let pdf = |first: &[u8]| FileFormat::Pdf.contradiction(None, first, true);
        assert_eq!(pdf(b"\xef\xbb\xbf\r\n%PDF-1.7"), None);
        assert_eq!(pdf(b"@PJL SET\n\n%PDF-1.4\n%"), None);
        assert_eq!(pdf(b"%!PS-Adobe-3.0 PDF-1.4"), other("a pdf file"));
        assert_eq!(pdf(b"<html>%PDF-1.4"), PAGE);
        let begun = |first: &[u8]| FileFormat::Pdf.contradiction(None, first, false);
        assert_eq!(begun(b"@PJL SET"), None);
        assert_eq!(begun(&[b' '; 1_023]), None);
        assert_eq!(begun(&[b' '; 1_024]), other("a pdf file"));
        assert_eq!(begun(b"PK\x03\x04\x14\0\x06\0"), other("a pdf file"));
        assert_eq!(begun(b"{\"id\": \"d"), other("a pdf file"));
    }

    #[test]
    fn json_is_a_wrong_format() {
        assert_eq!(
            FileFormat::Csv.contradiction(Some("application/json"), b"{\"a\":1}", true),
            other("a csv file")
        );
        assert_eq!(
            FileFormat::Xhtml.contradiction(Some("application/json"), b"{\"a\":1}", true),
            other("an xhtml file")
        );
        assert_eq!(FileFormat::Any.contradiction(Some("application/json"), b"{}", true), None);
    }

    #[test]
    fn other_signature_is_a_wrong_format() {
        assert_eq!(FileFormat::TarGz.contradiction(None, b"\x1f\x9d", true), other("a gzip file"));
        for (format, expected) in [
            (FileFormat::Pdf, "a pdf file"),
            (FileFormat::Docx, "a docx file"),
            (FileFormat::Xlsx, "an xlsx file"),
            (FileFormat::Pptx, "a pptx file"),
            (FileFormat::TarGz, "a gzip file"),
        ] {
            for first in [&b""[..], b"{", b"<?xml ve", b"\0\0\0\0\0\0\0\0", b"%pdf-1.7"] {
                assert_eq!(format.contradiction(None, first, true), other(expected), "{first:?}");
            }
        }
    }

    #[test]
    fn format_round_trips_and_unknown_is_any() {
        for format in FileFormat::ALL {
            assert_eq!(FileFormat::of_word(format.as_str()), format);
        }
        assert_eq!(FileFormat::of_word("odt"), FileFormat::Any);
    }
}
