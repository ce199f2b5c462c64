//! A driver for checks: a clock that advances while the job waits, a sink in memory, the last stored
//! checkpoint, and assertions of all invariants that are visible from outside.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::{
    Artifact, Checkpoint, Config, Error, Event, ExportJob, Failure, Phase, Timestamp,
};
use http::{HeaderMap, HeaderValue, Request};

use crate::origin::Allowed;
use crate::script::{ScriptedReply, ScriptedResponse};

/// The token: allowed in the `Authorization` header of trusted requests, and nowhere else.
pub(crate) const TOKEN: &str = "t0ken-5ecret";

/// Whether an input contains a part of the secret. Such an input could print it anywhere, and is
/// skipped.
pub(crate) fn contains_secret(secret: &str, data: &[u8]) -> bool {
    contains(data, &secret[secret.len() / 2..])
}

/// Parses whole seconds digit by digit; `None` for any other value.
pub(crate) fn seconds(value: &HeaderValue) -> Option<Duration> {
    let digits = value.as_bytes().trim_ascii();
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    (!digits.is_empty()).then_some(Duration::from_secs(number))
}

/// A job that sends more requests is in an endless loop.
const MAX_REQUESTS: usize = 20_000;

pub(crate) struct Harness<'a> {
    pub(crate) config: &'a Config,
    pub(crate) allowed: &'a Allowed,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Sent>,
    pub(crate) sink: Vec<u8>,
    stored: Option<(u64, Checkpoint)>,
    /// Everything that a user or a log could see.
    printed: String,
    /// The earliest time of the next request of each phase.
    not_before: HashMap<Phase, Timestamp>,
    /// When the time budget of the job started.
    started: Option<Timestamp>,
    fetched: bool,
    /// The last status of the operation in an event.
    status: Option<String>,
}

/// A request that was sent.
pub(crate) struct Sent {
    pub(crate) phase: Phase,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
}

impl<'a> Harness<'a> {
    pub(crate) fn new(config: &'a Config, allowed: &'a Allowed) -> Self {
        Self {
            config,
            allowed,
            now: Timestamp::from_date(2026, 3, 1),
            sent: Vec::new(),
            sink: Vec::new(),
            stored: None,
            printed: String::new(),
            not_before: HashMap::new(),
            started: None,
            fetched: false,
            status: None,
        }
    }

    /// Drives a job to its end. `next` gets the index of a request and the request, and returns its
    /// reply.
    pub(crate) fn run<'t>(
        &mut self,
        mut job: ExportJob,
        mut next: impl FnMut(usize, &Sent) -> &'t ScriptedReply<'t>,
    ) -> Result<Artifact, Error> {
        loop {
            self.take_events(|| job.next_event());
            self.store(job.revision(), || job.checkpoint());
            self.started.get_or_insert(self.now);
            match job.step(self.now) {
                Step::Done(outcome) => {
                    self.take_events(|| job.next_event());
                    self.check_outcome(&job, &outcome);
                    return outcome;
                }
                Step::Inline(_) | Step::Complete(_) => unreachable!("Workiva sends one file"),
                Step::Wait(wait) => {
                    assert!(wait.until > self.now, "the wait is already over");
                    let sooner = Timestamp::from_millis(wait.until.as_millis() - 1);
                    assert!(matches!(job.step(sooner), Step::Wait(same) if same == wait));
                    self.now = wait.until;
                }
                Step::Transmit(transmit) => {
                    let need = transmit.token_need();
                    // Passes the token with every request; the job must ignore it where needed.
                    let token = Token::fixed(TOKEN).unwrap();
                    let have = self.sink.len() as u64;
                    let phase = transmit.phase();
                    let (request, in_flight) = transmit.start(self.now, Some(&token), have);
                    self.store(in_flight.revision(), || in_flight.checkpoint());
                    self.check_request(phase, &request, need.is_none());
                    let reply = next(self.sent.len() - 1, self.sent.last().unwrap());
                    match reply {
                        ScriptedReply::Drop => drop(in_flight),
                        ScriptedReply::Crash => job = self.restart_process(),
                        ScriptedReply::Failure(kind) => {
                            in_flight.handle_failure(self.now, Failure::new(*kind));
                        }
                        ScriptedReply::Response(response) => {
                            self.now = self.now + response.delay;
                            self.note_retry_after(phase, response);
                            let reply = in_flight.handle_head(self.now, &response.head);
                            self.handle_reply(reply, response);
                        }
                    }
                }
            }
        }
    }

    fn check_request(&mut self, phase: Phase, request: &Request<Vec<u8>>, is_anonymous: bool) {
        assert!(self.sent.len() < MAX_REQUESTS, "the job does not end");
        let (url, headers) = (request.uri().to_string(), request.headers());
        let identifies = ["authorization", "x-version", "cookie", "proxy-authorization"]
            .iter()
            .any(|name| headers.contains_key(*name));
        assert_eq!(identifies, !is_anonymous, "{url}");
        assert!(is_anonymous || self.allowed.has(&url), "a token to {url}");
        assert!(!is_anonymous || phase == Phase::Fetch, "{phase} at a foreign origin: {url}");
        assert!(self.allowed.may_be_requested(&url), "plain http to {url}");
        for (name, value) in headers {
            let hides = name == "authorization" || !contains(value.as_bytes(), TOKEN);
            assert!(hides, "the token in {name}");
        }
        assert!(!url.contains(TOKEN) && !contains(request.body(), TOKEN), "the token in {url}");
        if let Some(allowed) = self.not_before.get(&phase) {
            assert!(self.now >= *allowed, "{phase} before its Retry-After");
        }
        self.fetched |= phase == Phase::Fetch;
        let age = self.now.since(self.started.unwrap());
        let in_time = age <= self.config.limits().job_timeout;
        assert!(self.fetched || in_time, "{phase} after the deadline");
        self.sent.push(Sent { phase, url, headers: headers.clone() });
    }

    /// Records a `Retry-After` in seconds. That of a fetch does not limit the poll for a fresh URL.
    fn note_retry_after(&mut self, phase: Phase, response: &ScriptedResponse<'_>) {
        let value = response.head.headers().get("retry-after");
        if phase != Phase::Fetch {
            let allowed = self.now + value.and_then(seconds).unwrap_or_default();
            self.not_before.insert(phase, allowed);
        }
    }

    fn handle_reply(&mut self, reply: Reply<'_>, response: &ScriptedResponse<'_>) {
        match reply {
            Reply::Collect(collect) => {
                self.store(collect.revision(), || collect.checkpoint());
                match response.failure {
                    _ if response.drops_body => {}
                    Some(kind) => collect.handle_failure(self.now, Failure::new(kind)),
                    None => collect.handle_body(self.now, response.body),
                }
            }
            Reply::Stream(mut stream) => {
                self.take_events(|| stream.next_event());
                self.store(stream.revision(), || stream.checkpoint());
                if response.drops_body {
                    return;
                }
                let offset = usize::try_from(stream.offset()).unwrap();
                assert!(offset <= self.sink.len(), "a hole in the file");
                assert_safe(stream.artifact().file_name());
                self.sink.truncate(offset);
                for chunk in response.body.chunks(5) {
                    let ControlFlow::Continue(checked) = stream.check(self.now, chunk) else {
                        return stream.finish(self.now, self.sink.len() as u64);
                    };
                    self.sink.extend_from_slice(chunk);
                    stream.advance(self.now, checked);
                    let half = stream.position() / 2;
                    self.stored = Some((stream.revision(), stream.mark_durable(half)));
                }
                match response.failure {
                    Some(kind) => stream.handle_failure(self.now, Failure::new(kind)),
                    None => stream.finish(self.now, self.sink.len() as u64),
                }
            }
        }
    }

    fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint) {
        if self.stored.as_ref().is_none_or(|(stored, _)| *stored != revision) {
            self.stored = Some((revision, checkpoint()));
        }
    }

    /// Resumes the stored checkpoint, without the bytes that were not synced.
    fn restart_process(&mut self) -> ExportJob {
        let (_, stored) = self.stored.take().unwrap();
        self.sink.truncate(usize::try_from(stored.offset()).unwrap());
        let text = serde_json::to_string(&stored).unwrap();
        self.printed.push_str(&text);
        let read: Checkpoint = serde_json::from_str(&text).unwrap();
        assert_eq!(read, stored);
        self.started = None;
        self.fetched = false;
        self.status = None;
        let job = ExportJob::resume(read, self.config);
        job.unwrap_or_else(|error| panic!("the stored checkpoint cannot be resumed: {error}"))
    }

    fn take_events(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while let Some(event) = next() {
            if let Event::Status { status, .. } = &event {
                assert_ne!(self.status.as_ref(), Some(status), "the same status twice");
                self.status = Some(status.clone());
            }
            self.printed.push_str(&format!("{event:?}\n"));
        }
    }

    fn check_outcome(&mut self, job: &ExportJob, outcome: &Result<Artifact, Error>) {
        let stored = serde_json::to_string(&job.checkpoint()).unwrap();
        self.printed.push_str(&format!("{job:?}\n{stored}\n{outcome:?}\n"));
        match outcome {
            Ok(artifact) => {
                assert_eq!(artifact.length(), Some(self.sink.len() as u64), "a wrong length");
                assert_safe(artifact.file_name());
            }
            Err(error) => self.printed.push_str(&error.to_string()),
        }
        assert!(!self.printed.contains(TOKEN), "the token in {}", self.printed);
    }
}

fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Asserts that a file name is safe, with an implementation that is independent of the core's.
pub(crate) fn assert_safe(name: &str) {
    assert!(!name.is_empty() && name.len() <= 255, "{name:?} is too short or too long");
    assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "{name:?} is hidden");
    for c in name.chars() {
        let code = u32::from(c);
        assert!(!"/\\<>:\"|?*".contains(c), "{name:?} has a separator or a reserved character");
        assert!(code >= 0x20 && !(0x7f..0xa0).contains(&code), "{name:?} has a control character");
        let is_direction_mark = [0x61c, 0x200e, 0x200f].contains(&code)
            || (0x202a..=0x202e).contains(&code)
            || (0x2066..=0x2069).contains(&code);
        assert!(!is_direction_mark, "{name:?} changes the direction of text");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    assert!(!["con", "prn", "aux", "nul"].contains(&stem.as_str()), "{name:?} is a device");
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"];
    assert!(!port.is_some_and(|port| digits.contains(&port)), "{name:?} is a port");
}
