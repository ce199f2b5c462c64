//! The state of runs on disk: what is needed to resume them, and their logs.
//!
//! ```text
//! jobs/20261123-021500-7f3a/
//!   job.json          the subject, the destination, how it ended
//!   fresh.json        where the job starts over
//!   checkpoint.json   where the job can be resumed; removed with its end
//!   placement.json    how to recognise its file, if it is in place already
//!   events.ndjson     its events, one a line
//!   reserve           space that is released if the disk is full; removed with its end
//!   running.json      the process that runs it; its time is that of the last sign of life
//!   lock              locked while it runs
//! batches/20261123-021500-7f3a/
//!   batch.sqlite      the exports of a batch: see `db`
//!   draft.sqlite      the same, until all of them are stored
//!   events.ndjson     their events, one a line
//!   spool/17/         the file of one of them, until it is uploaded
//!   reserve           space that is released if the disk is full; removed with its end
//!   running.json      the process that runs it; its time is that of the last sign of life
//!   lock              locked while it runs
//! names/               a folder for each run with --continue or --key, while it runs
//! pace/               the rate limits of each service and client, which all commands share
//! ```

mod batch_dir;
mod checkpoints;
mod db;
mod dir;
mod earlier;
#[cfg(test)]
mod fixtures;
mod forget;
mod job;
mod known_files;
mod later;
mod lock;
mod log;
mod pace;
mod pages;
#[cfg(feature = "postgres")]
mod pg;
mod placement;
mod presence;
mod previous;
mod reserve;
mod run;
mod single;

pub(crate) use self::batch_dir::BatchDir;
pub(crate) use self::checkpoints::RunCheckpoints;
pub(crate) use self::db::{BatchDb, BatchDbWriter, BatchDraft, DbError, Reopen};
pub(crate) use self::dir::{Found, StateDir, Wanted};
pub(crate) use self::earlier::{EarlierFiles, fingerprint, request_fingerprint};
pub(crate) use self::forget::Retention;
pub(crate) use self::job::{Job, JobRecord};
pub(crate) use self::known_files::{KnownFile, known_files, known_files_path, remember_files};
pub(crate) use self::later::{Later, LaterExports};
pub(crate) use self::log::EventLog;
#[cfg(feature = "postgres")]
pub(crate) use self::pg::{Claimed, FollowedBatch, PgBatch, PgBook, Snapshot};
pub(crate) use self::placement::Placement;
pub(crate) use self::presence::{HEARTBEAT, RunningProcess};
pub(crate) use self::previous::NameClaim;
pub(crate) use self::run::{
    Items, NewRow, Row, RowEnd, RowResult, RowStatus, RunDescription, RunEnd, RunOptions,
    RunStatus, RunStore, StatusCounts, Taken, write,
};
pub(crate) use self::single::SingleRun;
