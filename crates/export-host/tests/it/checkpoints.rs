use std::fs;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use export_host::{CheckpointFile, CheckpointFolder, PartFile};

#[test]
fn store_replaces_and_remove_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    for number in 0..3 {
        file.store(&number).unwrap();
        assert_eq!(file.load::<u32>().unwrap(), Some(number));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    file.remove().unwrap();
    file.remove().unwrap();
    assert_eq!(file.load::<u32>().unwrap(), None);
}

#[test]
fn reader_never_sees_half_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    let long = |letter: &str| letter.repeat(100_000);
    file.store(&long("a")).unwrap();
    let opened = fs::File::open(file.path()).unwrap();
    file.store(&long("b")).unwrap();
    // A handle that was opened before still reads the old checkpoint.
    let old: String = serde_json::from_reader(opened).unwrap();
    assert_eq!(old, long("a"));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    file.store(&1).unwrap();
    assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn invalid_checkpoint_error_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    fs::write(file.path(), "{\"vers").unwrap();
    let error = file.load::<u32>().unwrap_err();
    assert!(error.to_string().starts_with("not a checkpoint: "), "{error}");
    assert!(error.to_string().contains("job.json"), "{error}");

    let missing = folder.path().join("missing");
    let error = CheckpointFile::new(missing.join("job.json")).store(&1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with(&missing.display().to_string()), "{error}");
}

#[test]
fn store_cleans_up_after_a_torn_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    file.store(&1).unwrap();
    // What a process leaves behind that is killed during a store.
    let mut torn = PartFile::open(file.path(), "checkpoint", Duration::ZERO).unwrap();
    torn.write_all(b"\"a long checkpoint that is torn").unwrap();
    drop(torn);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    assert_eq!(file.load::<u32>().unwrap(), Some(1));
    file.store(&2).unwrap();
    assert_eq!(file.load::<u32>().unwrap(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn concurrent_stores_are_atomic() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("job.json"));
    file.store("").unwrap();
    thread::scope(|scope| {
        for letter in ["a", "b", "c"] {
            let file = &file;
            scope.spawn(move || {
                for length in (1..40).rev() {
                    file.store(&letter.repeat(length * 500)).unwrap();
                    let read: String = file.load().unwrap().unwrap();
                    assert!(read.chars().all(|c| read.starts_with(c)), "{read}");
                }
            });
        }
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn each_key_has_its_own_safe_file_name() {
    let jobs = CheckpointFolder::new("jobs");
    let mut names = Vec::new();
    for key in ["a/b", "a_b", "../a", "", "ü", &"x".repeat(5_000), &"x".repeat(5_001)] {
        let file = jobs.file(key);
        assert_eq!(file.path().parent(), Some(jobs.path()));
        let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.len() < 100 && !name.starts_with('.'), "{name}");
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 7);
}
