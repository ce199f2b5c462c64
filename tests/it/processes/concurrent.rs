//! Several processes that write the same file at the same time.

use std::thread;

use conformance::Adapter;
use export_sim::{Config, Scenario};

use super::fixture::{Fixture, wait};

#[test]
fn jobs_with_the_same_target_write_one_intact_file() {
    for adapter in Adapter::ALL {
        let service = || Config::default().with_artifact_size(2_000_000).with_scenario(slow());
        let first = Fixture::new(adapter, "document", service());
        let mut second = Fixture::new(Adapter::Ureq, "mailed", service());
        second.target = first.target();
        let runs = [first.command().spawn().unwrap(), second.command().spawn().unwrap()];
        for exit in runs.map(wait) {
            assert!(exit.is_success, "{}", exit.stderr);
        }
        let file = first.file().unwrap();
        assert!(file == first.served() || file == second.served());
        assert!(first.served() != second.served());
        assert_eq!(Fixture::names(&first.files()), ["report"]);
    }
}

#[test]
fn second_run_waits_for_the_first() {
    for adapter in Adapter::ALL {
        let service = Config::default().with_artifact_size(2_000_000).with_scenario(slow());
        let fixture = Fixture::new(adapter, "document", service);
        let first = fixture.command().spawn().unwrap();
        fixture.wait_for_part();
        let second = fixture.command().spawn().unwrap();
        for exit in [first, second].map(wait) {
            assert!(exit.is_success, "{}", exit.stderr);
        }
        fixture.check_completed();
    }
}

#[test]
fn second_run_fails_if_the_first_hangs() {
    thread::scope(|scope| {
        for adapter in Adapter::ALL {
            scope.spawn(move || second_run_of_hanging_job(adapter));
        }
    });
}

fn second_run_of_hanging_job(adapter: Adapter) {
    let stall = r#"{"fault": "stall", "at": {"byte": 1500000}}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "download", "nth": 1}}, "then": {stall}}}"#);
    let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
    let service = Config::default().with_artifact_size(2_000_000).with_scenario(scenario);
    let fixture = Fixture::new(adapter, "document", service);
    let mut first = fixture.command().spawn().unwrap();
    fixture.wait_for_part();
    let error = fixture.run_and_fail(fixture.command());
    let expected = "the file could not be written: being written by another run: \
                [folder]/files/.report.[hash].part; the export continues at the service as ";
    assert!(error.starts_with(expected), "{error}");
    assert!(first.try_wait().unwrap().is_none());
    first.kill().unwrap();
    first.wait().unwrap();
    fixture.run_and_succeed();
}

fn slow() -> Scenario {
    let slow = r#"{"fault": "slow", "bytes": 65536, "pause": "10ms"}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "download"}}, "then": {slow}}}"#);
    Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap()
}
