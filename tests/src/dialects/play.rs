//! Drives a dialect against its simulated service, in virtual time and through a script of faults.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use export_core::driver::{InFlight, Reply, Step, Stream, Transmit};
use export_core::token::Token;
use export_core::{
    Artifact, Checkpoint, Config, Error, Event, ExportJob, Failure, FailureKind, Phase, Timestamp,
};
use http::{Request, Response};

use super::{STORE, Sample, Service};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test plays all of them")]
pub enum Fault {
    /// The service responds.
    None,
    /// The request does not arrive, and the client knows.
    NotSent,
    /// The request arrives, and the response is lost.
    Lost,
    /// The service is overloaded, and does not handle the request.
    Busy,
    /// The service limits the rate of requests.
    Limited,
    /// A gateway responds with a page of its own.
    Page,
    /// The token was revoked.
    Revoked,
    /// The response breaks off in the middle.
    Cut,
    /// The driver drops the request in flight.
    Dropped,
    /// The process ends before the response, and another one resumes the job.
    Crash,
}

/// All of them.
pub const FAULTS: [Fault; 10] = [
    Fault::None,
    Fault::NotSent,
    Fault::Lost,
    Fault::Busy,
    Fault::Limited,
    Fault::Page,
    Fault::Revoked,
    Fault::Cut,
    Fault::Dropped,
    Fault::Crash,
];

/// What a run has shown.
#[derive(Debug)]
#[non_exhaustive]
pub struct Played {
    /// The end of the job.
    pub outcome: Result<Artifact, Error>,
    /// The files that the driver has finished.
    pub files: Vec<(String, Vec<u8>)>,
    /// The number of submits that have arrived.
    pub submits: usize,
    /// Each request and what it got.
    pub log: String,
}

/// Plays one script: the fault of each request, and none after its end.
///
/// # Panics
///
/// Panics if the job breaks an invariant: it sends a token to an origin that must not have it, polls
/// sooner than the service allows, or does not end.
#[must_use]
pub fn play(sample: &Sample, script: &[Fault]) -> Played {
    Driver::new(sample, script, None).run()
}

/// Plays without faults, and cancels the job after this many requests.
#[must_use]
pub fn play_and_cancel(sample: &Sample, after: usize) -> Played {
    Driver::new(sample, &[], Some(after)).run()
}

struct Driver<'a> {
    sample: &'a Sample,
    config: Config,
    service: Box<dyn Service>,
    script: &'a [Fault],
    now: Timestamp,
    /// The end of the wait that the service has asked for.
    not_before: Timestamp,
    tokens: u32,
    stored: Option<Checkpoint>,
    sink: Vec<u8>,
    /// What a crash leaves of the sink.
    durable: usize,
    played: Played,
    sent: usize,
    cancel_after: Option<usize>,
}

impl<'a> Driver<'a> {
    fn new(sample: &'a Sample, script: &'a [Fault], cancel_after: Option<usize>) -> Self {
        Self {
            sample,
            config: Config::new(sample.base).expect("the base is a URL"),
            service: (sample.service)(STORE),
            script,
            now: start(),
            not_before: Timestamp::EPOCH,
            tokens: 0,
            stored: None,
            sink: Vec::new(),
            durable: 0,
            played: Played {
                outcome: Err(Error::Cancelled),
                files: Vec::new(),
                submits: 0,
                log: String::new(),
            },
            sent: 0,
            cancel_after,
        }
    }

    fn run(mut self) -> Played {
        let mut job =
            ExportJob::with_dialect((self.sample.dialect)(self.sample.base), &self.config);
        loop {
            self.check_events(&mut job);
            self.stored = Some(job.checkpoint());
            assert!(self.sent < 200, "the job does not end:\n{}", self.played.log);
            if self.cancel_after == Some(self.sent) {
                job.cancel();
            }
            match job.step(self.now) {
                Step::Done(outcome) => {
                    if let Ok(artifact) = &outcome {
                        self.keep(artifact);
                    }
                    self.played.outcome = outcome;
                    return self.played;
                }
                Step::Wait(wait) => {
                    assert!(wait.until > self.now, "the wait is over:\n{}", self.played.log);
                    self.now = wait.until;
                }
                Step::Inline(inline) => {
                    self.sink = inline.bytes().to_vec();
                    inline.handle_written(self.now, self.sink.len() as u64);
                }
                Step::Complete(complete) => {
                    self.keep(complete.artifact());
                    complete.handle_finished(self.now);
                }
                Step::Transmit(transmit) => {
                    if self.exchange(transmit) == After::Crash {
                        self.sink.truncate(self.durable);
                        let saved = self.stored.take().expect("it was stored before the request");
                        let text = serde_json::to_string(&saved).expect("it is data");
                        assert!(!text.contains("t0ken"), "a token in a checkpoint: {text}");
                        let saved = serde_json::from_str(&text).expect("it is a checkpoint");
                        job = ExportJob::resume_with(
                            (self.sample.dialect)(self.sample.base),
                            &saved,
                            &self.config,
                        )
                        .expect("the checkpoint is this job's");
                    }
                }
            }
        }
    }

    fn exchange(&mut self, transmit: Transmit<'_>) -> After {
        let phase = transmit.phase();
        let token = transmit.token_need().map(|need| {
            self.tokens += u32::from(need.refused.is_some());
            Token::fixed(&format!("t0ken{}", self.tokens)).expect("it is ASCII")
        });
        let (request, in_flight) = transmit.start(self.now, token.as_ref(), self.sink.len() as u64);
        self.stored = Some(in_flight.checkpoint());
        let fault = self.script.get(self.sent).copied().unwrap_or(Fault::None);
        self.sent += 1;
        self.check_request(phase, &request);
        let (method, uri) = (request.method(), request.uri());
        let at = self.now.since(start()).as_secs();
        let _ = writeln!(self.played.log, "{at:>4} s  {phase}: {method} {uri} -> {fault:?}");
        let response = match fault {
            Fault::NotSent => {
                in_flight.handle_failure(self.now, Failure::new(FailureKind::NotSent));
                return After::Response;
            }
            Fault::Busy => status(503, 8),
            Fault::Limited => status(429, 30),
            Fault::Revoked => status(401, 0),
            Fault::Page => Response::builder()
                .header("content-type", "text/html")
                .body(b"<!doctype html><title>Log in</title>".to_vec())
                .expect("the head is legal"),
            Fault::None | Fault::Lost | Fault::Cut | Fault::Dropped | Fault::Crash => {
                self.played.submits += usize::from(phase == Phase::Submit);
                self.service.respond(&request)
            }
        };
        match fault {
            Fault::Lost => {
                in_flight.handle_failure(self.now, Failure::new(FailureKind::Unanswered));
                After::Response
            }
            Fault::Dropped => {
                drop(in_flight);
                After::Response
            }
            Fault::Crash => After::Crash,
            _ => {
                self.handle(in_flight, &response, fault == Fault::Cut);
                After::Response
            }
        }
    }

    fn handle(&mut self, in_flight: InFlight<'_>, response: &Response<Vec<u8>>, is_cut: bool) {
        let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        self.not_before = self.now + asked.unwrap_or_default();
        let body = response.body();
        let came = if is_cut { &body[..body.len() / 2] } else { body };
        let cut = || Failure::new(FailureKind::Cut);
        match in_flight.handle_head(self.now, response) {
            Reply::Collect(collect) => {
                self.stored = Some(collect.checkpoint());
                match is_cut {
                    true => collect.handle_failure(self.now, cut()),
                    false => collect.handle_body(self.now, came),
                }
            }
            Reply::Stream(mut stream) => {
                self.stored = Some(stream.checkpoint());
                self.download(&mut stream, came);
                match is_cut {
                    true => stream.handle_failure(self.now, cut()),
                    false => stream.finish(self.now, self.sink.len() as u64),
                }
            }
        }
    }

    fn download(&mut self, stream: &mut Stream<'_>, body: &[u8]) {
        let offset = usize::try_from(stream.offset()).expect("it is small");
        assert!(offset <= self.sink.len(), "a hole in the file");
        self.sink.truncate(offset);
        for chunk in body.chunks(5) {
            let ControlFlow::Continue(checked) = stream.check(self.now, chunk) else { return };
            self.sink.extend_from_slice(chunk);
            stream.advance(self.now, checked);
            self.durable = self.sink.len();
            self.stored = Some(stream.mark_durable(self.durable as u64));
        }
    }

    /// Gives a complete file its name. A resumed job may finish one again.
    fn keep(&mut self, artifact: &Artifact) {
        assert_eq!(artifact.length(), Some(self.sink.len() as u64));
        self.played.files.truncate(artifact.index() as usize);
        let bytes = std::mem::take(&mut self.sink);
        self.durable = 0;
        self.played.files.push((artifact.file_name().into(), bytes));
    }

    fn check_request(&self, phase: Phase, request: &Request<Vec<u8>>) {
        let log = &self.played.log;
        let base = self.sample.base.trim_start_matches("https://");
        let mut values = request.headers().values().filter_map(|value| value.to_str().ok());
        let has_token = values.any(|value| value.contains("t0ken"));
        let is_base = request.uri().host() == Some(base);
        assert!(is_base || !has_token, "a token for {}:\n{log}", request.uri());
        // The wait between polls does not hold back what ends them.
        let is_due = self.now >= self.not_before || phase == Phase::Cancel;
        assert!(is_due, "{phase} is too soon:\n{log}");
    }

    fn check_events(&self, job: &mut ExportJob) {
        while let Some(event) = job.next_event() {
            let text = format!("{event:?}");
            assert!(!text.contains("t0ken"), "a token in an event: {text}");
            assert!(!matches!(event, Event::ClockDiffers { .. }));
        }
    }
}

#[derive(PartialEq, Eq)]
enum After {
    Response,
    Crash,
}

/// The start of the clock.
fn start() -> Timestamp {
    Timestamp::from_date(2026, 3, 1)
}

fn status(status: u16, retry_after: u32) -> Response<Vec<u8>> {
    let response = Response::builder().status(status);
    let response = match retry_after {
        0 => response,
        seconds => response.header("retry-after", seconds),
    };
    response.body(Vec::new()).expect("the head is legal")
}
