//! Errors of the PostgreSQL database.

use std::error::Error as _;
use std::fmt;
use std::io;

use tokio_postgres::error::SqlState;

use crate::problem::{Exit, Problem};

/// Why the database could not be read or written.
#[derive(Clone, Debug)]
pub(crate) struct PgError {
    /// Where it is.
    pub(super) place: String,
    pub(super) cause: Cause,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    /// What is stored is invalid.
    Damaged(String),
    /// The password, the role or the database is wrong.
    Login(String),
    /// The disk of the server is full.
    Full(String),
    /// Another process has taken over this batch.
    Lost(String),
    /// A newer release made the schema, in this version.
    Newer(i32),
    /// The export with this number has ended, or does not exist.
    NotOpen(u64),
    /// The batch with this ID was removed.
    Removed(String),
    /// A statement has failed.
    Statement(String),
    /// The server could not be reached for as long as is tried.
    Unreachable(String),
    /// Another worker has taken over the exports of this one, of this batch.
    WorkerLost(String),
}

/// Whether an error may be gone soon: the server cannot be reached, restarts, or has no space.
pub(super) fn is_passing(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            let passing = [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::DISK_FULL,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                // A replica that was the primary server: another connection may lead to the present one.
                SqlState::READ_ONLY_SQL_TRANSACTION,
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ];
            passing.contains(code) || code.code().starts_with("08")
        }
        None => {
            let Some(source) = error.source() else { return true };
            // A certificate that is refused stays so, and a password that is missing.
            source.downcast_ref::<io::Error>().is_some_and(|error| !is_tls(error))
        }
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

impl From<&tokio_postgres::Error> for Cause {
    fn from(error: &tokio_postgres::Error) -> Self {
        let mut text = match error.as_db_error() {
            Some(error) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
            None => error.to_string(),
        };
        if error.as_db_error().is_none()
            && let Some(source) = error.source()
        {
            text = source.to_string();
        }
        match error.code().map(SqlState::code) {
            Some(code) if code.starts_with("28") || code == "3D000" => Self::Login(text),
            Some("53100") => Self::Full(text),
            Some(_) => Self::Statement(text),
            None if is_passing(error) => Self::Unreachable(text),
            None => Self::Login(text),
        }
    }
}

impl fmt::Display for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, cause } = self;
        match cause {
            Cause::Damaged(how) => write!(f, "the PostgreSQL database {place} is damaged: {how}"),
            Cause::Login(text) => {
                write!(f, "cannot log in to the PostgreSQL database {place}: {text}")
            }
            Cause::Full(text) => {
                write!(f, "the disk of the PostgreSQL database {place} is full: {text}")
            }
            Cause::Lost(id) => write!(
                f,
                "another process has taken over batch {id}, since this one gave no sign of life for \
                 too long: it sends nothing more"
            ),
            Cause::Newer(version) => write!(
                f,
                "the PostgreSQL database {place} was set up by a newer wexport (schema version {version})"
            ),
            Cause::NotOpen(number) => write!(f, "export {number} of the batch is not open"),
            Cause::Removed(id) => write!(f, "batch {id} was removed by another process"),
            Cause::Statement(text) => {
                write!(f, "the PostgreSQL database {place} has failed: {text}")
            }
            Cause::Unreachable(text) => {
                write!(f, "cannot reach the PostgreSQL database {place}: {text}")
            }
            Cause::WorkerLost(id) => write!(
                f,
                "other workers go on with the exports of this one in batch {id}, since it gave no sign \
                 of life for too long: it sends nothing more"
            ),
        }
    }
}

impl std::error::Error for PgError {}

impl From<PgError> for Problem {
    fn from(error: PgError) -> Self {
        let (exit, advice, retry) = match &error.cause {
            Cause::Damaged(_) => (Exit::Local, Some("restore it from a backup".into()), None),
            Cause::Login(_) => (
                Exit::Usage,
                Some(
                    "check the URL, the role, and its password in PGPASSWORD or ~/.pgpass; for a \
                     private CA, add sslrootcert=FILE to the URL"
                        .to_owned(),
                ),
                None,
            ),
            Cause::Full(_) => (
                Exit::Local,
                Some("free disk space on its server".into()),
                Some("yes: the same command goes on"),
            ),
            Cause::Lost(id) => (
                Exit::Running,
                Some(format!("`wexport jobs show {id}` says how it goes on")),
                Some("not needed: the other process goes on with all of its exports"),
            ),
            Cause::Newer(_) => {
                (Exit::Local, Some("use the newer wexport that has set it up".into()), None)
            }
            Cause::NotOpen(_) | Cause::Removed(_) => (Exit::Local, None, None),
            Cause::Statement(_) => (
                Exit::Local,
                Some("the role needs to create the schema wexport, or to own it".into()),
                None,
            ),
            Cause::Unreachable(_) => (
                Exit::GaveUp,
                Some("start the server, or correct its host and port".into()),
                Some("yes: the same command goes on"),
            ),
            Cause::WorkerLost(_) => (
                Exit::Running,
                Some("start the worker again if its machine works: `wexport work`".into()),
                Some("not needed: what the service has accepted is not requested again"),
            ),
        };
        let mut problem = Self::new(exit, error.to_string());
        problem.advice.extend(advice);
        problem.retry = retry.map(String::from);
        problem
    }
}

/// Errors that may pass were waited for already.
impl From<PgError> for io::Error {
    fn from(error: PgError) -> Self {
        Self::other(error)
    }
}
