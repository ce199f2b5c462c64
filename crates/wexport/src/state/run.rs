//! A run and its exports, wherever they are stored.

use std::fmt;
use std::future::ready;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use export_hyper::{Checkpoint, Config, Region, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::log::EventLog;
use super::placement::Placement;
use crate::event::{EndCounts, Failure};
use crate::output::Destination;
#[cfg(feature = "store")]
use crate::output::UploadDir;
use crate::problem::{Exit, Problem};
use crate::receipt::Receipt;
use crate::subject::Subject;
use crate::text::export_count;

/// Stores a run: its exports, how each of them ended, and where the others can be resumed.
///
/// There is one implementation for a [single export](super::SingleRun), in the folder of a job or
/// in memory, and one for [many](super::BatchDbWriter), in a database. The number of an export is its
/// line in the list; that of a single one is 1.
///
/// A call that changes something returns when the change is on disk, or returns a [`Written`].
pub(crate) trait RunStore: fmt::Debug + Send + Sync {
    /// The id of the job or the batch; `None` if no state is kept.
    fn id(&self) -> Option<&str>;

    /// Whether the run is a batch, whatever the number of its exports.
    fn is_batch(&self) -> bool;

    /// What was asked for, and how the last run ended.
    fn description(&self) -> Result<RunDescription, Problem>;

    /// Records the OAuth client of the run, unless one is recorded: before the first request.
    fn bind_client(&self, client_id: &str) -> Result<(), Problem>;

    /// Records the end of the run.
    fn finish(&self, end: RunEnd) -> Result<(), Problem>;

    /// Gives a sign of life, for other processes.
    fn beat(&self);

    /// Why this process may not go on with the run, if another one has taken it over.
    fn lost(&self) -> Option<Problem> {
        None
    }

    /// Whether other workers have exports of this run too: this process has those that it takes.
    fn is_shared(&self) -> bool {
        false
    }

    /// Takes exports of a shared run: those of workers that are gone, and others until `ahead` wait for
    /// their submit.
    fn take(&self, ahead: usize) -> Result<Taken, Problem> {
        let _ = ahead;
        Ok(Taken::default())
    }

    /// Gives back exports of a shared run that were not submitted. With an exit code, no worker submits
    /// more of the run: a failure affects every export.
    fn give_back(&self, numbers: &[u64], halted: Option<Exit>) -> Result<(), Problem> {
        let _ = (numbers, halted);
        Ok(())
    }

    /// Whether the disk was full, so that no more exports must be submitted: the space that was
    /// reserved is for those that are under way.
    fn is_short_of_space(&self) -> bool;

    /// Removes a run of which nothing was sent.
    fn remove(&self) -> io::Result<()>;

    /// The log of events; `None` if no state is kept.
    fn open_log(&self) -> io::Result<Option<EventLog>>;

    /// The number of exports with each status.
    fn totals(&self) -> Result<StatusCounts, Problem>;

    /// One export.
    fn row(&self, number: u64) -> Result<Row, Problem>;

    /// The exports with this status after this number, in the order of their numbers.
    fn rows(&self, status: RowStatus, after: u64) -> Items<'_, Row>;

    /// How exports ended, in the order of their numbers.
    fn results(&self) -> Items<'_, RowResult>;

    /// The names that files have reserved, each with the number of its export.
    fn reserved_names(&self) -> Items<'_, (u64, String)>;

    /// Records the name of a file, before anything that is recorded later. If this fails, the file may
    /// get another name after a crash; the export is not affected.
    fn reserve_name(&self, number: u64, name: &str);

    /// The last checkpoint of an export that was begun.
    fn load_checkpoint(&self, number: u64) -> io::Result<Option<Checkpoint>>;

    /// Records where an export can be resumed.
    fn store_checkpoint(&self, number: u64, checkpoint: &Checkpoint) -> Written<(), io::Error>;

    /// Records where the file of an export goes.
    fn store_destination(&self, number: u64, destination: &Destination) -> Result<(), Problem>;

    /// Records a file before it gets its name.
    fn store_placement(&self, number: u64, placement: &Placement) -> Written<(), io::Error>;

    /// The file of an export that has not ended, if it may have got its name.
    fn load_placement(&self, number: u64) -> Result<Option<Placement>, Problem>;

    /// Records how an export ended. Its checkpoint and its placement are removed in the same step,
    /// unless the export can be resumed.
    fn conclude(&self, number: u64, end: &RowEnd) -> Written<RowResult>;

    /// The folder in which the file of an export waits for its upload.
    #[cfg(feature = "store")]
    fn upload_dir(&self, number: u64) -> io::Result<UploadDir>;
}

/// What a worker has taken of a shared run.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) rows: Vec<Row>,
    /// Whether any worker has exports of the run, or will take some.
    pub(crate) are_left: bool,
    /// The exit code of the failure for which no more exports are submitted.
    pub(crate) halted: Option<Exit>,
}

/// A write that has begun, and is durable when this completes. The store of a batch writes on other
/// threads, that of a single export before it returns.
pub(crate) type Written<T, E = Problem> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// A write that is done.
pub(super) fn written<T: Send + 'static, E: Send + 'static>(result: Result<T, E>) -> Written<T, E> {
    Box::pin(ready(result))
}

/// Writes, where that may block.
pub(crate) async fn write<T: Send + 'static, E: Send + 'static>(
    store: &Arc<dyn RunStore>,
    write: impl FnOnce(&dyn RunStore) -> Written<T, E> + Send + 'static,
) -> Result<T, E> {
    if store.is_batch() {
        return write(&**store).await;
    }
    let store = Arc::clone(store);
    match spawn_blocking(move || write(&*store)).await {
        Ok(written) => written.await,
        Err(error) => resume_unwind(error.into_panic()),
    }
}

/// Items that are read as they are needed: a batch may have a million.
pub(crate) type Items<'a, T> = Box<dyn Iterator<Item = Result<T, Problem>> + 'a>;

/// What another process needs to know of a run as a whole to resume it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunDescription {
    pub(crate) began: Timestamp,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    /// The OAuth client that the run was begun with; `None` for a token, and before the
    /// credentials were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// The list of a batch, as it was named; `None` for a single export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(default, skip_serializing_if = "RunOptions::is_default")]
    pub(crate) options: RunOptions,
    /// How the last run ended; `None` while it runs, and if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<RunEnd>,
}

impl RunDescription {
    /// The flags that name the service of the run.
    pub(crate) fn service_flags(&self) -> String {
        let known = [Region::Us, Region::Eu, Region::Apac];
        match known.into_iter().find(|region| region.base_url() == self.base_url) {
            Some(region) => format!("--region {region}"),
            None if Config::new(&self.base_url).is_ok() => format!("--base-url {}", self.base_url),
            None => format!("--base-url {} --allow-plain-http", self.base_url),
        }
    }
}

/// The flags of a batch that a later run keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunOptions {
    /// Whether to continue after a failure that affects every export.
    #[serde(default)]
    pub(crate) keep_going: bool,
    /// The most exports that may be accepted and not completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_in_flight: Option<usize>,
    /// The file that gets a line for each export that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<PathBuf>,
    /// The list, which no export replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<PathBuf>,
    /// The name of the run, which is continued by it rather than by its list. Single exports that are
    /// continued have one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// Whether its exports are for the processes of `wexport work`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) for_workers: bool,
    /// The date of the files, such as `2026-11-30`: a run is continued for the same date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<String>,
}

impl RunOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What a run is continued by: its key, or the path of its list.
    pub(crate) fn name(&self) -> Option<String> {
        let list = || self.list.as_ref().map(|list| list.display().to_string());
        self.key.clone().or_else(list)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunEnd {
    pub(crate) at: Timestamp,
    pub(crate) exit_code: u8,
    /// The file of a single export, or its error; the totals of a batch.
    pub(crate) text: String,
    /// How a single export ended; `None` if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<RowEnd>,
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    Running,
    Interrupted,
    Failed,
    /// It has no file, and a later run has brought one to its destination.
    Superseded,
    Done,
}

impl RunStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Done => "done",
        }
    }

    /// The status of a run that ended like this and is not running. One without an end was killed.
    pub(super) fn after(end: Option<&RunEnd>) -> Self {
        const SIGNALS: [u8; 2] = [Exit::Interrupted.code(), Exit::Terminated.code()];
        match end {
            Some(end) if end.exit_code == Exit::Done.code() => Self::Done,
            Some(end) if !SIGNALS.contains(&end.exit_code) => Self::Failed,
            _ => Self::Interrupted,
        }
    }
}

/// An export that a run is to have.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    /// The line of the list, from 1.
    pub(crate) line: u64,
    pub(crate) subject: Subject,
    pub(crate) destination: Destination,
    /// The checkpoint of the job before its first request.
    pub(crate) fresh: Checkpoint,
}

/// An export of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The line of the list, from 1.
    pub(crate) number: u64,
    /// The same, for a batch.
    pub(crate) line: u64,
    pub(crate) subject: Subject,
    pub(crate) destination: Destination,
    pub(crate) status: RowStatus,
    /// Where to resume: at the submit, if the export was not begun.
    pub(crate) checkpoint: Checkpoint,
}

/// The status of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowStatus {
    /// Nothing was sent.
    Waiting,
    /// It was begun, and has not ended.
    Open,
    Done,
    /// A file exists, and is kept.
    Skipped,
    Failed,
}

impl RowStatus {
    pub(crate) const ALL: [Self; 5] =
        [Self::Waiting, Self::Open, Self::Done, Self::Skipped, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// How an export ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum RowEnd {
    /// The file is at its destination.
    Done {
        /// A path, the URL of an object, or `-` for standard output.
        file: String,
        /// Of each export of a batch; of a single one if it was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<Box<Receipt>>,
    },
    /// A file exists, and is kept.
    Skipped {
        /// A path, or the URL of an object.
        file: String,
    },
    /// It ended without its file.
    Failed {
        /// The same as in the event `error`.
        error: Box<Failure>,
    },
}

impl RowEnd {
    pub(super) const fn status(&self) -> RowStatus {
        match self {
            Self::Done { .. } => RowStatus::Done,
            Self::Skipped { .. } => RowStatus::Skipped,
            Self::Failed { .. } => RowStatus::Failed,
        }
    }

    /// The exit code of a run of this export alone.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Done { .. } | Self::Skipped { .. } => Exit::Done.code(),
            Self::Failed { error } => error.exit_code,
        }
    }

    /// Whether the export can be resumed from its checkpoint.
    pub(super) fn is_resumable(&self) -> bool {
        matches!(self, Self::Failed { error } if !error.is_final())
    }
}

/// The end of an export: a line of `--results`. Members are added in later releases and never
/// change their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowResult {
    /// The version of the format.
    pub(crate) v: u32,
    /// The line of the list, from 1.
    pub(crate) row: u64,
    /// The same.
    pub(crate) line: u64,
    pub(crate) subject: Subject,
    #[serde(flatten)]
    pub(crate) end: RowEnd,
}

impl RowResult {
    const VERSION: u32 = 1;

    pub(super) const fn new(row: u64, line: u64, subject: Subject, end: RowEnd) -> Self {
        Self { v: Self::VERSION, row, line, subject, end }
    }
}

/// The number of exports with each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StatusCounts {
    pub(crate) waiting: u64,
    pub(crate) open: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
}

impl StatusCounts {
    pub(crate) const fn all(&self) -> u64 {
        self.waiting + self.open + self.done + self.skipped + self.failed
    }

    /// The number of exports in words.
    pub(crate) fn size(&self) -> String {
        export_count(self.all())
    }

    /// Each status with its number, in the order of an export's life.
    pub(crate) fn by_status(mut self) -> [(RowStatus, u64); 5] {
        RowStatus::ALL.map(|status| (status, *self.count_mut(status)))
    }

    pub(super) const fn count_mut(&mut self, status: RowStatus) -> &mut u64 {
        match status {
            RowStatus::Waiting => &mut self.waiting,
            RowStatus::Open => &mut self.open,
            RowStatus::Done => &mut self.done,
            RowStatus::Skipped => &mut self.skipped,
            RowStatus::Failed => &mut self.failed,
        }
    }
}

impl From<&StatusCounts> for EndCounts {
    fn from(counts: &StatusCounts) -> Self {
        let StatusCounts { done, skipped, failed, .. } = *counts;
        Self { done, skipped, failed }
    }
}

impl fmt::Display for StatusCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = self.by_status().into_iter().filter(|(_, count)| *count > 0);
        for (index, (status, count)) in present.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", status.as_str())?;
        }
        Ok(())
    }
}
