//! The schema of the database, and the checks of its file.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use export_host::sync_folder;
use rusqlite::{Connection, OpenFlags};

use super::error::Cause;

/// The application id in the header of the file.
const APPLICATION: i32 = i32::from_be_bytes(*b"wexp");

/// The version of the schema, in the header of the file.
const VERSION: i32 = 1;

/// Text columns are JSON, except `status` and `reserved_name`.
///
/// `fresh` is the checkpoint of the job before its first request, `checkpoint` the last one that
/// was stored, while the export can be resumed.
const SCHEMA: &str = "
    CREATE TABLE note (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE export (
        number        INTEGER PRIMARY KEY,
        line          INTEGER NOT NULL,
        subject       TEXT NOT NULL,
        destination   TEXT NOT NULL,
        fresh         TEXT NOT NULL,
        status        TEXT NOT NULL DEFAULT 'waiting',
        checkpoint    TEXT,
        reserved_name TEXT,
        exit_code     INTEGER,
        outcome       TEXT
    ) STRICT;

    CREATE INDEX export_status ON export (status);
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The size of the write-ahead log from which SQLite reuses it, in pages of 4 KiB. A transaction
/// takes two or three.
const MAX_LOG_PAGES: i32 = 64;

/// How long another process may lock the database, while it stores a large batch for example.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a database that exists.
pub(super) fn open(path: &Path, access: Access) -> Result<Connection, Cause> {
    if !path.try_exists()? {
        return Err(Cause::Incomplete);
    }
    let connection = connect(path)?;
    check(&connection)?;
    match access {
        // The file is opened for writing: the first reader after a crash recovers the log.
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => enable_wal(&connection)?,
    }
    Ok(connection)
}

/// Creates a database, in a transaction that is to be [committed](commit) with its rows. Until it is
/// [published](publish) it has another name, since a reader would wait for the transaction.
pub(super) fn begin(path: &Path) -> Result<Connection, Cause> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // SQLite gives the files beside it the same mode.
    drop(options.open(path)?);
    let connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Without the write-ahead log, which would have to hold all rows at once.
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// Makes a new database durable.
pub(super) fn commit(connection: &Connection) -> Result<(), Cause> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    Ok(connection.execute_batch("COMMIT")?)
}

/// Gives a database that is committed its name, and opens it for writing.
pub(super) fn publish(
    connection: Connection,
    draft: &Path,
    path: &Path,
) -> Result<Connection, Cause> {
    connection.close().map_err(|(_, error)| error)?;
    fs::rename(draft, path)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    open(path, Access::Write)
}

fn connect(path: &Path) -> Result<Connection, Cause> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Makes each transaction durable with one flush, while others read.
fn enable_wal(connection: &Connection) -> Result<(), Cause> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Cause::NoWal);
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Keeps the log small: when the disk is full, it grows into the reserved space.
    connection.pragma_update(None, "wal_autocheckpoint", MAX_LOG_PAGES)?;
    // On macOS, a plain fsync does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(())
}

/// Checks that this release can use the database.
fn check(connection: &Connection) -> Result<(), Cause> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, version) => Err(Cause::Newer(version)),
        (0, 0) if number("schema_version")? == 0 => Err(Cause::Incomplete),
        _ => Err(Cause::Foreign),
    }
}
