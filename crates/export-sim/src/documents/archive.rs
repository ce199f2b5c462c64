use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::document::Document;
use super::{csv, xhtml, xml};

/// A zip archive with a CSV file for each sheet.
pub(super) fn zip_of_sheets(document: &Document) -> io::Result<Vec<u8>> {
    let sheets: Vec<_> = (1..)
        .zip(&document.parts)
        .map(|(n, part)| (format!("{n} {}.csv", entry_name(&part.name)), csv::write(part)))
        .collect();
    xml::package(&sheets)
}

/// A gzipped tar archive with the export options and an XHTML page.
pub(super) fn tar_gz(document: &Document) -> io::Result<Vec<u8>> {
    let request: String =
        document.options.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in [("order.txt", request), ("document.xhtml", xhtml::write(document))] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{}/{name}", entry_name(&document.title));
        tar.append_data(&mut header, path, content.as_bytes())?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// A safe name for a file in an archive: without separators and leading dots, at most 60 characters.
fn entry_name(name: &str) -> String {
    let clean =
        name.chars().map(|c| if c.is_alphanumeric() || " -_".contains(c) { c } else { '_' });
    clean.take(60).collect()
}
