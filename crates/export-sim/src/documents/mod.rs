//! The exported files: small real documents, files from a folder, or a generated pattern of any size.

mod folder;
mod format;
mod report;
mod synthetic;

use std::io;

pub(crate) use self::folder::find;
pub use self::format::Format;
pub(crate) use self::report::Report;
pub(crate) use self::synthetic::Pattern;
use crate::Payload;
use crate::config::Content;
use crate::random::hash;
use crate::service::ExportRequest;

/// An exported file.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub(crate) file_name: String,
    pub(crate) media_type: &'static str,
    /// A strong ETag, including the quotes.
    pub(crate) etag: String,
    pub(crate) payload: Payload,
}

/// Creates the requested file. The same request and revision give the same bytes.
pub(crate) fn create(
    content: &Content,
    request: &ExportRequest,
    name: Option<&str>,
    revision: u64,
) -> io::Result<Artifact> {
    let fingerprint = hash(revision ^ request.fingerprint(), request.name().as_bytes());
    let format = request.format();
    let file_name = format!("{}.{}", name.unwrap_or_else(|| request.name()), format.extension());
    let (file_name, media_type, payload) = match content {
        Content::Documents => {
            let bytes = request.report().numbered(format, fingerprint);
            (file_name, format.media_type(), bytes.into())
        }
        Content::Synthetic(length) => {
            let pattern = Pattern::new(format.magic(), fingerprint);
            (file_name, format.media_type(), Payload::pattern(pattern, *length))
        }
        Content::Folder(folder) => {
            let path = find(folder, request.name(), request.extension())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let media_type = format::media_type_of(&path);
            (name.unwrap_or(file_name), media_type, Payload::open(&path)?)
        }
    };
    let etag = format!("\"{:016x}\"", hash(fingerprint, &payload.len().to_le_bytes()));
    Ok(Artifact { file_name, media_type, etag, payload })
}
