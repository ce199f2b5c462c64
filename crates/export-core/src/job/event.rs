//! What a job has to tell while it runs.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri};

use super::schedule::Why;
use crate::dialect::Phase;
use crate::failure::FailureKind;
use crate::redact::Redacted;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;

/// Something that happened to a job.
///
/// Events are for people and logs: whatever a program must not miss is in the outcome and in the
/// checkpoint. No event holds a secret: URLs print without the values of their queries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request is about to be sent.
    Sending {
        /// When.
        at: Timestamp,
        /// What for.
        phase: Phase,
        /// Its method.
        method: Method,
        /// Its URL; prints redacted.
        url: EventUrl,
    },
    /// The head of an answer came.
    Answered {
        /// When.
        at: Timestamp,
        /// To which request.
        phase: Phase,
        /// Its status.
        status: StatusCode,
        /// How long the service asks to be left alone, if it does.
        retry_after: Option<Duration>,
        /// The service's id of the request, from `X-Request-ID`; none of more than 256 bytes.
        request_id: Option<HeaderValue>,
    },
    /// No answer came, or half of one.
    Failed {
        /// When.
        at: Timestamp,
        /// To which request.
        phase: Phase,
        /// What is known.
        kind: FailureKind,
    },
    /// The service accepted the export.
    Accepted {
        /// When.
        at: Timestamp,
        /// Where it is polled; prints redacted.
        operation: EventUrl,
    },
    /// The operation has a new state.
    Status {
        /// When.
        at: Timestamp,
        /// The service's own word.
        status: String,
    },
    /// The next request waits.
    Waiting {
        /// Since when.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
        /// Because of what.
        why: Why,
    },
    /// The artifact's bytes begin to come.
    Downloading {
        /// When.
        at: Timestamp,
        /// The offset of the first of them.
        offset: u64,
        /// The length of the whole, if it is known.
        length: Option<u64>,
    },
    /// The service calls the endpoint in use deprecated, and no end of it is known.
    Deprecated {
        /// When this was noticed.
        at: Timestamp,
    },
    /// The endpoint in use has an announced end.
    Sunset {
        /// When this was noticed.
        at: Timestamp,
        /// The announcement.
        notice: SunsetNotice,
    },
    /// The service sent something that was ignored; the text says what.
    Ignored {
        /// When.
        at: Timestamp,
        /// What.
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

/// A header's value in an event, if it is an id and no essay. A copy: it would otherwise keep the
/// memory of the head that it came in.
pub(super) fn short(value: Option<&HeaderValue>) -> Option<HeaderValue> {
    const LONGEST: usize = 256;
    let value = value?.as_bytes();
    if value.len() > LONGEST { None } else { HeaderValue::from_bytes(value).ok() }
}

/// The events that nobody has taken yet. When nobody ever does, the oldest go.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<Event>);

const MOST_EVENTS: usize = 16;

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        if self.0.len() == MOST_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// The oldest. The memory goes with the last one: most of a job's life is spent waiting.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > 0 {
            self.0 = VecDeque::new();
        }
        event
    }
}
