//! The text that a checkpoint stores for the dialect.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::settings::ApiVersion;

/// A saved dialect that cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RestoreError(pub(super) String);

/// A dialect as it is saved, in JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved<'a> {
    pub(super) api: ApiVersion,
    /// `None` for an operation that another client started.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(super) submit: Option<SavedSubmit<'a>>,
    /// The expected format of the file of such an operation; `None` for anything.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(super) expects: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedSubmit<'a> {
    /// The endpoint's path, without the base URL's.
    pub(super) path: Cow<'a, str>,
    pub(super) body: Cow<'a, RawValue>,
    pub(super) format: Cow<'a, str>,
    pub(super) file: Cow<'a, str>,
}

impl<'a> Saved<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, RestoreError> {
        serde_json::from_str(text).map_err(|error| RestoreError(error.to_string()))
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("field names and strings serialize to JSON")
    }
}
