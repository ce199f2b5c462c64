//! The committed snapshots contain no secrets.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Texts that precede a secret, and the placeholders that are allowed after them.
const SLOTS: [(&str, &[&str]); 6] = [
    ("Bearer ", &["token0", "token1", "token2", "token3", "token4"]),
    ("client_secret=", &["s%26cret"]),
    ("access_token\":\"", &["", "a", "t"]),
    ("signature=", &["_", "s"]),
    ("sig=", &[]),
    ("-----BEGIN ", &[]),
];

/// The secrets of the cases, and the prefixes of tokens: of the simulator, and of JSON web tokens.
const SECRETS: [&str; 6] =
    ["s3cret-of-the-client", "t0ken-from-elsewhere", "another-secret", "s3cret", "sim.", "eyJ"];

#[test]
fn snapshots_contain_no_secret() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut files = 0;
    for path in snapshots(&[top.join("crates"), top.join("tests")]) {
        let text = fs::read_to_string(&path).unwrap();
        found.extend(secrets(&text).into_iter().map(|it| format!("{}: {it}", path.display())));
        files += 1;
    }
    assert!(files > 400, "{files} snapshots");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn secrets_are_found() {
    for text in [
        "    authorization: Bearer abc",
        "client_secret=hunter2&scope=x",
        r#"{"access_token":"x"}"#,
        "https://store.example/f?sig=1",
        "?expires=***&signature=0a1b",
        "the secret is s3cret-of-the-client",
        "sim.4efb3741dabc1561fe6340ff96266e6d",
    ] {
        assert_eq!(secrets(text).len(), 1, "{text}");
    }
    let masked = "Bearer token1\nclient_secret=s%26cret\nsignature=_\nexpires=***&signature=***";
    assert_eq!(secrets(masked), [""; 0]);
}

/// Whether a value is masked, or is not a secret but part of a text.
fn is_masked(value: &str) -> bool {
    value.starts_with("***") || ["$WORKIVA_TOKEN", "in"].contains(&value)
}

/// The parts of a text that are secrets, or that are in the place of one.
fn secrets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (slot, allowed) in SLOTS {
        for (at, _) in text.match_indices(slot) {
            let value = &text[at + slot.len()..];
            let end = value.find(|it: char| "&\"\\ \n,;".contains(it)).unwrap_or(value.len());
            let value = &value[..end];
            if !allowed.contains(&value) && !is_masked(value) {
                found.push(&text[at..at + slot.len() + end]);
            }
        }
    }
    if found.is_empty() {
        found.extend(SECRETS.into_iter().find(|secret| text.contains(secret)));
    }
    found
}

fn snapshots(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = folders.to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                files.push(path);
            }
        }
    }
    files
}
