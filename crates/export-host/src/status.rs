//! How far an operation is.

use export_core::{Checkpoint, ExportJob, OperationFacts, Phase};

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
}

impl Status {
    /// What a job knows that was polled.
    #[must_use]
    pub fn of(job: &ExportJob) -> Self {
        Self {
            facts: job.facts().cloned().unwrap_or_default(),
            is_ready: job.phase() == Phase::Fetch,
            checkpoint: job.checkpoint(),
        }
    }
}
