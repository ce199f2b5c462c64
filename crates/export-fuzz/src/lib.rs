//! Checks of `export-core` for arbitrary inputs from outside.
//!
//! Each check builds an input from arbitrary bytes, passes it to `export-core` through its public
//! interface, and panics if an invariant is broken. The targets in `fuzz/` run the checks with a
//! fuzzer. The tests of this crate run them with the kept inputs and with generated ones, so that every
//! input that a fuzzer has found is tested on each run.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a panic fails the check")]

mod checkpoint;
mod content_disposition;
mod file_name;
mod harness;
mod job;
mod origin;
mod retry_after;
mod script;
mod token;
mod url;

/// The name of a check, which is that of its target in `fuzz/`, and the check.
pub type Check = (&'static str, fn(&[u8]));

/// All checks.
pub const CHECKS: [Check; 7] = [
    ("checkpoint", checkpoint::check),
    ("content_disposition", content_disposition::check),
    ("file_name", file_name::check),
    ("job", job::check),
    ("retry_after", retry_after::check),
    ("token", token::check),
    ("url", url::check),
];

/// Runs the check with this name.
///
/// # Panics
///
/// If there is no such check, or an invariant is broken.
pub fn check(name: &str, data: &[u8]) {
    let found = CHECKS.iter().find(|(known, _)| *known == name);
    let (_, check) = found.unwrap_or_else(|| panic!("there is no check named {name:?}"));
    check(data);
}
