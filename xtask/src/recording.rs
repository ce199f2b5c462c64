//! What one sees of a run, as text: made by running the program on a terminal, and never by hand.

use crate::shell::{self, Done, cargo};

/// Writes `docs/recording.txt` and the place in the README that shows it.
pub(crate) fn write() -> Done {
    let words =
        ["test", "--quiet", "--package", "export-cli", "--test", "it", "terminal::recording"];
    shell::run(cargo(&words).env("WEXPORT_RECORDING", "1"))
}
