//! What is noted while a case runs: the requests as they were received, between the events as they
//! were told.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_core::{Checkpoint, Event};
use export_host::ExportError;
use export_hyper::Storing;
use export_sim::{Endpoint, RecordedRequest, Server};

use crate::adapter::Outcome;

/// Lines that grow while a case runs.
#[derive(Clone)]
pub(crate) struct Notes {
    lines: Arc<Mutex<Lines>>,
    printed: Arc<Mutex<String>>,
    server: Arc<Server>,
}

#[derive(Default)]
struct Lines {
    text: String,
    /// How many of the received requests are noted.
    requests: usize,
    /// The tokens seen so far: they are called by their number.
    tokens: Vec<String>,
}

impl Notes {
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        Self { lines: Arc::default(), printed: Arc::default(), server: Arc::clone(server) }
    }

    /// Notes a thing as those see it who print it.
    pub(crate) fn print(&self, thing: &impl fmt::Debug) {
        let _ = writeln!(self.printed_so_far(), "{thing:?}\n{thing:#?}");
    }

    /// The same with the outcome, which has a message too, and causes, and a checkpoint.
    pub(crate) fn print_outcome(&self, outcome: &Result<Outcome, ExportError>) {
        match outcome {
            Ok(Outcome::File(artifact, _)) => self.print(artifact),
            Ok(Outcome::Status(status)) => self.print(status),
            Err(error) => {
                let mut cause: Option<&dyn Error> = Some(error);
                while let Some(error) = cause {
                    self.print(&error);
                    self.print(&format_args!("{error}"));
                    cause = error.source();
                }
                self.print(&error.job());
                let words = error.job().map(ToString::to_string);
                self.print(&words);
                self.print(&error.checkpoint().map(serde_json::to_string));
            }
        }
    }

    /// All that was printed.
    pub(crate) fn printed(&self) -> String {
        self.printed_so_far().clone()
    }

    fn printed_so_far(&self) -> MutexGuard<'_, String> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be called with each event.
    pub(crate) fn taker(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let notes = self.clone();
        move |event| {
            notes.print(event);
            notes.lines().event(&notes.server, event);
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = self.lines();
        lines.requests(&self.server);
        lines.text.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}

/// Every checkpoint that is to be stored is printed as it would be on a disk.
impl export_ureq::CheckpointStore for Notes {
    fn load(&self, _key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn store(&self, _key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.print(checkpoint);
        self.print(&serde_json::to_string(checkpoint)?);
        Ok(())
    }

    fn remove(&self, _key: &str) -> io::Result<()> {
        Ok(())
    }
}

impl export_hyper::CheckpointStore for Notes {
    fn load<'a>(&'a self, _key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        Box::pin(async { Ok(None) })
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        Box::pin(async move { export_ureq::CheckpointStore::store(self, key, &checkpoint) })
    }

    fn remove<'a>(&'a self, _key: &'a str) -> Storing<'a> {
        Box::pin(async { Ok(()) })
    }
}

impl Lines {
    /// A request is received before its answer is, so that it stands before what the answer causes.
    fn event(&mut self, server: &Server, event: &Event) {
        self.requests(server);
        let said = match event {
            Event::Sending { phase, method, url, .. } => format!("sending {phase}: {method} {url}"),
            Event::Answered { status, retry_after, .. } => match retry_after {
                Some(time) => {
                    format!("answered {}, retry after {} s", status.as_u16(), time.as_secs())
                }
                None => format!("answered {}", status.as_u16()),
            },
            Event::Failed { phase, kind, .. } => format!("{phase} failed: {kind:?}"),
            Event::Accepted { operation, .. } => format!("accepted: {operation}"),
            Event::Status { status, .. } => format!("status: {status}"),
            Event::Waiting { at, until, why } => {
                format!("waiting {} ms: {why:?}", until.since(*at).as_millis())
            }
            Event::Downloading { offset, length, .. } => match length {
                Some(length) => format!("downloading from byte {offset} of {length}"),
                None => format!("downloading from byte {offset}"),
            },
            // How many days are left depends on the day.
            Event::Sunset { notice, .. } => format!("sunset of {}", notice.sunset.endpoint),
            Event::Deprecated { .. } => "deprecated".into(),
            Event::Ignored { what, .. } => format!("ignored: {what}"),
            other => format!("{other:?}"),
        };
        let _ = writeln!(self.text, "  {said}");
    }

    fn requests(&mut self, server: &Server) {
        let all = server.requests();
        for request in all.get(self.requests..).unwrap_or_default() {
            self.request(request);
        }
        self.requests = all.len();
    }

    fn request(&mut self, request: &RecordedRequest) {
        let origin = match request.origin() {
            export_sim::Origin::Api => "api",
            export_sim::Origin::Storage => "storage",
        };
        let answer =
            request.status().map_or_else(|| "nothing".into(), |it| it.as_u16().to_string());
        let _ = write!(self.text, "{} {origin}{} -> {answer}", request.method(), request.target());
        for fault in request.faults() {
            let _ = write!(self.text, " [{fault}]");
        }
        self.text.push('\n');
        for line in self.headers(request) {
            let _ = writeln!(self.text, "    {line}");
        }
        // The one to the token endpoint holds the secret.
        if !request.body().is_empty() && request.endpoint() != Endpoint::Token {
            let body = String::from_utf8_lossy(request.body());
            let _ = match request.body_len() {
                ..1_000 => writeln!(self.text, "    {body}"),
                long => writeln!(self.text, "    {long} bytes"),
            };
        }
    }

    fn headers(&mut self, request: &RecordedRequest) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, value) in request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            lines.push(match name.as_str() {
                // Of the connection, and not of the request.
                "host" | "connection" | "content-length" => continue,
                // Its end is this release's version.
                "user-agent" => {
                    format!("user-agent: {}", value.split('/').next().unwrap_or_default())
                }
                "authorization" => format!("authorization: {}", self.token(&value)),
                name => format!("{name}: {value}"),
            });
        }
        lines.sort_unstable();
        lines
    }

    fn token(&mut self, authorization: &str) -> String {
        let Some(token) = authorization.strip_prefix("Bearer ") else {
            return "of another kind".into();
        };
        let known = self.tokens.iter().position(|known| known == token);
        let number = known.unwrap_or_else(|| {
            self.tokens.push(token.to_owned());
            self.tokens.len() - 1
        });
        format!("token {}", number + 1)
    }
}
