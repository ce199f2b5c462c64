//! A world for a job to live in: a script of answers, a clock that only moves when the job waits,
//! a sink in memory, and a record of everything that happened.

use std::collections::VecDeque;
use std::fmt::Write as _;

use export_core::{
    Artifact, Checkpoint, Error, Event, ExportJob, Failure, FailureKind, Reply as Answer, Step,
    Timestamp, Token,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

/// What the service, or the network, does with one request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    lost: Option<FailureKind>,
    cut_at: Option<(usize, FailureKind)>,
}

pub fn status(code: u16) -> Reply {
    Reply {
        status: StatusCode::from_u16(code).unwrap(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        lost: None,
        cut_at: None,
    }
}

impl Reply {
    /// No answer at all.
    pub fn lost(kind: FailureKind) -> Self {
        Self { lost: Some(kind), ..status(200) }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Puts another value in the place of a header's.
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

    /// The body breaks off after so many bytes.
    pub fn cut_at(self, offset: usize) -> Self {
        self.broken(offset, FailureKind::Cut)
    }

    pub fn broken(mut self, offset: usize, kind: FailureKind) -> Self {
        self.cut_at = Some((offset, kind));
        self
    }
}

/// A request that was sent.
#[derive(Clone, Debug)]
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

pub struct World {
    pub now: Timestamp,
    script: VecDeque<Reply>,
    /// What every request gets once the script is over.
    pub forever: Option<Reply>,
    pub sink: Vec<u8>,
    pub stored: Option<(u64, Checkpoint)>,
    pub sent: Vec<Sent>,
    pub log: String,
    pub tokens: u32,
    /// How often a checkpoint was stored.
    pub stores: usize,
    /// The end of the last wait.
    pub wait_until: Timestamp,
    /// How many bytes of a download come at once.
    pub chunk: usize,
    /// Drops the next request after it was started.
    pub drop_next: bool,
    /// Drops the next answer before its body.
    pub drop_body: bool,
    /// Drops the next download before its first byte.
    pub drop_stream: bool,
    /// Keeps the events that are told.
    pub keep_events: bool,
    pub events: Vec<Event>,
    /// Takes no events from the job.
    pub deaf: bool,
}

pub struct Run {
    pub outcome: Result<Artifact, Error>,
    pub log: String,
    pub sent: Vec<Sent>,
    pub sink: Vec<u8>,
    pub stores: usize,
}

/// The clock starts here.
pub fn start() -> Timestamp {
    Timestamp::from_date(2026, 3, 1)
}

impl World {
    pub fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            now: start(),
            script: script.into_iter().collect(),
            forever: None,
            sink: Vec::new(),
            stored: None,
            sent: Vec::new(),
            log: String::new(),
            tokens: 0,
            stores: 0,
            wait_until: Timestamp::EPOCH,
            chunk: 4,
            drop_next: false,
            drop_body: false,
            drop_stream: false,
            keep_events: false,
            events: Vec::new(),
            deaf: false,
        }
    }

    pub fn then_forever(mut self, reply: Reply) -> Self {
        self.forever = Some(reply);
        self
    }

    /// Drives a job to its end. A job that needs more than this many requests spins.
    pub fn run(mut self, mut job: ExportJob) -> Run {
        let outcome = loop {
            assert!(self.sent.len() < 20_000, "the job spins:\n{}", self.log);
            if let Some(outcome) = self.turn(&mut job) {
                break outcome;
            }
        };
        match &outcome {
            Ok(file) => self.note(&format!("done: {} ({:?})", file.file_name(), file.length())),
            Err(error) => self.note(&format!("error: {error}")),
        }
        Run { outcome, log: self.log, sent: self.sent, sink: self.sink, stores: self.stores }
    }

    /// Gives the service other answers, for another job.
    pub fn rewind(&mut self, script: Vec<Reply>) {
        self.script = script.into();
        self.stored = None;
    }

    pub fn note(&mut self, text: &str) {
        let at = self.now.since(start()).as_millis();
        let _ = writeln!(self.log, "{at:>8} ms  {text}");
    }

    /// One turn of the loop that every driver has.
    pub fn turn(&mut self, job: &mut ExportJob) -> Option<Result<Artifact, Error>> {
        self.listen(|| job.next_event());
        self.store(job.revision(), || job.checkpoint());
        match job.step(self.now) {
            Step::Done(outcome) => return Some(outcome),
            Step::Wait(wait) => {
                assert!(wait.until > self.now, "a wait for the past:\n{}", self.log);
                let length = wait.until.since(self.now);
                self.note(&format!("wait {length:?} ({:?})", wait.why));
                self.now = wait.until;
                self.wait_until = wait.until;
            }
            Step::Transmit(transmit) => {
                let token = transmit.token_need().map(|need| {
                    self.tokens += u32::from(need.refused.is_some());
                    Token::fixed(&format!("token{}", self.tokens)).unwrap()
                });
                let have = self.sink.len() as u64;
                let (request, mut in_flight) = transmit.start(self.now, token.as_ref(), have);
                self.listen(|| in_flight.next_event());
                self.store(in_flight.revision(), || in_flight.checkpoint());
                if std::mem::take(&mut self.drop_next) {
                    return None;
                }
                let reply = self.answer(&request);
                if let Some(kind) = reply.lost {
                    self.note(&format!("{} {} -> {kind:?}", request.method(), request.uri()));
                    in_flight.handle_failure(self.now, Failure::new(kind));
                    return None;
                }
                let range = request.headers().get("range").map(|range| range.to_str().unwrap());
                self.note(&format!(
                    "{} {}{} -> {}",
                    request.method(),
                    request.uri(),
                    range.map(|range| format!(" [{range}]")).unwrap_or_default(),
                    reply.status.as_u16()
                ));
                self.hand_in(in_flight.handle_head(self.now, &reply.head()), &reply);
            }
        }
        None
    }

    fn hand_in(&mut self, answer: Answer<'_>, reply: &Reply) {
        let (whole, failure) = match reply.cut_at {
            Some((at, kind)) => (&reply.body[..at.min(reply.body.len())], Some(kind)),
            None => (&reply.body[..], None),
        };
        if let Answer::Collect(collect) = &answer {
            self.store(collect.revision(), || collect.checkpoint());
            if std::mem::take(&mut self.drop_body) {
                return;
            }
        }
        match answer {
            Answer::Collect(collect) if whole.len() > collect.limit() => {
                collect.handle_failure(self.now, Failure::new(FailureKind::TooLong));
            }
            Answer::Collect(collect) => match failure {
                Some(kind) => collect.handle_failure(self.now, Failure::new(kind)),
                None => collect.handle_body(self.now, whole),
            },
            Answer::Stream(mut stream) => {
                self.listen(|| stream.next_event());
                self.store(stream.revision(), || stream.checkpoint());
                if std::mem::take(&mut self.drop_stream) {
                    return;
                }
                self.sink.truncate(usize::try_from(stream.offset()).unwrap());
                assert_eq!(self.sink.len() as u64, stream.offset(), "a hole in the file");
                for chunk in whole.chunks(self.chunk) {
                    if stream.check(chunk).is_break() {
                        return stream.finish(self.now);
                    }
                    self.sink.extend_from_slice(chunk);
                    stream.advance(chunk.len() as u64);
                }
                let checkpoint = stream.mark_durable(self.sink.len() as u64);
                self.stored = Some((stream.revision(), checkpoint));
                self.stores += 1;
                match failure {
                    Some(kind) => stream.handle_failure(self.now, Failure::new(kind)),
                    None => stream.finish(self.now),
                }
            }
        }
    }

    fn listen(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while !self.deaf {
            let Some(event) = next() else { return };
            self.events.extend(self.keep_events.then_some(event));
        }
    }

    fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint) {
        if self.stored.as_ref().is_none_or(|(stored, _)| *stored != revision) {
            self.stored = Some((revision, checkpoint()));
            self.stores += 1;
        }
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> Reply {
        self.sent.push(Sent {
            at: self.now,
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        });
        self.script
            .pop_front()
            .or_else(|| self.forever.clone())
            .unwrap_or_else(|| panic!("no answer left in the script:\n{}", self.log))
    }
}
