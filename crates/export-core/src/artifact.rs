//! The exported file, as the responses describe it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Serialize, Serializer};

use crate::dialect::OperationFacts;
use crate::sunset::SunsetNotice;

/// What is known about the exported file. The driver has written its bytes to the sink.
///
/// Cloning is cheap: clones share their contents.
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
    pub(crate) index: u32,
    pub(crate) is_last: bool,
    pub(crate) sunset: Option<SunsetNotice>,
}

impl Artifact {
    pub(crate) fn with_length(mut self, length: u64) -> Self {
        Arc::make_mut(&mut self.0).length = Some(length);
        self
    }

    /// The length in **bytes**. `None` only during a download that does not announce it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.0.length
    }

    /// The media type, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// A file name without a path, safe on every system: the one that the service sent, or one built
    /// from the spec.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// The strong `ETag` of the file, if the server sent one.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.0.etag.as_deref()
    }

    /// The place of the file among those of its result: 0 for the first, and usually only one.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.0.index
    }

    /// Whether it is the last file of its result.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.0.is_last
    }

    /// The URL of the operation; that of the submit request, if its response was the result.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// The id of the submit request, for the service's support.
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

    /// What the service says about the completed operation, such as what is missing in the file.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.0.about.details().iter().map(AsRef::as_ref)
    }

    /// The number of submit requests that may have reached the service; 0 if the job was attached to
    /// the operation.
    #[must_use]
    pub fn submits(&self) -> u32 {
        self.0.submits
    }

    /// The announced end of the endpoint, if there is one.
    #[must_use]
    pub fn sunset(&self) -> Option<&SunsetNotice> {
        self.0.sunset.as_ref()
    }
}

impl Serialize for Artifact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            file_name: &'a str,
            length: Option<u64>,
            media_type: Option<&'a str>,
            etag: Option<&'a str>,
            operation: &'a str,
            original_request: Option<&'a str>,
            created: Option<&'a str>,
            updated: Option<&'a str>,
            details: Vec<&'a str>,
            submits: u32,
            index: u32,
            is_last: bool,
            sunset: Option<&'a SunsetNotice>,
        }
        let wire = Wire {
            file_name: self.file_name(),
            length: self.length(),
            media_type: self.media_type(),
            etag: self.etag(),
            operation: self.operation(),
            original_request: self.original_request(),
            created: self.created(),
            updated: self.updated(),
            details: self.details().collect(),
            submits: self.submits(),
            index: self.index(),
            is_last: self.is_last(),
            sunset: self.sunset(),
        };
        wire.serialize(serializer)
    }
}
