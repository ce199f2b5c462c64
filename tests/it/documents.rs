//! The tests and files that the documents name exist.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The code spans of a document.
fn code(document: &str) -> Vec<String> {
    let text = fs::read_to_string(top().join(document)).unwrap();
    text.split('`').skip(1).step_by(2).map(String::from).collect()
}

/// All Rust files below a folder, with their content.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path, text));
        }
    }
    sources
}

/// The Rust files of a crate of the workspace.
fn sources_of_crate(name: &str) -> Vec<(PathBuf, String)> {
    match name {
        "conformance" => sources(&top().join("tests")),
        _ => sources(&top().join("crates").join(name)),
    }
}

/// Whether a file is the module with this name, or in its folder.
fn is_module(path: &Path, name: &str) -> bool {
    path.with_extension("").iter().any(|part| part == name)
}

/// Whether a source has a test with this name, or with this prefix if the name ends with `..`.
fn has_test(source: &str, name: &str) -> bool {
    let declared = match name.strip_suffix("..") {
        Some(prefix) => format!("fn {prefix}"),
        None => format!("fn {name}("),
    };
    source.match_indices(&declared).any(|(at, _)| {
        let before = source[..at].trim_end().trim_end_matches("async").trim_end();
        let attribute = before.lines().rev().take_while(|line| !line.trim().is_empty());
        let mut attribute = attribute.map(str::trim).take_while(|line| line.starts_with('#'));
        attribute.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn tests_named_in_security_policy_exist() {
    let text = fs::read_to_string(top().join("SECURITY.md")).unwrap();
    let (_, promises) = text.split_once("## Promises and their tests").unwrap();
    for promise in promises.split("\n- ").skip(1) {
        let named: Vec<_> =
            promise.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
        assert!(!named.is_empty(), "no test for: {promise}");
        for name in named {
            let parts: Vec<_> = name.split("::").collect();
            let [krate, module, test] = parts[..] else {
                panic!("expected crate::module::test, found {name}")
            };
            let found = sources_of_crate(krate)
                .iter()
                .any(|(path, source)| is_module(path, module) && has_test(source, test));
            assert!(found, "no test {name}");
        }
    }
}

/// Each row of a table of `docs/drivers.md` names what holds it.
#[test]
fn mistakes_of_drivers_have_tests() {
    let mut all = sources(&top().join("crates"));
    all.extend(sources(&top().join("tests")));
    let text = fs::read_to_string(top().join("docs/drivers.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| mistake"));
    let mut named = 0;
    for row in rows {
        let holder = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<_> = holder.split('`').skip(1).step_by(2).collect();
        let is_other = ["doc test", "exhaustive", "the same"].iter().any(|it| holder.contains(it));
        assert!(is_other || !tests.is_empty(), "no test: {row}");
        for test in tests.iter().filter(|_| !is_other) {
            assert!(all.iter().any(|(_, source)| has_test(source, test)), "no test {test}");
            named += 1;
        }
    }
    assert!(named > 15, "only {named} tests are named");
}

#[test]
fn tests_named_in_architecture_exist() {
    let mut all = sources(&top().join("crates"));
    all.extend(sources(&top().join("tests")));
    let mut tests = 0;
    for name in code("ARCHITECTURE.md") {
        let is_sentence = name.matches('_').count() > 2;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-:.".contains(&b);
        if !name.bytes().all(is_name) || !(is_sentence || name.contains("::")) {
            continue;
        }
        for part in name.split("::").filter(|part| !part.is_empty()) {
            let exists = part == "conformance"
                || all.iter().any(|(path, source)| is_module(path, part) || has_test(source, part))
                || all.iter().any(|(_, source)| source.contains(&format!("mod {part} {{")));
            assert!(exists, "no {part} in {name}");
        }
        tests += 1;
    }
    assert!(tests > 20, "only {tests} tests are named");
}

/// The files and folders of the repository, relative to its top, with `/` between the parts.
fn paths(folder: &Path, top: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("target") || path.ends_with(".git") {
            continue;
        }
        let parts: Vec<_> =
            path.strip_prefix(top).unwrap().iter().map(|part| part.to_string_lossy()).collect();
        paths.push(format!("/{}", parts.join("/")));
        if path.is_dir() {
            paths.extend(self::paths(&path, top));
        }
    }
    paths
}

/// A path may be relative to the folder of a crate or of a module.
#[test]
fn files_named_in_documents_exist() {
    let all = paths(&top(), &top());
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/decisions.md", "docs/dialects.md"]
    {
        for name in code(document) {
            let is_file =
                [".rs", ".md", ".json", ".toml", ".yml"].iter().any(|end| name.ends_with(end));
            if name.contains(char::is_whitespace) || !(is_file || name.contains('/')) {
                continue;
            }
            let end = format!("/{}", name.trim_end_matches('/'));
            assert!(all.iter().any(|path| path.ends_with(&end)), "{document}: no {name}");
        }
    }
}
