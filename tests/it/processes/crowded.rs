//! Several processes at once that write the same file.

use std::thread;

use conformance::Adapter;
use export_sim::{Config, Scenario};

use super::place::{Place, end};

#[test]
fn two_jobs_with_the_same_target_make_one_of_the_two_files_and_never_a_mixture() {
    for adapter in Adapter::ALL {
        let service = || Config::default().with_artifact_size(2_000_000).with_scenario(slow());
        let first = Place::new(adapter, "document", service());
        let mut second = Place::new(Adapter::Ureq, "mailed", service());
        second.target = first.target();
        let nights = [first.night().spawn().unwrap(), second.night().spawn().unwrap()];
        for end in nights.map(end) {
            assert!(end.is_success, "{}", end.text);
        }
        let file = first.file().unwrap();
        assert!(file == first.served() || file == second.served());
        assert!(first.served() != second.served());
        assert_eq!(Place::names(&first.files()), ["report"]);
    }
}

#[test]
fn a_second_run_of_the_same_job_waits_for_the_first() {
    for adapter in Adapter::ALL {
        let service = Config::default().with_artifact_size(2_000_000).with_scenario(slow());
        let place = Place::new(adapter, "document", service);
        let first = place.night().spawn().unwrap();
        place.wait_for_part();
        let second = place.night().spawn().unwrap();
        for end in [first, second].map(end) {
            assert!(end.is_success, "{}", end.text);
        }
        place.check_all_is_done();
    }
}

#[test]
fn a_second_run_of_a_job_that_hangs_says_so_and_changes_nothing() {
    thread::scope(|scope| {
        for adapter in Adapter::ALL {
            scope.spawn(move || hang(adapter));
        }
    });
}

fn hang(adapter: Adapter) {
    let stall = r#"{"fault": "stall", "at": {"byte": 1500000}}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "download", "nth": 1}}, "then": {stall}}}"#);
    let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
    let service = Config::default().with_artifact_size(2_000_000).with_scenario(scenario);
    let place = Place::new(adapter, "document", service);
    let mut first = place.night().spawn().unwrap();
    place.wait_for_part();
    let text = place.fails(place.night());
    let told = "the file could not be written: being written by another run: \
                [folder]/files/.report.[hash].part; nothing is lost: ";
    assert!(text.starts_with(told), "{text}");
    assert!(first.try_wait().unwrap().is_none());
    first.kill().unwrap();
    first.wait().unwrap();
    place.succeeds_with_one_submit();
}

fn slow() -> Scenario {
    let slow = r#"{"fault": "slow", "bytes": 65536, "pause": "10ms"}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "download"}}, "then": {slow}}}"#);
    Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap()
}
