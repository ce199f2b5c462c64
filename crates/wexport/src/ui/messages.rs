//! Messages for people, and the failures of requests that they report.

use std::fmt;

use export_hyper::Timestamp;

use crate::event::{Event, Record};
use crate::text::{duration, seconds};

/// Turns the events of a run into messages.
pub(super) trait Narrator: Send {
    /// The message for an event, if it has one.
    fn message(&mut self, now: Timestamp, record: &Record) -> Option<Message>;
}

/// A message for people.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// Progress. A live display shows it in its line instead.
    Progress(String),
    /// A notice. A live display prints it above its line.
    Notice(String),
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RequestFailure {
    phase: String,
    /// The status, or why there is no response.
    pub(super) reason: String,
    /// The `Retry-After` of the response.
    retry_after: Option<f64>,
    is_throttling: bool,
}

impl RequestFailure {
    /// The failure that an event reports; `None` for other events.
    pub(super) fn new(event: &Event) -> Option<Self> {
        match event {
            Event::Response { phase, status, retry_after_seconds, .. } if *status >= 400 => {
                Some(Self {
                    phase: phase.clone(),
                    reason: status.to_string(),
                    retry_after: *retry_after_seconds,
                    is_throttling: *status == 429,
                })
            }
            Event::NoResponse { phase, reason } => Some(Self {
                phase: phase.clone(),
                reason: reason.clone(),
                retry_after: None,
                is_throttling: false,
            }),
            _ => None,
        }
    }

    /// Whether the response is a 429.
    pub(super) const fn is_throttling(&self) -> bool {
        self.is_throttling
    }

    /// The message, with the wait before the retry in **seconds**.
    pub(super) fn with_retry(self, wait: f64) -> String {
        match self.retry_after {
            Some(wait) if self.is_throttling && wait > 0.0 => {
                format!("throttled for {} (429)", duration(seconds(wait)))
            }
            _ => format!("{self}, retrying in {}", duration(seconds(wait))),
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, reason, .. } = self;
        let phase = if phase == "fetch" { "download" } else { phase };
        let is_status = reason.bytes().all(|byte| byte.is_ascii_digit());
        write!(f, "{phase} failed{} {reason}", if is_status { " with" } else { ":" })
    }
}
