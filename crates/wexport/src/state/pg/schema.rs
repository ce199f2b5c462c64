//! The schema of the database.

use super::error::Cause;
use super::link::{Link, query};
use super::{PgError, number_of};

/// The version of the schema. A later release adds the statements that lead to its own.
const VERSION: i32 = 1;

/// The key of the advisory lock under which the schema is made: `wexport`.
const LOCK: i64 = 0x0077_6578_706f_7274;

/// Columns of text are JSON, except `id`, `name`, `holder`, `status` and `reserved_name`.
///
/// `fresh` is the checkpoint of the job before its first request, `checkpoint` the last one that was
/// stored, while the export can be resumed. `epoch` is raised by each process that takes over a batch.
const SCHEMA: &[&str] = &[
    "CREATE TABLE wexport.version (number INTEGER NOT NULL)",
    "CREATE TABLE wexport.batch (
        id          TEXT PRIMARY KEY,
        name        TEXT UNIQUE,
        description TEXT NOT NULL,
        epoch       BIGINT NOT NULL DEFAULT 1,
        holder      TEXT,
        heard       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        held_until  TIMESTAMPTZ NOT NULL,
        began       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
    )",
    "CREATE TABLE wexport.export (
        batch         TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        number        BIGINT NOT NULL,
        line          BIGINT NOT NULL,
        subject       TEXT NOT NULL,
        destination   TEXT NOT NULL,
        fresh         TEXT NOT NULL,
        status        TEXT NOT NULL DEFAULT 'waiting',
        checkpoint    TEXT,
        reserved_name TEXT,
        exit_code     INTEGER,
        outcome       TEXT,
        PRIMARY KEY (batch, number)
    )",
    "CREATE INDEX export_status ON wexport.export (batch, status, number)",
    "CREATE TABLE wexport.note (
        batch TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (batch, name)
    )",
    "CREATE TABLE wexport.event (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        batch  TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        event  TEXT NOT NULL
    )",
    "CREATE INDEX event_batch ON wexport.event (batch, number)",
    "CREATE TABLE wexport.pace (
        name       TEXT PRIMARY KEY,
        holder     BIGINT,
        held_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        latest     BIGINT NOT NULL DEFAULT 0,
        pacer      TEXT
    )",
    "CREATE VIEW wexport.batches AS
        SELECT id, description::jsonb ->> 'source' AS list,
            description::jsonb #>> '{options,key}' AS key,
            description::jsonb #>> '{options,date}' AS date,
            CASE WHEN held_until > clock_timestamp() THEN holder END AS running_on,
            heard, held_until, epoch - 1 AS takeovers,
            count(*) FILTER (WHERE status = 'waiting') AS waiting,
            count(*) FILTER (WHERE status = 'open') AS open,
            count(*) FILTER (WHERE status = 'done') AS done,
            count(*) FILTER (WHERE status = 'skipped') AS skipped,
            count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE outcome::jsonb #>> '{error,ending}' = 'unconfirmed') AS in_doubt,
            (description::jsonb #>> '{end,exit_code}')::INTEGER AS exit_code
        FROM wexport.batch JOIN wexport.export ON export.batch = batch.id
        GROUP BY batch.id",
];

/// Makes the schema if there is none, and checks that this release can use it.
pub(super) fn prepare(link: &Link) -> Result<(), PgError> {
    let exists = || -> Result<bool, PgError> {
        let rows = link.call(query!("SELECT to_regclass('wexport.version') IS NOT NULL"))?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    };
    if !exists()? {
        create(link)?;
    }
    let rows = link.call(query!("SELECT number FROM wexport.version"))?;
    match rows.first().map(|row| row.get::<_, i32>(0)) {
        Some(VERSION) => Ok(()),
        Some(version) => Err(link.error(Cause::Newer(version))),
        None => Err(link.error(Cause::Damaged("its version is missing".into()))),
    }
}

/// Makes the schema, unless another process has done so while this one waited for the lock.
fn create(link: &Link) -> Result<(), PgError> {
    let rows = link.call(query!("SELECT to_regnamespace('wexport') IS NOT NULL"))?;
    let has_namespace = rows.first().is_some_and(|row| row.get(0));
    let mut queries = vec![query!("SELECT pg_advisory_xact_lock($1)", LOCK)];
    if !has_namespace {
        queries.push(query!("CREATE SCHEMA IF NOT EXISTS wexport"));
    }
    queries.extend(SCHEMA.iter().map(|&sql| query!(sql)));
    queries.push(query!("INSERT INTO wexport.version VALUES ($1)", VERSION));
    match link.call_together(queries) {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(error) => match link.call(query!("SELECT number FROM wexport.version")) {
            Ok(rows) if rows.first().and_then(|row| number_of(row, 0)).is_some() => Ok(()),
            _ => Err(error),
        },
    }
}
