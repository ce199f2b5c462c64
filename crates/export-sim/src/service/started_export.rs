use std::io;

use super::Service;
use super::operations::Operation;
use crate::{Format, Payload, Timestamp};

/// An export that the service has started, for assertions in tests.
#[derive(Clone, Debug)]
pub struct StartedExport {
    operation: String,
    request_id: String,
    source: String,
    format: Format,
    mails: bool,
    started: Timestamp,
    etag: String,
    file_name: String,
    content: Payload,
}

impl StartedExport {
    pub(super) fn new(service: &Service, operation: &Operation) -> io::Result<Self> {
        let artifact = service.artifact(operation)?;
        Ok(Self {
            operation: operation.id.clone(),
            request_id: operation.request_id.clone(),
            source: operation.request.name().to_owned(),
            format: operation.request.format(),
            mails: operation.request.mails(),
            started: operation.started,
            etag: artifact.etag,
            file_name: artifact.file_name,
            content: artifact.payload,
        })
    }

    /// The operation's id.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The id of the request that started the export: the operation's `originalRequest`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The id of the exported object.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The format of the exported file.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether the service sends an email on completion, the only side effect of an export.
    #[must_use]
    pub fn mails(&self) -> bool {
        self.mails
    }

    /// The time at which the export was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The strong ETag of the file, including the quotes.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The name of the file.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The correct content of the file, unaffected by faults.
    #[must_use]
    pub fn content(&self) -> &Payload {
        &self.content
    }
}
