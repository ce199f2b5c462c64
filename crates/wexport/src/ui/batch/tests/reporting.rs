//! What the reporter of a batch counts, logs and keeps in memory.

use export_hyper::{Event as JobEvent, Timestamp};

use super::{RecordingDisplay, batch_start, done, gauges, play, reporter, started, subject};
use crate::event::{Event, Record};
use crate::problem::{Exit, Problem};
use crate::state::EventLog;
use crate::ui::Reporter;
use crate::ui::display_fixture::DisplayFixture;

const BATCH: &str = "20261125-071130-7f3a";

#[test]
fn the_log_has_all_events_and_some_totals() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.ndjson");
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display.clone(), fixture.clock());
    reporter.attach(Some(BATCH), Some(EventLog::open(&log).unwrap()));
    play(&reporter, &fixture, |_| {});

    let events: Vec<Record> =
        EventLog::read(&log, None).unwrap().collect::<Result<_, _>>().unwrap();
    let is_reading = |event: &Event| matches!(event, Event::Totals(_) | Event::Progress { .. });
    let of = |records: &[Record]| -> Vec<Record> {
        records.iter().filter(|record| !is_reading(&record.event)).cloned().collect()
    };
    assert_eq!(of(&events), of(&display.records()));
    let readings = events.iter().filter(|record| is_reading(&record.event));
    let readings: Vec<&str> = readings.map(|record| &record.at[14..19]).collect();
    assert_eq!(readings, ["00:31", "01:04", "01:35", "02:10"]);

    let names = |row| {
        let of_row = events.iter().filter(move |record| record.row == row);
        of_row.map(|record| record.job.clone().unwrap()).collect::<Vec<_>>()
    };
    let of_row = names(Some(9));
    assert!(!of_row.is_empty());
    assert!(of_row.iter().all(|name| *name == format!("{BATCH}/9")), "{of_row:?}");
    assert!(names(None).iter().all(|name| name == BATCH));
}

#[test]
fn totals_are_shown_once_a_second() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display.clone(), fixture.clock());
    reporter.batch_started(batch_start(1000));
    let shown = || display.count(|event| matches!(event, Event::Totals(_)));
    for tenth in 0..100 {
        fixture.at(tenth * 100);
        reporter.totals(&gauges([1000 - tenth, tenth, 0]));
    }
    assert_eq!(shown(), 10);
    for tenth in 100..200 {
        fixture.at(tenth * 100);
        reporter.totals(&gauges([900, 100, 0]));
    }
    assert_eq!(shown(), 11);
}

#[test]
fn the_time_left_is_estimated_after_a_generation() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display.clone(), fixture.clock());
    reporter.batch_started(batch_start(1000));
    reporter.totals(&gauges([970, 20, 10]));
    let left = |row: u64| {
        fixture.at(row * 1000);
        reporter.export_event(row, done(row));
        reporter.totals(&gauges([970 - row, 20, 10]));
        match display.records().pop().unwrap().event {
            Event::Totals(totals) => totals.seconds_left,
            _ => None,
        }
    };
    // The first end, and a generation of 30 after it.
    let left: Vec<Option<f64>> = (1..=32).map(left).collect();
    assert_eq!(left.iter().position(Option::is_some), Some(30));
    assert_eq!(left[30..], [Some(969.0), Some(968.0)]);
}

#[test]
fn progress_is_shown_once_a_second_per_export() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display.clone(), fixture.clock());
    for tenth in 0..30 {
        fixture.at(tenth * 100);
        reporter.progress(1, tenth, None);
        reporter.progress(2, tenth, None);
    }
    assert_eq!(display.count(|event| matches!(event, Event::Progress { .. })), 6);
}

#[test]
fn a_run_warns_of_a_sunset_once() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display.clone(), fixture.clock());
    reporter.batch_started(batch_start(3));
    for row in 1..=3 {
        reporter.job_event(row, &JobEvent::Deprecated { at: Timestamp::EPOCH });
    }
    assert_eq!(display.count(|event| *event == Event::Deprecated), 3);
    let warnings: Vec<Record> = display.records();
    let warnings = warnings.iter().filter(|r| matches!(r.event, Event::Warning { .. }));
    assert_eq!(warnings.map(|record| record.row).collect::<Vec<_>>(), [None]);
}

#[test]
fn ended_exports_leave_memory() {
    let (fixture, display) = (DisplayFixture::new(24, 80), RecordingDisplay::default());
    let reporter = reporter(display, fixture.clock());
    reporter.batch_started(batch_start(1000));
    let problem = Problem::new(Exit::Failed, "failed");
    for row in 1..=1000 {
        reporter.export_event(row, started(row));
        reporter.progress(row, 1, None);
        reporter.export_event(row, Event::Uploading { url: String::new(), length: 1 });
        match row % 4 {
            0 => reporter.export_event(row, done(row)),
            1 => reporter.export_event(row, Event::Skipped { file: String::new() }),
            2 => reporter.export_event(row, Event::Interrupted { exit_code: 130 }),
            _ => reporter.export_failed(row, &subject(row), &problem),
        }
        assert_eq!(reporter.transfers(), 0, "row {row}");
    }
}

#[test]
fn problems_of_the_batch_have_no_row() {
    let display = RecordingDisplay::default();
    let reporter = Reporter::batch(Box::new(display.clone()));
    reporter.warn("the clock was set back");
    reporter.failed(&Problem::new(Exit::Unauthorized, "not authorised"));
    assert!(display.records().iter().all(|record| record.row.is_none()));
    assert_eq!(display.count(|event| matches!(event, Event::Warning { .. })), 1);
    assert_eq!(display.count(|event| matches!(event, Event::Error(_))), 1);
}
