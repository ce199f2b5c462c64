//! The machine: from a request that was not sent yet to a file that is complete.
//!
//! [`ExportJob::step`] says what to do next, its handles take in what came of it, and
//! every change of state is in [`transitions`].

mod checkpoint;
mod event;
mod exchange;
mod reply;
mod schedule;
mod state;
mod transitions;
mod transmit;

use alloc::sync::Arc;

use http::Uri;

use self::event::Events;
use self::schedule::Schedule;
use self::state::{Operation, Polling, State, Submitting};
use crate::artifact::Artifact;
use crate::config::{Config, Resubmit};
use crate::dialect::{Dialect, OperationFacts, Phase, Repeat};
use crate::error::Error;
use crate::failure::Failure;
use crate::origins::Purpose;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::token::TokenId;
use crate::url::UrlError;

pub use self::checkpoint::{Checkpoint, ResumeError};
pub use self::event::{Event, EventUrl};
pub use self::reply::{Collect, Reply, Stream};
pub use self::schedule::Why;
pub use self::transmit::{InFlight, Transmit};

/// One export, from the request to the last byte, without I/O.
///
/// A job is *stepped*: [`step`](Self::step) says what is to be done now, and whoever drives it
/// does that and reports back through the handle that it was given. The job reads no clock, opens
/// no socket and starts no thread; it can be moved between threads, kept in a heap of thousands,
/// frozen to a [`Checkpoint`] at any time, and driven by a test in no time at all.
///
/// The crate's documentation shows the loop, and the table of everything that can happen.
#[derive(Debug)]
pub struct ExportJob {
    dialect: Arc<dyn Dialect>,
    config: Arc<Config>,
    state: State,
    schedule: Schedule,
    /// A request was started, and nothing was heard of it yet.
    in_flight: bool,
    /// The token that the last answer refused; a second refusal in a row is final.
    refused: Option<Option<TokenId>>,
    /// Whether the end of the endpoint was announced to the caller.
    sunset: Option<Timestamp>,
    revision: u64,
    events: Events,
}

/// What a job wants next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Step<'a> {
    /// A request may be sent.
    Transmit(Transmit<'a>),
    /// Nothing is to be done for a while.
    Wait(Wait),
    /// The job is over, and stays so.
    Done(Result<Artifact, Error>),
}

/// A time in which nothing is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// When to step again. Stepping sooner is harmless and gives the same answer.
    pub until: Timestamp,
    /// Because of what.
    pub why: Why,
}

impl ExportJob {
    /// A job for an export that was not asked for yet, in any dialect.
    #[must_use]
    pub fn with_dialect(dialect: Arc<dyn Dialect>, config: &Config) -> Self {
        let state = Submitting { sends: 0, allowed: config.limits().submits };
        Self::in_state(dialect, config, State::Submitting(state), Schedule::now())
    }

    /// A job for an operation that somebody started, in any dialect.
    ///
    /// # Errors
    ///
    /// Fails if `operation` is not a URL at an origin that the token may go to.
    pub fn attach_with(
        dialect: Arc<dyn Dialect>,
        operation: &str,
        config: &Config,
    ) -> Result<Self, UrlError> {
        let base = config.base_url().parse().map_err(|_| UrlError::Syntax)?;
        let target = config.origins().judge(Some(&base), operation, Purpose::Api)?;
        let polling = Polling { operation: Operation::new(target, 0, None), via: None };
        Ok(Self::in_state(dialect, config, State::Polling(polling), Schedule::now()))
    }

    /// Goes on with a job that was frozen, in any dialect. All budgets start anew.
    ///
    /// # Errors
    ///
    /// Fails if the checkpoint is another dialect's, another service's, or of a newer version.
    pub fn resume_with(
        dialect: Arc<dyn Dialect>,
        saved: &Checkpoint,
        config: &Config,
    ) -> Result<Self, ResumeError> {
        saved.check(dialect.name(), config)?;
        let state = match &saved.operation {
            None => {
                let again = if config.resubmit() == Resubmit::Always { saved.submits } else { 0 };
                let allowed = config.limits().submits.saturating_add(again);
                State::Submitting(Submitting { sends: saved.submits, allowed })
            }
            Some(url) => {
                let target = config.origins().judge(None, url, Purpose::Api)?;
                let mut operation = Operation::new(target, saved.submits, saved.accepted);
                operation.retry_after = saved.retry_after();
                operation.download = saved.download();
                State::Polling(Polling { operation, via: None })
            }
        };
        let schedule = Schedule::resumed(saved.not_before, saved.wait());
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
            config: Arc::new(config.clone()),
            state,
            schedule,
            in_flight: false,
            refused: None,
            sunset: None,
            revision: 0,
            events: Events::default(),
        }
    }

    /// Says what to do at `now`.
    ///
    /// Cheap while the job waits, and without effect then: it may be called as often as one likes.
    pub fn step(&mut self, now: Timestamp) -> Step<'_> {
        self.begin(now);
        if let State::Done(ended) = &self.state {
            return Step::Done(ended.outcome.clone());
        }
        if now < self.schedule.not_before {
            return Step::Wait(Wait { until: self.schedule.not_before, why: self.schedule.why });
        }
        Step::Transmit(Transmit::new(self))
    }

    /// A number that moves whenever a resume from [`checkpoint`](Self::checkpoint) would act
    /// differently. Store the checkpoint whenever it has moved, before anything else is done.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The job as it is now, to be stored.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }

    /// The oldest event that was not taken yet. At most 16 are kept.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// What the job is about: the phase it is in, or the one in which it ended.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// When the next request may go, by what the job knows itself; in the past if it is due.
    ///
    /// Unlike [`step`](Self::step), this starts no budget: a job that is kept for later is asked
    /// when to look at it again.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Timestamp {
        match self.schedule.budget {
            Some(_) => self.schedule.not_before,
            None => self.schedule.not_before.min(now + self.schedule.length),
        }
    }

    /// The URL of the operation, once the export was accepted.
    #[must_use]
    pub fn operation(&self) -> Option<&Uri> {
        self.state.last().operation().map(|operation| operation.target.uri())
    }

    /// When the service accepted the export; `None` if that is not known.
    pub(crate) fn accepted_at(&self) -> Option<Timestamp> {
        self.state.last().operation().and_then(|operation| operation.accepted)
    }

    /// What the service has said of the operation since this job was made; `None` if it was not
    /// asked yet, or did not answer.
    #[must_use]
    pub fn facts(&self) -> Option<&OperationFacts<'static>> {
        let operation = self.state.last().operation()?;
        operation.is_known.then_some(&operation.facts)
    }

    /// The announced end of the endpoint that the job uses, and how far away it is.
    #[must_use]
    pub fn sunset(&self, now: Timestamp) -> Option<SunsetNotice> {
        self.sunset_notice(now)
    }

    /// Ends the job here and now, because of something that happened on this side: a checkpoint
    /// that could not be stored, say. Without effect on a job that is over.
    pub fn stop(&mut self, failure: Failure) {
        if !matches!(self.state, State::Done(_)) {
            self.end(Err(Error::Local { phase: self.phase(), failure }));
        }
    }

    /// Whether a submit that may have arrived may be sent again.
    fn may_repeat(&self) -> bool {
        match self.config.resubmit() {
            Resubmit::Always => true,
            Resubmit::Never => false,
            Resubmit::IfHarmless => self.dialect.repeat() == Repeat::Harmless,
        }
    }
}
