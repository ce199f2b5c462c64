//! Files that an office program made; `documents/README.md` says how. Those of two exports differ in a number.

use super::Format;

/// Which of the files is exported as a PDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Document,
    Presentation,
    Spreadsheet,
}

/// Sixteen hexadecimal digits that each file contains where a reader ignores them, for example in a zip comment.
const NUMBER: &[u8; 16] = b"0123456789abcdef";

impl Report {
    /// The file in this format, with this number in place of [`NUMBER`].
    pub(super) fn numbered(self, format: Format, number: u64) -> Vec<u8> {
        let mut bytes = self.file(format).to_vec();
        let at = bytes.windows(NUMBER.len()).rposition(|digits| digits == NUMBER);
        let at = at.expect("each file contains the number");
        bytes[at..at + NUMBER.len()].copy_from_slice(format!("{number:016x}").as_bytes());
        bytes
    }

    fn file(self, format: Format) -> &'static [u8] {
        match (format, self) {
            (Format::Csv, _) => include_bytes!("../../documents/figures.csv"),
            (Format::CsvZip, _) => include_bytes!("../../documents/figures.zip"),
            (Format::Docx, _) => include_bytes!("../../documents/report.docx"),
            (Format::Pdf, Self::Document) => include_bytes!("../../documents/report.pdf"),
            (Format::Pdf, Self::Presentation) => include_bytes!("../../documents/slides.pdf"),
            (Format::Pdf, Self::Spreadsheet) => include_bytes!("../../documents/figures.pdf"),
            (Format::Pptx, _) => include_bytes!("../../documents/slides.pptx"),
            (Format::TarGz, _) => include_bytes!("../../documents/folder.tar.gz"),
            (Format::Xhtml, _) => include_bytes!("../../documents/report.xhtml"),
            (Format::Xlsx, _) => include_bytes!("../../documents/figures.xlsx"),
        }
    }
}
