//! What has to hold for every input that comes from outside, as functions of bytes.
//!
//! Each check takes any bytes, makes an input of them, hands it to `export-core` through its public
//! interface, and panics where a promise is broken. The targets in `fuzz/` call them with what a
//! fuzzer thinks of, and the tests of this crate with the inputs that were kept and with generated
//! ones: whatever a fuzzer has found once is tried in each run of the tests.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a check that cannot go on has found something")]

mod checkpoint;
mod content_disposition;
mod file_name;
mod job;
mod origin;
mod retry_after;
mod script;
mod token;
mod url;
mod world;

/// A check, and what it is called in `fuzz/`.
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

/// Runs the check of this name.
///
/// # Panics
///
/// If there is none of this name, or a promise is broken.
pub fn check(name: &str, data: &[u8]) {
    let found = CHECKS.iter().find(|(known, _)| *known == name);
    let (_, check) = found.unwrap_or_else(|| panic!("there is no check named {name:?}"));
    check(data);
}
