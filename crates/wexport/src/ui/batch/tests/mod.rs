//! The same batch on each display.

mod picture;
mod reporting;

use std::sync::{Arc, Mutex};

use export_core::driver::Why;
use export_hyper::{Event as JobEvent, FailureKind, Phase, Timestamp};
use http::StatusCode;
use insta::assert_snapshot;

use super::*;
use crate::args::LogLevel;
use crate::event::BatchStart;
use crate::problem::{Exit, Problem};
use crate::subject::Subject;
use crate::ui::display_fixture::DisplayFixture;
use crate::ui::live_line::Clock;
use crate::ui::plain::Plain;
use crate::ui::{BatchGauges, Reporter};

/// A display that records what it is shown.
#[derive(Clone, Default)]
struct RecordingDisplay(Arc<Mutex<Vec<Record>>>);

impl RecordingDisplay {
    fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().clone()
    }

    fn json(&self) -> String {
        let records = self.records();
        let lines = records.iter().map(|record| serde_json::to_string(record).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn count(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.records().iter().filter(|record| matches(&record.event)).count()
    }
}

impl Display for RecordingDisplay {
    fn show(&mut self, record: &Record) {
        self.0.lock().unwrap().push(record.clone());
    }
}

fn reporter<D: Display + 'static>(display: D, clock: Clock) -> Reporter {
    Reporter::with_clock(Box::new(display), true, clock)
}

fn batch_start(exports: u64) -> BatchStart {
    BatchStart {
        source: "jobs.csv".into(),
        exports,
        ended: EndCounts::default(),
        left: exports,
        resumed: false,
        api_version: "2026-01-01".into(),
        base_url: "https://api.app.wdesk.com".into(),
    }
}

fn subject(row: u64) -> Subject {
    let (id, format) = (format!("d{row}"), Some("pdf".into()));
    Subject { kind: "document".into(), id, format, scope: "file:read".into() }
}

fn started(row: u64) -> Event {
    let (api_version, base_url) = ("2026-01-01".into(), "https://api.app.wdesk.com".into());
    Event::Started { subject: subject(row), api_version, base_url, resumed: false }
}

fn done(row: u64) -> Event {
    Event::Done {
        file: format!("/there/d{row}.pdf"),
        bytes: 3_000_000,
        media_type: Some("application/pdf".into()),
        operation: Some(format!("https://api.app.wdesk.com/operations/{row}")),
        original_request: None,
        details: Vec::new(),
    }
}

fn answered(now: Timestamp, phase: Phase, status: u16) -> JobEvent {
    let status = StatusCode::from_u16(status).unwrap();
    JobEvent::Response { at: now, phase, status, retry_after: None, request_id: None }
}

/// `[to submit, open, to download]`
fn gauges(counts: [u64; 3]) -> BatchGauges {
    let [to_submit, open, to_download] = counts;
    let polls_per_second = Some(1.0);
    BatchGauges { to_submit, open, to_download, under_way: 1, polls_per_second, held: None }
}

fn held(counts: [u64; 3], seconds: u64) -> BatchGauges {
    BatchGauges { held: Some(Duration::from_secs(seconds)), ..gauges(counts) }
}

/// Ten exports: three fail, the file of one exists, the service throttles, and for a while no
/// request succeeds. `after_each` is called after each moment.
fn play(reporter: &Reporter, fixture: &DisplayFixture, mut after_each: impl FnMut(f64)) {
    let mut moment = |seconds: f64, act: &dyn Fn(Timestamp)| {
        fixture.at((seconds * 1000.0) as u64);
        act(fixture.clock()());
        after_each(seconds);
    };
    let refused = Problem::new(Exit::Refused, "submit was refused with 404 Not Found");
    let evil = "the service ended the export as \u{1b}[2Jfailed\nerror: all is lost";
    let failed = Problem::new(Exit::Failed, evil).advise("give the id to support");
    moment(0.0, &|_| {
        reporter.batch_started(batch_start(10));
        reporter.totals(&gauges([10, 0, 0]));
    });
    moment(1.0, &|now| {
        reporter.export_event(1, started(1));
        reporter.job_event(1, &answered(now, Phase::Submit, 202));
        let (until, why) = (now + Duration::from_secs(40), Why::RetryAfter);
        reporter.job_event(1, &JobEvent::Waiting { at: now, until, why });
        reporter.totals(&gauges([9, 1, 0]));
    });
    moment(2.0, &|now| {
        reporter.job_event(2, &answered(now, Phase::Submit, 404));
        reporter.export_failed(2, &subject(2), &refused);
        reporter.totals(&gauges([8, 1, 0]));
    });
    moment(8.0, &|_| reporter.totals(&gauges([2, 7, 0])));
    moment(31.0, &|now| {
        reporter.job_event(1, &JobEvent::Status { at: now, status: "completed".into() });
        let length = Some(3_000_000);
        reporter.job_event(1, &JobEvent::Downloading { at: now, offset: 0, length });
        reporter.progress(1, 1_000_000, length);
        reporter.totals(&gauges([0, 7, 1]));
    });
    moment(33.0, &|_| {
        reporter.export_event(1, done(1));
        reporter.export_event(3, Event::Skipped { file: "/there/d3.pdf".into() });
        reporter.totals(&gauges([0, 7, 0]));
    });
    moment(40.0, &|now| {
        for row in 4..8 {
            reporter.job_event(row, &answered(now, Phase::Poll, 429));
        }
        reporter.totals(&held([0, 7, 0], 12));
    });
    moment(45.0, &|_| reporter.totals(&held([0, 7, 0], 7)));
    moment(52.0, &|_| reporter.totals(&gauges([0, 7, 0])));
    moment(60.0, &|now| {
        reporter.job_event(4, &answered(now, Phase::Poll, 200));
        reporter.export_event(4, done(4));
        reporter.export_event(5, Event::Warning { message: "no receipt was written".into() });
        reporter.export_event(5, done(5));
        reporter.totals(&held([0, 5, 0], 2));
    });
    moment(64.0, &|_| {
        reporter.export_failed(6, &subject(6), &failed);
        reporter.totals(&gauges([0, 4, 0]));
    });
    moment(95.0, &|_| {
        reporter.export_event(7, done(7));
        reporter.totals(&gauges([0, 3, 0]));
    });
    for second in 0..4 {
        moment(100.0 + 10.0 * f64::from(second), &|now| {
            let kind = FailureKind::NotSent;
            reporter.job_event(8, &JobEvent::Failed { at: now, phase: Phase::Poll, kind });
            reporter.totals(&gauges([0, 3, 0]));
        });
    }
    moment(135.0, &|now| {
        reporter.job_event(8, &answered(now, Phase::Poll, 200));
        reporter.export_event(8, done(8));
        reporter.totals(&gauges([0, 2, 0]));
    });
    moment(137.0, &|_| {
        let url = "s3://bucket/d9.pdf".into();
        reporter.export_event(9, Event::Uploading { url, length: 3_000_000 });
        reporter.progress(9, 500_000, Some(3_000_000));
        reporter.totals(&gauges([0, 1, 0]));
    });
    moment(140.0, &|_| {
        reporter.export_event(9, done(9));
        reporter.export_failed(10, &subject(10), &failed);
        reporter.totals(&gauges([0, 0, 0]));
    });
    moment(141.5, &|_| reporter.batch_done(0, Exit::Failed));
}

/// Each screen that differs from the one before.
fn screens(rows: u16, columns: u16) -> String {
    let fixture = DisplayFixture::new(rows, columns);
    let reporter = reporter::<Live>(fixture.live_line(), fixture.clock());
    let mut all = String::new();
    play(&reporter, &fixture, |seconds| {
        let (text, cursor) = (fixture.terminal.text(), fixture.terminal.cursor());
        all.push_str(&format!("--- {seconds} s\n{text}\n"));
        // At the start of the bar, or of the next line once it is removed.
        let live = if text.contains("finished") { 0 } else { 2 };
        let rows = text.lines().count() - live;
        assert_eq!((usize::from(cursor.0), cursor.1), (rows, 0), "{text}");
    });
    assert!(!fixture.terminal.hides_cursor());
    all
}

#[test]
fn live_display_at_eighty_columns() {
    assert_snapshot!(screens(24, 80));
}

#[test]
fn live_display_at_forty_columns() {
    assert_snapshot!(screens(30, 40));
}

#[test]
fn plain_display() {
    let fixture = DisplayFixture::new(60, 200);
    let screen = Arc::new(fixture.terminal.plain_screen());
    let reporter = reporter(
        Plain::<BatchNarrator>::new(LogLevel::Info, screen, fixture.clock()),
        fixture.clock(),
    );
    play(&reporter, &fixture, |_| {});
    assert_snapshot!(fixture.terminal.text());
}

#[test]
fn quiet_display() {
    let fixture = DisplayFixture::new(60, 200);
    let screen = Arc::new(fixture.terminal.plain_screen());
    let quiet = Plain::<BatchNarrator>::new(LogLevel::Warnings, screen, fixture.clock());
    play(&reporter(quiet, fixture.clock()), &fixture, |_| {});
    assert_snapshot!(fixture.terminal.text(), @r"
    failed: row 2 (document d2 as pdf): submit was refused with 404 Not Found
    warning: row 5: no receipt was written
    failed: row 6 (document d6 as pdf): the service ended the export as ?[2Jfailed?error: all is lost
      what to do:       give the id to support
    failed: row 10 (document d10 as pdf): the service ended the export as ?[2Jfailed?error: all is lost
      what to do:       give the id to support
    ");
}

#[test]
fn events_of_a_batch() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    play(&reporter(display.clone(), fixture.clock()), &fixture, |_| {});
    assert!(display.records().iter().all(|record| record.v == 1));
    let json = display.json();
    let read = json.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    assert_eq!(read.collect::<Vec<_>>(), display.records());
    assert_snapshot!(json);
}

#[test]
fn a_resumed_batch_counts_earlier_ends() {
    let (fixture, display) = (DisplayFixture::new(24, 200), RecordingDisplay::default());
    let screen = Arc::new(fixture.terminal.plain_screen());
    let resumed_batch = || {
        let ended = EndCounts { done: 10, skipped: 1, failed: 1 };
        BatchStart { source: "-".into(), ended, left: 28, resumed: true, ..batch_start(40) }
    };
    for reporter in [
        reporter(display.clone(), fixture.clock()),
        reporter(
            Plain::<BatchNarrator>::new(LogLevel::Info, screen, fixture.clock()),
            fixture.clock(),
        ),
    ] {
        fixture.at(0);
        reporter.batch_started(resumed_batch());
        reporter.export_event(13, done(13));
        fixture.at(130_000);
        reporter.totals(&gauges([20, 7, 0]));
        reporter.batch_done(20, Exit::Interrupted);
    }
    assert_snapshot!(fixture.terminal.text(), @r"
    resuming 28 of 40 exports of standard input from https://api.app.wdesk.com, API version 2026-01-01
    done: /there/d13.pdf, 2.9 MiB
    11 of 40 done, 1 failed, 1 skipped; 7 waiting, 20 to submit
    stopped: 11 of 40 done, 1 failed, 1 skipped, 27 left (20 not started) after 2 min 10 s
    ");
    assert_snapshot!(display.json());
}

#[test]
fn the_last_message_has_the_colour_of_its_end() {
    let end = |failed, left| {
        let (exports, ended) = (40, EndCounts { failed, ..EndCounts::default() });
        BatchEnd { exports, ended, left, not_started: 0, seconds: 0.0, exit_code: 0 }
    };
    let colours = [end(0, 0), end(1, 0), end(1, 1), end(0, 1)].map(|end| colour(&end));
    let wanted = [Color::Green, Color::Red, Color::Yellow, Color::Yellow];
    assert_eq!(colours, wanted.map(Some));
}
