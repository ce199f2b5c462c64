//! What a watcher counts, keeps and forgets.

use std::time::Duration;

use export_hyper::{Counts, Event, Pacer, Rate, Rates, RequestClass, Timestamp};
use http::Response;

use super::{Kept, beginning, done, gauges, started, story, watcher, what};
use crate::place::Order;
use crate::report::{Exit, Problem};
use crate::show::batch::watcher::{BatchWatcher, Gauges};
use crate::show::record::{Happening, Record};
use crate::show::stage::Stage;
use crate::state::{Description, State, VERSION};

const BATCH: &str = "20261125-071130-7f3a";

#[test]
fn the_log_of_a_batch_has_every_event_by_its_row_and_totals_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::EPOCH;
    let description = Description {
        version: VERSION,
        began: now,
        what: what(1),
        place: Order::new(&Default::default(), now).unwrap(),
        base_url: String::new(),
        api_version: String::new(),
        ending: None,
    };
    let job = State::open(folder.path()).unwrap().create(&description).unwrap();
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept.clone(), stage.clock());
    watcher.attend(BATCH.into(), job.log().unwrap());
    story(&watcher, &stage, |_| {});

    let events = job.events().unwrap();
    let is_reading =
        |what: &Happening| matches!(what, Happening::Totals(_) | Happening::Progress { .. });
    let of = |records: &[Record]| -> Vec<Record> {
        records.iter().filter(|record| !is_reading(&record.what)).cloned().collect()
    };
    assert_eq!(of(&events), of(&kept.records()));
    let readings = events.iter().filter(|record| is_reading(&record.what));
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
fn totals_are_shown_once_a_second_and_not_twice_the_same() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept.clone(), stage.clock());
    watcher.begin(beginning(1000));
    let shown = || kept.count(|what| matches!(what, Happening::Totals(_)));
    for tenth in 0..100 {
        stage.at(tenth * 100);
        watcher.totals(&gauges([1000 - tenth, tenth, 0]));
    }
    assert_eq!(shown(), 10);
    for tenth in 100..200 {
        stage.at(tenth * 100);
        watcher.totals(&gauges([900, 100, 0]));
    }
    assert_eq!(shown(), 11);
}

#[test]
fn the_time_left_is_told_once_as_many_have_ended_as_are_in_flight() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept.clone(), stage.clock());
    watcher.begin(beginning(1000));
    watcher.totals(&gauges([970, 20, 10]));
    let left = |row: u64| {
        stage.at(row * 1000);
        watcher.tell_row(row, done(row));
        watcher.totals(&gauges([970 - row, 20, 10]));
        match kept.records().pop().unwrap().what {
            Happening::Totals(totals) => totals.seconds_left,
            _ => None,
        }
    };
    // The first end, and a generation of thirty after it.
    let told: Vec<Option<f64>> = (1..=32).map(left).collect();
    assert_eq!(told.iter().position(Option::is_some), Some(30));
    assert_eq!(told[30..], [Some(969.0), Some(968.0)]);
}

#[test]
fn how_far_a_file_is_is_told_once_a_second_for_each_of_them() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept.clone(), stage.clock());
    for tenth in 0..30 {
        stage.at(tenth * 100);
        watcher.progress(1, tenth, None);
        watcher.progress(2, tenth, None);
    }
    assert_eq!(kept.count(|what| matches!(what, Happening::Progress { .. })), 6);
}

#[test]
fn the_end_of_an_endpoint_is_a_warning_once_a_run_whoever_meets_it() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept.clone(), stage.clock());
    watcher.begin(beginning(3));
    for row in 1..=3 {
        watcher.event(row, &Event::Deprecated { at: Timestamp::EPOCH });
    }
    assert_eq!(kept.count(|what| *what == Happening::Deprecated), 3);
    let warnings: Vec<Record> = kept.records();
    let warnings = warnings.iter().filter(|r| matches!(r.what, Happening::Warning { .. }));
    assert_eq!(warnings.map(|record| record.row).collect::<Vec<_>>(), [None]);
}

#[test]
fn nothing_is_kept_of_an_export_that_is_over() {
    let (stage, kept) = (Stage::new(24, 80), Kept::default());
    let watcher = watcher(kept, stage.clock());
    watcher.begin(beginning(1000));
    let problem = Problem::new(Exit::Failed, "failed");
    for row in 1..=1000 {
        watcher.tell_row(row, started(row));
        watcher.progress(row, 1, None);
        watcher.tell_row(row, Happening::Uploading { url: String::new(), length: 1 });
        match row % 4 {
            0 => watcher.tell_row(row, done(row)),
            1 => watcher.tell_row(row, Happening::Skipped { file: String::new() }),
            2 => watcher.tell_row(row, Happening::Interrupted { exit_code: 130 }),
            _ => watcher.failed_row(row, &what(row), &problem),
        }
        assert_eq!(watcher.rows_in_memory(), 0, "row {row}");
    }
}

#[test]
fn what_is_wrong_with_the_whole_batch_is_of_no_row() {
    let kept = Kept::default();
    let watcher = BatchWatcher::new(Box::new(kept.clone()));
    watcher.warn("the clock was set back");
    watcher.failed(&Problem::new(Exit::Unauthorized, "not authorised"));
    assert!(kept.records().iter().all(|record| record.row.is_none()));
    assert_eq!(kept.count(|what| matches!(what, Happening::Warning { .. })), 1);
    assert_eq!(kept.count(|what| matches!(what, Happening::Error(_))), 1);
}

#[test]
fn a_service_that_objects_to_any_class_of_request_holds_the_batch() {
    let now = Timestamp::from_date(2026, 11, 25);
    let mut pacer = Pacer::new(Rates { operations: Rate::per_second(1.0), ..Rates::default() });
    let counts = Counts::default();
    assert_eq!(Gauges::read(now, counts, &pacer).held, None);
    assert_eq!(Gauges::read(now, counts, &pacer).polls_per_second, Some(1.0));
    for (class, wait) in [(RequestClass::Operation, 12), (RequestClass::Submit, 20)] {
        let mut permit = pacer.reserve(now, class);
        pacer.confirm(now, &mut permit).unwrap();
        let busy = Response::builder().status(429).header("retry-after", wait).body(()).unwrap();
        pacer.handle_head(now, permit, &busy);
        assert_eq!(Gauges::read(now, counts, &pacer).held, Some(Duration::from_secs(wait)));
    }
}
