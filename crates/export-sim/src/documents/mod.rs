//! The exported files: small real documents, files of a folder, or a pattern of any size.

mod archive;
mod csv;
mod docx;
mod draft;
mod folder;
mod format;
mod pdf;
mod pptx;
mod synthetic;
mod xhtml;
mod xlsx;
mod xml;

use std::io;

pub(crate) use self::draft::Draft;
pub(crate) use self::folder::find;
pub use self::format::Format;
pub(crate) use self::synthetic::Pattern;
use crate::Payload;
use crate::config::Content;
use crate::random::hash;
use crate::service::Order;

/// An exported file, ready to be served.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub(crate) file_name: String,
    pub(crate) media_type: &'static str,
    /// Strong, with its quotes.
    pub(crate) etag: String,
    pub(crate) payload: Payload,
}

/// Makes the file that was ordered. The same order, seed and edition give the same bytes.
///
/// An edition is a state of the content: the file changes when it does.
pub(crate) fn make(
    content: &Content,
    order: &Order,
    name: Option<&str>,
    edition: u64,
) -> io::Result<Artifact> {
    let fingerprint =
        order.facts().fold(hash(edition, order.name().as_bytes()), |state, (k, v)| {
            hash(hash(state, k.as_bytes()), v.as_bytes())
        });
    let format = order.format();
    let file_name = format!("{}.{}", name.unwrap_or_else(|| order.name()), format.extension());
    let (file_name, media_type, payload) = match content {
        Content::Documents => {
            let bytes = write(&Draft::new(order, fingerprint), format)?;
            (file_name, format.media_type(), bytes.into())
        }
        Content::Synthetic(length) => {
            let pattern = Pattern::new(format.magic(), fingerprint);
            (file_name, format.media_type(), Payload::pattern(pattern, *length))
        }
        Content::Folder(folder) => {
            let path = find(folder, order.name(), order.extension())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let media_type = format::media_type_of(&path);
            (name.unwrap_or(file_name), media_type, Payload::open(&path)?)
        }
    };
    let etag = format!("\"{:016x}\"", hash(fingerprint, &payload.len().to_le_bytes()));
    Ok(Artifact { file_name, media_type, etag, payload })
}

fn write(draft: &Draft, format: Format) -> io::Result<Vec<u8>> {
    match format {
        Format::Csv => Ok(csv::write(draft.first_part()).into_bytes()),
        Format::CsvZip => archive::zip_of_sheets(draft),
        Format::Docx => docx::write(draft),
        Format::Pdf => Ok(pdf::write(draft)),
        Format::Pptx => pptx::write(draft),
        Format::TarGz => archive::tar_gz(draft),
        Format::Xhtml => Ok(xhtml::write(draft).into_bytes()),
        Format::Xlsx => xlsx::write(draft),
    }
}
