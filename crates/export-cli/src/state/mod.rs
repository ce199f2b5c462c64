//! Jobs on disk: each run is a folder with what it takes to go on with it, and what happened.
//!
//! ```text
//! jobs/20261123-021500-7f3a/
//!   job.json          what was asked for, where the file goes, how it ended
//!   checkpoint.json   where the job can go on; gone once it has its file
//!   events.ndjson     every event, one a line
//!   lock              held while it runs
//! ```

mod checkpoints;
mod folder;
mod job;
mod lock;
mod log;

pub(crate) use self::checkpoints::JobCheckpoints;
pub(crate) use self::folder::State;
pub(crate) use self::job::{Description, Ending, Job, Standing, VERSION};
pub(crate) use self::lock::Lock;
pub(crate) use self::log::EventLog;
