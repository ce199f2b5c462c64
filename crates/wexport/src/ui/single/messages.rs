//! The messages of a single export.

use export_hyper::Timestamp;

use crate::event::{Event, Record};
use crate::text::{duration, seconds};
use crate::ui::event_text::sentence;
use crate::ui::messages::{Message, Narrator, RequestFailure};

/// The shortest wait between two polls that is reported, in **seconds**.
const MIN_REPORTED_WAIT: f64 = 10.0;

/// Turns events into messages. A failed request is reported together with its retry.
#[derive(Debug, Default)]
pub(in crate::ui) struct ExportNarrator {
    /// The last status that was reported.
    status: Option<String>,
    /// A failure that is not reported yet.
    failure: Option<RequestFailure>,
    /// Whether a failure was reported, and no request has succeeded since.
    is_failing: bool,
}

impl Narrator for ExportNarrator {
    fn message(&mut self, _now: Timestamp, record: &Record) -> Option<Message> {
        let event = &record.event;
        match event {
            Event::Sending { .. } => {
                let failure = self.failure.take()?;
                self.is_failing = true;
                return Some(Message::Notice(format!("{failure}, retrying")));
            }
            Event::Response { phase, .. } => {
                self.failure = RequestFailure::new(event);
                // A download that is resumed has a message of its own.
                let has_recovered = self.failure.is_none()
                    && std::mem::take(&mut self.is_failing)
                    && phase != "fetch";
                return has_recovered.then(|| Message::Notice("the service responds again".into()));
            }
            Event::NoResponse { .. } => {
                self.failure = RequestFailure::new(event);
                return None;
            }
            Event::Waiting { seconds: wait, .. } => {
                if let Some(failure) = self.failure.take() {
                    self.is_failing = true;
                    return Some(Message::Notice(failure.with_retry(*wait)));
                }
                let is_long = *wait >= MIN_REPORTED_WAIT;
                return is_long.then(|| {
                    Message::Progress(format!("next poll in {}", duration(seconds(*wait))))
                });
            }
            Event::Status { status } => {
                if self.status.as_ref() == Some(status) {
                    return None;
                }
                self.status = Some(status.clone());
            }
            _ => {}
        }
        let is_notice = match event {
            Event::Started { resumed, .. } => *resumed,
            Event::Downloading { offset, .. } => *offset > 0,
            Event::Continuing { .. } | Event::Warning { .. } => true,
            _ => false,
        };
        let text = sentence(event)?;
        Some(if is_notice { Message::Notice(text) } else { Message::Progress(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(phase: &str, status: u16, retry_after_seconds: Option<f64>) -> Event {
        Event::Response { phase: phase.into(), status, retry_after_seconds, request_id: None }
    }

    fn waiting(seconds: f64) -> Event {
        Event::Waiting { seconds, until: String::new(), reason: "back_off".into() }
    }

    fn sending(phase: &str) -> Event {
        Event::Sending { phase: phase.into(), method: String::new(), url: String::new() }
    }

    /// The messages for these events; notices are marked.
    fn messages(events: &[Event]) -> String {
        let mut narrator = ExportNarrator::default();
        let mut messages = String::new();
        let now = Timestamp::EPOCH;
        let records = events.iter().map(|event| Record::new(now, None, event.clone()));
        for message in records.filter_map(|record| narrator.message(now, &record)) {
            let (mark, text) = match message {
                Message::Progress(text) => ("   ", text),
                Message::Notice(text) => ("(!)", text),
            };
            messages.push_str(&format!("{mark} {text}\n"));
        }
        messages
    }

    #[test]
    fn failures_are_reported_with_their_retry() {
        let status = |word: &str| Event::Status { status: word.into() };
        let cut =
            Event::NoResponse { phase: "fetch".into(), reason: "the connection was lost".into() };
        insta::assert_snapshot!(messages(&[
            sending("submit"),
            answered("submit", 401, None),
            sending("submit"),
            answered("submit", 202, Some(5.0)),
            Event::Accepted { operation: "http://api/operations/1".into() },
            waiting(5.0),
            answered("poll", 200, None),
            status("queued"),
            waiting(30.0),
            answered("poll", 429, Some(30.0)),
            waiting(30.0),
            answered("poll", 429, None),
            waiting(0.7),
            answered("poll", 503, Some(2.0)),
            waiting(2.0),
            answered("poll", 200, None),
            status("queued"),
            status("completed\u{1b}[2J"),
            answered("fetch", 200, None),
            Event::Downloading { offset: 0, length: Some(3_000_000) },
            cut,
            waiting(1.2),
            answered("fetch", 206, None),
            Event::Downloading { offset: 1_000_000, length: Some(3_000_000) },
        ]), @r"
        (!) submit failed with 401, retrying
        (!) the service responds again
            accepted: http://api/operations/1
            status: queued
            next poll in 30 s
        (!) throttled for 30 s (429)
        (!) poll failed with 429, retrying in 1 s
        (!) poll failed with 503, retrying in 2 s
        (!) the service responds again
            status: completed?[2J
            downloading 2.9 MiB
        (!) download failed: the connection was lost, retrying in 2 s
        (!) resuming the download at 1.0 of 2.9 MiB
        ");
    }
}
