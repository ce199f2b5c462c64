use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::{Endpoint, Timestamp};

/// Which of its two addresses the service was reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are these two, and tests match on them")]
pub enum Origin {
    /// The API host.
    Api,
    /// The object store that signed URLs lead to.
    Storage,
}

/// A request as it was received, and what came of it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub(crate) at: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) body_len: u64,
    pub(crate) status: Option<StatusCode>,
    pub(crate) operation: Option<String>,
    pub(crate) faults: Vec<&'static str>,
}

impl RecordedRequest {
    /// When it was received.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Where it was received.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What it was for, judged by its path alone.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its path and its query, as they were sent.
    #[must_use]
    pub fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", |target| target.as_str())
    }

    /// All its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header, if it was sent and is text; the first of several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Its body, of which at most the first 64 KiB are kept.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How long its body was. Of a body that is too large for the service, at least the part that was read.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        self.body_len
    }

    /// The status that was answered; none if the client was to see no head.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The id of the operation that it started or was about.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// The faults of the scenario that were done to it.
    #[must_use]
    pub fn faults(&self) -> &[&'static str] {
        &self.faults
    }
}

/// The latest requests.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    requests: VecDeque<RecordedRequest>,
    limit: usize,
}

/// As much of a body as is kept.
const KEPT: usize = 64 * 1024;

impl Record {
    pub(crate) fn new(limit: usize) -> Self {
        Self { requests: VecDeque::new(), limit }
    }

    pub(crate) fn push(&mut self, mut request: RecordedRequest) {
        if request.body.len() > KEPT {
            // A copy, so that the rest can go.
            request.body = Bytes::copy_from_slice(&request.body[..KEPT]);
        }
        self.requests.push_back(request);
        while self.requests.len() > self.limit {
            self.requests.pop_front();
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }
}
