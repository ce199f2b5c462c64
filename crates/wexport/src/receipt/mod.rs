//! Receipts: what a file is, where it came from, and that it is still the same.

mod digest;
mod make;
mod verify;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "store")]
pub(crate) use self::digest::digest;
pub(crate) use self::make::{Origin, put_beside, write};
pub(crate) use self::verify::verify;
use crate::spec::What;

/// What stands in `FILE.receipt.json`. Members are added in later releases and never change
/// their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The version of this form.
    pub(crate) v: u32,
    /// The file's name, without its folder.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) what: What,
    /// What was asked for: the path and the body of the request. `None` for an operation that
    /// was started elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spec: Option<Value>,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    /// The URL of the operation.
    pub(crate) operation: String,
    /// The id that the service's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original_request: Option<String>,
    /// When the operation was created and last changed, as the service wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated: Option<String>,
    /// How many submit requests may have reached the service.
    pub(crate) submits: u32,
    /// The OAuth client that asked; `None` if it came with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// The version of the program.
    pub(crate) wexport: String,
    /// When the command was given, and when the file was in place: RFC 3339, UTC.
    pub(crate) began: String,
    pub(crate) finished: String,
}

const VERSION: u32 = 1;

/// What follows the name of a file in that of its receipt.
pub(crate) const ENDING: &str = ".receipt.json";

/// Where the receipt of a file is.
fn path_of(file: &Path) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(ENDING);
    path.into()
}
