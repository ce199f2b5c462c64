//! The text of single events, for the log and the displays.

use std::time::Duration;

use crate::event::{BatchEnd, BatchStart, EndCounts, Event, Totals};
use crate::text::{duration, export_count, sanitize, seconds, share, size};

/// The message for an event by itself, if it has one.
pub(super) fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started { subject, api_version, base_url, resumed } => {
            let verb = if *resumed { "resuming" } else { "exporting" };
            format!("{verb} {subject} from {base_url}, API version {api_version}")
        }
        Event::NoResponse { phase, reason } => format!("{phase}: {reason}"),
        Event::Accepted { operation } => format!("accepted: {operation}"),
        Event::Status { status } => format!("status: {}", sanitize(status)),
        Event::Downloading { offset: 0, length } => match length {
            Some(length) => format!("downloading {}", size(*length)),
            None => "downloading".into(),
        },
        Event::Downloading { offset, length } => {
            let at = length.map_or_else(|| size(*offset), |length| share(*offset, length));
            format!("resuming the download at {at}")
        }
        Event::Uploading { url, length } => format!("uploading {} to {url}", size(*length)),
        Event::Continuing { message } => message.clone(),
        Event::Warning { message } => format!("warning: {message}"),
        Event::Done { file, bytes, details, .. } => {
            let destination = if file == "-" { "standard output" } else { file };
            let remark = match details.is_empty() {
                true => String::new(),
                false => format!("; the service says: {}", details.join("; ")),
            };
            format!("done: {destination}, {}{remark}", size(*bytes))
        }
        Event::Skipped { file } => format!("skipped: {file} exists"),
        Event::BatchStarted(start) => started(start, None),
        Event::Totals(totals) => counts(totals),
        Event::BatchDone(end) => ended(end),
        _ => return None,
    })
}

/// The message for an event with its details, for a log.
pub(crate) fn detail(event: &Event) -> Option<String> {
    Some(match event {
        Event::Sending { phase, method, url } => format!("{phase}: {method} {url}"),
        Event::Response { phase, status, retry_after_seconds, request_id } => {
            let wait = retry_after_seconds.map(|wait| format!(", Retry-After {wait} s"));
            let id = request_id.as_ref().map(|id| format!(", request id {id}"));
            format!("{phase}: {status}{}{}", wait.unwrap_or_default(), id.unwrap_or_default())
        }
        Event::Waiting { seconds, until, reason } => {
            format!("waiting {seconds} s until {until} ({})", reason.replace('_', " "))
        }
        Event::Interrupted { exit_code } => format!("stopped by a signal, code {exit_code}"),
        Event::Error(failure) => {
            let service = failure.facts.service_message.as_ref();
            let service = service.map(|text| format!(": {text}")).unwrap_or_default();
            format!("error: {}{service}", failure.message)
        }
        Event::Deprecated => "the service marks the endpoint as deprecated".into(),
        Event::Ignored { description } => format!("ignored: {description}"),
        Event::Sunset { endpoint, date, .. } => format!("{endpoint} is switched off on {date}"),
        other => return sentence(other),
    })
}

/// The message for the start of a run:
/// `starting 40 exports of jobs.csv from https://..., API version 2026-01-01`.
pub(super) fn started(start: &BatchStart, batch: Option<&str>) -> String {
    let BatchStart { source, exports, left, resumed, api_version, base_url, .. } = start;
    let source = if source == "-" { "standard input" } else { source };
    let what = if *resumed {
        format!("resuming {left} of {}", export_count(*exports))
    } else {
        format!("starting {}", export_count(*exports))
    };
    let batch = batch.map(|batch| format!(" (batch {batch})")).unwrap_or_default();
    format!("{what} of {source} from {base_url}, API version {api_version}{batch}")
}

/// The number of exports in each step: `12 of 40 done, 1 failed; 20 waiting, 2 downloading, 5 to submit`.
pub(super) fn counts(totals: &Totals) -> String {
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
pub(super) fn ended(end: &BatchEnd) -> String {
    let BatchEnd { exports, ended, left, not_started, seconds: took, .. } = end;
    let (counts, took) = (end_counts(*exports, *ended), duration(seconds(*took)));
    match (left, not_started) {
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
    use super::*;

    #[test]
    fn remaining_time_is_rounded_up() {
        let rounded = [1.0, 58.0, 61.0, 599.0, 601.0, 3599.0, 3601.0].map(rounded);
        assert_eq!(rounded, [5, 60, 70, 600, 660, 3600, 3900].map(Duration::from_secs));
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
