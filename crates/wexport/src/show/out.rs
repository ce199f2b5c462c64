//! Text on standard output.

use std::io::{self, Write};

use super::terminal::aside;
use crate::report::Problem;

/// Prints text. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    // Both streams may lead to the same terminal.
    let printed = aside(|| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    });
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::local("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}
