//! Checks by text search that the source of each layer has no forbidden dependencies.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The code of all Rust files below a folder, without comments and unit tests.
fn code(folder: &str) -> Vec<(PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut folders = vec![top];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
                files.push((path, lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn assert_absent(folder: &str, words: &[&str]) {
    for (path, code) in code(folder) {
        for word in words {
            assert!(!code.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

#[test]
fn state_machine_has_no_service_names_and_no_json() {
    let words = ["workiva", "Workiva", "wdesk", "serde_json", "resourceUrl", "operationLocation"];
    assert_absent("crates/export-core/src/job", &words);
}

/// The service is named below `workiva/` and by the re-exports of `lib.rs`.
#[test]
fn no_machine_file_names_workiva() {
    let core = Path::new("crates/export-core/src");
    for (path, code) in code("crates/export-core/src") {
        let is_dialect = path.components().any(|part| part.as_os_str() == "workiva");
        if is_dialect || path.ends_with(core.join("lib.rs")) {
            continue;
        }
        for word in ["workiva", "Workiva", "wdesk"] {
            assert!(!code.contains(word), "{} names {word:?}", path.display());
        }
    }
}

#[test]
fn core_has_no_io_clock_or_threads() {
    let words = ["std::", "extern crate std", "Instant", "SystemTime", "thread"];
    assert_absent("crates/export-core/src", &words);
}

#[test]
fn adapters_do_not_use_status_codes() {
    for folder in ["crates/export-hyper/src", "crates/export-ureq/src"] {
        assert_absent(
            folder,
            &["StatusCode::", "as_u16", "is_client_error", "\"Retry-After\"", "retry-after"],
        );
    }
}

/// The clocks of machines that share a database may differ.
#[test]
fn database_gets_no_time_of_a_machine() {
    let words = ["clock::", "wall_clock", "SystemTime", "Timestamp::now"];
    assert_absent("crates/wexport/src/state/pg", &words);
}

#[test]
fn simulator_shares_no_code_with_the_client() {
    assert_absent(
        "crates/export-sim/src",
        &["export_core", "export_host", "export_hyper", "export_ureq"],
    );
}

#[test]
fn all_crates_forbid_unsafe_code() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![top.join("tests"), top.join("xtask"), top.join("fuzz")];
    folders.extend(fs::read_dir(top.join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    for folder in folders {
        let mut roots = vec![folder.join("src/lib.rs"), folder.join("src/main.rs")];
        let targets = fs::read_dir(folder.join("fuzz_targets")).into_iter().flatten();
        roots.extend(targets.map(|entry| entry.unwrap().path()));
        roots.retain(|root| root.exists());
        assert!(!roots.is_empty(), "{} has no code", folder.display());
        for root in roots {
            let text = fs::read_to_string(&root).unwrap();
            let forbids = text.contains("\n#![forbid(unsafe_code)]\n");
            assert!(forbids, "{} does not forbid unsafe code", root.display());
        }
    }
}

/// The modules of the program, from the bottom: each uses only those before it.
const PROGRAM: [&str; 24] = [
    "machine",
    "clock",
    "text",
    "subject",
    "problem",
    "event",
    "receipt",
    "explain",
    "sunset",
    "signals",
    "process",
    "run_facts",
    "args",
    "settings",
    "output",
    "request",
    "state",
    "ui",
    "hooks",
    "report",
    "doctor",
    "engine",
    "commands",
    "nights",
];

#[test]
fn the_program_has_no_circles() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wexport/src");
    for (path, code) in code("crates/wexport/src") {
        let parts: Vec<_> = path.strip_prefix(&src).unwrap().iter().collect();
        let module = Path::new(parts[0]).file_stem().unwrap().to_string_lossy();
        if module == "main" || parts.iter().any(|part| *part == "tests" || *part == "tests.rs") {
            continue;
        }
        let place = PROGRAM.iter().position(|known| *known == module);
        let place = place.unwrap_or_else(|| panic!("{module} is not in the list"));
        for used in code.split("crate::").skip(1) {
            let end = used.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(used.len());
            let Some(other) = PROGRAM.iter().position(|known| *known == &used[..end]) else {
                continue;
            };
            let used = PROGRAM[other];
            assert!(other <= place, "{} uses {used}, which is above it", path.display());
        }
    }
}
