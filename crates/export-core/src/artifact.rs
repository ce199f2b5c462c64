//! The exported file, as far as the answers describe it.

use alloc::string::String;
use alloc::sync::Arc;

use crate::dialect::OperationFacts;
use crate::sunset::SunsetNotice;

/// What is known of the exported file. Its bytes are wherever the driver put them.
///
/// Cheap to clone: clones share what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact(pub(crate) Arc<Facts>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) length: Option<u64>,
    pub(crate) media_type: Option<String>,
    pub(crate) file_name: String,
    pub(crate) etag: Option<String>,
    pub(crate) operation: String,
    pub(crate) about: OperationFacts<'static>,
    pub(crate) submits: u32,
    pub(crate) sunset: Option<SunsetNotice>,
}

impl Artifact {
    /// The same file, now that its length is known.
    pub(crate) fn with_length(mut self, length: u64) -> Self {
        Arc::make_mut(&mut self.0).length = Some(length);
        self
    }

    /// The length in **bytes**. `None` only before the end of a download that does not announce it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.0.length
    }

    /// The media type, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// A bare file name, safe on every system: the service's, or one made of what was asked for.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// The strong validator of these bytes, if the server gave one.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.0.etag.as_deref()
    }

    /// The URL of the operation that made it.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// The id by which the service's support finds the request.
    #[must_use]
    pub fn original_request(&self) -> Option<&str> {
        self.0.about.original_request.as_deref()
    }

    /// When the operation was created: RFC 3339, as the service wrote it.
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        self.0.about.created.as_deref()
    }

    /// When the operation last changed: RFC 3339, as the service wrote it.
    #[must_use]
    pub fn updated(&self) -> Option<&str> {
        self.0.about.updated.as_deref()
    }

    /// How many submit requests may have reached the service; 0 for an operation that was
    /// attached to.
    #[must_use]
    pub fn submits(&self) -> u32 {
        self.0.submits
    }

    /// The announced end of the endpoint that was used, if there is one.
    #[must_use]
    pub fn sunset(&self) -> Option<&SunsetNotice> {
        self.0.sunset.as_ref()
    }
}
