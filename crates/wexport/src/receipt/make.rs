//! Writing a receipt.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_host::PartFile;
use export_hyper::{Artifact, Timestamp};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::digest::digest;
use super::{Receipt, VERSION, path_of};
use crate::clock;
use crate::report::Problem;
use crate::spec::What;

/// What is known of a file beside what the service says of it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) what: What,
    pub(crate) spec: Option<Value>,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    pub(crate) client_id: Option<String>,
    pub(crate) began: Timestamp,
}

/// Writes the receipt of a file that is in place, beside it.
pub(crate) async fn write(
    file: &Path,
    artifact: &Artifact,
    origin: Origin,
) -> Result<PathBuf, Problem> {
    let receipt = path_of(file);
    let fail =
        |error| Problem::local(format!("the file is there, but not {}", receipt.display()), &error);
    let (path, artifact) = (file.to_path_buf(), artifact.clone());
    let written = spawn_blocking(move || {
        let receipt = Receipt::of_file(&path, &artifact, origin)?;
        put_beside(&path, &receipt)
    });
    written.await.map_err(io::Error::other).and_then(|written| written).map_err(fail)
}

/// Puts the receipt of a file beside it.
pub(crate) fn put_beside(file: &Path, receipt: &Receipt) -> io::Result<PathBuf> {
    let mut part = PartFile::open(&path_of(file), &receipt.operation, Duration::ZERO)?;
    part.cut(0)?;
    part.write_all(&receipt.to_json()?)?;
    part.finish()
}

impl Receipt {
    /// The receipt of a file that is on this disk. Reads all of it.
    pub(crate) fn of_file(file: &Path, artifact: &Artifact, origin: Origin) -> io::Result<Self> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self::new(name, digest(file)?, artifact, origin))
    }

    /// The receipt of a file that is in place now, with its length and SHA-256.
    pub(crate) fn new(
        name: String,
        (bytes, sha256): (u64, String),
        artifact: &Artifact,
        origin: Origin,
    ) -> Self {
        let text = |fact: Option<&str>| fact.map(String::from);
        Self {
            v: VERSION,
            file: name,
            bytes,
            sha256,
            media_type: text(artifact.media_type()),
            what: origin.what,
            spec: origin.spec,
            base_url: origin.base_url,
            api_version: origin.api_version,
            operation: artifact.operation().into(),
            original_request: text(artifact.original_request()),
            created: text(artifact.created()),
            updated: text(artifact.updated()),
            submits: artifact.submits(),
            client_id: origin.client_id,
            wexport: env!("CARGO_PKG_VERSION").into(),
            began: origin.began.to_string(),
            finished: clock::now().to_string(),
        }
    }

    /// What stands in its file.
    pub(crate) fn to_json(&self) -> io::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}
