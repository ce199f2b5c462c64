//! Jobs and batches on disk: each run is a folder with what it takes to go on with it, and what happened.
//!
//! ```text
//! jobs/20261123-021500-7f3a/
//!   job.json          what was asked for, where the file goes, how it ended
//!   checkpoint.json   where the job can go on; gone once it has its file
//!   events.ndjson     every event, one a line
//!   lock              held while it runs
//! batches/20261123-021500-7f3a/
//!   batch.sqlite      the exports of a batch: see `book`
//!   events.ndjson     every event of them, one a line
//!   spool/17/         the file of one of them, on its way into an object store
//!   lock              held while it runs
//! pace.json           what was learnt of each service's limits
//! ```

mod batch;
mod book;
mod checkpoints;
mod folder;
mod job;
mod lock;
mod log;
mod pace;

pub(crate) use self::batch::{Batch, BatchDescription, BatchOptions};
pub(crate) use self::book::{
    BookError, HeldBook, NewRow, Note, Reopen, Row, RowCheckpoints, RowEnd, RowResult, RowStanding,
    Totals,
};
pub(crate) use self::checkpoints::JobCheckpoints;
pub(crate) use self::folder::{Found, State};
pub(crate) use self::job::{Description, Ending, Job, Standing, VERSION};
pub(crate) use self::lock::Lock;
pub(crate) use self::log::EventLog;
pub(crate) use self::pace::Paces;
