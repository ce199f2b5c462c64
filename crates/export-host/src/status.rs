//! What an adapter returns about an export.

use export_core::batch::JobKey;
use export_core::dialect::{OperationFacts, SunsetNotice};
use export_core::{Artifact, Checkpoint, ExportJob, Phase, Timestamp};

use crate::export_error::ExportError;

/// An export that the service has accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// The URL of the operation.
    pub operation: String,
    /// Resumes the export.
    pub checkpoint: Checkpoint,
    /// The announced end of the endpoint that was used, if there is one.
    pub sunset: Option<SunsetNotice>,
}

impl Submitted {
    /// Reads it from a job that was accepted.
    #[must_use]
    pub fn of(job: &ExportJob, now: Timestamp) -> Self {
        let checkpoint = job.checkpoint();
        let operation = checkpoint.operation().unwrap_or_default().into();
        Self { operation, checkpoint, sunset: job.sunset(now) }
    }
}

/// The status of an operation at its last poll.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What the service says about the operation.
    pub facts: OperationFacts<'static>,
    /// Whether its file can be downloaded.
    pub is_ready: bool,
    /// Resumes the export.
    pub checkpoint: Checkpoint,
    /// The announced end of the endpoint that was used, if there is one.
    pub sunset: Option<SunsetNotice>,
}

impl Status {
    /// Reads it from a job that was polled.
    #[must_use]
    pub fn of(job: &ExportJob, now: Timestamp) -> Self {
        Self {
            facts: job.facts().cloned().unwrap_or_default(),
            is_ready: job.phase() == Phase::Fetch,
            checkpoint: job.checkpoint(),
            sunset: job.sunset(now),
        }
    }
}

/// An export of a batch that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished<S> {
    /// The caller's name for it.
    pub key: JobKey,
    /// The artifact, or why there is none.
    pub outcome: Result<Artifact, ExportError>,
    /// The sink of its last download, if there was one.
    pub sink: Option<S>,
}

impl<S> Finished<S> {
    /// An export that ended with this outcome.
    pub const fn new(key: JobKey, outcome: Result<Artifact, ExportError>, sink: Option<S>) -> Self {
        Self { key, outcome, sink }
    }
}
