//! Exports by the million, under one limit.

use crate::shell::{self, Done, cargo};

/// Flies fleets in virtual time; `words` are those of the program.
pub(crate) fn run(words: &[&str]) -> Done {
    let program = ["run", "--release", "--quiet", "--package", "conformance", "--example", "fleet"];
    shell::run(&mut cargo(&[&program[..], &["--"], words].concat()))
}
