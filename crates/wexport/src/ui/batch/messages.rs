//! The messages of a batch. Of each export, only its end is reported.

use std::time::Duration;

use super::outages::OutageTracker;
use crate::event::{BatchEnd, BatchStart, EndCounts, Event, Failure, Record, Totals};
use crate::text::{duration, sanitize, seconds};
use crate::ui::messages::{Message, sentence};

/// The shortest time between two messages with totals.
const TOTALS_INTERVAL: Duration = Duration::from_secs(30);

/// Turns the events of a batch into messages. It keeps no state of single exports.
#[derive(Debug, Default)]
pub(super) struct BatchNarrator {
    outages: OutageTracker,
    /// The last message with totals, and when it was reported.
    reported: Option<(Duration, String)>,
}

impl BatchNarrator {
    /// The message for an event, if it has one: one line without control characters.
    pub(super) fn message(&mut self, now: Duration, record: &Record) -> Option<Message> {
        let message = match &record.event {
            Event::Answered { .. } | Event::NoAnswer { .. } => {
                Message::Notice(self.outages.response(now, &record.event)?)
            }
            Event::BatchStarted(start) => {
                self.reported = Some((now, String::new()));
                let text = started(start, record.job.as_deref());
                if start.resumed { Message::Notice(text) } else { Message::Progress(text) }
            }
            Event::Totals(totals) => Message::Progress(self.totals(now, totals)?),
            event => stateless(event, record.row)?,
        };
        Some(match message {
            Message::Progress(text) => Message::Progress(sanitize(&text).into_owned()),
            Message::Notice(text) => Message::Notice(sanitize(&text).into_owned()),
        })
    }

    fn totals(&mut self, now: Duration, totals: &Totals) -> Option<String> {
        if let Some(message) = self.outages.held(now, totals.held_seconds) {
            return Some(message);
        }
        let (last, before) = self.reported.get_or_insert_default();
        let text = counts(totals);
        if now < last.saturating_add(TOTALS_INTERVAL) || *before == text {
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
        (Event::Warning { .. }, None) => Message::Notice(sentence(event)?),
        (Event::Error(failure), Some(row)) => Message::Notice(failed(row, failure)),
        (Event::Done { .. } | Event::Skipped { .. } | Event::BatchDone(_), _) => {
            Message::Progress(sentence(event)?)
        }
        _ => return None,
    })
}

/// The message for a failed export: `failed: row 17 (document d17 as pdf): submit was refused`.
fn failed(row: u64, Failure { message, export, .. }: &Failure) -> String {
    let export = export.as_ref().map(|export| format!(" ({export})")).unwrap_or_default();
    format!("failed: row {row}{export}: {message}")
}

/// The message for the start of a run:
/// `starting 40 exports of jobs.csv from https://..., API version 2026-01-01`.
pub(in crate::ui) fn started(start: &BatchStart, batch: Option<&str>) -> String {
    let BatchStart { source, exports, left, resumed, api_version, base_url, .. } = start;
    let source = if source == "-" { "standard input" } else { source };
    let what = if *resumed {
        format!("resuming {left} of {}", count(*exports))
    } else {
        format!("starting {}", count(*exports))
    };
    let batch = batch.map(|batch| format!(" (batch {batch})")).unwrap_or_default();
    format!("{what} of {source} from {base_url}, API version {api_version}{batch}")
}

/// The number of exports in each step: `12 of 40 done, 1 failed; 20 waiting, 2 downloading, 5 to submit`.
pub(in crate::ui) fn counts(totals: &Totals) -> String {
    let counts =
        unfinished(totals).map(|(count, step)| (count > 0).then(|| format!("{count} {step}")));
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let separator = if counts.is_empty() { "" } else { "; " };
    format!("{}{separator}{}", end_counts(totals.exports, totals.ended), counts.join(", "))
}

/// The number of exports that have not ended, by their next step.
pub(super) const fn unfinished(totals: &Totals) -> [(u64, &'static str); 4] {
    let Totals { open, to_download, uploading, to_submit, .. } = *totals;
    [
        (open, "waiting"),
        (to_download, "downloading"),
        (uploading, "uploading"),
        (to_submit, "to submit"),
    ]
}

/// The message for the end of a run.
pub(in crate::ui) fn ended(end: &BatchEnd) -> String {
    let BatchEnd { exports, ended, left, not_begun, seconds: took, .. } = end;
    let (counts, took) = (end_counts(*exports, *ended), duration(seconds(*took)));
    match (left, not_begun) {
        (0, _) => format!("finished: {counts} in {took}"),
        (left, 0) => format!("stopped: {counts}, {left} left after {took}"),
        (left, not_started) => {
            format!("stopped: {counts}, {left} left ({not_started} not started) after {took}")
        }
    }
}

fn end_counts(exports: u64, EndCounts { done, skipped, failed }: EndCounts) -> String {
    let mut text = format!("{done} of {exports} done");
    for (count, end) in [(failed, "failed"), (skipped, "skipped")] {
        if count > 0 {
            text.push_str(&format!(", {count} {end}"));
        }
    }
    text
}

fn count(exports: u64) -> String {
    if exports == 1 { "1 export".into() } else { format!("{exports} exports") }
}

/// Rounds the remaining time, in **seconds**, up to the precision of the estimate.
pub(super) fn rounded(left: f64) -> Duration {
    let left = seconds(left).as_secs();
    let step = match left {
        ..60 => 5,
        60..600 => 10,
        600..3600 => 60,
        _ => 300,
    };
    Duration::from_secs(left.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use export_hyper::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
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

    #[test]
    fn remaining_time_is_rounded_up() {
        let rounded = [1.0, 58.0, 61.0, 599.0, 601.0, 3599.0, 3601.0].map(rounded);
        assert_eq!(rounded, [5, 60, 70, 600, 660, 3600, 3900].map(at));
    }

    #[test]
    fn one_export_is_singular() {
        let start = BatchStart {
            source: "-".into(),
            exports: 1,
            ended: EndCounts::default(),
            left: 1,
            resumed: false,
            api_version: "V".into(),
            base_url: "URL".into(),
        };
        let wanted = "starting 1 export of standard input from URL, API version V (batch 7)";
        assert_eq!(started(&start, Some("7")), wanted);
    }
}
