//! Style guides.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// How a style guide is exported.
///
/// ```
/// use export_core::workiva::StyleGuideExport;
///
/// let as_it_is = StyleGuideExport::latest();
/// let as_it_was = StyleGuideExport::revision("r7");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StyleGuideExport {
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

impl StyleGuideExport {
    /// The latest revision.
    #[must_use]
    pub const fn latest() -> Self {
        Self { revision: None }
    }

    /// This revision.
    #[must_use]
    pub fn revision(revision: impl Into<String>) -> Self {
        Self { revision: Some(revision.into()) }
    }
}
