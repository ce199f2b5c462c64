//! The messages of a batch. Of each export, only its end is reported.

use std::time::Duration;

use export_hyper::Timestamp;

use super::outages::OutageTracker;
use crate::event::{Event, Failure, Record, Totals};
use crate::text::{duration, sanitize};
use crate::ui::event_text::{counts, rounded, sentence, started};
use crate::ui::messages::{Message, Narrator};

/// The shortest time between two messages with totals.
const TOTALS_INTERVAL: Duration = Duration::from_secs(30);

/// Turns the events of a batch into messages. It keeps no state of single exports.
#[derive(Debug, Default)]
pub(in crate::ui) struct BatchNarrator {
    outages: OutageTracker,
    /// The last message with totals, and when it was reported.
    reported: Option<(Timestamp, String)>,
}

impl Narrator for BatchNarrator {
    /// The lines of the message have no control characters.
    fn message(&mut self, now: Timestamp, record: &Record) -> Option<Message> {
        let message = match &record.event {
            Event::Response { .. } | Event::NoResponse { .. } => {
                Message::Notice(self.outages.response(now, &record.event)?)
            }
            Event::BatchStarted(start) => {
                self.reported = Some((now, String::new()));
                let text = started(start, record.job.as_deref());
                if start.resumed { Message::Notice(text) } else { Message::Progress(text) }
            }
            Event::Totals(totals) => Message::Progress(self.totals(now, totals)?),
            Event::Error(failure) => Message::Notice(failed(record.row?, failure)),
            event => stateless(event, record.row)?,
        };
        Some(match message {
            Message::Progress(text) => Message::Progress(sanitize_lines(&text)),
            Message::Notice(text) => Message::Notice(sanitize_lines(&text)),
        })
    }
}

impl BatchNarrator {
    fn totals(&mut self, now: Timestamp, totals: &Totals) -> Option<String> {
        if let Some(message) = self.outages.held(now, totals.throttled_seconds) {
            return Some(message);
        }
        let (last, before) = self.reported.get_or_insert_default();
        let text = counts(totals);
        if now < *last + TOTALS_INTERVAL || *before == text {
            return None;
        }
        (*last, *before) = (now, text.clone());
        let left = totals.seconds_left.map(|left| format!("; {} left", duration(rounded(left))));
        Some(text + &left.unwrap_or_default())
    }
}

/// The message for an event that does not depend on earlier events.
fn stateless(event: &Event, row: Option<u64>) -> Option<Message> {
    Some(match (event, row) {
        (Event::Warning { message }, Some(row)) => {
            Message::Notice(format!("warning: row {row}: {message}"))
        }
        (Event::Continuing { .. } | Event::Warning { .. }, None) => {
            Message::Notice(sentence(event)?)
        }
        (Event::Done { .. } | Event::Skipped { .. } | Event::BatchDone(_), _) => {
            Message::Progress(sentence(event)?)
        }
        _ => return None,
    })
}

/// The message for a failed export: `failed: row 17 (document d17 as pdf): submit was refused`, and
/// what the service said, and what to do, in the lines below.
fn failed(row: u64, failure: &Failure) -> String {
    let Failure { message, subject, .. } = failure;
    let subject = subject.as_ref().map(|subject| format!(" ({subject})")).unwrap_or_default();
    let first = format!("failed: row {row}{subject}: {message}");
    let lines = std::iter::once(sanitize(&first).into_owned()).chain(failure.explanation());
    lines.collect::<Vec<_>>().join("\n")
}

fn sanitize_lines(text: &str) -> String {
    text.split('\n').map(sanitize).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EndCounts;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    #[test]
    fn totals_are_printed_every_30_s_if_they_changed() {
        let mut narrator = BatchNarrator::default();
        let mut messages = Vec::new();
        for second in 0..200_u64 {
            // No export ends between 45 s and 130 s.
            let done = if second < 45 { second } else { 45.max(second.saturating_sub(85)) };
            let totals = Totals {
                exports: 1000,
                ended: EndCounts { done, ..EndCounts::default() },
                to_submit: 1000 - done,
                under_way: second % 3,
                seconds_left: Some((1000 - second) as f64),
                ..Totals::default()
            };
            let record = Record::new(Timestamp::EPOCH, None, Event::Totals(totals));
            if let Some(Message::Progress(text)) = narrator.message(at(second), &record) {
                messages.push(format!("{second} {text}"));
            }
        }
        insta::assert_snapshot!(messages.join("\n"), @r"
        30 30 of 1000 done; 970 to submit; 17 min left
        60 45 of 1000 done; 955 to submit; 16 min left
        131 46 of 1000 done; 954 to submit; 15 min left
        161 76 of 1000 done; 924 to submit; 14 min left
        191 106 of 1000 done; 894 to submit; 14 min left
        ");
    }
}
