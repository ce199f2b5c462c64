//! The handles for a result with more than one artifact, or whose bytes came with a response.

use alloc::format;

use super::ExportJob;
use super::state::State;
use crate::artifact::Artifact;
use crate::failure::{Failure, FailureKind};
use crate::time::Timestamp;

/// An artifact whose bytes came with a response. Nothing is sent for it.
///
/// The driver truncates the sink to nothing and writes the [`bytes`](Self::bytes). The job has not
/// changed yet: dropping this has no effect.
#[derive(Debug)]
#[must_use = "the job waits for these bytes to be written"]
pub struct Inline<'a> {
    job: &'a mut ExportJob,
    artifact: Artifact,
}

impl<'a> Inline<'a> {
    pub(super) const fn new(job: &'a mut ExportJob, artifact: Artifact) -> Self {
        Self { job, artifact }
    }

    /// The name, media type and length of the file.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.job.inline_bytes()
    }

    /// Handles the bytes that were written. `have` is the number of bytes in the sink.
    pub fn handle_written(self, now: Timestamp, have: u64) {
        let length = self.artifact.length().unwrap_or(have);
        match wrong_length(have, length) {
            Some(mistake) => self.job.stop(mistake),
            None => self.job.on_artifact_complete(now, self.artifact),
        }
    }

    /// Handles a sink that failed.
    pub fn handle_failure(self, failure: Failure) {
        self.job.stop(failure);
    }
}

impl ExportJob {
    /// The bytes of an artifact that came with a response.
    pub(super) fn inline_bytes(&self) -> &[u8] {
        match &self.state {
            State::Inline(inline) => &inline.bytes,
            _ => &[],
        }
    }
}

/// An artifact that is complete, and is not the last one of its result.
///
/// The driver finishes it, which means that it gets its name, and goes on with an empty sink. The job
/// has not changed yet: dropping this has no effect. The last artifact is returned by
/// [`Step::Done`](super::Step::Done).
#[derive(Debug)]
#[must_use = "the job waits for this file to be finished"]
pub struct Complete<'a> {
    job: &'a mut ExportJob,
    artifact: Artifact,
}

impl<'a> Complete<'a> {
    pub(super) const fn new(job: &'a mut ExportJob, artifact: Artifact) -> Self {
        Self { job, artifact }
    }

    /// The artifact.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Handles an artifact that was finished: a resumed job does not fetch it again.
    pub fn handle_finished(self, now: Timestamp) {
        self.job.on_artifact_finished(now);
    }

    /// Handles an artifact that could not be finished.
    pub fn handle_failure(self, failure: Failure) {
        self.job.stop(failure);
    }
}

/// The failure of a driver whose sink has another number of bytes than the job has counted.
pub(super) fn wrong_length(have: u64, expected: u64) -> Option<Failure> {
    let text = || format!("the sink has {have} bytes, but {expected} were received for it");
    (have != expected).then(|| Failure::new(FailureKind::Driver).with_detail(text()))
}
