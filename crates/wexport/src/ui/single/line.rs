//! Renders the line of a single export: a pure function of the view, the time and the width.

use export_hyper::Timestamp;

use super::view::{Activity, ExportView, Pause, PauseReason, TransferRate};
use crate::text::{clip, clock, columns, duration, share, size};
use crate::ui::segments::{Segment, append, drop_to_fit};
use crate::ui::terminal::Color;

/// The shortest truncated name that is shown, in columns.
const MIN_NAME_WIDTH: usize = 12;

/// The longest status of the service that is shown, in columns.
const MAX_STATUS_WIDTH: usize = 24;

/// The line, at most `width` columns wide, and its colour.
pub(super) fn line(view: &ExportView, now: Timestamp, width: usize) -> (String, Option<Color>) {
    let mut segments = segments(view, now);
    segments.push(Segment::new(4, clock(now.since(view.began))));
    // The name always gets the same space, so that the text after it does not jump.
    let mut line = clip(&view.name, width / 3).into_owned();
    if !drop_to_fit(&mut segments, width.saturating_sub(columns(&line))) {
        // The activity is more important than the name.
        line.clear();
    }
    append(&mut line, &segments);
    (clip(&line, width).into_owned(), colour(view))
}

/// The line that stays when an export has ended:
/// `document d1  done: report.pdf, 2.9 MiB in 12 s`.
pub(super) fn final_line(view: &ExportView, now: Timestamp, end: &str, width: usize) -> String {
    let end = format!("{end} {}", duration(now.since(view.began)));
    let room = width.saturating_sub(columns(&end) + 2);
    // The destination is more important than the name.
    if room < columns(&view.name).min(MIN_NAME_WIDTH) {
        return end;
    }
    format!("{}  {end}", clip(&view.name, room))
}

fn segments(view: &ExportView, now: Timestamp) -> Vec<Segment> {
    let pause = view.pause.as_ref().map(|Pause { until, reason }| (until.since(now), reason));
    let pause = pause.filter(|(left, _)| !left.is_zero());
    match (pause, &view.activity) {
        (Some((left, PauseReason::Throttled)), _) => {
            let wait = format!("throttled for {}", duration(left));
            vec![Segment::new(0, wait), Segment::after(2, " ", "(429)")]
        }
        (Some((left, PauseReason::Retry { reason })), _) => {
            let wait = format!("retrying in {}", duration(left));
            vec![Segment::new(0, wait), Segment::after(2, " ", format!("({reason})"))]
        }
        (_, Activity::Submitting) => vec![Segment::new(0, "submitting")],
        (Some((left, PauseReason::PollInterval)), Activity::Exporting { status, .. }) => {
            let next = format!("next poll in {}", duration(left));
            vec![status_segment(status), Segment::after(1, ", ", next)]
        }
        (None, Activity::Exporting { status, polling: true }) => {
            vec![status_segment(status), Segment::after(1, ", ", "polling")]
        }
        (None, Activity::Exporting { status, .. }) => vec![status_segment(status)],
        (_, Activity::Fetching) => vec![Segment::new(0, "requesting the file")],
        (_, Activity::Transferring { is_upload, bytes, length, rate }) => {
            let label = is_upload.then(|| Segment::new(0, "uploading"));
            let length = length.filter(|length| *length > 0);
            label.into_iter().chain(transfer(now, *bytes, length, rate)).collect()
        }
    }
}

fn status_segment(status: &str) -> Segment {
    Segment::new(0, clip(status, MAX_STATUS_WIDTH))
}

/// The number of bytes, their rate, and the remaining time.
fn transfer(now: Timestamp, bytes: u64, length: Option<u64>, rate: &TransferRate) -> Vec<Segment> {
    let per_second = rate.per_second(now).map(|rate| Segment::new(2, format!("{}/s", size(rate))));
    let Some(length) = length else {
        return [Some(Segment::new(0, size(bytes))), per_second].into_iter().flatten().collect();
    };
    let percent = u128::from(bytes.min(length)) * 100 / u128::from(length);
    let left = rate.time_for(now, length.saturating_sub(bytes));
    [
        Some(Segment::new(0, format!("{percent}%"))),
        Some(Segment::new(3, share(bytes, length))),
        per_second,
        left.map(|left| Segment::new(1, format!("{} left", duration(left)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn colour(view: &ExportView) -> Option<Color> {
    match view.pause.as_ref()?.reason {
        PauseReason::PollInterval => None,
        PauseReason::Throttled | PauseReason::Retry { .. } => Some(Color::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;
    use crate::event::Event;

    const ID: &str = "document 124efa2a142f472ba1ceab34ed18915f";

    fn at(seconds: f64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs_f64(seconds)
    }

    fn sending(phase: &str) -> Event {
        Event::Sending { phase: phase.into(), method: "GET".into(), url: String::new() }
    }

    fn answered(status: u16, retry_after_seconds: Option<f64>) -> Event {
        let phase = "poll".into();
        Event::Response { phase, status, retry_after_seconds, request_id: None }
    }

    fn waiting(seconds: f64, why: &str) -> Event {
        Event::Waiting { seconds, until: String::new(), reason: why.into() }
    }

    fn status(word: &str) -> Event {
        Event::Status { status: word.into() }
    }

    /// The events of an export, with their times in seconds.
    fn timeline() -> Vec<(f64, Event)> {
        let length = Some(30_400_000);
        vec![
            (0.0, sending("submit")),
            (0.4, answered(202, Some(5.0))),
            (0.4, Event::Accepted { operation: String::new() }),
            (0.4, waiting(5.0, "retry_after")),
            (3.2, waiting(2.2, "retry_after")),
            (5.4, sending("poll")),
            (5.5, status("queued")),
            (5.5, waiting(1.0, "pace")),
            (6.5, answered(429, Some(30.0))),
            (6.5, waiting(30.0, "retry_after")),
            (36.5, sending("poll")),
            (36.6, answered(503, None)),
            (36.6, waiting(3.7, "back_off")),
            (40.3, status("in \u{1b}[31mreview\nof all the people who have to approve it")),
            (40.3, waiting(12.0, "pace")),
            (52.4, sending("fetch")),
            (52.5, Event::Downloading { offset: 0, length }),
            (53.5, Event::Progress { bytes: 4_100_000, length }),
            (55.5, Event::Progress { bytes: 12_900_000, length }),
            (
                56.0,
                Event::NoResponse {
                    phase: "fetch".into(),
                    reason: "the connection was lost".into(),
                },
            ),
            (56.0, waiting(1.2, "back_off")),
            (57.2, sending("fetch")),
            (57.3, Event::Downloading { offset: 12_900_000, length }),
            (58.3, Event::Progress { bytes: 30_400_000, length }),
            (58.4, Event::Downloading { offset: 0, length: None }),
            (60.4, Event::Progress { bytes: 5_000_000, length: None }),
        ]
    }

    #[test]
    fn upload_progress_is_shown() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &Event::Uploading { url: "s3://b/k".into(), length: 30_400_000 });
        assert_eq!(line(&view, at(0.0), 80).0, "document d1  uploading  0%  0.0 of 29.0 MiB  0:00");
        view.update(at(1.0), &Event::Progress { bytes: 15_200_000, length: None });
        let shown = line(&view, at(1.0), 80).0;
        assert!(shown.starts_with("document d1  uploading  50%  14.5 of 29.0 MiB"), "{shown}");
        let narrow = line(&view, at(1.0), 24).0;
        assert!(narrow.contains("uploading  50%"), "{narrow}");
    }

    /// The line after each event, without repetitions.
    fn rendered(width: usize) -> String {
        let mut view = ExportView::new(at(0.0), ID);
        let mut lines = vec![line(&view, at(0.0), width).0];
        for (time, event) in timeline() {
            view.update(at(time), &event);
            lines.push(line(&view, at(time), width).0);
        }
        lines.dedup();
        lines.join("\n")
    }

    #[test]
    fn export_at_eighty_columns() {
        assert_snapshot!(rendered(79));
    }

    #[test]
    fn export_at_forty_columns() {
        assert_snapshot!(rendered(39));
    }

    #[test]
    fn lines_fit_any_width_without_control_characters() {
        for width in 0..200 {
            let text = rendered(width);
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{width}:\n{text}");
        }
    }

    #[test]
    fn the_wait_counts_down_between_events() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &status("queued"));
        view.update(at(0.0), &waiting(3.0, "pace"));
        let lines = [0.0, 0.1, 1.1, 2.9, 7.0].map(|time| line(&view, at(time), 79).0);
        assert_snapshot!(lines.join("\n"), @r"
        document d1  queued, next poll in 3 s  0:00
        document d1  queued, next poll in 3 s  0:00
        document d1  queued, next poll in 2 s  0:01
        document d1  queued, next poll in 1 s  0:02
        document d1  queued  0:07
        ");
    }

    #[test]
    fn only_failures_are_coloured() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &waiting(3.0, "pace"));
        assert_eq!(line(&view, at(0.0), 79).1, None);
        view.update(at(0.0), &answered(429, None));
        view.update(at(0.0), &waiting(3.0, "back_off"));
        assert_eq!(line(&view, at(0.0), 79).1, Some(Color::Yellow));
    }

    #[test]
    fn final_line_prefers_the_destination_to_the_name() {
        let view = ExportView::new(at(0.0), ID);
        let lines = [79, 60, 47, 46]
            .map(|width| final_line(&view, at(12.0), "done: report.pdf, 2.9 MiB in", width));
        assert_snapshot!(lines.join("\n"), @r"
        document 124efa2a142f472ba1ceab34ed18915f  done: report.pdf, 2.9 MiB in 12 s
        document 124efa2a142f4...  done: report.pdf, 2.9 MiB in 12 s
        document ...  done: report.pdf, 2.9 MiB in 12 s
        done: report.pdf, 2.9 MiB in 12 s
        ");
    }
}
