//! Disks that are full, and checkpoints that cannot be stored.

use std::fs;

use conformance::Adapter;
use export_sim::{Config, Endpoint, Scenario};

use super::means::{in_a_namespace, no_file_beyond, not_shown, powerless, set_mode};
use super::place::{Place, assert_snapshot, end, late, with_both};

#[test]
fn a_disk_that_is_full_costs_no_file_and_no_second_export() {
    let text = with_both(|adapter| {
        let place = Place::with_old_file(adapter);
        let full = || place.night_with(no_file_beyond(Place::LENGTH / 3));
        let first = place.fails(full());
        let second = place.fails(full());
        assert_eq!(first, second);
        place.check_old_file();
        place.succeeds_with_one_submit();
        first
    });
    assert_snapshot("full_disk", &text);
}

#[test]
fn a_small_file_system_that_is_full_costs_no_file_and_no_second_export() {
    let is_shown = in_a_namespace("").is_some();
    if !is_shown {
        return not_shown("nobody may mount a tmpfs of their own here");
    }
    let text = with_both(|adapter| {
        let place = Place::with_old_file(adapter);
        let old = place.folder.path().join("old");
        fs::rename(place.target(), &old).unwrap();
        let kept = place.folder.path().join("kept");
        // What is in the file system is gone with the namespace, so all happens within one.
        let script = format!(
            r#"mount -t tmpfs -o size=600k none {files} && cp {old} {files}/report
               "$@" && exit 1
               cmp {old} {files}/report || exit 1
               mount -o remount,size=4m {files}
               "$@" || exit 1
               cp {files}/report {kept} && test "$(ls -A {files})" = report"#,
            old = old.display(),
            files = place.files().display(),
            kept = kept.display(),
        );
        let end = end(place.night_with(in_a_namespace(&script).unwrap()).spawn().unwrap());
        assert!(end.is_success, "{}", end.text);
        assert!(fs::read(kept).unwrap() == place.served());
        assert_eq!(place.submits().len(), 1);
        place.without_paths(&end.text)
    });
    assert!(text.contains("[folder]/files/.report.[hash].part: No space left"), "{text}");
    assert!(text.contains("; nothing is lost: "), "{text}");
}

#[test]
fn without_a_place_for_its_checkpoint_a_job_sends_nothing() {
    let text = with_both(|adapter| {
        let place = Place::with_old_file(adapter);
        let checkpoints = place.checkpoints();
        let mut told = String::new();
        let mut tell = |what: &str, text: String| {
            assert!(place.server.requests().is_empty(), "{what}");
            place.check_old_file();
            told += &format!("{what}\n    {text}\n");
        };
        tell("full", place.fails(place.night_with(no_file_beyond(0))));
        fs::remove_dir(&checkpoints).unwrap();
        tell("missing", place.fails(place.night()));
        fs::write(&checkpoints, "").unwrap();
        tell("no folder", place.fails(place.night()));
        fs::remove_file(&checkpoints).unwrap();

        fs::create_dir(&checkpoints).unwrap();
        place.succeeds_with_one_submit();
        told
    });
    assert_snapshot("no_place_for_the_checkpoint", &text);
}

#[test]
fn where_it_may_not_write_its_checkpoint_a_job_sends_nothing() {
    for adapter in Adapter::ALL {
        let Some(powerless) = powerless() else { return not_shown("root writes everywhere") };
        let place = Place::with_old_file(adapter);
        set_mode(&place.checkpoints(), 0o555);
        let text = place.fails(place.night_with(powerless));
        assert!(text.starts_with("the checkpoint could not be stored: cannot write: "), "{text}");
        assert!(
            text.contains("Permission denied; no export was requested, so it is safe"),
            "{text}"
        );
        assert!(place.server.requests().is_empty());
        place.check_old_file();
        set_mode(&place.checkpoints(), 0o755);
        place.succeeds_with_one_submit();
    }
}

#[test]
fn an_export_whose_acceptance_could_not_be_stored_is_named() {
    for adapter in Adapter::ALL {
        let Some(powerless) = powerless() else { return not_shown("root writes everywhere") };
        let place = Place::new(adapter, "mailed", Config::default().with_scenario(late("submit")));
        let night = place.night_with(powerless).spawn().unwrap();
        place.wait_for(Endpoint::Submit);
        set_mode(&place.checkpoints(), 0o555);
        let end = end(night);
        set_mode(&place.checkpoints(), 0o755);
        assert!(!end.is_success);
        let operation = place.server.exports()[0].operation().to_owned();
        let named =
            format!("continues at the service as {}/operations/{operation}", place.server.url());
        assert!(end.text.ends_with(&named), "{}", end.text);
        // Whoever runs it again is told what may have happened, and nobody gets a second mail.
        let again = place.fails(place.night());
        assert!(again.starts_with("the submit request may have started an export"), "{again}");
        assert_eq!(place.submits().len(), 1);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_removed_leaves_a_whole_file_and_is_told() {
    for adapter in Adapter::ALL {
        let Some(powerless) = powerless() else { return not_shown("root writes everywhere") };
        let stall = r#"{"fault": "stall", "at": {"byte": 1500000}, "for": "500ms"}"#;
        let rule = format!(r#"{{"match": {{"endpoint": "download"}}, "then": {stall}}}"#);
        let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
        let service = Config::default().with_artifact_size(2_000_000).with_scenario(scenario);
        let place = Place::new(adapter, "document", service);
        let night = place.night_with(powerless).spawn().unwrap();
        place.wait_for_part();
        set_mode(&place.checkpoints(), 0o555);
        let end = end(night);
        set_mode(&place.checkpoints(), 0o755);
        assert!(!end.is_success);
        let told = "the checkpoint under \"nightly\": the export is complete, but its checkpoint was not \
                    removed, and another run would download the file again: cannot remove: \
                    [folder]/checkpoints/";
        let text = place.without_paths(&end.text);
        assert!(text.starts_with(told), "{text}");
        assert!(place.file().unwrap() == place.served());
        place.succeeds_with_one_submit();
    }
}
