//! The kept inputs: those with the most coverage, and those that once broke an invariant.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

pub(crate) fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The names of the files in a folder; empty if the folder does not exist.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn kept_inputs_keep_all_invariants() {
    for (name, check) in export_fuzz::CHECKS {
        let mut count = 0;
        for folder in ["corpus", "regressions"] {
            let folder = fuzz().join(folder).join(name);
            for file in names(&folder) {
                let path = folder.join(file);
                let input = fs::read(&path).unwrap();
                let broke = panic::catch_unwind(|| check(&input)).is_err();
                assert!(!broke, "{} breaks an invariant", path.display());
                count += 1;
            }
        }
        assert!(count >= 10, "{name} has {count} inputs");
    }
}

#[test]
fn checks_and_fuzz_targets_match() {
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
            assert!(checks.contains(&format!("{name}.rs")), "{folder}/{name} has no check");
        }
    }
}
