//! Where a list comes from.

use std::fs::File;
use std::io::{self, Read};

use crate::report::Problem;

/// A file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

/// The longest list that is read, in **bytes**.
const LONGEST: u64 = 256 * 1_048_576;

impl Source {
    /// `-` is standard input.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        if self.0 == "-" { "standard input" } else { &self.0 }
    }

    /// All of its text, without the mark that some programs begin a text with.
    pub(super) fn text(&self) -> Result<String, Problem> {
        let fail =
            |error: &io::Error| Problem::local(format!("cannot read {}", self.name()), error);
        let reader: Box<dyn Read> = match self.0.as_str() {
            "-" => Box::new(io::stdin()),
            path => Box::new(File::open(path).map_err(|error| fail(&error))?),
        };
        let mut bytes = Vec::new();
        reader.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        if bytes.len() as u64 > LONGEST {
            let what = format!("{} is longer than {} MiB", self.name(), LONGEST / 1_048_576);
            return Err(Problem::usage(what).advise("split it into several lists"));
        }
        text_of(bytes, self.name())
    }
}

/// Bytes as text.
pub(super) fn text_of(bytes: Vec<u8>, name: &str) -> Result<String, Problem> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        Problem::usage(format!("{name}:{line}: this is not UTF-8"))
            .advise("save it as UTF-8; Excel calls that \"CSV UTF-8\"")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => text,
    })
}
