//! Renders the lines of a batch: a pure function of the view, the time and the width.

use std::time::Duration;

use export_hyper::Timestamp;

use super::bar::bar;
use crate::event::{BatchStart, EndCounts, Totals};
use crate::text::{clip, clock, duration, seconds};
use crate::ui::event_text::{rounded, unfinished};
use crate::ui::segments::{Segment, append, drop_to_fit};
use crate::ui::terminal::{Color, Spans};

/// The state that the line shows.
#[derive(Clone, Debug)]
pub(in crate::ui) struct BatchView {
    began: Timestamp,
    totals: Totals,
    /// Until when requests are held back after a 429.
    held_until: Option<Timestamp>,
    /// When the batch is expected to end.
    ends_at: Option<Timestamp>,
}

impl BatchView {
    pub(super) fn new(now: Timestamp, start: &BatchStart) -> Self {
        let BatchStart { exports, ended, left, .. } = *start;
        let totals = Totals { exports, ended, to_submit: left, ..Totals::default() };
        Self { began: now, totals, held_until: None, ends_at: None }
    }

    pub(super) fn update(&mut self, now: Timestamp, totals: &Totals) {
        let at = |wait: Option<f64>| wait.map(|wait| now + seconds(wait));
        self.held_until = at(totals.throttled_seconds);
        self.ends_at = at(totals.seconds_left);
        self.totals = totals.clone();
    }

    /// How long requests are still held back.
    fn held(&self, now: Timestamp) -> Option<Duration> {
        remaining(self.held_until, now)
    }

    /// The remaining time of the batch, if it can be estimated.
    fn left(&self, now: Timestamp) -> Option<Duration> {
        remaining(self.ends_at, now)
    }
}

fn remaining(until: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    until.map(|until| until.since(now)).filter(|left| !left.is_zero())
}

/// The length of the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    Long,
    Short,
}

/// The bar, and the line below it, at most `width` columns wide.
pub(super) fn lines(view: &BatchView, now: Timestamp, width: usize) -> Spans {
    let mut lines = bar(&view.totals, width);
    if !lines.is_empty() {
        lines.push(("\n".into(), None));
    }
    lines.push(line(view, now, width));
    lines
}

/// The line, at most `width` columns wide, and its colour.
fn line(view: &BatchView, now: Timestamp, width: usize) -> (String, Option<Color>) {
    let mut segments = segments(view, now, Labels::Long);
    if !drop_to_fit(&mut segments, width) {
        segments = self::segments(view, now, Labels::Short);
        drop_to_fit(&mut segments, width);
    }
    let mut line = String::new();
    append(&mut line, &segments);
    let colour = view.held(now).map(|_| Color::Yellow);
    (clip(&line, width).into_owned(), colour)
}

/// The number of exports to submit is dropped early: it follows from the other numbers.
fn segments(view: &BatchView, now: Timestamp, labels: Labels) -> Vec<Segment> {
    let totals = &view.totals;
    let EndCounts { done, skipped, failed } = totals.ended;
    let progress = match labels {
        Labels::Long => format!("{done} of {} done", totals.exports),
        Labels::Short => format!("{done} of {}", totals.exports),
    };
    let mut segments = vec![Segment::after(0, "", progress)];
    if failed > 0 {
        segments.push(Segment::after(0, ", ", format!("{failed} failed")));
    }
    if skipped > 0 {
        segments.push(Segment::after(6, ", ", format!("{skipped} skipped")));
    }
    let held = view.held(now).map(duration);
    if let Some(wait) = &held {
        segments.push(Segment::new(
            0,
            match labels {
                Labels::Long => format!("throttled for {wait}"),
                Labels::Short => format!("throttled {wait}"),
            },
        ));
    }
    let mut separator = "  ";
    for ((count, step), drop_order) in unfinished(totals).into_iter().zip([2, 3, 5, 7]) {
        if count > 0 {
            segments.push(Segment::after(drop_order, separator, format!("{count} {step}")));
            separator = ", ";
        }
    }
    if let (None, Some(polls), 1..) = (&held, totals.polls_per_second, totals.open) {
        segments.push(Segment::new(4, format!("{polls:.1} polls/s")));
    }
    let left = view.left(now).map(|left| clock(rounded(left.as_secs_f64())));
    let elapsed = clock(now.since(view.began));
    match left {
        Some(left) => {
            segments.extend([Segment::new(1, format!("{left} left")), Segment::new(8, elapsed)])
        }
        // A number that changes shows that the program is running.
        None => segments.push(Segment::new(1, elapsed)),
    }
    segments
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::text::columns;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs_f64(seconds)
    }

    fn new_batch(exports: u64) -> BatchView {
        let start = BatchStart {
            source: "jobs.csv".into(),
            exports,
            ended: EndCounts::default(),
            left: exports,
            resumed: false,
            api_version: String::new(),
            base_url: String::new(),
        };
        BatchView::new(at(0.0), &start)
    }

    /// `ended` is `[done, failed, skipped]`, `unfinished` is
    /// `[open, to download, uploading, to submit]`.
    fn totals(ended: [u64; 3], unfinished: [u64; 4]) -> Totals {
        let [done, failed, skipped] = ended;
        let [open, to_download, uploading, to_submit] = unfinished;
        let exports = ended.iter().chain(&unfinished).sum();
        let ended = EndCounts { done, skipped, failed };
        let polls_per_second = Some(4.9);
        let counts = Totals { open, to_download, uploading, to_submit, ..Totals::default() };
        Totals { exports, ended, polls_per_second, ..counts }
    }

    /// The totals of a batch, with their times in seconds.
    fn timeline() -> Vec<(f64, Totals)> {
        let held = |seconds, totals| Totals { throttled_seconds: Some(seconds), ..totals };
        let left = |seconds, totals| Totals { seconds_left: Some(seconds), ..totals };
        vec![
            (2.0, totals([0, 0, 0], [0, 0, 0, 1000])),
            (20.0, totals([0, 0, 0], [19, 0, 0, 981])),
            (62.0, totals([3, 1, 0], [54, 2, 0, 940])),
            (133.0, left(827.0, totals([120, 3, 0], [97, 13, 0, 767]))),
            (240.0, left(702.0, totals([211, 3, 2], [97, 5, 3, 679]))),
            (300.0, held(12.0, totals([291, 3, 2], [102, 0, 0, 602]))),
            (304.5, held(7.5, left(500.0, totals([291, 3, 2], [102, 0, 0, 602])))),
            (640.0, left(130.0, totals([812, 3, 2], [97, 5, 0, 81]))),
            (761.0, left(8.0, totals([989, 3, 2], [2, 4, 0, 0]))),
            (775.0, totals([994, 3, 2], [0, 0, 1, 0])),
        ]
    }

    /// The line after each update.
    fn rendered(width: usize) -> String {
        let mut view = new_batch(1000);
        let mut lines = vec![line(&view, at(0.0), width).0];
        for (time, totals) in timeline() {
            view.update(at(time), &totals);
            lines.push(line(&view, at(time), width).0);
        }
        lines.join("\n")
    }

    #[test]
    fn batch_on_a_wide_terminal() {
        assert_snapshot!(rendered(140));
    }

    #[test]
    fn batch_at_eighty_columns() {
        assert_snapshot!(rendered(79));
    }

    #[test]
    fn batch_at_forty_columns() {
        assert_snapshot!(rendered(39));
    }

    #[test]
    fn lines_fit_any_width() {
        for width in 0..200 {
            let text = rendered(width);
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
        }
    }

    #[test]
    fn done_and_failed_counts_are_never_dropped() {
        let mut view = new_batch(1_000_000);
        view.update(at(9.0), &totals([412_345, 31, 0], [9_000, 8, 0, 578_616]));
        let lines = [79, 39, 30, 20].map(|width| line(&view, at(9.0), width).0);
        assert_snapshot!(lines.join("\n"), @r"
        412345 of 1000000 done, 31 failed  9000 waiting, 8 downloading  0:09
        412345 of 1000000 done, 31 failed  0:09
        412345 of 1000000, 31 failed
        412345 of 1000000...
        ");
    }

    #[test]
    fn times_count_down_between_updates() {
        let mut view = new_batch(40);
        let held = totals([10, 0, 0], [5, 0, 0, 25]);
        let held = Totals { throttled_seconds: Some(3.0), seconds_left: Some(131.0), ..held };
        view.update(at(0.0), &held);
        let lines = [0.0, 1.1, 2.9, 3.0, 60.0, 125.0, 131.0].map(|now| line(&view, at(now), 79).0);
        assert_snapshot!(lines.join("\n"), @r"
        10 of 40 done  throttled for 3 s  5 waiting, 25 to submit  2:20 left  0:00
        10 of 40 done  throttled for 2 s  5 waiting, 25 to submit  2:10 left  0:01
        10 of 40 done  throttled for 1 s  5 waiting, 25 to submit  2:10 left  0:02
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  2:10 left  0:03
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  1:20 left  1:00
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  0:10 left  2:05
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  2:11
        ");
    }

    #[test]
    fn only_throttling_is_coloured() {
        let mut view = new_batch(40);
        assert_eq!(line(&view, at(0.0), 79).1, None);
        let held = Totals { throttled_seconds: Some(3.0), ..totals([10, 1, 0], [5, 0, 0, 24]) };
        view.update(at(0.0), &held);
        assert_eq!(line(&view, at(0.0), 79).1, Some(Color::Yellow));
        assert_eq!(line(&view, at(3.0), 79).1, None);
    }
}
