use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use export_host::{FolderChecks, IfExists, PartFile, name_room, numbered, shortened_name};

const OPERATION: &str = "https://api.example.com/operations/1";

fn open(target: &Path) -> PartFile {
    PartFile::open(target, OPERATION, Duration::ZERO).unwrap()
}

fn refused(target: &Path) -> (ErrorKind, String) {
    let error = PartFile::open(target, OPERATION, Duration::ZERO).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn target_is_intact_until_the_file_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    fs::write(&target, "old").unwrap();
    let mut part = open(&target);
    part.write_all(b"new and longer").unwrap();
    assert_eq!(part.sync().unwrap(), 14);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(part.finish().unwrap(), target);
    assert_eq!(fs::read(&target).unwrap(), b"new and longer");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn later_run_resumes_the_part() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let mut part = open(&target);
    part.write_all(b"0123456789").unwrap();
    drop(part);

    let mut part = open(&target);
    assert_eq!(part.have(), 10);
    part.cut(4).unwrap();
    assert_eq!(part.have(), 4);
    part.write_all(b"abc").unwrap();
    part.finish().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"0123abc");
}

#[test]
fn gap_is_never_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut part = open(&folder.path().join("f"));
    part.write_all(b"01").unwrap();
    let error = part.cut(3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(part.have(), 2);
    assert_eq!(fs::metadata(part.part()).unwrap().len(), 2);
}

#[test]
fn each_operation_has_its_own_part() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    let first = open(&target);
    let second = PartFile::open(&target, "another", Duration::ZERO).unwrap();
    assert_ne!(first.part(), second.part());
}

#[test]
fn locked_part_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    let mut first = open(&target);
    first.write_all(b"kept").unwrap();
    let (kind, text) = refused(&target);
    assert_eq!(kind, ErrorKind::WouldBlock);
    assert!(text.starts_with("being written by another run: "), "{text}");
    assert_eq!(fs::read(first.part()).unwrap(), b"kept");
}

#[test]
fn open_waits_for_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    let mut first = open(&target);
    let (waiting, start) = mpsc::channel();
    let ending = thread::spawn(move || {
        start.recv().unwrap();
        first.write_all(b"last bytes").unwrap();
        drop(first);
    });
    waiting.send(()).unwrap();
    let second = PartFile::open(&target, OPERATION, Duration::from_secs(60)).unwrap();
    assert_eq!(second.have(), 10);
    ending.join().unwrap();
}

#[test]
fn finished_file_is_not_written_by_a_waiter() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    let mut first = open(&target);
    first.write_all(b"complete").unwrap();
    let waiting = thread::spawn({
        let target = target.clone();
        move || PartFile::open(&target, OPERATION, Duration::from_secs(60))
    });
    first.finish().unwrap();
    let mut second = waiting.join().unwrap().unwrap();
    assert_eq!(second.have(), 0);
    second.write_all(b"x").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"complete");
}

#[test]
fn removed_part_is_not_written() {
    // Each writer removes what it wrote: a part with content is another writer's.
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    let write_and_remove = || {
        for _ in 0..2_000 {
            match PartFile::open(&target, OPERATION, Duration::ZERO) {
                Ok(mut part) => {
                    assert_eq!(part.have(), 0);
                    part.write_all(b"x").unwrap();
                    part.discard().unwrap();
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(write_and_remove);
        }
    });
}

#[test]
fn long_names_are_shortened() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a".repeat(255), "ü".repeat(127), "文".repeat(85)] {
        let target = folder.path().join(&name);
        let part = open(&target);
        assert!(part.part().file_name().unwrap().len() <= 255);
        part.finish().unwrap();
        assert!(target.exists(), "{name}");
    }
}

#[test]
fn unwritable_targets_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let text = format!("no such folder: {}", missing.display());
    assert_eq!(refused(&missing.join("f")), (ErrorKind::NotFound, text));
    let text = format!("is a folder: {}", folder.path().display());
    assert_eq!(refused(folder.path()), (ErrorKind::IsADirectory, text));
    assert_eq!(refused(Path::new("/")).0, ErrorKind::InvalidInput);
    assert_eq!(refused(Path::new("..")).0, ErrorKind::InvalidInput);
}

#[test]
fn check_refuses_what_open_would() {
    let folder = tempfile::tempdir().unwrap();
    let check =
        |target: &Path| PartFile::check(target).map(drop).map_err(|error| error.to_string());
    assert_eq!(check(&folder.path().join("f")), Ok(()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    assert_eq!(check(&file), Ok(()));
    assert_eq!(check(folder.path()), Err(format!("is a folder: {}", folder.path().display())));
    assert_eq!(check(&file.join("f")), Err(format!("not a folder: {}", file.display())));
    // A name that is too long is noticed now, not when the part is renamed.
    let long = folder.path().join("n".repeat(300));
    let expected = format!("cannot write: {}: ", long.display());
    assert!(check(&long).is_err_and(|error| error.starts_with(&expected)));
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

#[test]
fn checks_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let checks = FolderChecks::default();
    for _ in 0..2 {
        assert_eq!(checks.check(folder.path()).unwrap(), []);
        assert_eq!(
            PartFile::check_with(&checks, &folder.path().join("f"), IfExists::Rename).unwrap(),
            []
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let long = folder.path().join("n".repeat(250));
    assert!(PartFile::check_with(&checks, &long, IfExists::Replace).is_ok());
    assert!(PartFile::check_with(&checks, &long, IfExists::Rename).is_err());
    assert_eq!(checks.check(&folder.path().join("g")).unwrap_err().kind(), ErrorKind::NotFound);
}

/// A batch has many new files in few folders.
#[test]
fn a_folder_is_looked_at_once_for_all_new_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    fs::create_dir(&folder).unwrap();
    let checks = FolderChecks::default();
    let check = |name: &str, rule| PartFile::check_with(&checks, &folder.join(name), rule);
    assert_eq!(checks.check(&folder).unwrap(), []);
    let room = checks.name_room(&folder);
    assert_eq!(room, name_room(&folder));
    fs::remove_dir(&folder).unwrap();
    for name in ["a.pdf", "b.pdf"] {
        assert_eq!(check(name, IfExists::Replace).unwrap(), []);
        assert_eq!(check(name, IfExists::Rename).unwrap(), []);
        assert_eq!(checks.check(&folder).unwrap(), []);
        assert_eq!(checks.name_room(&folder), room);
    }
    // What is there is looked at, and so is a name that may be too long.
    fs::create_dir_all(folder.join("c")).unwrap();
    assert!(check("c", IfExists::Replace).is_err());
    assert!(check(&"n".repeat(250), IfExists::Rename).is_err());
}

#[test]
fn a_path_that_is_too_long_for_its_part_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = root.path().to_owned();
    // Paths have at most 4,095 bytes on Linux, and fewer elsewhere.
    while fs::create_dir(folder.join("f".repeat(50))).is_ok() {
        folder.push("f".repeat(50));
    }
    folder.pop();
    let checks = FolderChecks::default();
    assert!(checks.check(&folder).is_err());
    assert_eq!(checks.check(root.path()).unwrap(), []);
    // The longest name of a target here; its part has a longer one.
    let fits = |length: &usize| {
        let found = fs::symlink_metadata(folder.join("n".repeat(*length)));
        found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let longest = (50..200).take_while(fits).last().unwrap();
    assert!(PartFile::check(&folder.join("n".repeat(longest))).is_err());
    assert_eq!(PartFile::check(&folder.join("n".repeat(20))).unwrap(), []);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn names_are_shortened_before_their_extension() {
    let long = "Größenordnung ".repeat(20) + ".tar.gz";
    for max in [143, 144, 145, 200] {
        let name = shortened_name(&long, max);
        assert!(name.len() <= max && name.len() > max - 4, "{name}");
        assert!(name.ends_with(".tar.gz"), "{name}");
    }
    assert_eq!(shortened_name("a.pdf", 5), "a.pdf");
    assert_eq!(shortened_name("abc.pdf", 4), "abc.");
    assert_eq!(shortened_name(&("a.".to_owned() + &"b".repeat(300)), 20).len(), 20);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(name_room(folder.path()), name_room(&folder.path().join("missing")));
}

#[test]
fn retarget_changes_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut part = open(&folder.path().join("export"));
    part.write_all(b"x").unwrap();
    part.retarget(&folder.path().join("report.pdf")).unwrap();
    assert_eq!(part.retarget(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(part.finish().unwrap(), folder.path().join("report.pdf"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn discard_leaves_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("f");
    fs::write(&target, "old").unwrap();
    let mut part = open(&target);
    part.write_all(b"new").unwrap();
    part.discard().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn device_is_not_replaced() {
        let (kind, text) = refused(Path::new("/dev/null"));
        assert_eq!(kind, ErrorKind::AlreadyExists);
        assert_eq!(text, "exists and is not a regular file: /dev/null");
    }

    #[test]
    fn mode_follows_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let target = folder.path().join("f");
        open(&target).finish().unwrap();
        assert_eq!(mode(&target), mode(&plain));
    }

    #[test]
    fn mode_of_a_replaced_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        for expected in [0o600, 0o640, 0o444, 0o666, 0o200] {
            let mut part = open(&folder.path().join("unnamed"));
            fs::write(&target, "old").unwrap();
            set_mode(&target, expected);
            assert_eq!(PartFile::check(&target).unwrap(), []);
            part.retarget(&target).unwrap();
            part.write_all(b"new").unwrap();
            assert_eq!(mode(part.part()), 0o600);
            let finished = part.finish_unless(IfExists::Replace).unwrap();
            assert_eq!(finished.fallbacks(), []);
            assert_eq!(mode(&target), expected, "{expected:o}");
            fs::remove_file(&target).unwrap();
        }
    }

    #[test]
    fn part_of_another_release_is_restricted() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        let path = open(&target).part().to_owned();
        set_mode(&path, 0o644);
        let part = open(&target);
        assert_eq!(mode(part.part()), 0o600);
    }

    #[test]
    fn name_beside_a_private_file_is_not_private() {
        let folder = tempfile::tempdir().unwrap();
        let (target, plain) = (folder.path().join("f"), folder.path().join("plain"));
        fs::write(&target, "old").unwrap();
        fs::write(&plain, "").unwrap();
        set_mode(&target, 0o600);
        let finished = open(&target).finish_unless(IfExists::Rename).unwrap();
        assert_eq!(mode(finished.path()), mode(&plain));
    }

    #[test]
    fn owner_of_a_replaced_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        fs::write(&target, "old").unwrap();
        set_mode(&target, 0o640);
        if let Err(error) = chown(&target, Some(12_345), Some(12_346)) {
            return println!("skipped, since only root may give a file away: {error}");
        }
        assert_eq!(PartFile::check(&target).unwrap(), []);
        open(&target).finish().unwrap();
        let found = fs::metadata(&target).unwrap();
        assert_eq!((found.uid(), found.gid(), mode(&target)), (12_345, 12_346, 0o640));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn access_list_of_a_replaced_file_is_kept() {
        use rustix::fs::{XattrFlags, getxattr, setxattr};

        const ACL: &str = "system.posix_acl_access";
        // The format of Linux: a version, and for each entry a tag, permissions and an id.
        let entry = |tag: u16, permissions: u16, id: u32| {
            [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let none = u32::MAX;
        let acl_with = |others: u16| {
            [
                2_u32.to_le_bytes().to_vec(),
                entry(0x01, 6, none),
                entry(0x02, 0, 12_345),
                entry(0x04, 4, none),
                entry(0x10, 4, none),
                entry(0x20, others, none),
            ]
            .concat()
        };
        let acl = acl_with(4);
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        fs::write(&target, "old").unwrap();
        if let Err(error) = setxattr(&target, ACL, &acl, XattrFlags::empty()) {
            return println!("skipped, since this file system has no access lists: {error}");
        }
        let acl_of = |path: &Path| {
            let mut found = vec![0; 1_024];
            let length = getxattr(path, ACL, &mut found[..]).unwrap_or(0);
            found.truncate(length);
            found
        };
        assert_eq!(PartFile::check(&target).unwrap(), []);
        open(&target).finish().unwrap();
        assert_eq!(acl_of(&target), acl);

        // A file without a list gets none from its folder.
        let plain = folder.path().join("plain");
        fs::write(&plain, "old").unwrap();
        set_mode(&plain, 0o640);
        // A new file does, also if that of the folder is changed between two files.
        for others in [4, 0] {
            let acl = acl_with(others);
            setxattr(folder.path(), "system.posix_acl_default", &acl, XattrFlags::empty()).unwrap();
            open(&plain).finish().unwrap();
            assert_eq!((acl_of(&plain).len(), mode(&plain)), (0, 0o640));
            let [new, expected] = ["new", "expected"].map(|name| folder.path().join(name));
            open(&new).finish().unwrap();
            fs::write(&expected, "").unwrap();
            assert_eq!((acl_of(&new), mode(&new)), (acl_of(&expected), mode(&expected)));
            assert!(!acl_of(&new).is_empty());
            fs::remove_file(&new).and_then(|()| fs::remove_file(&expected)).unwrap();
        }
    }

    #[test]
    fn file_on_another_file_system_is_copied_there() {
        let folder = tempfile::tempdir().unwrap();
        let other = match tempfile::tempdir_in("/dev/shm") {
            Ok(other) => other,
            Err(error) => return println!("skipped, since there is no /dev/shm: {error}"),
        };
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        if device(folder.path()) == device(other.path()) {
            return println!("skipped, since both folders are on one file system");
        }
        for (name, rule) in
            [("a", IfExists::Replace), ("b", IfExists::Rename), ("c", IfExists::Refuse)]
        {
            let mut part = open(&folder.path().join("unnamed"));
            part.write_all(b"content").unwrap();
            let target = other.path().join(name);
            if rule == IfExists::Replace {
                fs::write(&target, "old").unwrap();
                // Only root may do this.
                let _ = chown(&target, Some(12_345), Some(12_346));
                set_mode(&target, 0o640);
            }
            let access = |path: &Path| {
                fs::metadata(path).map(|found| (found.uid(), found.gid(), found.mode())).ok()
            };
            let expected = access(&target);
            part.retarget(&target).unwrap();
            let finished = part.finish_unless(rule).unwrap();
            assert_eq!(access(&target).filter(|_| expected.is_some()), expected);
            assert_eq!((finished.path(), finished.fallbacks()), (target.as_path(), &[][..]));
            assert_eq!(fs::read(&target).unwrap(), b"content");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 3);
    }

    #[test]
    fn link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let real = elsewhere.path().join("real");
        fs::write(&real, "old").unwrap();
        let link = folder.path().join("link");
        symlink(&real, &link).unwrap();
        let mut part = open(&link);
        part.write_all(b"new").unwrap();
        part.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn dangling_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let real = elsewhere.path().join("real");
        let link = folder.path().join("link");
        symlink(&real, &link).unwrap();
        let mut part = open(&link);
        assert_eq!(part.part().parent(), Some(elsewhere.path()));
        part.write_all(b"new").unwrap();
        part.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        // The folder that it points into is missing, such as one that is not mounted.
        let missing = elsewhere.path().join("missing");
        fs::remove_file(&link).unwrap();
        symlink(missing.join("real"), &link).unwrap();
        let text = format!("no such folder: {}", missing.display());
        assert_eq!(refused(&link), (ErrorKind::NotFound, text));
        // A cycle of links.
        fs::remove_file(&link).unwrap();
        symlink(folder.path().join("other"), &link).unwrap();
        symlink(&link, folder.path().join("other")).unwrap();
        assert!(refused(&link).1.starts_with("cannot write: "), "{:?}", refused(&link));
    }

    #[test]
    fn link_in_place_of_the_part_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        let part = open(&target);
        let path = part.part().to_owned();
        part.discard().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, &path).unwrap();
        assert_eq!(refused(&target).0, ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    }
}

#[test]
fn existing_file_is_kept_by_rule() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.tar.gz");
    fs::write(&target, "old").unwrap();
    let finish = |rule| {
        let mut part = open(&target);
        part.write_all(b"new").unwrap();
        part.finish_unless(rule).map(|finished| finished.path().to_owned())
    };
    let second = numbered(&target, 2);
    assert_eq!(second.file_name().unwrap(), "report (2).tar.gz");
    assert_eq!(finish(IfExists::Rename).unwrap(), second);
    assert_eq!(finish(IfExists::Rename).unwrap(), numbered(&target, 3));
    let error = finish(IfExists::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(fs::read(&second).unwrap(), b"new");
    // The part that was refused is still there. Replacing works with it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    let mut part = open(&target);
    part.cut(0).unwrap();
    assert_eq!(part.finish_unless(IfExists::Replace).unwrap().path(), target);
    assert_eq!(fs::read(&target).unwrap(), b"");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn free_name_is_used_under_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    for (name, rule) in [("a", IfExists::Replace), ("b", IfExists::Rename), ("c", IfExists::Refuse)]
    {
        let target = folder.path().join(name);
        let mut part = open(&target);
        part.write_all(b"x").unwrap();
        assert_eq!(part.finish_unless(rule).unwrap().path(), target);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}
