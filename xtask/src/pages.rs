//! What the README and `docs/` show of the program: made by running it, and never by hand.

use crate::shell::{self, Done, cargo};

/// Runs everything on the pages and writes into them what was printed.
pub(crate) fn write() -> Done {
    // One after the other: several of the tests write the README.
    let words = "test --quiet --package wexport --test it -- --test-threads 1 pages:: recording::";
    let words: Vec<&str> = words.split(' ').collect();
    shell::run(cargo(&words).env("WEXPORT_PAGES", "1"))
}
