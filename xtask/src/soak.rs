//! A million exports, each in a world of its own.

use crate::shell::{self, Done, cargo};

/// Plays random schedules in virtual time; `words` are `--schedules N` and `--seed S`.
pub(crate) fn run(words: &[&str]) -> Done {
    let program = ["run", "--release", "--quiet", "--package", "conformance", "--example", "soak"];
    shell::run(&mut cargo(&[&program[..], &["--"], words].concat()))
}
