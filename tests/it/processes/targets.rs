//! Targets that cannot be written, links, and things that are in the way.

use std::fs;
use std::os::unix::fs::symlink;

use conformance::Adapter;
use export_sim::{Config, Endpoint};

use super::means::{not_shown, powerless, set_mode};
use super::place::{OLD, Place, assert_snapshot, end, late, with_both};
use super::things::Thing;

#[test]
fn a_target_that_cannot_be_written_is_told_before_an_export_is_asked_for() {
    let text = with_both(|adapter| {
        let place = Place::new(adapter, "document", Config::default());
        let (files, target) = (place.files(), place.target());
        let elsewhere = place.folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("file"), OLD).unwrap();
        Thing::Fifo.put(&elsewhere.join("pipe"));
        let mut told = String::new();
        let mut tell = |what: &str| {
            let text = place.fails(place.night());
            assert!(place.submits().is_empty(), "{what}");
            assert_eq!(fs::read(elsewhere.join("file")).unwrap(), OLD);
            told += &format!("{what}\n    {text}\n");
        };
        let link = |name: &str| Thing::Link(elsewhere.join(name));
        for (what, thing) in [
            ("a folder", Thing::Folder),
            ("a pipe", Thing::Fifo),
            ("a link to a folder", link("")),
            ("a link to a pipe", link("pipe")),
            ("a link into a folder that is missing", link("missing/file")),
            ("a link to itself", Thing::Link(target.clone())),
            ("a link to what is below a file", link("file/below")),
        ] {
            thing.put(&target);
            tell(what);
            thing.take_away(&target);
        }
        assert_eq!(Place::names(&files), [""; 0]);
        fs::remove_dir(&files).unwrap();
        tell("in a folder that is missing");
        fs::write(&files, "").unwrap();
        tell("below a file");
        fs::remove_file(&files).unwrap();

        fs::create_dir(&files).unwrap();
        place.succeeds_with_one_submit();
        told
    });
    assert_snapshot("no_place_for_the_file", &text);
}

#[test]
fn a_folder_that_may_not_be_written_is_told_before_an_export_is_asked_for() {
    for adapter in Adapter::ALL {
        let Some(powerless) = powerless() else { return not_shown("root writes everywhere") };
        let place = Place::with_old_file(adapter);
        set_mode(&place.files(), 0o555);
        let text = place.fails(place.night_with(powerless));
        let told = "the file could not be written: cannot write in: [folder]/files: \
                    Permission denied; no export was requested, so it is safe";
        assert!(text.starts_with(told), "{text}");
        assert!(place.submits().is_empty());
        place.check_old_file();
        set_mode(&place.files(), 0o755);
        place.succeeds_with_one_submit();
    }
}

#[test]
fn a_link_is_followed_to_the_file_that_it_names_and_stays_a_link() {
    for adapter in Adapter::ALL {
        for is_there in [true, false] {
            let place = Place::new(adapter, "document", Config::default());
            let elsewhere = place.folder.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            if is_there {
                fs::write(elsewhere.join("real"), OLD).unwrap();
            }
            // A link to a link; the second one counts from the folder that it is in.
            symlink(elsewhere.join("next"), place.target()).unwrap();
            symlink("real", elsewhere.join("next")).unwrap();
            let end = end(place.night().spawn().unwrap());
            assert!(end.is_success, "{}", end.text);
            assert!(place.target().is_symlink());
            assert_eq!(Place::names(&place.files()), ["report"]);
            assert_eq!(Place::names(&elsewhere), ["next", "real"]);
            assert!(fs::read(elsewhere.join("real")).unwrap() == place.served());
        }
    }
}

#[test]
fn a_folder_that_took_the_files_name_in_the_meantime_costs_no_second_export() {
    let text = with_both(|adapter| {
        let service = Config::default().with_scenario(late("download"));
        let place = Place::new(adapter, "document", service);
        let night = place.night().spawn().unwrap();
        place.wait_for(Endpoint::Download);
        fs::create_dir(place.target()).unwrap();
        let end = end(night);
        assert!(!end.is_success);
        fs::remove_dir(place.target()).unwrap();
        place.succeeds_with_one_submit();
        place.without_paths(&end.text)
    });
    assert_snapshot("in_the_way_at_the_end", &text);
}
