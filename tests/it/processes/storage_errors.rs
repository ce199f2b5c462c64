//! Full disks, and checkpoints that cannot be stored or removed.

use std::fs;

use conformance::Adapter;
use export_sim::{Config, Endpoint};

use super::environment::{in_mount_namespace, set_mode, skip, unprivileged, with_file_size_limit};
use super::fixture::{Fixture, assert_snapshot, delayed, for_both_adapters, wait};

#[test]
fn full_disk_keeps_old_file_and_export_can_resume() {
    let text = for_both_adapters(|adapter| {
        let fixture = Fixture::with_old_file(adapter);
        let full = || fixture.command_with(with_file_size_limit(Fixture::LENGTH / 3));
        let first = fixture.run_and_fail(full());
        let second = fixture.run_and_fail(full());
        assert_eq!(first, second);
        fixture.check_old_file();
        fixture.run_and_succeed();
        first
    });
    assert_snapshot("full_disk", &text);
}

#[test]
fn full_tmpfs_keeps_old_file_and_export_can_resume() {
    if in_mount_namespace("").is_none() {
        return skip("mounting a tmpfs is not permitted");
    }
    let text = for_both_adapters(|adapter| {
        let fixture = Fixture::with_old_file(adapter);
        let old = fixture.folder.path().join("old");
        fs::rename(fixture.target(), &old).unwrap();
        let kept = fixture.folder.path().join("kept");
        // The file system disappears with the namespace: all steps have to run in one namespace.
        let script = format!(
            r#"mount -t tmpfs -o size=600k none {files} && cp {old} {files}/report
               "$@" && exit 1
               cmp {old} {files}/report || exit 1
               mount -o remount,size=4m {files}
               "$@" || exit 1
               cp {files}/report {kept} && test "$(ls -A {files})" = report"#,
            old = old.display(),
            files = fixture.files().display(),
            kept = kept.display(),
        );
        let command = in_mount_namespace(&script).unwrap();
        let exit = wait(fixture.command_with(command).spawn().unwrap());
        assert!(exit.is_success, "{}", exit.stderr);
        assert!(fs::read(kept).unwrap() == fixture.served());
        assert_eq!(fixture.submits().len(), 1);
        fixture.normalize(&exit.stderr)
    });
    // The length of the file is known before its first byte.
    assert!(text.contains("the disk of [folder]/files has room for "), "{text}");
    assert!(text.contains("; the export continues at the service as "), "{text}");
}

#[test]
fn unusable_checkpoint_folder_sends_nothing() {
    let text = for_both_adapters(|adapter| {
        let fixture = Fixture::with_old_file(adapter);
        let checkpoints = fixture.checkpoints();
        let mut errors = String::new();
        let mut add = |what: &str, error: String| {
            assert!(fixture.server.requests().is_empty(), "{what}");
            fixture.check_old_file();
            errors += &format!("{what}\n    {error}\n");
        };
        // The target, which is on the same disk, is checked first.
        add("full", fixture.run_and_fail(fixture.command_with(with_file_size_limit(0))));
        fs::remove_dir(&checkpoints).unwrap();
        add("missing", fixture.run_and_fail(fixture.command()));
        fs::write(&checkpoints, "").unwrap();
        add("no folder", fixture.run_and_fail(fixture.command()));
        fs::remove_file(&checkpoints).unwrap();

        fs::create_dir(&checkpoints).unwrap();
        fixture.run_and_succeed();
        errors
    });
    assert_snapshot("checkpoint_store_errors", &text);
}

#[test]
fn read_only_checkpoint_folder_sends_nothing() {
    for adapter in Adapter::ALL {
        let Some(command) = unprivileged() else { return skip("root ignores permissions") };
        let fixture = Fixture::with_old_file(adapter);
        set_mode(&fixture.checkpoints(), 0o555);
        let text = fixture.run_and_fail(fixture.command_with(command));
        assert!(text.starts_with("the checkpoint could not be stored: cannot write: "), "{text}");
        assert!(
            text.contains("Permission denied; no export was requested, so it is safe"),
            "{text}"
        );
        assert!(fixture.server.requests().is_empty());
        fixture.check_old_file();
        set_mode(&fixture.checkpoints(), 0o755);
        fixture.run_and_succeed();
    }
}

#[test]
fn unstored_acceptance_names_the_operation() {
    for adapter in Adapter::ALL {
        let Some(command) = unprivileged() else { return skip("root ignores permissions") };
        let service = Config::default().with_scenario(delayed("submit"));
        let fixture = Fixture::new(adapter, "mailed", service);
        let child = fixture.command_with(command).spawn().unwrap();
        fixture.wait_for(Endpoint::Submit);
        set_mode(&fixture.checkpoints(), 0o555);
        let exit = wait(child);
        set_mode(&fixture.checkpoints(), 0o755);
        assert!(!exit.is_success);
        let operation = fixture.server.exports()[0].operation().to_owned();
        let expected = format!(
            "continues at the service as {}/operations/{operation}: fix this",
            fixture.server.url()
        );
        assert!(exit.stderr.contains(&expected), "{}", exit.stderr);
        // The next run reports the unconfirmed submit and does not repeat it.
        let again = fixture.run_and_fail(fixture.command());
        assert!(again.starts_with("the submit request may have started an export"), "{again}");
        assert_eq!(fixture.submits().len(), 1);
    }
}
