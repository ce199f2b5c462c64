//! Targets that cannot be written, symbolic links, and obstacles at the target.

use std::fs;
use std::os::unix::fs::symlink;

use conformance::Adapter;
use export_sim::{Config, Endpoint};

use super::environment::{Obstacle, set_mode, skip, unprivileged};
use super::fixture::{Fixture, OLD, assert_snapshot, delayed, for_both_adapters, wait};

#[test]
fn unwritable_target_is_reported_before_the_submit() {
    let text = for_both_adapters(|adapter| {
        let fixture = Fixture::new(adapter, "document", Config::default());
        let (files, target) = (fixture.files(), fixture.target());
        let elsewhere = fixture.folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("file"), OLD).unwrap();
        Obstacle::Fifo.create(&elsewhere.join("pipe"));
        let mut errors = String::new();
        let mut add = |what: &str| {
            let error = fixture.run_and_fail(fixture.command());
            assert!(fixture.submits().is_empty(), "{what}");
            assert_eq!(fs::read(elsewhere.join("file")).unwrap(), OLD);
            errors += &format!("{what}\n    {error}\n");
        };
        let link = |name: &str| Obstacle::Link(elsewhere.join(name));
        for (what, obstacle) in [
            ("a folder", Obstacle::Directory),
            ("a pipe", Obstacle::Fifo),
            ("a link to a folder", link("")),
            ("a link to a pipe", link("pipe")),
            ("a link into a folder that is missing", link("missing/file")),
            ("a link to itself", Obstacle::Link(target.clone())),
            ("a link to what is below a file", link("file/below")),
        ] {
            obstacle.create(&target);
            add(what);
            obstacle.remove(&target);
        }
        assert_eq!(Fixture::names(&files), [""; 0]);
        fs::remove_dir(&files).unwrap();
        add("in a folder that is missing");
        fs::write(&files, "").unwrap();
        add("below a file");
        fs::remove_file(&files).unwrap();

        fs::create_dir(&files).unwrap();
        fixture.run_and_succeed();
        errors
    });
    assert_snapshot("target_errors", &text);
}

#[test]
fn read_only_folder_is_reported_before_the_submit() {
    for adapter in Adapter::ALL {
        let Some(command) = unprivileged() else { return skip("root ignores permissions") };
        let fixture = Fixture::with_old_file(adapter);
        set_mode(&fixture.files(), 0o555);
        let text = fixture.run_and_fail(fixture.command_with(command));
        let expected = "the file could not be written: cannot write in: [folder]/files: \
                        Permission denied; no export was requested, so it is safe";
        assert!(text.starts_with(expected), "{text}");
        assert!(fixture.submits().is_empty());
        fixture.check_old_file();
        set_mode(&fixture.files(), 0o755);
        fixture.run_and_succeed();
    }
}

#[test]
fn link_at_target_is_followed_and_kept() {
    for adapter in Adapter::ALL {
        for file_exists in [true, false] {
            let fixture = Fixture::new(adapter, "document", Config::default());
            let elsewhere = fixture.folder.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            if file_exists {
                fs::write(elsewhere.join("real"), OLD).unwrap();
            }
            // A link to a link. The second one is relative to its own folder.
            symlink(elsewhere.join("next"), fixture.target()).unwrap();
            symlink("real", elsewhere.join("next")).unwrap();
            let exit = wait(fixture.command().spawn().unwrap());
            assert!(exit.is_success, "{}", exit.stderr);
            assert!(fixture.target().is_symlink());
            assert_eq!(Fixture::names(&fixture.files()), ["report"]);
            assert_eq!(Fixture::names(&elsewhere), ["next", "real"]);
            assert!(fs::read(elsewhere.join("real")).unwrap() == fixture.served());
        }
    }
}

#[test]
fn folder_created_at_target_causes_no_second_export() {
    let text = for_both_adapters(|adapter| {
        let service = Config::default().with_scenario(delayed("download"));
        let fixture = Fixture::new(adapter, "document", service);
        let child = fixture.command().spawn().unwrap();
        fixture.wait_for(Endpoint::Download);
        fs::create_dir(fixture.target()).unwrap();
        let exit = wait(child);
        assert!(!exit.is_success);
        fs::remove_dir(fixture.target()).unwrap();
        fixture.run_and_succeed();
        fixture.normalize(&exit.stderr)
    });
    assert_snapshot("target_replaced_by_folder", &text);
}
