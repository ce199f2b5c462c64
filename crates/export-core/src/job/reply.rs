//! From the head of an answer to the end of its body: [`Reply`], a [`Collect`] or a [`Stream`].

use core::ops::ControlFlow;
use core::time::Duration;

use super::ExportJob;
use super::checkpoint::Checkpoint;
use super::event::Event;
use super::exchange::{BodyUse, DownloadEnd, DownloadStart, SentRequest};
use crate::artifact::Artifact;
use crate::dialect::Contradiction;
use crate::failure::Failure;
use crate::time::Timestamp;

/// An answer to a request.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Reply<'a> {
    /// Its body is to be read into memory.
    Collect(Collect<'a>),
    /// Its body is the artifact.
    Stream(Stream<'a>),
}

/// A body that the job has to see as a whole, or that has to be read to free the connection.
#[derive(Debug)]
#[must_use = "the job has to hear what came of the answer"]
pub struct Collect<'a> {
    job: &'a mut ExportJob,
    sent: SentRequest,
    body_use: BodyUse<'a>,
}

impl<'a> Collect<'a> {
    pub(super) const fn new(
        job: &'a mut ExportJob,
        sent: SentRequest,
        body_use: BodyUse<'a>,
    ) -> Self {
        Self { job, sent, body_use }
    }

    /// See [`ExportJob::revision`]. Store the checkpoint before reading: an export that was
    /// accepted must not be forgotten over a body that does not come.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.job.revision()
    }

    /// See [`ExportJob::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.job.checkpoint()
    }

    /// How many **bytes** of it may be kept. One more is a
    /// [`FailureKind::TooLong`](crate::FailureKind::TooLong).
    #[must_use]
    pub fn limit(&self) -> usize {
        self.job.config.limits().body
    }

    /// Takes in the body.
    pub fn handle_body(self, now: Timestamp, body: &[u8]) {
        self.job.answered_in_full(now, &self.sent, self.body_use, body);
    }

    /// Takes in that the body did not come, or not all of it.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.answered_in_part(now, &self.sent, self.body_use, failure);
    }
}

/// The bytes of the artifact, from an offset on.
///
/// The driver stores the checkpoint if [`revision`](Self::revision) has moved, cuts the sink to
/// [`offset`](Self::offset), and then, for each chunk: [`check`](Self::check), write,
/// [`advance`](Self::advance). Dropping it is safe: the download goes on from what was written.
#[derive(Debug)]
#[must_use = "the job has to hear what came of the download"]
pub struct Stream<'a> {
    job: &'a mut ExportJob,
    download: DownloadStart,
    position: u64,
    highest: u64,
    first: [u8; FIRST],
    seen: usize,
    refused: bool,
}

/// As many bytes tell one kind of file from another.
const FIRST: usize = 8;

impl<'a> Stream<'a> {
    pub(super) fn new(job: &'a mut ExportJob, download: DownloadStart) -> Self {
        let highest = job.state.operation().map_or(0, |operation| operation.download().highest);
        let position = download.offset;
        Self { job, download, position, highest, first: [0; FIRST], seen: 0, refused: false }
    }

    /// See [`ExportJob::revision`].
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.job.revision()
    }

    /// See [`ExportJob::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.job.checkpoint()
    }

    /// See [`ExportJob::next_event`].
    pub fn next_event(&mut self) -> Option<Event> {
        self.job.next_event()
    }

    /// Where the first byte belongs. The sink cuts itself to this length, or fails.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.download.offset
    }

    /// Name, media type and length, before the first byte.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.download.artifact
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How long nothing may come: then it is a
    /// [`FailureKind::Stalled`](crate::FailureKind::Stalled).
    #[must_use]
    pub fn stall(&self) -> Duration {
        self.job.config.limits().stall
    }

    /// Looks at a chunk before it is written. On [`Break`](ControlFlow::Break) it is not what was
    /// asked for: write nothing more, read nothing more and call [`finish`](Self::finish).
    pub fn check(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        if self.download.offset == 0 && self.seen < FIRST {
            let taken = chunk.len().min(FIRST - self.seen);
            self.first[self.seen..self.seen + taken].copy_from_slice(&chunk[..taken]);
            self.seen += taken;
            self.refused = self.seen == FIRST && self.contradiction().is_some();
        }
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let end = self.position.saturating_add(length);
        self.refused |= self.download.end.is_some_and(|announced| end > announced);
        if self.refused { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn contradiction(&self) -> Option<Contradiction> {
        let first = self.first.get(..self.seen).unwrap_or_default();
        self.job.dialect.contradiction(self.download.artifact.media_type(), first)
    }

    /// Takes in that the sink has these many bytes more.
    pub fn advance(&mut self, bytes: u64) {
        self.position = self.position.saturating_add(bytes);
        self.job.advanced(self.position);
    }

    /// Takes in that everything up to `offset` would survive a crash, and freezes the job there.
    pub fn mark_durable(&mut self, offset: u64) -> Checkpoint {
        self.job.durable(offset.min(self.position));
        self.job.checkpoint()
    }

    /// Takes in that the body ended. Whether it is complete, the job decides.
    pub fn finish(self, now: Timestamp) {
        let whole = self.download.offset == 0;
        let contradiction = if whole { self.contradiction() } else { None };
        let ended = DownloadEnd {
            status: self.download.status,
            offset: self.download.offset,
            position: self.position,
            is_short: self.download.end.is_some_and(|end| self.position < end),
            highest: self.highest,
            is_too_long: self.refused && contradiction.is_none(),
        };
        self.job.downloaded(now, self.download.artifact, &ended, contradiction);
    }

    /// Takes in that the body broke off, or that the sink failed.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.broke_off(now, self.position > self.highest, failure);
    }
}
