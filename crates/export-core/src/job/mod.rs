//! The state machine of one export, from the submit request to the complete file.
//!
//! [`ExportJob::step`] says what to do next, and its handles take the result. Every change of state
//! is in [`transitions`].

mod checkpoint;
mod contact;
mod event;
mod exchange;
mod files;
mod misuse;
mod reply;
mod request_info;
mod schedule;
pub(crate) mod session;
mod state;
mod sync_timer;
mod transitions;
mod transmit;

use alloc::boxed::Box;
use alloc::sync::Arc;

use http::Uri;

use self::event::Events;
use self::misuse::ClockCheck;
use self::schedule::Schedule;
use self::state::{Fetching, Operation, Polling, State, Submitting};
use crate::api_error::ApiError;
use crate::artifact::Artifact;
use crate::config::{Config, Resubmit};
use crate::dialect::{Dialect, OperationFacts, Repeat};
use crate::error::Error;
use crate::failure::Failure;
use crate::origins::{Access, Purpose};
use crate::pacer::RequestClass;
use crate::phase::Phase;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::token::TokenId;
use crate::url::UrlError;

pub use self::checkpoint::{Checkpoint, ResumeError};
pub(crate) use self::contact::Contact;
pub use self::event::{Event, EventUrl};
pub use self::files::{Complete, Inline};
pub use self::reply::{Checked, Collect, Reply, Stream};
pub use self::request_info::RequestInfo;
pub use self::schedule::Why;
pub use self::sync_timer::SyncTimer;
pub use self::transmit::{InFlight, Transmit};

/// One export, from the submit request to the last byte of the file, without I/O.
///
/// A driver calls [`step`](Self::step) to learn what to do now, does it, and reports the result to
/// the handle in the returned [`Step`]. The job reads no clock, opens no socket and starts no
/// thread. It can be moved between threads and saved as a [`Checkpoint`] at any time.
///
/// The [crate documentation](crate) shows the loop of a driver and the table of all transitions.
#[derive(Debug)]
pub struct ExportJob {
    dialect: Arc<dyn Dialect>,
    config: Config,
    state: State,
    schedule: Schedule,
    /// Whether a request was started and its result was not reported.
    in_flight: bool,
    /// The 401 that was the last response; a second one in a row is final.
    refusal: Option<Box<TokenRefusal>>,
    /// The date of the service's `Sunset` header.
    sunset: Option<Timestamp>,
    /// Whether the last request has shown that the service responds.
    contact: Option<Contact>,
    /// How often the driver was handed the next request and has not sent it.
    looks: u16,
    /// The driver's clock beside that of the service.
    clock: ClockCheck,
    revision: u64,
    events: Events,
}

/// A response that refused the token.
#[derive(Debug)]
struct TokenRefusal {
    /// The token, if there was one.
    token: Option<TokenId>,
    /// What the response said, once its body was read.
    reason: Option<Box<ApiError>>,
}

/// What a driver has to do next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Step<'a> {
    /// Send a request.
    Transmit(Transmit<'a>),
    /// Wait.
    Wait(Wait),
    /// Write an artifact whose bytes came with a response. Only with a dialect that says so.
    Inline(Inline<'a>),
    /// Finish an artifact that others follow. Only with a dialect that says so.
    Complete(Complete<'a>),
    /// The job has ended. Every further step returns the same outcome: the last artifact, or an
    /// error.
    Done(Result<Artifact, Error>),
}

/// How long to wait, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// When to step again. Stepping sooner is harmless and returns the same wait.
    pub until: Timestamp,
    /// The reason.
    pub why: Why,
}

impl ExportJob {
    /// A job for an export that was not submitted yet, in any dialect.
    #[must_use]
    pub fn with_dialect(dialect: Arc<dyn Dialect>, config: &Config) -> Self {
        let state = Submitting { sends: 0, allowed: config.limits().max_submits };
        Self::in_state(dialect, config, State::Submitting(state), Schedule::due_now())
    }

    /// A job for an operation that already exists, in any dialect.
    ///
    /// # Errors
    ///
    /// Fails if `operation` is not a URL, or its origin may not have the token that a poll
    /// [needs](Dialect::access).
    pub fn attach_with(
        dialect: Arc<dyn Dialect>,
        operation: &str,
        config: &Config,
    ) -> Result<Self, UrlError> {
        let base = config.base_url().parse().map_err(|_| UrlError::Syntax)?;
        let purpose = operation_purpose(&*dialect);
        let target = config.origins().judge(Some(&base), operation, purpose)?;
        let polling = Polling { operation: Operation::new(target, 0, None), via: None };
        Ok(Self::in_state(dialect, config, State::Polling(polling), Schedule::due_now()))
    }

    /// Continues a job from a checkpoint, in any dialect. A job that was killed has the rest of its
    /// time; one that has ended, or has used it up, begins again with all of it. Failures are counted anew.
    ///
    /// # Errors
    ///
    /// Fails if the checkpoint belongs to another dialect or another service, or if a newer release
    /// wrote it.
    pub fn resume_with(
        dialect: Arc<dyn Dialect>,
        saved: &Checkpoint,
        config: &Config,
    ) -> Result<Self, ResumeError> {
        saved.check(dialect.name(), config)?;
        let state = match &saved.operation {
            None => {
                // A harmless submit has its whole count again, or the job could never go on.
                let again = if may_repeat(&*dialect, config) { saved.submits } else { 0 };
                let allowed = config.limits().max_submits.saturating_add(again);
                State::Submitting(Submitting { sends: saved.submits, allowed })
            }
            Some(url) => {
                let purpose = operation_purpose(&*dialect);
                let target = config.origins().judge(None, url, purpose)?;
                let mut operation = Operation::new(target, saved.submits, saved.accepted);
                operation.retry_after = saved.retry_after();
                operation.download = saved.download();
                operation.files = saved.files(config)?;
                match saved.fetch(config, &mut operation) {
                    Some(resource) => State::Fetching(Fetching { operation, resource, via: None }),
                    None if saved.is_cancelled && dialect.can_cancel() => {
                        State::Cancelling(Polling { operation, via: None })
                    }
                    None => State::Polling(Polling { operation, via: None }),
                }
            }
        };
        let (not_before, wait) = match &state {
            State::Fetching(_) => saved.fetch_wait(),
            _ => saved.wait(),
        };
        let schedule = Schedule::resumed(saved.began, not_before, wait);
        Ok(Self::in_state(dialect, config, state, schedule))
    }

    fn in_state(
        dialect: Arc<dyn Dialect>,
        config: &Config,
        state: State,
        schedule: Schedule,
    ) -> Self {
        Self {
            dialect,
            config: config.clone(),
            state,
            schedule,
            in_flight: false,
            refusal: None,
            sunset: None,
            contact: None,
            looks: 0,
            clock: ClockCheck::default(),
            revision: 0,
            events: Events::default(),
        }
    }

    /// Returns what to do at `now`.
    ///
    /// While the job waits, this is cheap and changes nothing.
    pub fn step(&mut self, now: Timestamp) -> Step<'_> {
        self.on_step(now);
        match &self.state {
            State::Done(done) => return Step::Done(done.outcome.clone()),
            State::Inline(inline) => {
                let artifact = inline.artifact.clone();
                return Step::Inline(Inline::new(self, artifact));
            }
            State::Complete(complete) => {
                let artifact = complete.artifact.clone();
                return Step::Complete(Complete::new(self, artifact));
            }
            State::Submitting(_)
            | State::Polling(_)
            | State::Fetching(_)
            | State::Cancelling(_) => {}
        }
        if now < self.schedule.not_before {
            return Step::Wait(Wait { until: self.schedule.not_before, why: self.schedule.why });
        }
        self.on_look(now);
        match &self.state {
            State::Done(done) => Step::Done(done.outcome.clone()),
            _ => Step::Transmit(Transmit::new(self)),
        }
    }

    /// The number of the job's current revision. It changes whenever a resume from
    /// [`checkpoint`](Self::checkpoint) would act differently. Store the checkpoint when it has
    /// changed, before anything else is done.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The current state of the job, to be stored.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }

    /// Takes the oldest event from the queue. The queue keeps the latest 16.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The phase that the job is in, or the one in which it ended.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// The earliest time of the next request; in the past if the request is due.
    ///
    /// Unlike [`step`](Self::step), this does not start the job's time budget. A queue of waiting
    /// jobs can be sorted by it.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Timestamp {
        match self.schedule.budget {
            Some(_) => self.schedule.not_before,
            None => self.schedule.not_before.min(now + self.schedule.length),
        }
    }

    pub(crate) fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// The URL of the operation, once the export was accepted.
    #[must_use]
    pub fn operation(&self) -> Option<&Uri> {
        self.state.last().operation().map(|operation| operation.target.uri())
    }

    /// Whether the next request is sent with the job's credentials.
    fn access(&self) -> Access {
        match self.target_access() {
            Access::Trusted => self.dialect.access(self.phase()),
            Access::Anonymous => Access::Anonymous,
        }
    }

    /// Whether the origin of the next request may have the job's credentials.
    fn target_access(&self) -> Access {
        self.state.target().map_or(Access::Trusted, |target| target.access())
    }

    /// The class of requests that the next one belongs to; `None` if it leaves the API's origins.
    pub(crate) fn request_class(&self) -> Option<RequestClass> {
        match self.target_access() {
            Access::Trusted => Some(self.phase().into()),
            Access::Anonymous => None,
        }
    }

    /// When the service accepted the export; `None` if that is unknown.
    pub(crate) fn accepted_at(&self) -> Option<Timestamp> {
        self.state.last().operation().and_then(|operation| operation.accepted)
    }

    /// What the service has said about the operation since this job was created; `None` before the
    /// first response to a poll.
    #[must_use]
    pub fn facts(&self) -> Option<&OperationFacts<'static>> {
        let operation = self.state.last().operation()?;
        operation.is_known.then_some(&operation.facts)
    }

    /// The announced end of the endpoint that the job uses, if there is one.
    #[must_use]
    pub fn sunset(&self, now: Timestamp) -> Option<SunsetNotice> {
        self.sunset_notice(now)
    }

    /// Ends the job with [`Error::Local`] because of a local failure, such as a checkpoint that could
    /// not be stored. Does nothing to a job that has ended.
    pub fn stop(&mut self, failure: Failure) {
        if !matches!(self.state, State::Done(_)) {
            self.end(Err(Error::Local { phase: self.phase(), failure }));
        }
    }

    /// Cancels the export. If it was accepted and the dialect [can](Dialect::can_cancel), the next
    /// request cancels the operation at the service, and is retried as a poll is. Then the job ends
    /// with [`Error::Cancelled`].
    ///
    /// Without such a request the job ends at once, and an export that may have been accepted
    /// continues at the service. Does nothing to a job that has ended.
    pub fn cancel(&mut self) {
        if !matches!(self.state, State::Done(_)) {
            self.on_cancel();
        }
    }

    /// Handles a sync of the sink after a [`Stream`] was dropped: everything up to `offset` would
    /// survive a crash. Bytes that were not [handled](Stream::advance) do not count.
    pub fn mark_durable(&mut self, offset: u64) {
        self.on_synced(offset);
    }

    /// Whether a submit that may have arrived may be sent again.
    fn may_repeat(&self) -> bool {
        may_repeat(&*self.dialect, &self.config)
    }
}

/// What the URL of an operation is for: one that is polled without a token may be anywhere.
fn operation_purpose(dialect: &dyn Dialect) -> Purpose {
    match dialect.access(Phase::Poll) {
        Access::Trusted => Purpose::Api,
        Access::Anonymous => Purpose::Artifact,
    }
}

fn may_repeat(dialect: &dyn Dialect, config: &Config) -> bool {
    match config.resubmit() {
        Resubmit::Always => true,
        Resubmit::Never => false,
        Resubmit::IfHarmless => dialect.repeat() == Repeat::Harmless,
    }
}
