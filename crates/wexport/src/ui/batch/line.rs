//! One line for a batch: a pure function of what there is to show, the time and the width.

use std::time::Duration;

use super::messages::{in_flight, rounded};
use crate::event::{BatchStart, Tally, Totals};
use crate::text::{clip, clock, seconds, span};
use crate::ui::line_parts::{Part, fit, join, more, part};
use crate::ui::terminal::Colour;

/// What the line shows. Times are those of a monotonic clock.
#[derive(Clone, Debug)]
pub(super) struct BatchView {
    began: Duration,
    totals: Totals,
    /// Until when requests are held back after a 429.
    held_until: Option<Duration>,
    /// When the batch is expected to end.
    ends_at: Option<Duration>,
}

impl BatchView {
    pub(super) fn new(now: Duration, start: &BatchStart) -> Self {
        let BatchStart { exports, over, left, .. } = *start;
        let totals = Totals { exports, over, to_submit: left, ..Totals::default() };
        Self { began: now, totals, held_until: None, ends_at: None }
    }

    pub(super) fn update(&mut self, now: Duration, totals: &Totals) {
        let at = |wait: Option<f64>| wait.map(|wait| now.saturating_add(seconds(wait)));
        self.held_until = at(totals.held_seconds);
        self.ends_at = at(totals.seconds_left);
        self.totals = totals.clone();
    }

    /// How long requests are still held back.
    fn held(&self, now: Duration) -> Option<Duration> {
        remaining(self.held_until, now)
    }

    /// How long the batch will take from now, if that can be estimated.
    fn left(&self, now: Duration) -> Option<Duration> {
        remaining(self.ends_at, now)
    }
}

fn remaining(until: Option<Duration>, now: Duration) -> Option<Duration> {
    until?.checked_sub(now).filter(|left| !left.is_zero())
}

/// How much there is to say with few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wording {
    Full,
    Brief,
}

/// A line of at most so many columns, and its colour.
pub(super) fn line(view: &BatchView, now: Duration, width: usize) -> (String, Option<Colour>) {
    let mut parts = parts(view, now, Wording::Full);
    if !fit(&mut parts, width) {
        parts = self::parts(view, now, Wording::Brief);
        fit(&mut parts, width);
    }
    let mut line = String::new();
    join(&mut line, &parts);
    let colour = view.held(now).map(|_| Colour::Yellow);
    (clip(&line, width).into_owned(), colour)
}

/// What is least missed has the highest rank: those to submit are what is left over of the rest.
fn parts(view: &BatchView, now: Duration, wording: Wording) -> Vec<Part> {
    let totals = &view.totals;
    let Tally { done, skipped, failed } = totals.over;
    let so_far = match wording {
        Wording::Full => format!("{done} of {} done", totals.exports),
        Wording::Brief => format!("{done} of {}", totals.exports),
    };
    let mut parts = vec![more(0, "", so_far)];
    if failed > 0 {
        parts.push(more(0, ", ", format!("{failed} failed")));
    }
    if skipped > 0 {
        parts.push(more(6, ", ", format!("{skipped} skipped")));
    }
    let held = view.held(now).map(span);
    match (&held, wording) {
        (Some(wait), Wording::Full) => {
            parts.push(part(0, format!("throttled, going on in {wait}")))
        }
        (Some(wait), Wording::Brief) => parts.push(part(0, format!("throttled {wait}"))),
        (None, _) => {}
    }
    let mut gap = "  ";
    for ((count, what), rank) in in_flight(totals).into_iter().zip([2, 3, 5, 7]) {
        if count > 0 {
            parts.push(more(rank, gap, format!("{count} {what}")));
            gap = ", ";
        }
    }
    if let (None, Some(polls), 1..) = (&held, totals.polls_per_second, totals.open) {
        parts.push(part(4, format!("{polls:.1} polls/s")));
    }
    let left = view.left(now).map(|left| clock(rounded(left.as_secs_f64())));
    let elapsed = clock(now.saturating_sub(view.began));
    match left {
        Some(left) => parts.extend([part(1, format!("{left} left")), part(8, elapsed)]),
        // It shows that something is going on.
        None => parts.push(part(1, elapsed)),
    }
    parts
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::text::columns;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn begun(exports: u64) -> BatchView {
        let start = BatchStart {
            source: "jobs.csv".into(),
            exports,
            over: Tally::default(),
            left: exports,
            resumed: false,
            api_version: String::new(),
            base_url: String::new(),
        };
        BatchView::new(at(0.0), &start)
    }

    fn totals(over: [u64; 3], moving: [u64; 4]) -> Totals {
        let [done, failed, skipped] = over;
        let [open, to_download, uploading, to_submit] = moving;
        let exports = over.iter().chain(&moving).sum();
        let over = Tally { done, skipped, failed };
        let polls_per_second = Some(4.9);
        let counts = Totals { open, to_download, uploading, to_submit, ..Totals::default() };
        Totals { exports, over, polls_per_second, ..counts }
    }

    /// Whatever may be seen of a batch: a story with times.
    fn story() -> Vec<(f64, Totals)> {
        let held = |seconds, totals| Totals { held_seconds: Some(seconds), ..totals };
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

    fn told(width: usize) -> String {
        let mut view = begun(1000);
        let mut told = vec![line(&view, at(0.0), width).0];
        for (time, totals) in story() {
            view.update(at(time), &totals);
            told.push(line(&view, at(time), width).0);
        }
        told.join("\n")
    }

    #[test]
    fn a_life_of_a_batch_on_a_wide_terminal() {
        assert_snapshot!(told(140));
    }

    #[test]
    fn a_life_of_a_batch_at_eighty_columns() {
        assert_snapshot!(told(79));
    }

    #[test]
    fn a_life_of_a_batch_at_forty_columns() {
        assert_snapshot!(told(39));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..200 {
            let told = told(width);
            assert!(told.lines().all(|line| columns(line) <= width), "{width}:\n{told}");
        }
    }

    #[test]
    fn how_many_are_done_and_failed_is_what_stays_when_a_million_leave_no_room() {
        let mut view = begun(1_000_000);
        view.update(at(9.0), &totals([412_345, 31, 0], [9_000, 8, 0, 578_616]));
        let seen = [79, 39, 30, 20].map(|width| line(&view, at(9.0), width).0);
        assert_snapshot!(seen.join("\n"), @r"
        412345 of 1000000 done, 31 failed  9000 waiting, 8 downloading  0:09
        412345 of 1000000 done, 31 failed  0:09
        412345 of 1000000, 31 failed
        412345 of 1000000...
        ");
    }

    #[test]
    fn the_wait_and_the_time_left_count_down_by_themselves() {
        let mut view = begun(40);
        let held = totals([10, 0, 0], [5, 0, 0, 25]);
        let held = Totals { held_seconds: Some(3.0), seconds_left: Some(131.0), ..held };
        view.update(at(0.0), &held);
        let seen = [0.0, 1.1, 2.9, 3.0, 60.0, 125.0, 131.0].map(|now| line(&view, at(now), 79).0);
        assert_snapshot!(seen.join("\n"), @r"
        10 of 40 done  throttled, going on in 3 s  5 waiting, 25 to submit  2:20 left
        10 of 40 done  throttled, going on in 2 s  5 waiting, 25 to submit  2:10 left
        10 of 40 done  throttled, going on in 1 s  5 waiting, 25 to submit  2:10 left
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  2:10 left  0:03
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  1:20 left  1:00
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  0:10 left  2:05
        10 of 40 done  5 waiting, 25 to submit  4.9 polls/s  2:11
        ");
    }

    #[test]
    fn only_throttling_has_a_colour() {
        let mut view = begun(40);
        assert_eq!(line(&view, at(0.0), 79).1, None);
        let held = Totals { held_seconds: Some(3.0), ..totals([10, 1, 0], [5, 0, 0, 24]) };
        view.update(at(0.0), &held);
        assert_eq!(line(&view, at(0.0), 79).1, Some(Colour::Yellow));
        assert_eq!(line(&view, at(3.0), 79).1, None);
    }
}
