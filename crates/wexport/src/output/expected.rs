//! What is known of a file before it is exported.

use export_hyper::Checkpoint;
use serde_json::Value;

use super::destination::Destination;
use crate::args::IfExistsArg;
#[cfg(feature = "store")]
use crate::text::redact;

/// What the checkpoint of an export tells about its file.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// The extension, if it is known and of use: the service may choose another.
    pub(super) extension: Option<String>,
    /// The operation, as in the metadata of an object. An object that has it was stored by a process that
    /// ended before it could record that.
    #[cfg(feature = "store")]
    pub(super) operation: Option<String>,
}

impl Expected {
    pub(crate) fn of(destination: &Destination, checkpoint: &Checkpoint) -> Self {
        let keeps = matches!(destination.if_exists, IfExistsArg::Skip | IfExistsArg::Error);
        Self {
            extension: keeps.then(|| format_extension(checkpoint)).flatten(),
            #[cfg(feature = "store")]
            operation: checkpoint.operation().map(redact),
        }
    }
}

/// The extension of files in the format that was asked for, if it has one.
pub(crate) fn format_extension(checkpoint: &Checkpoint) -> Option<String> {
    let spec: Value = serde_json::from_str(checkpoint.spec()).ok()?;
    match spec.get("submit")?.get("format")?.as_str()? {
        "csv.zip" => Some("zip".into()),
        "file" | "any" => None,
        extension => Some(extension.into()),
    }
}
