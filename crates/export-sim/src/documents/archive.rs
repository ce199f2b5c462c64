use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::draft::Draft;
use super::{csv, xhtml, xml};

/// A zip archive with a `.csv` a sheet.
pub(super) fn zip_of_sheets(draft: &Draft) -> io::Result<Vec<u8>> {
    let sheets: Vec<_> = (1..)
        .zip(&draft.parts)
        .map(|(n, part)| (format!("{n} {}.csv", entry_name(&part.name)), csv::write(part)))
        .collect();
    xml::package(&sheets)
}

/// A gzipped tar archive with a page and what was ordered.
pub(super) fn tar_gz(draft: &Draft) -> io::Result<Vec<u8>> {
    let order: String =
        draft.facts.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in [("order.txt", order), ("document.xhtml", xhtml::write(draft))] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{}/{name}", entry_name(&draft.title));
        tar.append_data(&mut header, path, content.as_bytes())?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// A name for a file in an archive: no folders, no dots in front, of a bearable length.
fn entry_name(name: &str) -> String {
    let clean =
        name.chars().map(|c| if c.is_alphanumeric() || " -_".contains(c) { c } else { '_' });
    clean.take(60).collect()
}
