CREATE TABLE wexport.version (number INTEGER NOT NULL);
CREATE TABLE wexport.batch (
        id          TEXT PRIMARY KEY,
        name        TEXT UNIQUE,
        description TEXT NOT NULL,
        epoch       BIGINT NOT NULL DEFAULT 1,
        holder      TEXT,
        heard       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        held_until  TIMESTAMPTZ NOT NULL,
        began       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
    );
CREATE TABLE wexport.export (
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
    );
CREATE INDEX export_status ON wexport.export (batch, status, number);
CREATE TABLE wexport.note (
        batch TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (batch, name)
    );
CREATE TABLE wexport.event (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        batch  TEXT NOT NULL REFERENCES wexport.batch ON DELETE CASCADE,
        event  TEXT NOT NULL
    );
CREATE INDEX event_batch ON wexport.event (batch, number);
CREATE TABLE wexport.pace (
        name       TEXT PRIMARY KEY,
        holder     BIGINT,
        held_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        latest     BIGINT NOT NULL DEFAULT 0,
        pacer      TEXT
    );
CREATE VIEW wexport.batches AS
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
        GROUP BY batch.id;
INSERT INTO wexport.version VALUES (1);
