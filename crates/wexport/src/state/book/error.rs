//! What can be wrong with a book, and what to do about it.

use std::fmt;
use std::io;

use rusqlite::{Error, ErrorCode};

use crate::report::{Exit, Problem};
use crate::state::batch::Batch;

/// Why a book could not be read or written.
#[derive(Debug)]
pub(crate) struct BookError {
    batch: Batch,
    why: Why,
}

/// What is wrong with a book.
#[derive(Debug)]
pub(super) enum Why {
    /// What stands in it is not what this program writes.
    Damaged(String),
    /// It is a database of another program.
    Foreign,
    /// Another process runs the batch.
    Held,
    /// It was never written to its end.
    Incomplete,
    /// A file beside it could not be made.
    Io(io::Error),
    /// A later release wrote it, in this version of its form.
    Newer(i32),
    /// The file system has no place for a log.
    NoLog,
    /// The export of this number is over, or there is none.
    NotOpen(u64),
    /// The database says so.
    Refused(Error),
}

impl BookError {
    pub(super) fn new(batch: &Batch, why: Why) -> Self {
        Self { batch: batch.clone(), why }
    }

    /// Whether the batch was cut off before it was written down: nothing of it was sent.
    pub(crate) const fn is_incomplete(&self) -> bool {
        matches!(self.why, Why::Incomplete)
    }

    /// What to do about it, most likely first.
    fn advice(&self) -> Vec<String> {
        let id = self.batch.id();
        let lines: &[&str] = match &self.why {
            Why::Damaged(_) | Why::Foreign => &[
                "nothing in it was changed: put back its folder as it was, from a backup",
                "what the service accepted stands in events.ndjson beside it: `wexport fetch` \
                 brings an operation's file",
            ],
            Why::Incomplete => &["run the command again"],
            Why::Newer(_) => &["install the newer wexport that wrote it"],
            Why::NoLog => &["name a folder on a disk of this machine with --state"],
            Why::Io(error) if error.kind() == io::ErrorKind::StorageFull => &[FREE_SPACE],
            Why::Io(_) => &[MAKE_WRITABLE],
            Why::Refused(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => &[FREE_SPACE],
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    &[MAKE_WRITABLE]
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    &["wait until the other process is done with it"]
                }
                _ => &[],
            },
            Why::Held | Why::NotOpen(_) => &[],
        };
        lines.iter().map(|line| line.replace("BATCH", id)).collect()
    }

    fn kind(&self) -> io::ErrorKind {
        match &self.why {
            Why::Damaged(_) | Why::Foreign | Why::Incomplete | Why::Newer(_) => {
                io::ErrorKind::InvalidData
            }
            Why::Held => io::ErrorKind::WouldBlock,
            Why::Io(error) => error.kind(),
            Why::NoLog => io::ErrorKind::Unsupported,
            Why::NotOpen(_) => io::ErrorKind::NotFound,
            Why::Refused(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                    io::ErrorKind::PermissionDenied
                }
                _ => io::ErrorKind::Other,
            },
        }
    }
}

const FREE_SPACE: &str = "make room on the disk, then go on with `wexport jobs resume BATCH`";
const MAKE_WRITABLE: &str =
    "the folder and all files in it have to be writable for whoever runs wexport";

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, path) = (self.batch.id(), self.batch.book());
        let path = path.display();
        match &self.why {
            Why::Damaged(how) => write!(f, "the book of batch {id} is damaged: {path}: {how}"),
            Why::Foreign => write!(f, "{path} is not the book of a batch"),
            Why::Held => write!(f, "batch {id} is running in another process"),
            Why::Incomplete => {
                write!(f, "batch {id} was cut off before it was written down: nothing was sent")
            }
            Why::Io(error) => write!(f, "the book of batch {id} cannot be used: {path}: {error}"),
            Why::Newer(version) => {
                write!(f, "batch {id} was written by a newer wexport, in form {version}")
            }
            Why::NoLog => write!(f, "the file system of {path} cannot keep a write-ahead log"),
            Why::NotOpen(number) => write!(f, "no export {number} of batch {id} is open"),
            Why::Refused(error) => {
                write!(f, "the book of batch {id} cannot be used: {path}: {error}")
            }
        }
    }
}

impl std::error::Error for BookError {}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        let exit = match &error.why {
            Why::Held => Exit::Usage,
            Why::Incomplete => Exit::No,
            _ => Exit::Local,
        };
        let mut problem = Self::new(exit, error.to_string());
        problem.advice = error.advice();
        problem
    }
}

/// For whoever knows nothing of books: the advice is part of the text.
impl From<BookError> for io::Error {
    fn from(error: BookError) -> Self {
        let (kind, mut text) = (error.kind(), error.to_string());
        for advice in error.advice() {
            text = format!("{text}; {advice}");
        }
        Self::new(kind, text)
    }
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Damaged(error.to_string()),
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Damaged(error.to_string())
                }
                _ => Self::Refused(error),
            },
        }
    }
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
