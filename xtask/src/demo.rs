//! The whole path, to be looked at.

use crate::shell::{self, Done, cargo};

pub(crate) fn run(folder: &str) -> Done {
    shell::run(&mut cargo(&[
        "run",
        "--quiet",
        "--package",
        "conformance",
        "--example",
        "demo",
        "--",
        folder,
    ]))
}
