//! Runs the tests, and finds missing, changed and orphaned snapshots.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{TaskResult, cargo, root, run, target};

/// Runs all tests, and fails if a snapshot is missing, changed or orphaned.
pub(crate) fn check() -> TaskResult {
    let orphans = test("no")?;
    if orphans.is_empty() {
        return Ok(());
    }
    Err(format!(
        "orphaned snapshots; run `cargo xtask snapshots --accept` to remove them:\n{}",
        orphans.iter().map(|path| format!("  {}", path.display())).collect::<Vec<_>>().join("\n")
    ))
}

/// Builds the tests.
pub(crate) fn build() -> TaskResult {
    run(cargo(&TESTS).arg("--no-run"))
}

/// Runs all tests, updates the snapshots, and removes orphaned ones.
pub(crate) fn accept() -> TaskResult {
    for orphan in test("always")? {
        println!("removing {}", orphan.display());
        fs::remove_file(&orphan).map_err(|error| format!("{}: {error}", orphan.display()))?;
    }
    Ok(())
}

/// All tests except doc tests. Examples have none, and would be linked once more.
const TESTS: [&str; 6] = ["test", "--workspace", "--lib", "--bins", "--tests", "--locked"];

/// Runs all tests except doc tests, and returns the orphaned snapshots.
fn test(update: &str) -> TaskResult<Vec<PathBuf>> {
    let used = target("snapshots-in-use.txt");
    let _ = fs::remove_file(&used);
    let mut tests = cargo(&TESTS);
    tests.env("INSTA_UPDATE", update).env("INSTA_SNAPSHOT_REFERENCES_FILE", &used);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // Many tests wait for servers and processes.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        tests.env("RUST_TEST_THREADS", (2 * processors).to_string());
    }
    run(&mut tests)?;
    let used = fs::read_to_string(&used)
        .map_err(|error| format!("no snapshot test ran ({}: {error})", used.display()))?;
    let used: BTreeSet<PathBuf> = used.lines().map(|line| canonical(Path::new(line))).collect();
    let mut found = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), &mut found)?;
    }
    Ok(found.into_iter().filter(|path| !used.contains(&canonical(path))).collect())
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> TaskResult {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "snap") {
            found.push(path);
        }
    }
    Ok(())
}
