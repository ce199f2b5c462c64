//! A driver for tests: scripted responses, a clock that advances only while the job waits, a sink in
//! memory, and a log of everything that happens.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use export_core::driver::{Reply, Step, Why};
use export_core::pacer::{Pacer, Rates};
use export_core::session::{Action, ClientState, Input, Session};
use export_core::token::{Token, TokenNeed, TokenSource, TokenStep};
use export_core::{
    Artifact, Checkpoint, Error, Event, ExportJob, Failure, FailureKind, Limits, Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

/// What one request gets: a response, or a failure.
#[derive(Clone, Debug)]
pub struct ScriptedReply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    failure: Option<FailureKind>,
    body_failure: Option<(usize, FailureKind)>,
}

pub fn status(code: u16) -> ScriptedReply {
    ScriptedReply {
        status: StatusCode::from_u16(code).unwrap(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        failure: None,
        body_failure: None,
    }
}

impl ScriptedReply {
    /// No response.
    pub fn failure(kind: FailureKind) -> Self {
        Self { failure: Some(kind), ..status(200) }
    }

    /// Appends a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    /// Removes a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Replaces the value of a header.
    pub fn replace(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn head(&self) -> Response<()> {
        let mut head = Response::new(());
        *head.status_mut() = self.status;
        *head.headers_mut() = self.headers.clone();
        head
    }

    /// The part of the body that comes, and the failure after it.
    fn arrived(&self) -> (&[u8], Option<FailureKind>) {
        match self.body_failure {
            Some((at, kind)) => (&self.body[..at.min(self.body.len())], Some(kind)),
            None => (&self.body[..], None),
        }
    }

    /// The body breaks off at `offset`.
    pub fn cut_at(self, offset: usize) -> Self {
        self.fails_at(offset, FailureKind::Cut)
    }

    /// The body fails at `offset`.
    pub fn fails_at(mut self, offset: usize, kind: FailureKind) -> Self {
        self.body_failure = Some((offset, kind));
        self
    }
}

/// A request that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub at: Timestamp,
    pub method: Method,
    pub uri: http::Uri,
    pub headers: HeaderMap,
}

impl Sent {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub struct Harness {
    pub now: Timestamp,
    script: VecDeque<ScriptedReply>,
    /// The reply to every request after the end of the script.
    pub forever: Option<ScriptedReply>,
    /// The reply to a URL, without a script.
    pub by_url: Option<fn(&str) -> ScriptedReply>,
    pub sink: Vec<u8>,
    /// The complete files.
    pub files: Vec<(String, Vec<u8>)>,
    pub stored: Option<(u64, Checkpoint)>,
    pub sent: Vec<Sent>,
    pub log: String,
    pub tokens: u32,
    /// Gives the tokens, as a client has them; without it, each need is met.
    pub source: Option<TokenSource>,
    /// The number of times that a checkpoint was stored.
    pub stores: usize,
    /// The end of the last wait.
    pub wait_until: Timestamp,
    /// The size of the chunks of a download.
    pub chunk: usize,
    /// How long each of them takes to come.
    pub chunk_time: Duration,
    /// Drops the next [`InFlight`](export_core::driver::InFlight).
    pub drop_next: bool,
    /// Drops the next [`Collect`](export_core::driver::Collect).
    pub drop_body: bool,
    /// Drops the next [`Stream`](export_core::driver::Stream).
    pub drop_stream: bool,
    /// Collects the events in `events`.
    pub record_events: bool,
    pub events: Vec<Event>,
    /// Leaves the events in the job's queue.
    pub ignore_events: bool,
}

pub struct Run {
    pub outcome: Result<Artifact, Error>,
    pub log: String,
    pub sent: Vec<Sent>,
    pub sink: Vec<u8>,
    pub files: Vec<(String, Vec<u8>)>,
    pub stores: usize,
    pub events: Vec<Event>,
}

/// The start of the clock.
pub fn start() -> Timestamp {
    Timestamp::from_date(2026, 3, 1)
}

impl Harness {
    pub fn new(script: impl IntoIterator<Item = ScriptedReply>) -> Self {
        Self {
            now: start(),
            script: script.into_iter().collect(),
            forever: None,
            by_url: None,
            sink: Vec::new(),
            files: Vec::new(),
            stored: None,
            sent: Vec::new(),
            log: String::new(),
            tokens: 0,
            source: None,
            stores: 0,
            wait_until: Timestamp::EPOCH,
            chunk: 4,
            chunk_time: Duration::ZERO,
            drop_next: false,
            drop_body: false,
            drop_stream: false,
            record_events: false,
            events: Vec::new(),
            ignore_events: false,
        }
    }

    pub fn then_always(mut self, reply: ScriptedReply) -> Self {
        self.forever = Some(reply);
        self
    }

    /// Drives a job to its end. A job that sends 20,000 requests is in an endless loop.
    pub fn run(mut self, mut job: ExportJob) -> Run {
        let outcome = loop {
            assert!(self.sent.len() < 20_000, "the job does not end:\n{}", self.log);
            if let Some(outcome) = self.drive_once(&mut job) {
                break outcome;
            }
        };
        if let Ok(file) = &outcome {
            self.keep(file);
        }
        self.into_run(outcome)
    }

    /// The tokens of a client whose driver gets them elsewhere.
    pub fn with_token_source(mut self) -> Self {
        self.source = Some(TokenSource::external(Limits::default()));
        self
    }

    /// Drives a job to its end as a session does, with the same log.
    pub fn run_session(mut self, job: ExportJob) -> Run {
        let source = self.source.take().expect("a session has a token source");
        let mut client = ClientState::new(source, Pacer::new(Rates::unlimited()));
        let mut session = Session::new(job);
        // What is left of the response: its chunks, and how it ends.
        let (mut chunks, mut end, mut chunk) = (VecDeque::new(), Input::End, Vec::new());
        let (mut scripted, mut name) = (status(200), String::new());
        let mut input = Input::Done;
        let outcome = loop {
            assert!(self.sent.len() < 20_000, "the job does not end:\n{}", self.log);
            let action = session.next(self.now, &mut client, input).expect("the input fits");
            self.take_events(|| session.next_event());
            input = match action {
                Action::Store { checkpoint } => {
                    self.stored = Some((session.job().revision(), *checkpoint));
                    self.stores += 1;
                    Input::Done
                }
                Action::GetToken { .. } => {
                    Input::Token { text: self.next_token().into(), lifetime: None }
                }
                Action::Send(send) => {
                    scripted = self.next_reply(&send.request);
                    self.log_reply(&send.request, &scripted);
                    match scripted.failure {
                        Some(kind) => Input::Failed(kind.into()),
                        None => Input::Head(scripted.head()),
                    }
                }
                Action::Collect { limit, .. } => match scripted.arrived() {
                    (body, _) if body.len() > limit => Input::Failed(FailureKind::TooLong.into()),
                    (_, Some(kind)) => Input::Failed(kind.into()),
                    (body, None) => Input::Body(body.to_vec().into()),
                },
                Action::Begin { offset, artifact } => {
                    name = artifact.file_name().to_owned();
                    self.sink.truncate(usize::try_from(offset).unwrap());
                    assert_eq!(self.sink.len() as u64, offset, "a hole in the file");
                    let (body, failure) = scripted.arrived();
                    chunks = body.chunks(self.chunk).map(<[u8]>::to_vec).collect();
                    end = failure.map_or(Input::End, |kind| Input::Failed(kind.into()));
                    Input::Done
                }
                Action::Read { .. } => match chunks.pop_front() {
                    Some(next) => {
                        self.now = self.now + self.chunk_time;
                        chunk = next;
                        Input::Chunk(chunk.clone().into())
                    }
                    None => end.clone(),
                },
                Action::Write { bytes, .. } => {
                    if bytes.is_some() {
                        self.log_line(&format!("inline: {name}"));
                    }
                    self.sink.extend_from_slice(bytes.as_deref().unwrap_or(&chunk));
                    Input::Done
                }
                Action::Sync | Action::Measure { .. } => Input::Length(self.sink.len() as u64),
                Action::Finish { artifact } => {
                    self.keep(&artifact);
                    Input::Done
                }
                Action::Wait { until, why } => {
                    self.wait(until, why);
                    Input::Done
                }
                Action::End { outcome } => break outcome,
            };
        };
        self.into_run(outcome)
    }

    fn into_run(mut self, outcome: Result<Artifact, Error>) -> Run {
        match &outcome {
            Ok(file) => self.log_line(&format!("done: {} ({:?})", file.file_name(), file.length())),
            Err(error) => self.log_line(&format!("error: {error}")),
        }
        Run {
            outcome,
            log: self.log,
            sent: self.sent,
            sink: self.sink,
            files: self.files,
            stores: self.stores,
            events: self.events,
        }
    }

    /// Starts another script, for another job. Clock, sink and log go on.
    pub fn restart(&mut self, script: Vec<ScriptedReply>) {
        self.script = script.into();
        self.stored = None;
    }

    /// Keeps a complete file, and begins another one.
    pub fn keep(&mut self, artifact: &Artifact) {
        let kept =
            if artifact.is_last() { self.sink.clone() } else { std::mem::take(&mut self.sink) };
        assert_eq!(artifact.length(), Some(kept.len() as u64));
        if !artifact.is_last() {
            self.log_line(&format!("kept: {} ({} bytes)", artifact.file_name(), kept.len()));
        }
        self.files.truncate(artifact.index() as usize);
        self.files.push((artifact.file_name().into(), kept));
    }

    fn wait(&mut self, until: Timestamp, why: Why) {
        assert!(until > self.now, "the wait is already over:\n{}", self.log);
        let length = until.since(self.now);
        self.log_line(&format!("wait {length:?} ({why:?})"));
        self.now = until;
        self.wait_until = until;
    }

    fn token(&mut self, need: TokenNeed) -> Result<Token, Failure> {
        let Some(mut source) = self.source.take() else {
            self.tokens += u32::from(need.refused.is_some());
            return Ok(Token::fixed(&format!("token{}", self.tokens)).unwrap());
        };
        let token = loop {
            match source.step(self.now, need) {
                TokenStep::Ready(token) => break Ok(token),
                TokenStep::Failed(failure) => break Err(failure),
                TokenStep::Ask(ticket) => {
                    source.handle_token(self.now, ticket, &self.next_token(), None);
                }
                step => panic!("an external source has no such step: {step:?}"),
            }
        };
        self.source = Some(source);
        token
    }

    fn next_token(&mut self) -> String {
        self.tokens += 1;
        format!("token{}", self.tokens)
    }

    fn log_reply(&mut self, request: &Request<Vec<u8>>, reply: &ScriptedReply) {
        let (method, uri) = (request.method(), request.uri());
        let range = request.headers().get("range").map(|range| range.to_str().unwrap());
        let range = range.map(|range| format!(" [{range}]")).unwrap_or_default();
        match reply.failure {
            Some(kind) => self.log_line(&format!("{method} {uri} -> {kind:?}")),
            None => {
                let status = reply.status.as_u16();
                self.log_line(&format!("{method} {uri}{range} -> {status}"));
            }
        }
    }

    fn log_line(&mut self, text: &str) {
        let at = self.now.since(start()).as_millis();
        let _ = writeln!(self.log, "{at:>8} ms  {text}");
    }

    /// One iteration of a driver's loop.
    pub fn drive_once(&mut self, job: &mut ExportJob) -> Option<Result<Artifact, Error>> {
        self.take_events(|| job.next_event());
        self.store(job.revision(), || job.checkpoint());
        match job.step(self.now) {
            Step::Done(outcome) => return Some(outcome),
            Step::Wait(wait) => self.wait(wait.until, wait.why),
            Step::Inline(inline) => {
                self.log_line(&format!("inline: {}", inline.artifact().file_name()));
                self.sink = inline.bytes().to_vec();
                inline.handle_written(self.now, self.sink.len() as u64);
            }
            Step::Complete(complete) => {
                self.keep(complete.artifact());
                complete.handle_finished(self.now);
            }
            Step::Transmit(transmit) => {
                let token = match transmit.token_need().map(|need| self.token(need)) {
                    Some(Err(failure)) => {
                        transmit.decline(self.now, failure);
                        return None;
                    }
                    Some(Ok(token)) => Some(token),
                    None => None,
                };
                let have = self.sink.len() as u64;
                let (request, mut in_flight) = transmit.start(self.now, token.as_ref(), have);
                self.take_events(|| in_flight.next_event());
                self.store(in_flight.revision(), || in_flight.checkpoint());
                if std::mem::take(&mut self.drop_next) {
                    return None;
                }
                let reply = self.next_reply(&request);
                self.log_reply(&request, &reply);
                if let Some(kind) = reply.failure {
                    in_flight.handle_failure(self.now, Failure::new(kind));
                    return None;
                }
                self.handle_reply(in_flight.handle_head(self.now, &reply.head()), &reply);
            }
        }
        None
    }

    fn handle_reply(&mut self, reply: Reply<'_>, scripted: &ScriptedReply) {
        let (whole, failure) = scripted.arrived();
        if let Reply::Collect(collect) = &reply {
            self.store(collect.revision(), || collect.checkpoint());
            if std::mem::take(&mut self.drop_body) {
                return;
            }
        }
        match reply {
            Reply::Collect(collect) if whole.len() > collect.limit() => {
                collect.handle_failure(self.now, Failure::new(FailureKind::TooLong));
            }
            Reply::Collect(collect) => match failure {
                Some(kind) => collect.handle_failure(self.now, Failure::new(kind)),
                None => collect.handle_body(self.now, whole),
            },
            Reply::Stream(mut stream) => {
                self.take_events(|| stream.next_event());
                self.store(stream.revision(), || stream.checkpoint());
                if std::mem::take(&mut self.drop_stream) {
                    return;
                }
                self.sink.truncate(usize::try_from(stream.offset()).unwrap());
                assert_eq!(self.sink.len() as u64, stream.offset(), "a hole in the file");
                for chunk in whole.chunks(self.chunk) {
                    self.now = self.now + self.chunk_time;
                    let ControlFlow::Continue(checked) = stream.check(self.now, chunk) else {
                        return stream.finish(self.now, self.sink.len() as u64);
                    };
                    self.sink.extend_from_slice(chunk);
                    stream.advance(self.now, checked);
                }
                let checkpoint = stream.mark_durable(self.sink.len() as u64);
                self.stored = Some((stream.revision(), checkpoint));
                self.stores += 1;
                match failure {
                    Some(kind) => stream.handle_failure(self.now, Failure::new(kind)),
                    None => stream.finish(self.now, self.sink.len() as u64),
                }
            }
        }
    }

    fn take_events(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while !self.ignore_events {
            let Some(event) = next() else { return };
            self.events.extend(self.record_events.then_some(event));
        }
    }

    fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint) {
        if self.stored.as_ref().is_none_or(|(stored, _)| *stored != revision) {
            self.stored = Some((revision, checkpoint()));
            self.stores += 1;
        }
    }

    fn next_reply(&mut self, request: &Request<Vec<u8>>) -> ScriptedReply {
        self.sent.push(Sent {
            at: self.now,
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        });
        self.script
            .pop_front()
            .or_else(|| self.forever.clone())
            .or_else(|| Some(self.by_url?(&request.uri().to_string())))
            .unwrap_or_else(|| panic!("the script has no further reply:\n{}", self.log))
    }
}
