//! The schema of the database.

use super::PgError;
use super::error::Cause;
use super::link::{Link, query};

/// The version of the schema: that of the last of [`VERSIONS`].
const VERSION: i32 = VERSIONS.len() as i32;

/// The statements that lead from each version to the next one. A release only adds to them.
const VERSIONS: [&[&str]; 3] = [FIRST, WORKERS, CONNECTIONS];

/// The key of the advisory lock under which the schema is made: `wexport`.
const LOCK: i64 = 0x0077_6578_706f_7274;

/// Columns of text are JSON, except `id`, `name`, `holder`, `status` and `reserved_name`.
///
/// `fresh` is the checkpoint of the job before its first request, `checkpoint` the last one that was
/// stored, while the export can be resumed. `epoch` is raised by each process that takes over a batch.
const FIRST: &[&str] = &[
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
            count(*) FILTER (WHERE outcome::jsonb #>> '{error,ending}' = 'unconfirmed') AS unconfirmed,
            (description::jsonb #>> '{end,exit_code}')::INTEGER AS exit_code
        FROM wexport.batch JOIN wexport.export ON export.batch = batch.id
        GROUP BY batch.id",
];

/// The workers of a batch. Each drives the exports whose `worker` it is, until it is removed: when it has
/// ended, or has no lease any more.
///
/// `halted` is the exit code of the failure for which no more exports of the batch are submitted,
/// `lost_workers` the number of those that have lost their lease. An event has the random number of the process
/// that has written it, and its own: it is inserted once.
const WORKERS: &[&str] = &[
    "CREATE TABLE wexport.worker (
        id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        batch      TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        holder     TEXT NOT NULL,
        heard      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        held_until TIMESTAMPTZ NOT NULL
    )",
    "CREATE INDEX worker_batch ON wexport.worker (batch)",
    "ALTER TABLE wexport.batch ADD COLUMN halted INTEGER, \
        ADD COLUMN lost_workers BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE wexport.export ADD COLUMN ended TIMESTAMPTZ, \
        ADD COLUMN worker BIGINT REFERENCES wexport.worker ON DELETE SET NULL",
    "ALTER TABLE wexport.event ADD COLUMN writer BIGINT, ADD COLUMN sequence BIGINT, \
        ADD UNIQUE (batch, writer, sequence)",
    "CREATE INDEX export_worker ON wexport.export (worker) WHERE worker IS NOT NULL",
    "CREATE INDEX export_free ON wexport.export (batch, status, number) \
        WHERE worker IS NULL AND status IN ('waiting', 'open')",
    "CREATE INDEX export_ended ON wexport.export (batch, ended) WHERE ended IS NOT NULL",
    // Who may read the view stays as it is.
    "CREATE OR REPLACE VIEW wexport.batches AS
        SELECT id, description::jsonb ->> 'source' AS list,
            description::jsonb #>> '{options,key}' AS key,
            description::jsonb #>> '{options,date}' AS date,
            CASE WHEN held_until > clock_timestamp() THEN holder END AS running_on,
            greatest(heard, workers.last_heard) AS heard,
            greatest(held_until, workers.last_held_until) AS held_until,
            CASE WHEN description::jsonb #>> '{options,for_workers}' = 'true' THEN lost_workers
                ELSE epoch - 1 END AS takeovers,
            counts.*, (description::jsonb #>> '{end,exit_code}')::INTEGER AS exit_code,
            workers.number AS workers
        FROM wexport.batch
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting,
                count(*) FILTER (WHERE status = 'open') AS open,
                count(*) FILTER (WHERE status = 'done') AS done,
                count(*) FILTER (WHERE status = 'skipped') AS skipped,
                count(*) FILTER (WHERE status = 'failed') AS failed,
                count(*) FILTER (WHERE outcome::jsonb #>> '{error,ending}' = 'unconfirmed') AS unconfirmed
            FROM wexport.export WHERE export.batch = batch.id
        ) AS counts
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE held_until > clock_timestamp()) AS number,
                max(heard) AS last_heard, max(held_until) AS last_held_until
            FROM wexport.worker WHERE worker.batch = batch.id
        ) AS workers",
];

/// The process of the server for the connection on which a lease was renewed last, or the pace was held: it
/// ends with the connection.
const CONNECTIONS: &[&str] = &[
    "ALTER TABLE wexport.batch ADD COLUMN backend INTEGER",
    "ALTER TABLE wexport.worker ADD COLUMN backend INTEGER",
    "ALTER TABLE wexport.pace ADD COLUMN backend INTEGER",
];

/// Makes the schema, or that of an earlier release into its own, and checks that this release can use it.
pub(super) fn prepare(link: &Link) -> Result<(), PgError> {
    let found = version(link)?;
    if found < VERSION
        && let Err(error) = update(link)
        // Another process may have been faster.
        && version(link)? < VERSION
    {
        return Err(error);
    }
    match version(link)? {
        VERSION => Ok(()),
        version => Err(link.error(Cause::Newer(version))),
    }
}

/// The version of the schema in the database; 0 if there is none.
fn version(link: &Link) -> Result<i32, PgError> {
    let rows = link.call(query!("SELECT to_regclass('wexport.version') IS NOT NULL"))?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        return Ok(0);
    }
    let rows = link.call(query!("SELECT number FROM wexport.version"))?;
    let missing = || link.error(Cause::Damaged("its version is missing".into()));
    rows.first().map(|row| row.get(0)).ok_or_else(missing)
}

/// Makes the missing part of the schema, under a lock. Fails if another process has made it meanwhile.
fn update(link: &Link) -> Result<(), PgError> {
    let rows = link.call(query!("SELECT to_regnamespace('wexport') IS NOT NULL"))?;
    let has_namespace = rows.first().is_some_and(|row| row.get(0));
    let from = version(link)?;
    let mut queries = vec![query!("SELECT pg_advisory_xact_lock($1)", LOCK)];
    if !has_namespace {
        queries.push(query!("CREATE SCHEMA IF NOT EXISTS wexport"));
    }
    let missing = VERSIONS.into_iter().skip(usize::try_from(from).unwrap_or_default());
    queries.extend(missing.flatten().map(|&sql| query!(sql)));
    queries.push(query!("DELETE FROM wexport.version"));
    queries.push(query!("INSERT INTO wexport.version VALUES ($1)", VERSION));
    link.call_together(queries).map(drop)
}
