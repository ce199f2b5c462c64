//! The events of a running job.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;

use super::schedule::Why;
use crate::failure::FailureKind;
use crate::phase::Phase;
use crate::redact::Redacted;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::wire;

/// Something that happened to a job.
///
/// Events are for users and logs. A program that misses some loses nothing: what it needs is in the
/// outcome and in the checkpoint. Events hold no secrets: URLs print without the values of their
/// queries.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A request is about to be sent.
    Sending {
        /// When.
        at: Timestamp,
        /// What the request is for.
        phase: Phase,
        /// The method.
        #[serde(serialize_with = "wire::display")]
        method: Method,
        /// The URL; prints redacted.
        #[serde(serialize_with = "wire::display")]
        url: EventUrl,
    },
    /// The head of a response was received.
    Response {
        /// When.
        at: Timestamp,
        /// What the request was for.
        phase: Phase,
        /// The status.
        #[serde(serialize_with = "wire::status")]
        status: StatusCode,
        /// How long to wait before the next request, from `Retry-After`.
        #[serde(rename = "retry_after_ms", serialize_with = "wire::optional_millis")]
        retry_after: Option<Duration>,
        /// The service's id of the request, from `X-Request-ID`, if it has at most 256 bytes.
        #[serde(serialize_with = "wire::optional_header")]
        request_id: Option<HeaderValue>,
    },
    /// A request got no response, or an incomplete one.
    Failed {
        /// When.
        at: Timestamp,
        /// What the request was for.
        phase: Phase,
        /// What is known.
        kind: FailureKind,
    },
    /// The service accepted the export.
    Accepted {
        /// When.
        at: Timestamp,
        /// The URL to poll; prints redacted.
        #[serde(serialize_with = "wire::display")]
        operation: EventUrl,
    },
    /// The operation has a new status.
    Status {
        /// When.
        at: Timestamp,
        /// The service's own word.
        status: String,
    },
    /// The service says how much of the export is done.
    Progress {
        /// When.
        at: Timestamp,
        /// From 0 to 100.
        percent: u8,
    },
    /// The job waits before the next request.
    Waiting {
        /// When the wait began.
        at: Timestamp,
        /// When it ends.
        until: Timestamp,
        /// The reason.
        why: Why,
    },
    /// The download began or continues.
    Downloading {
        /// When.
        at: Timestamp,
        /// The offset of the first byte.
        offset: u64,
        /// The length of the whole file, if it is known.
        length: Option<u64>,
    },
    /// The service calls the endpoint deprecated, and no date of its end is known.
    Deprecated {
        /// When this was noticed.
        at: Timestamp,
    },
    /// The endpoint has an announced end.
    Sunset {
        /// When this was noticed.
        at: Timestamp,
        /// The announcement.
        notice: SunsetNotice,
    },
    /// By the service's `Date` headers, another time has passed than by the clock of the driver, by a
    /// factor of ten and several times: one of the two is wrong, or the driver does not wait.
    ClockDiffers {
        /// When this was noticed.
        at: Timestamp,
        /// The time that has passed for the driver.
        #[serde(rename = "elapsed_ms", serialize_with = "wire::millis")]
        elapsed: Duration,
        /// The time that has passed for the service.
        #[serde(rename = "service_elapsed_ms", serialize_with = "wire::millis")]
        service_elapsed: Duration,
    },
    /// A part of a response was ignored.
    Ignored {
        /// When.
        at: Timestamp,
        /// What was ignored.
        what: &'static str,
    },
}

/// A URL in an event. It prints without the values of its query.
#[derive(Clone, PartialEq, Eq)]
pub struct EventUrl(pub(super) Uri);

impl fmt::Display for EventUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted(&self.0).fmt(f)
    }
}

impl fmt::Debug for EventUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted(&self.0).fmt(f)
    }
}

/// A copy of a header value of at most 256 bytes. Sharing the value would keep the buffer of the
/// whole head in memory.
pub(super) fn short_copy(
    value: Option<&HeaderValue>,
    mask: impl FnOnce(&str) -> Cow<'_, str>,
) -> Option<HeaderValue> {
    const MAX_LEN: usize = 256;
    let value = value.filter(|value| value.len() <= MAX_LEN)?;
    match value.to_str() {
        Ok(text) => HeaderValue::from_str(&mask(text)).ok(),
        Err(_) => HeaderValue::from_bytes(value.as_bytes()).ok(),
    }
}

/// The queue of events. When it is full, the oldest event is dropped.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<Event>);

const MAX_EVENTS: usize = 16;

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        if self.0.len() == MAX_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// Takes the oldest event. Frees the buffer with the last one, since most jobs are waiting.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > 0 {
            self.0 = VecDeque::new();
        }
        event
    }
}
