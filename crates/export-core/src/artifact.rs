//! The exported file, as far as the answers describe it.

use alloc::string::String;

use crate::sunset::Sunset;

/// What is known of the exported file. Its bytes are wherever the driver put them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub(crate) length: Option<u64>,
    pub(crate) media_type: Option<String>,
    pub(crate) file_name: String,
    pub(crate) etag: Option<String>,
    pub(crate) operation: String,
    pub(crate) original_request: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) updated: Option<String>,
    pub(crate) submits: u32,
    pub(crate) sunset: Option<SunsetNotice>,
}

impl Artifact {
    /// The length in **bytes**. `None` only before the end of a download that does not announce it.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// The media type, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// A bare file name, safe on every system: the service's, or one made of what was asked for.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The strong validator of these bytes, if the server gave one.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The URL of the operation that made it.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The id by which the service's support finds the request.
    #[must_use]
    pub fn original_request(&self) -> Option<&str> {
        self.original_request.as_deref()
    }

    /// When the operation was created: RFC 3339, as the service wrote it.
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        self.created.as_deref()
    }

    /// When the operation last changed: RFC 3339, as the service wrote it.
    #[must_use]
    pub fn updated(&self) -> Option<&str> {
        self.updated.as_deref()
    }

    /// How many submit requests may have reached the service; 0 for an operation that was
    /// attached to.
    #[must_use]
    pub const fn submits(&self) -> u32 {
        self.submits
    }

    /// The announced end of the endpoint that was used, if there is one.
    #[must_use]
    pub const fn sunset(&self) -> Option<&SunsetNotice> {
        self.sunset.as_ref()
    }
}

/// An announced end, and how far away it was when this was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SunsetNotice {
    /// The announcement. Its date is the one of the service's `Sunset` header where it sent one.
    pub sunset: Sunset,
    /// Days left; negative once the day has passed.
    pub days_left: i64,
}
