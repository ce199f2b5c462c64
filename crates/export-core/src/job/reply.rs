//! The handles from the head of a response to the end of its body.

use alloc::format;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::time::Duration;

use super::ExportJob;
use super::checkpoint::Checkpoint;
use super::event::Event;
use super::exchange::{BodyUse, DownloadEnd, DownloadStart, SentRequest};
use super::files::wrong_length;
use crate::artifact::Artifact;
use crate::config::Limits;
use crate::dialect::{Contradiction, Head};
use crate::failure::{Failure, FailureKind};
use crate::time::Timestamp;

/// A response whose body has to be read.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Reply<'a> {
    /// Read the body into memory.
    Collect(Collect<'a>),
    /// The body is the artifact: write it to the sink.
    Stream(Stream<'a>),
}

/// A body to read into memory, because the job needs all of it, or to free the connection.
#[derive(Debug)]
#[must_use = "the job has to learn the result of the request"]
pub struct Collect<'a> {
    job: &'a mut ExportJob,
    sent: SentRequest,
    head: Head<'a>,
    body_use: BodyUse,
}

impl<'a> Collect<'a> {
    pub(super) const fn new(
        job: &'a mut ExportJob,
        sent: SentRequest,
        head: Head<'a>,
        body_use: BodyUse,
    ) -> Self {
        Self { job, sent, head, body_use }
    }

    /// See [`ExportJob::revision`]. Store the checkpoint before reading the body: the head may have
    /// accepted the export, which must not depend on the body.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.job.revision()
    }

    /// See [`ExportJob::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.job.checkpoint()
    }

    /// When to stop waiting for the whole body. Report a
    /// [`FailureKind::Stalled`](crate::FailureKind::Stalled) then.
    ///
    /// That is soon if the head has decided everything: such a body is read only to reuse the
    /// connection.
    #[must_use]
    pub fn give_up_at(&self, now: Timestamp) -> Timestamp {
        self.sent.body_deadline(now, self.body_use)
    }

    /// The most **bytes** to read. Report a longer body as
    /// [`FailureKind::TooLong`](crate::FailureKind::TooLong).
    #[must_use]
    pub fn limit(&self) -> usize {
        self.job.config.limits().max_body_bytes
    }

    /// Handles the whole body.
    pub fn handle_body(self, now: Timestamp, body: &[u8]) {
        self.job.on_body(now, &self.head, &self.sent, self.body_use, body);
    }

    /// Handles a body that did not come, or broke off.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.on_body_failure(now, &self.head, &self.sent, self.body_use, failure);
    }
}

/// The bytes of the artifact from an offset on.
///
/// The driver stores the checkpoint if [`revision`](Self::revision) has changed, truncates the sink
/// to [`offset`](Self::offset), and then handles each chunk: [`check`](Self::check), write,
/// [`advance`](Self::advance). Dropping this is safe: the download continues from what was written.
///
/// A chunk that was not checked, or not as it was written, does not compile or is noticed at the end:
/// `check` returns what `advance` takes, and [`finish`](Self::finish) compares the length of the sink.
#[derive(Debug)]
#[must_use = "the job has to learn the result of the download"]
pub struct Stream<'a> {
    job: &'a mut ExportJob,
    state: StreamState,
}

/// A download as far as it has come: a [`Stream`] without its job.
#[derive(Debug)]
pub(super) struct StreamState {
    download: DownloadStart,
    position: u64,
    highest: u64,
    /// The first bytes of the file, up to [`FIRST`].
    first: Vec<u8>,
    pace: ReadPace,
    refusal: Option<Refusal>,
}

/// A chunk of the artifact that the job has checked, to be returned when it is written.
#[derive(Debug)]
#[must_use = "the job has to know that the chunk was written"]
pub struct Checked {
    length: u64,
}

/// Why no more bytes of a body are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It is not the requested file, or longer than announced.
    Wrong,
    /// It is longer than is allowed.
    TooLarge,
    /// It comes more slowly than is allowed.
    TooSlow,
    /// The time for the whole job is over.
    TimeUp,
}

/// The speed at which the bytes of a body come.
#[derive(Debug)]
struct ReadPace {
    /// Since when the driver waits for bytes.
    waiting_since: Timestamp,
    /// How long it has waited in the current period, and the bytes that came.
    waited: Duration,
    bytes: u64,
}

impl ReadPace {
    /// Counts bytes that came, and returns whether a whole period was too slow.
    fn is_too_slow(&mut self, now: Timestamp, bytes: u64, limits: &Limits) -> bool {
        self.waited = self.waited.saturating_add(now.since(self.waiting_since));
        self.bytes = self.bytes.saturating_add(bytes);
        self.waiting_since = now;
        if self.waited < limits.read_timeout {
            return false;
        }
        let least = limits.min_speed.saturating_mul(self.waited.as_secs());
        let is_too_slow = self.bytes < least;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        is_too_slow
    }
}

/// The number of bytes at the start of a file that a dialect may look at.
const FIRST: usize = 1_024;

/// The number of bytes that it is called with at least, unless the file is shorter.
const SIGNATURE: usize = 8;

impl StreamState {
    pub(super) const fn offset(&self) -> u64 {
        self.download.offset
    }

    pub(super) const fn artifact(&self) -> &Artifact {
        &self.download.artifact
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }
}

impl ExportJob {
    /// How long to wait for the next byte of a download.
    pub(super) fn read_timeout(&self, now: Timestamp) -> Duration {
        self.config.limits().read_timeout.min(self.end_of_budget(now).since(now))
    }
}

impl<'a> Stream<'a> {
    pub(super) fn new(now: Timestamp, job: &'a mut ExportJob, download: DownloadStart) -> Self {
        let highest = job.state.operation().map_or(0, |operation| operation.download().highest);
        let position = download.offset;
        let pace = ReadPace { waiting_since: now, waited: Duration::ZERO, bytes: 0 };
        let state =
            StreamState { download, position, highest, first: Vec::new(), pace, refusal: None };
        Self { job, state }
    }

    pub(super) const fn with_state(job: &'a mut ExportJob, state: StreamState) -> Self {
        Self { job, state }
    }

    pub(super) fn into_state(self) -> StreamState {
        self.state
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

    /// The offset of the first byte. The sink is truncated to this length, or fails.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.state.offset()
    }

    /// The name, media type and length of the file, known before the first byte.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        self.state.artifact()
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.state.position()
    }

    /// How long to wait for the next byte. Report a
    /// [`FailureKind::Stalled`](crate::FailureKind::Stalled) then.
    #[must_use]
    pub fn read_timeout(&self, now: Timestamp) -> Duration {
        self.job.read_timeout(now)
    }

    /// Checks a chunk before it is written. [`Break`](ControlFlow::Break) means that the body is not
    /// the requested file, or exceeds a limit: write nothing more, read nothing more and call
    /// [`finish`](Self::finish).
    pub fn check(&mut self, now: Timestamp, chunk: &[u8]) -> ControlFlow<(), Checked> {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let end = self.state.position.saturating_add(length);
        if self.state.download.offset == 0 && self.state.first.len() < FIRST {
            let taken = chunk.len().min(FIRST - self.state.first.len());
            self.state.first.extend_from_slice(&chunk[..taken]);
            let is_refused =
                || self.state.download.refused.is_some() || self.contradiction(false).is_some();
            if self.state.first.len() >= SIGNATURE && is_refused() {
                self.state.refusal = Some(Refusal::Wrong);
            }
        }
        if self.state.download.end.is_some_and(|announced| end > announced) {
            self.state.refusal = Some(Refusal::Wrong);
        }
        let limits = *self.job.config.limits();
        let is_too_slow = self.state.pace.is_too_slow(now, length, &limits);
        if self.state.refusal.is_none() {
            self.state.refusal = if end > limits.max_file_bytes {
                Some(Refusal::TooLarge)
            } else if now >= self.job.end_of_budget(now) {
                Some(Refusal::TimeUp)
            } else {
                is_too_slow.then_some(Refusal::TooSlow)
            };
        }
        match self.state.refusal {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(Checked { length }),
        }
    }

    fn contradiction(&self, is_whole: bool) -> Option<Contradiction> {
        self.job.dialect.contradiction(
            self.state.download.artifact.media_type(),
            &self.state.first,
            is_whole,
        )
    }

    /// Handles a chunk that was written to the sink as a whole.
    pub fn advance(&mut self, now: Timestamp, checked: Checked) {
        self.state.pace.waiting_since = now;
        self.state.position = self.state.position.saturating_add(checked.length);
        self.job.on_bytes_written(self.state.position);
    }

    /// Handles a sync of the sink: everything up to `offset` would survive a crash. Returns the
    /// checkpoint to store.
    pub fn mark_durable(&mut self, offset: u64) -> Checkpoint {
        self.job.on_synced(offset.min(self.state.position));
        self.job.checkpoint()
    }

    /// Handles the end of the body. The job decides whether the file is complete.
    ///
    /// `have` is the number of bytes in the sink, as the sink itself counts them. If that is not the
    /// offset and all chunks, the job ends with a [`FailureKind::Driver`]: the file would be wrong.
    pub fn finish(self, now: Timestamp, have: u64) {
        if let Some(mistake) = wrong_length(have, self.state.position) {
            return self.job.on_wrong_length(mistake);
        }
        match self.state.refusal {
            Some(Refusal::TooLarge) => return self.job.on_too_large(self.state.download.end),
            Some(Refusal::TimeUp) => return self.job.end_at_deadline(None),
            Some(Refusal::TooSlow) => {
                let Limits { min_speed, read_timeout, .. } = *self.job.config.limits();
                let what = format!("slower than {min_speed} bytes per second for {read_timeout:?}");
                let failure = Failure::new(FailureKind::Stalled).with_detail(what);
                // The bytes that came do not count as progress, which would allow another attempt.
                return self.job.on_download_failure(now, false, failure);
            }
            Some(Refusal::Wrong) | None => {}
        }
        let whole = self.state.download.offset == 0;
        let contradiction = if whole { self.contradiction(true) } else { None };
        let end = DownloadEnd {
            status: self.state.download.status,
            offset: self.state.download.offset,
            position: self.state.position,
            is_short: self.state.download.end.is_some_and(|end| self.state.position < end),
            highest: self.state.highest,
            is_too_long: self.state.refusal.is_some() && contradiction.is_none(),
            refused: self.state.download.refused,
        };
        self.job.on_download_end(now, self.state.download.artifact, &end, contradiction);
    }

    /// Handles a body that broke off, or a sink that failed.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.on_download_failure(now, self.state.position > self.state.highest, failure);
    }
}
