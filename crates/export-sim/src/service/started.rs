use std::io;

use super::Service;
use super::operations::Operation;
use crate::{Format, Payload, Timestamp};

/// An export that the service has started: what a test asks to know what happened on the other side.
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
            source: operation.order.name().to_owned(),
            format: operation.order.format(),
            mails: operation.order.mails(),
            started: operation.started,
            etag: artifact.etag,
            file_name: artifact.file_name,
            content: artifact.payload,
        })
    }

    /// The id of the operation.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The id of the request that started it, which the operation shows as `originalRequest`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The id of what is exported.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it becomes.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether a person gets a mail for it: the one side effect that cannot be taken back.
    #[must_use]
    pub fn mails(&self) -> bool {
        self.mails
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The strong ETag of the file, with its quotes.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The name of the file.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The true bytes of the file, whatever the faults of a scenario do to them on their way.
    #[must_use]
    pub fn content(&self) -> &Payload {
        &self.content
    }
}
