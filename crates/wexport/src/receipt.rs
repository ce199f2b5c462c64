//! Receipts: what a file is, where it came from, and whether it is unchanged.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_host::PartFile;
use export_hyper::{Artifact, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::problem::{Exit, Problem};
use crate::subject::Subject;
use crate::text::{escape_controls, redact, sanitize};

/// The contents of `FILE.receipt.json`. Members are added in later releases and never change their
/// meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The version of the format.
    pub(crate) v: u32,
    /// The file's name, without its folder.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) subject: Subject,
    /// The path and the body of the request. `None` for an operation that was started elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spec: Option<Value>,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    /// The URL of the operation.
    pub(crate) operation: String,
    /// The request id that Workiva's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original_request: Option<String>,
    /// When the operation was created and last changed, as the service wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated: Option<String>,
    /// What the service says about the completed operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// The number of submit requests that may have reached the service.
    pub(crate) submits: u32,
    /// The OAuth client; `None` if a token was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// The date that the file is for: that of `--date`, or of the command in local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<String>,
    /// The version of the program.
    pub(crate) wexport: String,
    /// When the command was given, and when the file was complete: RFC 3339, UTC.
    pub(crate) began: String,
    pub(crate) finished: String,
}

/// What is known of a file beside what the service says of it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) subject: Subject,
    pub(crate) spec: Option<Value>,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    pub(crate) client_id: Option<String>,
    pub(crate) began: Timestamp,
    pub(crate) date: Option<String>,
}

const VERSION: u32 = 1;

/// The suffix that makes the name of a receipt from that of its file.
pub(crate) const ENDING: &str = ".receipt.json";

impl Receipt {
    /// The receipt of a file whose digest is not known.
    pub(crate) fn without_digest(bytes: u64, artifact: &Artifact, origin: Origin) -> Self {
        Self::new(String::new(), (bytes, String::new()), artifact, origin)
    }

    /// The receipt with the name, the length and the digest of a file. Reads the whole file.
    pub(crate) fn with_file(self, path: &Path) -> io::Result<Self> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (bytes, sha256) = digest(path)?;
        Ok(Self { file, bytes, sha256, ..self })
    }

    /// The receipt of a file that is complete now, with its length and SHA-256.
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
            subject: origin.subject,
            spec: origin.spec,
            base_url: origin.base_url,
            api_version: origin.api_version,
            operation: redact(artifact.operation()),
            original_request: text(artifact.original_request()),
            created: text(artifact.created()),
            updated: text(artifact.updated()),
            details: artifact.details().map(String::from).collect(),
            submits: artifact.submits(),
            client_id: origin.client_id,
            date: origin.date,
            wexport: env!("CARGO_PKG_VERSION").into(),
            began: origin.began.to_string(),
            finished: clock::now().to_string(),
        }
    }

    /// Writes the receipt beside its file.
    pub(crate) fn write_beside(&self, file: &Path) -> io::Result<PathBuf> {
        let mut part = PartFile::open(&path_of(file), &self.operation, Duration::ZERO)?;
        part.cut(0)?;
        part.write_all(&self.to_json()?)?;
        part.finish()
    }

    /// The receipt as it is written to its file.
    pub(crate) fn to_json(&self) -> io::Result<Vec<u8>> {
        let json = escape_controls(serde_json::to_string_pretty(self)?);
        Ok(format!("{json}\n").into_bytes())
    }
}

/// Why a file is not the one that was exported; `None` if it is.
pub(crate) fn difference(file: &Path, receipt: &Receipt) -> Option<String> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is gone".into()),
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(found) if found.len() != receipt.bytes => {
            Some(format!("has {} bytes, and had {}", found.len(), receipt.bytes))
        }
        Ok(_) => match digest(file) {
            Ok((_, sha256)) if sha256.eq_ignore_ascii_case(&receipt.sha256) => None,
            Ok(_) => Some("has changed".into()),
            Err(error) => Some(format!("cannot be read: {error}")),
        },
    }
}

/// The files of a folder that have a receipt.
pub(crate) fn receipts_in(folder: &Path) -> Vec<(PathBuf, Receipt)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let path = entry.path();
        let file = folder.join(path.file_name()?.to_str()?.strip_suffix(ENDING)?);
        let receipt = read(&file).ok()?;
        Some((file, receipt))
    });
    files.collect()
}

/// Checks a file against its receipt, and describes it. Either of the two may be named.
pub(crate) fn verify(file: &Path) -> Result<String, Problem> {
    let name = file.to_string_lossy();
    let file = name.strip_suffix(ENDING).map_or(file, Path::new);
    let receipt = read(file)?;
    let shown = file.display();
    let (bytes, sha256) =
        digest(file).map_err(|error| Problem::local(format!("cannot read {shown}"), &error))?;
    let differs = |what: String| {
        Problem::new(Exit::No, format!("{shown} is not the file that was exported: {what}"))
            .advise("export it again, or find out who changed it")
    };
    if bytes != receipt.bytes {
        return Err(differs(format!("it has {bytes} bytes, the receipt says {}", receipt.bytes)));
    }
    if !sha256.eq_ignore_ascii_case(&receipt.sha256) {
        return Err(differs(format!(
            "its SHA-256 is {sha256}, the receipt says {}",
            receipt.sha256
        )));
    }
    // The receipt may have come with the file, from anybody.
    let line = format!(
        "{shown}: as exported, {} on {} (sha256 {sha256})",
        receipt.subject, receipt.finished
    );
    Ok(format!("{}\n", sanitize(&line)))
}

fn read(file: &Path) -> Result<Receipt, Problem> {
    let path = path_of(file);
    let shown = path.display();
    let text = fs::read(&path).map_err(|error| {
        let problem = Problem::local(format!("cannot read the receipt {shown}"), &error);
        match error.kind() {
            io::ErrorKind::NotFound => problem.advise("export the file with --receipt to get one"),
            _ => problem,
        }
    })?;
    let receipt: Receipt = serde_json::from_slice(&text).map_err(|error| {
        let line = error.line();
        Problem::new(Exit::Local, format!("{shown} is not a receipt of wexport: see line {line}"))
    })?;
    if receipt.v > VERSION {
        let what = format!("{shown} has version {}: use a newer wexport", receipt.v);
        return Err(Problem::new(Exit::Local, what));
    }
    Ok(receipt)
}

/// The path of the receipt that an export to this path gets: beside the file that a link leads to.
pub(crate) fn path_for(target: &Path) -> PathBuf {
    let file = target.is_symlink().then(|| target.canonicalize().ok()).flatten();
    path_of(file.as_deref().unwrap_or(target))
}

/// The path of the receipt of a file.
pub(crate) fn path_of(file: &Path) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(ENDING);
    path.into()
}

/// How many bytes are read at once.
const CHUNK: usize = 256 * 1024;

/// The length of a file, and its SHA-256 as hexadecimal digits.
pub(crate) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut length) = (File::open(path)?, 0);
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(chunk.get(..read).unwrap_or_default());
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((length, hex(hash)))
}

/// A SHA-256 as hexadecimal digits.
pub(crate) fn hex(hash: Sha256) -> String {
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
