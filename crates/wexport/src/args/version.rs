//! What `wexport --version` prints.

use std::env::consts::{ARCH, OS};

/// The commit of the build, if the build names it: `WEXPORT_COMMIT` is set by `cargo xtask dist`. Without
/// it, a build is the same wherever and whenever it is made.
const COMMIT: Option<&str> = option_env!("WEXPORT_COMMIT");

/// The features of the program, and whether this build has them.
const FEATURES: [(&str, bool); 8] = [
    ("aws-lc-rs", cfg!(feature = "aws-lc-rs")),
    ("az", cfg!(feature = "az")),
    ("demo", cfg!(feature = "demo")),
    ("gs", cfg!(feature = "gs")),
    ("postgres", cfg!(feature = "postgres")),
    ("ring", cfg!(feature = "ring")),
    ("s3", cfg!(feature = "s3")),
    ("webpki-roots", cfg!(feature = "webpki-roots")),
];

/// The version, with what a report of a fault needs beside it.
pub(super) fn long() -> String {
    let features = FEATURES.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name);
    text(COMMIT, &features.collect::<Vec<_>>())
}

fn text(commit: Option<&str>, features: &[&str]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let commit = commit.filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!("\ncommit: {commit}")).unwrap_or_default();
    format!("{version}{commit}\nfeatures: {}\nsystem: {ARCH} {OS}", features.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_the_manifest_are_named() {
        let manifest = include_str!("../../Cargo.toml");
        let (_, features) = manifest.split_once("\n[features]\n").unwrap();
        let (features, _) = features.split_once("\n[").unwrap();
        let names = features.lines().filter(|line| !line.starts_with('#'));
        let mut names: Vec<&str> =
            names.filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
        // `store` has no effect alone.
        names.retain(|name| !["default", "store"].contains(name));
        names.sort_unstable();
        assert_eq!(FEATURES.map(|(name, _)| name).to_vec(), names);
    }

    #[test]
    fn commit_is_named_if_the_build_names_it() {
        let lines = |commit| text(commit, &["demo", "s3"]).lines().count();
        assert!(text(Some("10e5c41"), &[]).contains("\ncommit: 10e5c41\n"));
        assert_eq!((lines(Some("10e5c41")), lines(None), lines(Some(""))), (4, 3, 3));
        assert!(text(None, &["demo", "s3"]).contains("\nfeatures: demo, s3\n"));
    }
}
