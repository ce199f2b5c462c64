use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::{Endpoint, Timestamp};

/// One of the two origins of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "tests match on both variants")]
pub enum Origin {
    /// The API host.
    Api,
    /// The object store that signed URLs point to.
    Storage,
}

/// A received request and its outcome.
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
    /// The seconds of the response's `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) operation: Option<String>,
    pub(crate) faults: Vec<&'static str>,
}

impl RecordedRequest {
    /// The time at which the request was received.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The origin at which the request was received.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The endpoint, determined by the path alone.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path and query, as sent.
    #[must_use]
    pub fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", |target| target.as_str())
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header with this name, if there is one and its value is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, cut to its first 64 KiB.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The length of the body. For a body that is too large for the service, at least the length of the part that was
    /// read.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        self.body_len
    }

    /// The status of the response. `None` if a fault kept the head from the client.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The id of the operation that the request started or referred to.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// The names of the faults that were injected.
    #[must_use]
    pub fn faults(&self) -> &[&'static str] {
        &self.faults
    }
}

/// The most recent requests.
#[derive(Clone, Debug)]
pub(crate) struct RequestLog {
    requests: VecDeque<RecordedRequest>,
    limit: usize,
}

const MAX_RECORDED_BODY: usize = 64 * 1024;

impl RequestLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self { requests: VecDeque::new(), limit }
    }

    pub(crate) fn push(&mut self, mut request: RecordedRequest) {
        if request.body.len() > MAX_RECORDED_BODY {
            // A slice would keep the whole body in memory.
            request.body = Bytes::copy_from_slice(&request.body[..MAX_RECORDED_BODY]);
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
