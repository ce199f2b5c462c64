//! What is known of an operation whose file was not asked for yet.

use export_core::{Checkpoint, ExportJob, OperationFacts, Phase, SunsetNotice, Timestamp};

/// An export that the service has accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// The URL of the operation.
    pub operation: String,
    /// Where to go on from.
    pub checkpoint: Checkpoint,
    /// The announced end of the endpoint that was used, if there is one.
    pub sunset: Option<SunsetNotice>,
}

impl Submitted {
    /// What a job knows that was accepted.
    #[must_use]
    pub fn of(job: &ExportJob, now: Timestamp) -> Self {
        let checkpoint = job.checkpoint();
        let operation = checkpoint.operation().unwrap_or_default().into();
        Self { operation, checkpoint, sunset: job.sunset(now) }
    }
}

/// How far an operation is, when it was last asked after.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What the service says of it.
    pub facts: OperationFacts<'static>,
    /// Whether its file can be downloaded.
    pub is_ready: bool,
    /// Where to go on from.
    pub checkpoint: Checkpoint,
    /// The announced end of the endpoint that was used, if there is one.
    pub sunset: Option<SunsetNotice>,
}

impl Status {
    /// What a job knows that was polled.
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
