//! A job without borrowed handles: a driver passes values in and gets values out.

mod action;
mod input;

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;
use core::{fmt, mem};

use http::Response;

use self::action::Asked;
use super::event::Events;
use super::exchange::{BodyPlan, BodyUse, SentRequest};
use super::files::{Complete, Inline};
use super::reply::{Checked, Collect, Stream, StreamState};
use super::sync_timer::SyncTimer;
use super::transmit::{InFlight, Transmit};
use super::{Checkpoint, Event, ExportJob, Step, Wait, Why};
use crate::artifact::Artifact;
use crate::dialect::Head;
use crate::error::Error;
use crate::failure::Failure;
use crate::pacer::{Pacer, Permit, RequestClass};
use crate::phase::Phase;
use crate::time::Timestamp;
use crate::token::{Ticket, Token, TokenSource, TokenStep};
use crate::url::url_text;

pub use self::action::{Action, SendRequest};
pub use self::input::{Input, InvalidHead, Misuse};

/// What the sessions of a client share: its tokens, and the pacer of its requests.
///
/// A client has one of it, behind a lock that is held for each call of [`Session::next`].
#[derive(Debug)]
pub struct ClientState {
    tokens: TokenSource,
    pacer: Pacer,
}

impl ClientState {
    /// The state of a client that has sent nothing yet.
    #[must_use]
    pub const fn new(tokens: TokenSource, pacer: Pacer) -> Self {
        Self { tokens, pacer }
    }

    /// The tokens.
    #[must_use]
    pub const fn tokens(&self) -> &TokenSource {
        &self.tokens
    }

    /// The pacer, which can be stored for the next client.
    #[must_use]
    pub const fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// The pacer, to be replaced by one that other clients use too.
    ///
    /// A session uses it for the head of a response and before a request: not for a [chunk](Input::Chunk) of
    /// the file, nor when a [write](Action::Write) is done.
    #[must_use]
    pub const fn pacer_mut(&mut self) -> &mut Pacer {
        &mut self.pacer
    }
}

/// One export that owns all of its state, driven by values.
///
/// The [module](crate::session) shows the loop of a driver. Actions come in the order in which a driver of
/// handles would act: a checkpoint is stored before the request that it describes is sent, each chunk of
/// the file is checked before it is written, and the file is flushed before a checkpoint counts its bytes.
pub struct Session {
    job: ExportJob,
    stage: Stage,
    /// The last action.
    asked: Asked,
    /// The revision that was stored last.
    stored: Option<u64>,
    /// The permit of the next request, or of the one that was sent.
    permit: Option<Permit>,
    is_cancelled: bool,
    /// What delays a token, and the events of the job before that.
    events: Events,
    /// Delays of tokens until this time are in the events.
    reported: Timestamp,
}

/// What the session does next, or waits for: the parts of the handle that is due.
enum Stage {
    /// The job says what is next. `have` is the length of the sink, if it was just measured.
    Step { have: Option<u64> },
    /// The job or the token source waits.
    Wait(Wait),
    /// The driver gets a token elsewhere.
    GetToken(Ticket),
    /// The sink is measured before a fetch.
    Measure(String),
    /// A request is handed out.
    Send(Sent, Box<SendRequest>),
    /// Its response is awaited.
    Sent(Sent),
    /// The body of its response is read.
    Collect(Sent, Response<()>, BodyUse),
    /// Its body is written to the sink.
    Stream(Box<StreamState>, Streaming),
    /// An artifact that came with a response is written.
    Inline(Artifact, Writing),
    /// An artifact that is not the last one is finished.
    Complete(Artifact),
    /// The last artifact is finished.
    Finish(Artifact),
    /// The job has ended.
    Ended(Box<Result<Artifact, Error>>),
}

/// A request in flight.
enum Sent {
    /// One of the job.
    Job(SentRequest),
    /// One for a token.
    Token(Ticket),
}

/// The steps of a download.
enum Streaming {
    Begin,
    Read(Syncs),
    Write(Checked, Syncs),
    /// Before reading on, or before the failure of a read is handled.
    Sync(Result<Syncs, Failure>),
    /// What the sync has made durable is stored.
    Fail(Failure),
    Measure,
}

/// When a download is synced, from its start on.
type Syncs = (SyncTimer, Timestamp);

/// The steps of an artifact that came with a response.
#[derive(Clone, Copy)]
enum Writing {
    Begin,
    Write,
    Measure,
}

impl Session {
    /// A session for this job, which may be resumed or in another dialect.
    #[must_use]
    pub fn new(job: ExportJob) -> Self {
        Self {
            job,
            stage: Stage::Step { have: None },
            asked: Asked::Start,
            stored: None,
            permit: None,
            is_cancelled: false,
            events: Events::default(),
            reported: Timestamp::EPOCH,
        }
    }

    /// Takes what became of the last action, and returns the next one. The first call is with
    /// [`Input::Done`].
    ///
    /// `client` is that of all sessions with the same credentials.
    ///
    /// # Errors
    ///
    /// Fails if `input` does not fit the last action. Nothing has changed then: the action is still to
    /// be done.
    pub fn next(
        &mut self,
        now: Timestamp,
        client: &mut ClientState,
        input: Input<'_>,
    ) -> Result<Action, Misuse> {
        if !self.asked.accepts(&input) {
            return Err(Misuse { action: self.asked.name(), input: input.name() });
        }
        match (self.asked, input) {
            (Asked::Store, Input::Failed(failure)) => {
                self.fail(now, client, failure);
                // The job has ended, and a store that fails is not tried again.
                self.stored = Some(self.job.revision());
            }
            (Asked::Store, _) => self.stored = Some(self.job.revision()),
            (_, Input::Failed(failure)) => self.fail(now, client, failure),
            (_, input) => self.handle(now, client, input),
        }
        let action = self.act(now, client);
        self.asked = Asked::of(&action);
        Ok(action)
    }

    /// Takes the oldest event from the queue. The queue keeps the latest few.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop().or_else(|| self.job.next_event())
    }

    /// The job, to look at.
    #[must_use]
    pub const fn job(&self) -> &ExportJob {
        &self.job
    }

    /// The current state of the job, to be stored: see [`ExportJob::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.job.checkpoint()
    }

    /// Cancels the export once the request in flight is answered: see [`ExportJob::cancel`].
    pub const fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    /// Gives back what other sessions of the client would wait for: a token request that was not
    /// answered, and the permit of a request that was not sent. To be called by a driver that stops
    /// before the [end](Action::End).
    pub fn close(mut self, now: Timestamp, client: &mut ClientState) {
        if let Stage::GetToken(ticket)
        | Stage::Send(Sent::Token(ticket), _)
        | Stage::Sent(Sent::Token(ticket))
        | Stage::Collect(Sent::Token(ticket), ..) = self.stage
        {
            client.tokens.abandon(now, ticket);
        }
        if let Some(permit) = self.permit.take() {
            client.pacer.release(permit);
        }
    }

    /// Handles an input that fits the last action and is no failure.
    fn handle(&mut self, now: Timestamp, client: &mut ClientState, input: Input<'_>) {
        let stage = mem::replace(&mut self.stage, Stage::Step { have: None });
        let job = &mut self.job;
        self.stage = match (stage, input) {
            (Stage::GetToken(ticket), Input::Token { text, lifetime }) => {
                client.tokens.handle_token(now, ticket, &text, lifetime);
                return;
            }
            (Stage::Measure(_), Input::Length(have)) => Stage::Step { have: Some(have) },
            (Stage::Sent(Sent::Token(ticket)), Input::Head(head)) => {
                Stage::Collect(Sent::Token(ticket), head, BodyUse::Reply(None))
            }
            (Stage::Sent(Sent::Job(sent)), Input::Head(head)) => {
                if let Some(permit) = self.permit.take() {
                    client.pacer.handle_head(now, permit, &head);
                }
                match job.on_head(now, &head_of(&head), &sent) {
                    BodyPlan::Collect(body_use) => Stage::Collect(Sent::Job(sent), head, body_use),
                    BodyPlan::Stream(download) => {
                        let stream = Stream::new(now, job, download);
                        Stage::Stream(Box::new(stream.into_state()), Streaming::Begin)
                    }
                }
            }
            (Stage::Collect(Sent::Token(ticket), head, _), Input::Body(body)) => {
                client.tokens.handle_response(now, ticket, &head, &body);
                return;
            }
            (Stage::Collect(Sent::Job(sent), head, body_use), Input::Body(body)) => {
                let collect = Collect::new(job, sent, head_of(&head), body_use);
                return collect.handle_body(now, &body);
            }
            (Stage::Stream(state, streaming), input) => {
                return self.stream(now, *state, streaming, input);
            }
            (Stage::Inline(artifact, Writing::Begin), _) => Stage::Inline(artifact, Writing::Write),
            (Stage::Inline(artifact, Writing::Write), _) => {
                Stage::Inline(artifact, Writing::Measure)
            }
            (Stage::Inline(artifact, Writing::Measure), Input::Length(have)) => {
                return Inline::new(job, artifact).handle_written(now, have);
            }
            (Stage::Complete(artifact), _) => {
                return Complete::new(job, artifact).handle_finished(now);
            }
            (Stage::Finish(artifact), _) => Stage::Ended(Box::new(Ok(artifact))),
            (Stage::Ended(outcome), _) => Stage::Ended(outcome),
            // After a wait, and at the start. The other inputs were refused: they fit no action.
            (_, _) => return,
        };
    }

    /// Handles what became of a step of a download.
    fn stream(
        &mut self,
        now: Timestamp,
        state: StreamState,
        streaming: Streaming,
        input: Input<'_>,
    ) {
        let mut stream = Stream::with_state(&mut self.job, state);
        let next = match (streaming, input) {
            (Streaming::Begin, _) => Streaming::Read((SyncTimer::new(stream.position()), now)),
            (Streaming::Read(syncs), Input::Chunk(chunk)) => {
                match stream.check(now, &chunk).continue_value() {
                    Some(checked) => Streaming::Write(checked, syncs),
                    // Nothing more is read: the job refuses the body once the sink is measured.
                    None => Streaming::Measure,
                }
            }
            (Streaming::Write(checked, (mut timer, began)), _) => {
                stream.advance(now, checked);
                match timer.is_due(now.since(began), stream.position()) {
                    true => Streaming::Sync(Ok((timer, began))),
                    false => Streaming::Read((timer, began)),
                }
            }
            (Streaming::Sync(then), Input::Length(durable)) => {
                stream.mark_durable(durable);
                then.map_or_else(Streaming::Fail, Streaming::Read)
            }
            (Streaming::Measure, Input::Length(have)) => return stream.finish(now, have),
            // The end of the body.
            (_, _) => Streaming::Measure,
        };
        self.stage = Stage::Stream(Box::new(stream.into_state()), next);
    }

    /// Handles an action that failed.
    fn fail(&mut self, now: Timestamp, client: &mut ClientState, failure: Failure) {
        let job = &mut self.job;
        match mem::replace(&mut self.stage, Stage::Step { have: None }) {
            Stage::Step { .. } | Stage::Wait(_) => job.stop(failure),
            Stage::GetToken(ticket)
            | Stage::Send(Sent::Token(ticket), _)
            | Stage::Sent(Sent::Token(ticket))
            | Stage::Collect(Sent::Token(ticket), ..) => {
                client.tokens.handle_failure(now, ticket, failure);
            }
            Stage::Measure(_) => match job.step(now) {
                Step::Transmit(transmit) => transmit.decline(now, failure),
                _ => job.stop(failure),
            },
            Stage::Send(Sent::Job(sent), _) | Stage::Sent(Sent::Job(sent)) => {
                InFlight::new(job, sent).handle_failure(now, failure);
            }
            Stage::Collect(Sent::Job(sent), head, body_use) => {
                Collect::new(job, sent, head_of(&head), body_use).handle_failure(now, failure);
            }
            // What came before the body broke off is valid, and is made durable first.
            Stage::Stream(state, Streaming::Read(_)) => {
                self.stage = Stage::Stream(state, Streaming::Sync(Err(failure)));
            }
            Stage::Stream(state, _) => Stream::with_state(job, *state).handle_failure(now, failure),
            Stage::Inline(artifact, _) => Inline::new(job, artifact).handle_failure(failure),
            Stage::Complete(artifact) => Complete::new(job, artifact).handle_failure(failure),
            Stage::Finish(_) => {
                let error = Error::Local { phase: Phase::Fetch, failure };
                self.stage = Stage::Ended(Box::new(Err(error)));
            }
            Stage::Ended(outcome) => self.stage = Stage::Ended(outcome),
        }
    }

    /// The next action: steps the job until there is one.
    fn act(&mut self, now: Timestamp, client: &mut ClientState) -> Action {
        loop {
            if self.is_cancelled && matches!(self.stage, Stage::Step { .. }) {
                self.is_cancelled = false;
                self.job.cancel();
            }
            if self.stored != Some(self.job.revision()) {
                return Action::Store { checkpoint: Box::new(self.job.checkpoint()) };
            }
            match mem::replace(&mut self.stage, Stage::Step { have: None }) {
                Stage::Step { have } => self.step(now, client, have),
                Stage::Send(sent, mut send) => {
                    send.give_up_at = match &sent {
                        Sent::Job(_) => self.job.request_deadline(now),
                        Sent::Token(ticket) => ticket.give_up_at(),
                    };
                    self.stage = Stage::Sent(sent);
                    return Action::Send(send);
                }
                Stage::Stream(state, Streaming::Fail(failure)) => {
                    Stream::with_state(&mut self.job, *state).handle_failure(now, failure);
                }
                // Its response was handled, or is lost: the job sees that when it is stepped.
                Stage::Sent(_) => {}
                stage => {
                    let action = self.action_of(now, &stage);
                    self.stage = stage;
                    return action;
                }
            }
        }
    }

    /// Steps the job, and notes what it says.
    fn step(&mut self, now: Timestamp, client: &mut ClientState, have: Option<u64>) {
        self.stage = match self.job.step(now) {
            Step::Wait(wait) => Stage::Wait(wait),
            Step::Done(Ok(artifact)) => Stage::Finish(artifact),
            Step::Done(Err(error)) => Stage::Ended(Box::new(Err(error))),
            Step::Inline(inline) => Stage::Inline(inline.artifact().clone(), Writing::Begin),
            Step::Complete(complete) => Stage::Complete(complete.artifact().clone()),
            Step::Transmit(mut transmit) => {
                let token = match token(now, &mut client.tokens, &transmit) {
                    TokenAnswer::NotNeeded => None,
                    TokenAnswer::Token(token) => Some(token),
                    TokenAnswer::Failed(failure) => return transmit.decline(now, failure),
                    TokenAnswer::Get(stage) => return self.stage = stage,
                    TokenAnswer::Wait(until) => {
                        let delay = client.tokens.delay(transmit.phase());
                        if let Some((until, events)) = delay.filter(|it| it.0 > self.reported) {
                            self.reported = until;
                            while let Some(event) = transmit.next_event() {
                                self.events.push(event);
                            }
                            events.into_iter().for_each(|event| self.events.push(event));
                        }
                        return self.stage = Stage::Wait(Wait { until, why: Why::Token });
                    }
                };
                if let (Phase::Fetch, None, Some(operation)) =
                    (transmit.phase(), have, transmit.operation())
                {
                    return self.stage = Stage::Measure(url_text(operation));
                }
                // A confirmed permit counts as used, so nothing after this may postpone the request.
                let class = transmit.request_class();
                if let Err(later) = confirm(now, &mut client.pacer, &mut self.permit, class) {
                    return transmit.postpone(now, later);
                }
                let mut send = SendRequest::of(&transmit);
                let (request, in_flight) =
                    transmit.start(now, token.as_ref(), have.unwrap_or_default());
                send.request = request;
                Stage::Send(Sent::Job(in_flight.into_sent()), Box::new(send))
            }
        };
    }

    /// The action of a stage in which the driver has to do something.
    fn action_of(&self, now: Timestamp, stage: &Stage) -> Action {
        match stage {
            Stage::Wait(Wait { until, why }) => Action::Wait { until: *until, why: *why },
            Stage::GetToken(ticket) => Action::GetToken { give_up_at: ticket.give_up_at() },
            Stage::Measure(operation) => Action::Measure { operation: operation.clone() },
            Stage::Collect(Sent::Token(ticket), ..) => {
                Action::Collect { limit: ticket.limit(), give_up_at: ticket.give_up_at() }
            }
            Stage::Collect(Sent::Job(sent), _, body_use) => {
                let limit = self.job.config.limits().max_body_bytes;
                Action::Collect { limit, give_up_at: sent.body_deadline(now, *body_use) }
            }
            Stage::Stream(state, streaming) => match streaming {
                Streaming::Begin => {
                    Action::Begin { offset: state.offset(), artifact: state.artifact().clone() }
                }
                Streaming::Read(_) => Action::Read { timeout: self.job.read_timeout(now) },
                Streaming::Write(..) => Action::Write { offset: state.position(), bytes: None },
                Streaming::Sync(_) | Streaming::Fail(_) => Action::Sync,
                Streaming::Measure => {
                    Action::Measure { operation: state.artifact().operation().into() }
                }
            },
            Stage::Inline(artifact, writing) => match writing {
                Writing::Begin => Action::Begin { offset: 0, artifact: artifact.clone() },
                Writing::Write => {
                    let bytes = Some(self.job.inline_bytes().to_vec());
                    Action::Write { offset: 0, bytes }
                }
                Writing::Measure => Action::Measure { operation: artifact.operation().into() },
            },
            Stage::Complete(artifact) | Stage::Finish(artifact) => {
                Action::Finish { artifact: artifact.clone() }
            }
            Stage::Ended(outcome) => Action::End { outcome: (**outcome).clone() },
            // Handled before: these stages do not last.
            Stage::Step { .. } | Stage::Send(..) | Stage::Sent(_) => {
                Action::Wait { until: now, why: Why::Pace }
            }
        }
    }
}

impl fmt::Debug for Session {
    /// Without the response in flight, whose head may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, asked, .. } = self;
        f.debug_struct("Session").field("job", job).field("asked", asked).finish_non_exhaustive()
    }
}

/// How a request gets its token.
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and never stored")]
enum TokenAnswer {
    NotNeeded,
    Token(Token),
    /// The driver has to do something for it first.
    Get(Stage),
    /// Another session's request is in flight, or it is too early for the next one.
    Wait(Timestamp),
    Failed(Failure),
}

/// How soon a session looks again whether the token request of another one has brought a token.
const TOKEN_INTERVAL: Duration = Duration::from_millis(250);

fn token(now: Timestamp, tokens: &mut TokenSource, transmit: &Transmit<'_>) -> TokenAnswer {
    let Some(need) = transmit.token_need() else { return TokenAnswer::NotNeeded };
    let limit = transmit.token_by();
    match tokens.step(now, need) {
        TokenStep::Ready(token) => TokenAnswer::Token(token),
        TokenStep::Failed(failure) => TokenAnswer::Failed(failure),
        TokenStep::Ask(ticket) => TokenAnswer::Get(Stage::GetToken(ticket)),
        TokenStep::Transmit(request, ticket) => {
            let send = SendRequest::for_token(request, &ticket);
            TokenAnswer::Get(Stage::Send(Sent::Token(ticket), Box::new(send)))
        }
        TokenStep::Wait(_) if now >= limit => TokenAnswer::Failed(tokens.timed_out()),
        TokenStep::Wait(until) => match tokens.exceeds(limit) {
            Some(failure) => TokenAnswer::Failed(failure),
            None => {
                let is_delayed = tokens.delay(transmit.phase()).is_some();
                let soon = if is_delayed { until } else { until.min(now + TOKEN_INTERVAL) };
                TokenAnswer::Wait(soon.min(limit))
            }
        },
    }
}

/// Confirms the permit for a request of this class, which is reserved first if there is none. Without
/// a class the request goes to another origin and needs no permit.
fn confirm(
    now: Timestamp,
    pacer: &mut Pacer,
    permit: &mut Option<Permit>,
    class: Option<RequestClass>,
) -> Result<(), Timestamp> {
    let unusable = |permit: &mut Permit| Some(permit.class()) != class || permit.is_confirmed();
    if let Some(permit) = permit.take_if(unusable) {
        pacer.release(permit);
    }
    let Some(class) = class else { return Ok(()) };
    let permit = permit.get_or_insert_with(|| pacer.reserve(now, class));
    pacer.confirm(now, permit)
}

fn head_of(head: &Response<()>) -> Head<'_> {
    Head::new(head.status(), head.headers())
}
