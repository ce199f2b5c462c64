//! The database file of a book: its form, and what else may stand in its place.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::Why;

/// Marks the file as one of ours, in its header.
const APPLICATION: i32 = i32::from_be_bytes(*b"wexp");

/// The version of the form below, in its header too.
const VERSION: i32 = 1;

/// Texts are JSON, but for standing and claim. `fresh` is the checkpoint of the job before it was
/// begun, `checkpoint` the last one that was stored and is still good for something.
const FORM: &str = "
    CREATE TABLE note (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE export (
        number     INTEGER PRIMARY KEY,
        line       INTEGER NOT NULL,
        what       TEXT NOT NULL,
        place      TEXT NOT NULL,
        fresh      TEXT NOT NULL,
        standing   TEXT NOT NULL DEFAULT 'waiting',
        checkpoint TEXT,
        claim      TEXT,
        exit_code  INTEGER,
        outcome    TEXT
    ) STRICT;

    CREATE INDEX export_standing ON export (standing);
";

/// What a book is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// How long another process may be in the way: it writes down a large batch, say.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a book that is there.
pub(super) fn open(path: &Path, access: Access) -> Result<Connection, Why> {
    if !path.try_exists()? {
        return Err(Why::Incomplete);
    }
    let connection = connect(path)?;
    check(&connection)?;
    match access {
        // Opened for writing all the same: a reader may be the first to come after a crash, and
        // then has to tidy up.
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => keep_a_log(&connection)?,
    }
    Ok(connection)
}

/// Makes a book in one step, with what `fill` puts into it.
pub(super) fn create(
    path: &Path,
    fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, Why> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // SQLite gives the files beside it the same rights.
    drop(options.open(path)?);
    let mut connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Not in the log yet: it would have to hold all of the rows at once.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(FORM)?;
    fill(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    keep_a_log(&connection)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, Why> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Makes each transaction durable at the price of one flush, while others read.
fn keep_a_log(connection: &Connection) -> Result<(), Why> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Why::NoLog);
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS, a flush is none without this.
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(())
}

/// Looks whether it is a book that this release understands.
fn check(connection: &Connection) -> Result<(), Why> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, version) => Err(Why::Newer(version)),
        (0, 0) if number("schema_version")? == 0 => Err(Why::Incomplete),
        _ => Err(Why::Foreign),
    }
}
