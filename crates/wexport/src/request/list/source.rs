//! Where a list is read from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};

use crate::problem::Problem;

/// Where a list is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

/// A list that is open for reading.
pub(crate) struct List {
    source: Source,
    input: Input,
    /// The number of bytes that were read.
    length: u64,
}

enum Input {
    File(File),
    Stdin,
}

/// Why the bytes of a list are not read.
#[derive(Clone, Copy, Debug)]
enum ListFault {
    NotText,
    TooLong,
}

/// The longest list that is read, in **bytes**.
const MAX_LIST: u64 = 256 * 1_048_576;

impl Source {
    /// `-` is standard input.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        if self.0 == "-" { "standard input" } else { &self.0 }
    }

    pub(crate) fn open(self) -> Result<List, Problem> {
        let input = match self.0.as_str() {
            "-" => Input::Stdin,
            path => Input::File(File::open(path).map_err(|error| self.problem(&error))?),
        };
        Ok(List { source: self, input, length: 0 })
    }

    /// The problem of a list that cannot be read.
    pub(super) fn problem(&self, error: &io::Error) -> Problem {
        let name = self.name();
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            None => Problem::local(format!("cannot read {name}"), error),
            Some(ListFault::NotText) => {
                encoding(format!("{name}: not UTF-8 but UTF-16, or not a text"))
            }
            Some(ListFault::TooLong) => {
                Problem::usage(format!("{name} is longer than {} MiB", MAX_LIST / 1_048_576))
                    .advise("split it into several lists")
            }
        }
    }

    /// The problem of a line that is not UTF-8.
    pub(super) fn invalid_line(&self, line: u64) -> Problem {
        encoding(format!("{}:{line}: not valid UTF-8", self.name()))
    }
}

fn encoding(message: String) -> Problem {
    Problem::usage(message).advise("save it as UTF-8; Excel calls that \"CSV UTF-8\"")
}

impl List {
    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    /// The same list, which can be [rewound](Self::rewind): a pipe is copied to a temporary file.
    pub(crate) fn rewindable(mut self) -> Result<Self, Problem> {
        if matches!(&self.input, Input::File(file) if file.metadata().is_ok_and(|it| it.is_file()))
        {
            return Ok(self);
        }
        let copied = tempfile::tempfile().and_then(|mut file| {
            io::copy(&mut self, &mut file)?;
            Ok(file)
        });
        let file = copied.map_err(|error| self.source.problem(&error))?;
        let mut copy = Self { source: self.source, input: Input::File(file), length: 0 };
        copy.rewind().map(|()| copy)
    }

    /// Reads it from its start again.
    pub(crate) fn rewind(&mut self) -> Result<(), Problem> {
        self.length = 0;
        let Input::File(file) = &mut self.input else { return Ok(()) };
        file.rewind().map_err(|error| self.source.problem(&error))
    }
}

impl Read for List {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.input {
            Input::File(file) => file.read(buffer)?,
            Input::Stdin => io::stdin().read(buffer)?,
        };
        self.length += read as u64;
        if self.length > MAX_LIST {
            return Err(io::Error::other(ListFault::TooLong));
        }
        // A text has no zero bytes; UTF-16 has one beside each ASCII character.
        if buffer.get(..read).is_some_and(|bytes| bytes.contains(&0)) {
            return Err(io::Error::other(ListFault::NotText));
        }
        Ok(read)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("source", &self.source).finish_non_exhaustive()
    }
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotText => "not a text",
            Self::TooLong => "too long",
        })
    }
}

impl std::error::Error for ListFault {}
