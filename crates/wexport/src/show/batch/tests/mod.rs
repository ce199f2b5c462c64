//! One story of a batch, as each display tells it.

mod watching;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_hyper::{Event, FailureKind, Phase, Timestamp, Why};
use http::StatusCode;
use insta::assert_snapshot;

use super::display::{Live, Plain, Quiet};
use super::watcher::{BatchWatcher, Beginning, Gauges, Now};
use crate::report::{Exit, Problem};
use crate::show::living::Clock;
use crate::show::record::{Happening, Record, Tally};
use crate::show::sink::Display;
use crate::show::stage::Stage;
use crate::spec::What;

/// A display that keeps what it is shown, as scripts read it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Record>>>);

impl Kept {
    fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().clone()
    }

    fn json(&self) -> String {
        let records = self.records();
        let lines = records.iter().map(|record| serde_json::to_string(record).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn count(&self, is_it: impl Fn(&Happening) -> bool) -> usize {
        self.records().iter().filter(|record| is_it(&record.what)).count()
    }
}

impl Display for Kept {
    fn show(&mut self, record: &Record) {
        self.0.lock().unwrap().push(record.clone());
    }
}

fn at(now: Duration) -> Timestamp {
    Timestamp::from_date(2026, 11, 25) + now
}

fn watcher(display: impl Display + 'static, clock: Clock) -> BatchWatcher {
    BatchWatcher::with_clock(Box::new(display), move || Now { at: at(clock()), since: clock() })
}

fn beginning(exports: u64) -> Beginning {
    Beginning {
        source: "jobs.csv".into(),
        exports,
        over: Tally::default(),
        resumed: false,
        api_version: "2026-01-01".into(),
        base_url: "https://api.app.wdesk.com".into(),
    }
}

fn what(row: u64) -> What {
    let (id, format) = (format!("d{row}"), Some("pdf".into()));
    What { kind: "document".into(), id, format, scope: "file:read".into() }
}

fn started(row: u64) -> Happening {
    let (api_version, base_url) = ("2026-01-01".into(), "https://api.app.wdesk.com".into());
    Happening::Started { what: what(row), api_version, base_url, resumed: false }
}

fn done(row: u64) -> Happening {
    Happening::Done {
        file: format!("/there/d{row}.pdf"),
        bytes: 3_000_000,
        media_type: Some("application/pdf".into()),
        operation: Some(format!("https://api.app.wdesk.com/operations/{row}")),
        original_request: None,
    }
}

fn answered(now: Duration, phase: Phase, status: u16) -> Event {
    let status = StatusCode::from_u16(status).unwrap();
    Event::Answered { at: at(now), phase, status, retry_after: None, request_id: None }
}

/// `[to submit, open, to download]`
fn gauges(counts: [u64; 3]) -> Gauges {
    let [to_submit, open, to_download] = counts;
    let polls_per_second = Some(1.0);
    Gauges { to_submit, open, to_download, under_way: 1, polls_per_second, held: None }
}

fn held(counts: [u64; 3], seconds: u64) -> Gauges {
    Gauges { held: Some(Duration::from_secs(seconds)), ..gauges(counts) }
}

/// Ten exports: three are refused or fail, one is there already, the service throttles, and for a
/// while nothing goes through. `seen` is called after each moment.
fn story(watcher: &BatchWatcher, stage: &Stage, mut seen: impl FnMut(f64)) {
    let mut moment = |seconds: f64, act: &dyn Fn(Duration)| {
        stage.at((seconds * 1000.0) as u64);
        act(stage.clock()());
        seen(seconds);
    };
    let refused = Problem::new(Exit::Refused, "submit was refused with 404 Not Found");
    let evil = "the service ended the export as \u{1b}[2Jfailed\nerror: all is lost";
    let failed = Problem::new(Exit::Failed, evil).advise("give the id to support");
    moment(0.0, &|_| {
        watcher.begin(beginning(10));
        watcher.totals(&gauges([10, 0, 0]));
    });
    moment(1.0, &|now| {
        watcher.tell_row(1, started(1));
        watcher.event(1, &answered(now, Phase::Submit, 202));
        let (until, why) = (at(now) + Duration::from_secs(40), Why::RetryAfter);
        watcher.event(1, &Event::Waiting { at: at(now), until, why });
        watcher.totals(&gauges([9, 1, 0]));
    });
    moment(2.0, &|now| {
        watcher.event(2, &answered(now, Phase::Submit, 404));
        watcher.failed_row(2, &what(2), &refused);
        watcher.totals(&gauges([8, 1, 0]));
    });
    moment(8.0, &|_| watcher.totals(&gauges([2, 7, 0])));
    moment(31.0, &|now| {
        watcher.event(1, &Event::Status { at: at(now), status: "completed".into() });
        let length = Some(3_000_000);
        watcher.event(1, &Event::Downloading { at: at(now), offset: 0, length });
        watcher.progress(1, 1_000_000, length);
        watcher.totals(&gauges([0, 7, 1]));
    });
    moment(33.0, &|_| {
        watcher.tell_row(1, done(1));
        watcher.tell_row(3, Happening::Skipped { file: "/there/d3.pdf".into() });
        watcher.totals(&gauges([0, 7, 0]));
    });
    moment(40.0, &|now| {
        for row in 4..8 {
            watcher.event(row, &answered(now, Phase::Poll, 429));
        }
        watcher.totals(&held([0, 7, 0], 12));
    });
    moment(45.0, &|_| watcher.totals(&held([0, 7, 0], 7)));
    moment(52.0, &|_| watcher.totals(&gauges([0, 7, 0])));
    moment(60.0, &|now| {
        watcher.event(4, &answered(now, Phase::Poll, 200));
        watcher.tell_row(4, done(4));
        watcher.tell_row(5, Happening::Warning { message: "no receipt was written".into() });
        watcher.tell_row(5, done(5));
        watcher.totals(&held([0, 5, 0], 2));
    });
    moment(64.0, &|_| {
        watcher.failed_row(6, &what(6), &failed);
        watcher.totals(&gauges([0, 4, 0]));
    });
    moment(95.0, &|_| {
        watcher.tell_row(7, done(7));
        watcher.totals(&gauges([0, 3, 0]));
    });
    for second in 0..4 {
        moment(100.0 + 10.0 * f64::from(second), &|now| {
            let kind = FailureKind::NotSent;
            watcher.event(8, &Event::Failed { at: at(now), phase: Phase::Poll, kind });
            watcher.totals(&gauges([0, 3, 0]));
        });
    }
    moment(135.0, &|now| {
        watcher.event(8, &answered(now, Phase::Poll, 200));
        watcher.tell_row(8, done(8));
        watcher.totals(&gauges([0, 2, 0]));
    });
    moment(137.0, &|_| {
        let url = "s3://bucket/d9.pdf".into();
        watcher.tell_row(9, Happening::Uploading { url, length: 3_000_000 });
        watcher.progress(9, 500_000, Some(3_000_000));
        watcher.totals(&gauges([0, 1, 0]));
    });
    moment(140.0, &|_| {
        watcher.tell_row(9, done(9));
        watcher.failed_row(10, &what(10), &failed);
        watcher.totals(&gauges([0, 0, 0]));
    });
    moment(141.5, &|_| watcher.end(0, Exit::Failed));
}

/// Each screen that differs from the one before.
fn screens(rows: u16, columns: u16) -> String {
    let stage = Stage::new(rows, columns);
    let watcher = watcher(Live::new(stage.living()), stage.clock());
    let mut all = String::new();
    story(&watcher, &stage, |seconds| {
        let (text, cursor) = (stage.glass.text(), stage.glass.cursor());
        all.push_str(&format!("--- {seconds} s\n{text}\n"));
        // At the beginning of the line that lives, or of the next one once it is gone.
        let rows = text.lines().count() - usize::from(!text.contains("finished"));
        assert_eq!((usize::from(cursor.0), cursor.1), (rows, 0), "{text}");
    });
    assert!(!stage.glass.hides_cursor());
    all
}

#[test]
fn a_live_batch_at_eighty_columns() {
    assert_snapshot!(screens(24, 80));
}

#[test]
fn a_live_batch_at_forty_columns() {
    assert_snapshot!(screens(30, 40));
}

#[test]
fn a_log_has_a_line_for_each_export_and_for_what_befalls_all_of_them() {
    let stage = Stage::new(60, 200);
    let page = Arc::new(stage.glass.page());
    let watcher = watcher(Plain::new(page, stage.clock()), stage.clock());
    story(&watcher, &stage, |_| {});
    assert_snapshot!(stage.glass.text());
}

#[test]
fn whoever_wants_quiet_hears_of_warnings_and_failures() {
    let stage = Stage::new(60, 200);
    let page = Arc::new(stage.glass.page());
    let quiet = Quiet::new(Plain::new(page, stage.clock()));
    story(&watcher(quiet, stage.clock()), &stage, |_| {});
    assert_snapshot!(stage.glass.text(), @r"
    failed: row 2 (document d2 as pdf): submit was refused with 404 Not Found
    warning: row 5: no receipt was written
    failed: row 6 (document d6 as pdf): the service ended the export as ?[2Jfailed?error: all is lost
    failed: row 10 (document d10 as pdf): the service ended the export as ?[2Jfailed?error: all is lost
    ");
}

#[test]
fn the_schema_of_the_events_of_a_batch() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    story(&watcher(kept.clone(), stage.clock()), &stage, |_| {});
    assert!(kept.records().iter().all(|record| record.v == 1));
    let json = kept.json();
    let read = json.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    assert_eq!(read.collect::<Vec<_>>(), kept.records());
    assert_snapshot!(json);
}

#[test]
fn a_batch_that_goes_on_counts_what_was_over_before() {
    let (stage, kept) = (Stage::new(24, 200), Kept::default());
    let page = Arc::new(stage.glass.page());
    let goes_on = || {
        let over = Tally { done: 10, skipped: 1, failed: 1 };
        Beginning { source: "-".into(), over, resumed: true, ..beginning(40) }
    };
    for watcher in [
        watcher(kept.clone(), stage.clock()),
        watcher(Plain::new(page, stage.clock()), stage.clock()),
    ] {
        stage.at(0);
        watcher.begin(goes_on());
        watcher.tell_row(13, done(13));
        stage.at(130_000);
        watcher.totals(&gauges([20, 7, 0]));
        watcher.end(20, Exit::Interrupted);
    }
    assert_snapshot!(stage.glass.text(), @r"
    going on with 28 of 40 exports of standard input from https://api.app.wdesk.com, API version 2026-01-01
    done: /there/d13.pdf, 2.9 MiB
    11 of 40 done, 1 failed, 1 skipped; 7 waiting, 20 to submit
    stopped: 11 of 40 done, 1 failed, 1 skipped, 27 left (20 not begun) after 2 min 10 s
    ");
    assert_snapshot!(kept.json());
}
