//! One line of the display: a pure function of what there is to show, the time and the width.

use std::time::Duration;

use super::view::{Activity, ExportView, Pause, PauseReason, TransferRate};
use crate::text::{clip, clock, columns, share, size, span};
use crate::ui::line_parts::{Part, fit, join, more, part};
use crate::ui::terminal::Colour;

/// A name that is cut shorter than this, in columns, is none.
const SHORTEST: usize = 12;

/// A line of at most so many columns, and its colour.
pub(super) fn line(view: &ExportView, now: Duration, width: usize) -> (String, Option<Colour>) {
    let mut parts = parts(view, now);
    parts.push(part(4, clock(now.saturating_sub(view.began))));
    // The same share at each moment: what stands behind the name does not jump.
    let mut line = clip(&view.name, width / 3).into_owned();
    if !fit(&mut parts, width.saturating_sub(columns(&line))) {
        // What happens is worth more than to what.
        line.clear();
    }
    join(&mut line, &parts);
    (clip(&line, width).into_owned(), colour(view))
}

/// The last line of an export, which stays: `document d1  done: report.pdf, 2.9 MiB in 12 s`.
pub(super) fn last(view: &ExportView, now: Duration, how: &str, width: usize) -> String {
    let how = format!("{how} {}", span(now.saturating_sub(view.began)));
    let room = width.saturating_sub(columns(&how) + 2);
    // A name that cannot be recognised helps nobody; where the file is, does.
    if room < columns(&view.name).min(SHORTEST) {
        return how;
    }
    format!("{}  {how}", clip(&view.name, room))
}

fn parts(view: &ExportView, now: Duration) -> Vec<Part> {
    let pause =
        view.pause.as_ref().map(|Pause { until, reason }| (until.saturating_sub(now), reason));
    let pause = pause.filter(|(left, _)| !left.is_zero());
    match (pause, &view.activity) {
        (Some((left, PauseReason::Throttled)), _) => {
            vec![part(0, format!("asked to wait {}", span(left))), more(2, " ", "(429)")]
        }
        (Some((left, PauseReason::Retry { reason })), _) => {
            let reason = more(2, " ", format!("({reason})"));
            vec![part(0, format!("trying again in {}", span(left))), reason]
        }
        (_, Activity::Submitting) => vec![part(0, "asking for the export")],
        (Some((left, PauseReason::PollInterval)), Activity::Exporting { status, .. }) => {
            let next = more(1, ", ", format!("next poll in {}", span(left)));
            vec![part(0, clip(status, 24)), next]
        }
        (None, Activity::Exporting { status, polling: true }) => {
            vec![part(0, clip(status, 24)), more(1, ", ", "polling")]
        }
        (None, Activity::Exporting { status, .. }) => vec![part(0, clip(status, 24))],
        (_, Activity::Fetching) => vec![part(0, "asking for the file")],
        (_, Activity::Downloading { bytes, length, rate }) => {
            moving(now, *bytes, length.filter(|length| *length > 0), rate)
        }
        (_, Activity::Uploading { bytes, length, rate }) => {
            let mut parts = vec![part(0, "uploading")];
            parts.extend(moving(now, *bytes, Some(*length).filter(|length| *length > 0), rate));
            parts
        }
    }
}

/// How much of the file there is, how fast it comes or goes, and how long that will take.
fn moving(now: Duration, bytes: u64, length: Option<u64>, rate: &TransferRate) -> Vec<Part> {
    let per_second = rate.per_second(now).map(|rate| part(2, format!("{}/s", size(rate))));
    let Some(length) = length else {
        return [Some(part(0, size(bytes))), per_second].into_iter().flatten().collect();
    };
    let percent = u128::from(bytes.min(length)) * 100 / u128::from(length);
    let left = rate.time_for(now, length.saturating_sub(bytes));
    [
        Some(part(0, format!("{percent}%"))),
        Some(part(3, share(bytes, length))),
        per_second,
        left.map(|left| part(1, format!("{} left", span(left)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn colour(view: &ExportView) -> Option<Colour> {
    match view.pause.as_ref()?.reason {
        PauseReason::PollInterval => None,
        PauseReason::Throttled | PauseReason::Retry { .. } => Some(Colour::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::event::Event;

    const ID: &str = "document 124efa2a142f472ba1ceab34ed18915f";

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn sending(phase: &str) -> Event {
        Event::Sending { phase: phase.into(), method: "GET".into(), url: String::new() }
    }

    fn answered(status: u16, retry_after_seconds: Option<f64>) -> Event {
        let phase = "poll".into();
        Event::Answered { phase, status, retry_after_seconds, request_id: None }
    }

    fn waiting(seconds: f64, why: &str) -> Event {
        Event::Waiting { seconds, until: String::new(), why: why.into() }
    }

    fn status(word: &str) -> Event {
        Event::Status { status: word.into() }
    }

    /// Whatever may be seen of an export: a story with times.
    fn story() -> Vec<(f64, Event)> {
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
            (40.3, status("in \u{1b}[31mreview\nby somebody who takes very long over it")),
            (40.3, waiting(12.0, "pace")),
            (52.4, sending("fetch")),
            (52.5, Event::Downloading { offset: 0, length }),
            (53.5, Event::Progress { bytes: 4_100_000, length }),
            (55.5, Event::Progress { bytes: 12_900_000, length }),
            (56.0, Event::NoAnswer { phase: "fetch".into(), why: "the answer was cut off".into() }),
            (56.0, waiting(1.2, "back_off")),
            (57.2, sending("fetch")),
            (57.3, Event::Downloading { offset: 12_900_000, length }),
            (58.3, Event::Progress { bytes: 30_400_000, length }),
            (58.4, Event::Downloading { offset: 0, length: None }),
            (60.4, Event::Progress { bytes: 5_000_000, length: None }),
        ]
    }

    #[test]
    fn what_goes_to_a_store_is_seen_on_its_way() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &Event::Uploading { url: "s3://b/k".into(), length: 30_400_000 });
        assert_eq!(line(&view, at(0.0), 80).0, "document d1  uploading  0%  0.0 of 29.0 MiB  0:00");
        view.update(at(1.0), &Event::Progress { bytes: 15_200_000, length: None });
        let shown = line(&view, at(1.0), 80).0;
        assert!(shown.starts_with("document d1  uploading  50%  14.5 of 29.0 MiB"), "{shown}");
        let narrow = line(&view, at(1.0), 24).0;
        assert!(narrow.contains("uploading  50%"), "{narrow}");
    }

    fn told(width: usize) -> String {
        let mut view = ExportView::new(at(0.0), ID);
        let mut told = vec![line(&view, at(0.0), width).0];
        for (time, what) in story() {
            view.update(at(time), &what);
            told.push(line(&view, at(time), width).0);
        }
        told.dedup();
        told.join("\n")
    }

    #[test]
    fn a_life_of_an_export_at_eighty_columns() {
        assert_snapshot!(told(79));
    }

    #[test]
    fn a_life_of_an_export_at_forty_columns() {
        assert_snapshot!(told(39));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_moves_its_cursor() {
        for width in 0..200 {
            let told = told(width);
            assert!(told.lines().all(|line| columns(line) <= width), "{width}:\n{told}");
            assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{width}:\n{told}");
        }
    }

    #[test]
    fn the_time_to_the_next_poll_counts_down_by_itself() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &status("queued"));
        view.update(at(0.0), &waiting(3.0, "pace"));
        let seen = [0.0, 0.1, 1.1, 2.9, 7.0].map(|time| line(&view, at(time), 79).0);
        assert_snapshot!(seen.join("\n"), @r"
        document d1  queued, next poll in 3 s  0:00
        document d1  queued, next poll in 3 s  0:00
        document d1  queued, next poll in 2 s  0:01
        document d1  queued, next poll in 1 s  0:02
        document d1  queued  0:07
        ");
    }

    #[test]
    fn only_trouble_has_a_colour() {
        let mut view = ExportView::new(at(0.0), "document d1");
        view.update(at(0.0), &waiting(3.0, "pace"));
        assert_eq!(line(&view, at(0.0), 79).1, None);
        view.update(at(0.0), &answered(429, None));
        view.update(at(0.0), &waiting(3.0, "back_off"));
        assert_eq!(line(&view, at(0.0), 79).1, Some(Colour::Yellow));
    }

    #[test]
    fn the_last_line_keeps_the_place_of_the_file_before_the_name() {
        let view = ExportView::new(at(0.0), ID);
        let lasts = [79, 60, 47, 46]
            .map(|width| last(&view, at(12.0), "done: report.pdf, 2.9 MiB in", width));
        assert_snapshot!(lasts.join("\n"), @r"
        document 124efa2a142f472ba1ceab34ed18915f  done: report.pdf, 2.9 MiB in 12 s
        document 124efa2a142f4...  done: report.pdf, 2.9 MiB in 12 s
        document ...  done: report.pdf, 2.9 MiB in 12 s
        done: report.pdf, 2.9 MiB in 12 s
        ");
    }
}
