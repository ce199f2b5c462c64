//! Errors of the database of a batch.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rusqlite::{Error, ErrorCode};

use crate::problem::{Exit, Problem};
use crate::state::batch_dir::BatchDir;
use crate::state::presence::{RunningProcess, running_elsewhere};

/// Why the database of a batch could not be read or written.
#[derive(Debug)]
pub(crate) struct DbError {
    /// The id of the batch.
    batch: String,
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// Its contents are invalid.
    Damaged(String),
    /// It is a database of another program.
    Foreign,
    /// Another process runs the batch.
    Locked(Option<RunningProcess>),
    /// It was not stored completely.
    Incomplete,
    /// The thread that was to write has panicked.
    Lost,
    /// A file beside it could not be created.
    Io(io::Error),
    /// A newer release wrote it, with this schema version.
    Newer(i32),
    /// The file system does not support a write-ahead log.
    NoWal,
    /// The export with this number has ended, or does not exist.
    NotOpen(u64),
    /// SQLite failed.
    Sqlite(Error),
}

impl DbError {
    pub(super) fn new(batch: &BatchDir, cause: Cause) -> Self {
        let cause = match cause {
            // Somebody has removed or emptied it.
            Cause::Incomplete if batch.has_begun() => {
                Cause::Damaged("its contents are missing".into())
            }
            cause => cause,
        };
        Self { batch: batch.id().into(), path: batch.db_path(), cause }
    }

    /// Whether the batch was interrupted before it was stored, so that nothing was sent.
    pub(crate) const fn is_incomplete(&self) -> bool {
        matches!(self.cause, Cause::Incomplete)
    }

    fn advice(&self) -> Vec<String> {
        let id = &self.batch;
        let lines: &[&str] = match &self.cause {
            Cause::Damaged(_) | Cause::Foreign => &[
                "it was not changed: restore its folder from a backup",
                "events.ndjson beside it has the operations that the service accepted: get their \
                 files with `wexport fetch`",
            ],
            Cause::Incomplete => &["run the command again"],
            Cause::Newer(_) => &["use the newer wexport that wrote it"],
            Cause::NoWal => &["use a folder on a local disk with --state"],
            Cause::Io(error) if error.kind() == io::ErrorKind::StorageFull => &[FREE_SPACE],
            Cause::Io(_) => &[MAKE_WRITABLE],
            Cause::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => &[FREE_SPACE],
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    &[MAKE_WRITABLE]
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    &["wait until the other process has finished"]
                }
                _ => &[],
            },
            Cause::Locked(_) | Cause::Lost | Cause::NotOpen(_) => &[],
        };
        lines.iter().map(|line| line.replace("BATCH", id)).collect()
    }

    pub(super) fn kind(&self) -> io::ErrorKind {
        match &self.cause {
            Cause::Damaged(_) | Cause::Foreign | Cause::Incomplete | Cause::Newer(_) => {
                io::ErrorKind::InvalidData
            }
            Cause::Locked(_) => io::ErrorKind::WouldBlock,
            Cause::Lost => io::ErrorKind::Other,
            Cause::Io(error) => error.kind(),
            Cause::NoWal => io::ErrorKind::Unsupported,
            Cause::NotOpen(_) => io::ErrorKind::NotFound,
            Cause::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                    io::ErrorKind::PermissionDenied
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    io::ErrorKind::ResourceBusy
                }
                _ => io::ErrorKind::Other,
            },
        }
    }
}

const FREE_SPACE: &str = "free disk space, then run `wexport jobs resume BATCH`";
const MAKE_WRITABLE: &str = "make the folder and its files writable";

/// Whether the disk may be full. SQLite reports a quota as an I/O error.
pub(super) fn may_be_full(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, path) = (&self.batch, self.path.display());
        match &self.cause {
            Cause::Damaged(how) => {
                write!(f, "the database of batch {id} is damaged: {path}: {how}")
            }
            Cause::Foreign => write!(f, "{path} is not the database of a batch"),
            Cause::Locked(_) => write!(f, "batch {id} is running in another process"),
            Cause::Incomplete => {
                write!(f, "batch {id} was interrupted before it was stored: nothing was sent")
            }
            Cause::Io(error) => write!(f, "cannot use the database of batch {id}: {path}: {error}"),
            Cause::Lost => {
                write!(f, "batch {id} could not be written to: {path}: a fault of the program")
            }
            Cause::Newer(version) => {
                write!(f, "batch {id} was written by a newer wexport (schema version {version})")
            }
            Cause::NoWal => {
                write!(f, "the file system of {path} does not support a write-ahead log")
            }
            Cause::NotOpen(number) => write!(f, "export {number} of batch {id} is not open"),
            Cause::Sqlite(error) => {
                write!(f, "cannot use the database of batch {id}: {path}: {error}")
            }
        }
    }
}

impl std::error::Error for DbError {}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let exit = match &error.cause {
            Cause::Locked(process) => {
                return running_elsewhere("batch", &error.batch, process.clone());
            }
            Cause::Incomplete => Exit::No,
            _ => Exit::Local,
        };
        let mut problem = Self::new(exit, error.to_string());
        problem.advice = error.advice();
        problem
    }
}

/// The advice becomes part of the text.
impl From<DbError> for io::Error {
    fn from(error: DbError) -> Self {
        let (kind, mut text) = (error.kind(), error.to_string());
        for advice in error.advice() {
            text = format!("{text}; {advice}");
        }
        Self::new(kind, text)
    }
}

impl From<Error> for Cause {
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
                _ => Self::Sqlite(error),
            },
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
