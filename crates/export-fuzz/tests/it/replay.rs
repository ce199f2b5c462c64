//! The inputs that were kept: those that reach far, and those that once broke something.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

pub(crate) fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The names of what is in a folder; none if there is no such folder.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_input_that_was_kept_keeps_every_promise() {
    for (name, check) in export_fuzz::CHECKS {
        let mut played = 0;
        for folder in ["corpus", "regressions"] {
            let folder = fuzz().join(folder).join(name);
            for file in names(&folder) {
                let path = folder.join(file);
                let input = fs::read(&path).unwrap();
                let broke = panic::catch_unwind(|| check(&input)).is_err();
                assert!(!broke, "{} breaks a promise", path.display());
                played += 1;
            }
        }
        assert!(played >= 10, "{name} has {played} inputs");
    }
}

#[test]
fn every_check_has_its_target_and_every_target_its_check() {
    let checks: BTreeSet<_> =
        export_fuzz::CHECKS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), checks);
    for (name, _) in export_fuzz::CHECKS {
        let path = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let source = fs::read_to_string(path).unwrap();
        assert!(source.contains(&format!("check({name:?}, data)")), "{source}");
    }
    for folder in ["corpus", "regressions"] {
        for name in names(&fuzz().join(folder)) {
            assert!(checks.contains(&format!("{name}.rs")), "nobody reads {folder}/{name}");
        }
    }
}
