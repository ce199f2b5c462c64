//! A world for a job to live in: a clock that moves when the job waits, a sink in memory, the
//! checkpoint that was stored last, and all the promises that can be checked from outside.

use std::collections::HashMap;
use std::time::Duration;

use export_core::{
    Artifact, Checkpoint, Config, Error, Event, ExportJob, Failure, Phase, Reply, Step, Timestamp,
    Token,
};
use http::{HeaderMap, HeaderValue, Request};

use crate::origin::Allowed;
use crate::script::{Answer, Turn};

/// The secret that may be in one header of some requests, and nowhere else.
pub(crate) const TOKEN: &str = "t0ken-5ecret";

/// Whether an input says the secret itself: whoever knows it can write it anywhere.
pub(crate) fn gives_away(secret: &str, data: &[u8]) -> bool {
    contains(data, &secret[secret.len() / 2..])
}

/// Whole seconds, read digit by digit; nothing else is a number of them.
pub(crate) fn seconds(value: &HeaderValue) -> Option<Duration> {
    let digits = value.as_bytes().trim_ascii();
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    (!digits.is_empty()).then_some(Duration::from_secs(number))
}

/// A job that needs more requests than this spins.
const MOST_REQUESTS: usize = 20_000;

pub(crate) struct World<'a> {
    pub(crate) config: &'a Config,
    pub(crate) allowed: &'a Allowed,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Sent>,
    pub(crate) sink: Vec<u8>,
    stored: Option<(u64, Checkpoint)>,
    /// Everything that a person or a log could see.
    shown: String,
    /// Before this, no request of the phase may go out.
    not_before: HashMap<Phase, Timestamp>,
    /// When the time budget of the job began.
    started: Option<Timestamp>,
    fetched: bool,
    /// The state of the operation that was told last.
    status: Option<String>,
}

/// A request that was sent.
pub(crate) struct Sent {
    pub(crate) phase: Phase,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
}

impl<'a> World<'a> {
    pub(crate) fn new(config: &'a Config, allowed: &'a Allowed) -> Self {
        Self {
            config,
            allowed,
            now: Timestamp::from_date(2026, 3, 1),
            sent: Vec::new(),
            sink: Vec::new(),
            stored: None,
            shown: String::new(),
            not_before: HashMap::new(),
            started: None,
            fetched: false,
            status: None,
        }
    }

    /// Drives a job to its end. `next` is told how many requests were sent before, and what the
    /// last one is for.
    pub(crate) fn run<'t>(
        &mut self,
        mut job: ExportJob,
        mut next: impl FnMut(usize, &Sent) -> &'t Turn<'t>,
    ) -> Result<Artifact, Error> {
        loop {
            self.listen(|| job.next_event());
            self.store(job.revision(), || job.checkpoint());
            self.started.get_or_insert(self.now);
            match job.step(self.now) {
                Step::Done(outcome) => {
                    self.listen(|| job.next_event());
                    self.ended(&job, &outcome);
                    return outcome;
                }
                Step::Wait(wait) => {
                    assert!(wait.until > self.now, "a wait for the past");
                    let sooner = Timestamp::from_millis(wait.until.as_millis() - 1);
                    assert!(matches!(job.step(sooner), Step::Wait(same) if same == wait));
                    self.now = wait.until;
                }
                Step::Transmit(transmit) => {
                    let need = transmit.token_need();
                    // This driver gives its token to everybody, and is not listened to.
                    let token = Token::fixed(TOKEN).unwrap();
                    let have = self.sink.len() as u64;
                    let phase = transmit.phase();
                    let (request, in_flight) = transmit.start(self.now, Some(&token), have);
                    self.store(in_flight.revision(), || in_flight.checkpoint());
                    self.send(phase, &request, need.is_none());
                    let turn = next(self.sent.len() - 1, self.sent.last().unwrap());
                    match turn {
                        Turn::Drop => drop(in_flight),
                        Turn::Crash => job = self.another_process(),
                        Turn::Lost(kind) => {
                            in_flight.handle_failure(self.now, Failure::new(*kind));
                        }
                        Turn::Answer(answer) => {
                            self.now = self.now + answer.after;
                            self.forbid(phase, answer);
                            let reply = in_flight.handle_head(self.now, &answer.head);
                            self.take_in(reply, answer);
                        }
                    }
                }
            }
        }
    }

    fn send(&mut self, phase: Phase, request: &Request<Vec<u8>>, is_bare: bool) {
        assert!(self.sent.len() < MOST_REQUESTS, "the job spins");
        let (url, headers) = (request.uri().to_string(), request.headers());
        let identifies = ["authorization", "x-version", "cookie", "proxy-authorization"]
            .iter()
            .any(|name| headers.contains_key(*name));
        assert_eq!(identifies, !is_bare, "{url}");
        assert!(is_bare || self.allowed.has(&url), "a token to {url}");
        assert!(!is_bare || phase == Phase::Fetch, "{phase} elsewhere: {url}");
        assert!(self.allowed.may_be_asked(&url), "plain text to {url}");
        for (name, value) in headers {
            let hides = name == "authorization" || !contains(value.as_bytes(), TOKEN);
            assert!(hides, "the token in {name}");
        }
        assert!(!url.contains(TOKEN) && !contains(request.body(), TOKEN), "an open token");
        if let Some(allowed) = self.not_before.get(&phase) {
            assert!(self.now >= *allowed, "{phase} sooner than allowed");
        }
        self.fetched |= phase == Phase::Fetch;
        let age = self.now.since(self.started.unwrap());
        let in_time = age <= self.config.limits().job;
        assert!(self.fetched || in_time, "{phase} after the deadline");
        self.sent.push(Sent { phase, url, headers: headers.clone() });
    }

    /// Notes how long the service asks to be left alone, where that is a number of seconds.
    fn forbid(&mut self, phase: Phase, answer: &Answer<'_>) {
        let value = answer.head.headers().get("retry-after");
        if phase != Phase::Fetch {
            let allowed = self.now + value.and_then(seconds).unwrap_or_default();
            self.not_before.insert(phase, allowed);
        }
    }

    fn take_in(&mut self, reply: Reply<'_>, answer: &Answer<'_>) {
        match reply {
            Reply::Collect(collect) => {
                self.store(collect.revision(), || collect.checkpoint());
                match answer.ends {
                    _ if answer.left => {}
                    Some(kind) => collect.handle_failure(self.now, Failure::new(kind)),
                    None => collect.handle_body(self.now, answer.body),
                }
            }
            Reply::Stream(mut stream) => {
                self.listen(|| stream.next_event());
                self.store(stream.revision(), || stream.checkpoint());
                if answer.left {
                    return;
                }
                let offset = usize::try_from(stream.offset()).unwrap();
                assert!(offset <= self.sink.len(), "a hole in the file");
                assert_safe(stream.artifact().file_name());
                self.sink.truncate(offset);
                for chunk in answer.body.chunks(5) {
                    if stream.check(chunk).is_break() {
                        return stream.finish(self.now);
                    }
                    self.sink.extend_from_slice(chunk);
                    stream.advance(chunk.len() as u64);
                    let half = stream.position() / 2;
                    self.stored = Some((stream.revision(), stream.mark_durable(half)));
                }
                match answer.ends {
                    Some(kind) => stream.handle_failure(self.now, Failure::new(kind)),
                    None => stream.finish(self.now),
                }
            }
        }
    }

    fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint) {
        if self.stored.as_ref().is_none_or(|(stored, _)| *stored != revision) {
            self.stored = Some((revision, checkpoint()));
        }
    }

    /// What was not synced is lost, and so is everything that was not stored.
    fn another_process(&mut self) -> ExportJob {
        let (_, stored) = self.stored.take().unwrap();
        self.sink.truncate(usize::try_from(stored.offset()).unwrap());
        let text = serde_json::to_string(&stored).unwrap();
        self.shown.push_str(&text);
        let read: Checkpoint = serde_json::from_str(&text).unwrap();
        assert_eq!(read, stored);
        self.started = None;
        self.fetched = false;
        self.status = None;
        let job = ExportJob::resume(read, self.config);
        job.unwrap_or_else(|error| panic!("what was stored cannot be gone on from: {error}"))
    }

    fn listen(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while let Some(event) = next() {
            if let Event::Status { status, .. } = &event {
                assert_ne!(self.status.as_ref(), Some(status), "told twice");
                self.status = Some(status.clone());
            }
            self.shown.push_str(&format!("{event:?}\n"));
        }
    }

    fn ended(&mut self, job: &ExportJob, outcome: &Result<Artifact, Error>) {
        let stored = serde_json::to_string(&job.checkpoint()).unwrap();
        self.shown.push_str(&format!("{job:?}\n{stored}\n{outcome:?}\n"));
        match outcome {
            Ok(artifact) => {
                assert_eq!(artifact.length(), Some(self.sink.len() as u64), "another length");
                assert_safe(artifact.file_name());
            }
            Err(error) => self.shown.push_str(&error.to_string()),
        }
        assert!(!self.shown.contains(TOKEN), "the token in {}", self.shown);
    }
}

fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window == word.as_bytes())
}

/// What no file name may be, said without the core's own words for it.
pub(crate) fn assert_safe(name: &str) {
    assert!(!name.is_empty() && name.len() <= 255, "{name:?} is too short or too long");
    assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "{name:?} hides");
    for c in name.chars() {
        let code = u32::from(c);
        assert!(!"/\\<>:\"|?*".contains(c), "{name:?} has a separator or a reserved character");
        assert!(code >= 0x20 && !(0x7f..0xa0).contains(&code), "{name:?} has a control character");
        let turns = [0x61c, 0x200e, 0x200f].contains(&code)
            || (0x202a..=0x202e).contains(&code)
            || (0x2066..=0x2069).contains(&code);
        assert!(!turns, "{name:?} changes the direction of text");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    assert!(!["con", "prn", "aux", "nul"].contains(&stem.as_str()), "{name:?} is a device");
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"];
    assert!(!port.is_some_and(|port| digits.contains(&port)), "{name:?} is a port");
}
