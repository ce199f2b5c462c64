//! Records the requests, events and debug output of a case while it runs.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_core::{Checkpoint, Event};
use export_host::ExportError;
use export_hyper::Storing;
use export_sim::{Endpoint, RecordedRequest, Server};

use serde_json::Value;

use crate::adapter::CaseOutput;

/// Records the behaviour of a case. Also a checkpoint store that keeps nothing.
#[derive(Clone)]
pub(crate) struct Recorder {
    log: Arc<Mutex<Log>>,
    printed: Arc<Mutex<String>>,
    server: Arc<Server>,
}

/// The requests and events as text.
#[derive(Default)]
struct Log {
    text: String,
    /// The number of received requests that are already in the text.
    requests: usize,
    /// The tokens seen so far. The text shows their index.
    tokens: Vec<String>,
}

impl Recorder {
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        Self { log: Arc::default(), printed: Arc::default(), server: Arc::clone(server) }
    }

    /// Records the debug output of a value.
    pub(crate) fn print(&self, value: &impl fmt::Debug) {
        let _ = writeln!(self.lock_printed(), "{value:?}\n{value:#?}");
    }

    /// Records the debug output of the result. For an error also its message, sources and checkpoint.
    pub(crate) fn print_result(&self, result: &Result<CaseOutput, ExportError>) {
        match result {
            Ok(CaseOutput::File(artifact, _)) => self.print(artifact),
            Ok(CaseOutput::Files(files)) => self.print(files),
            Ok(CaseOutput::Status(status)) => self.print(status),
            Err(error) => {
                let mut cause: Option<&dyn Error> = Some(error);
                while let Some(error) = cause {
                    self.print(&error);
                    self.print(&format_args!("{error}"));
                    cause = error.source();
                }
                self.print(&error.job());
                let message = error.job().map(ToString::to_string);
                self.print(&message);
                self.print(&error.checkpoint().map(serde_json::to_string));
            }
        }
    }

    /// The debug output recorded so far.
    pub(crate) fn printed(&self) -> String {
        self.lock_printed().clone()
    }

    fn lock_printed(&self) -> MutexGuard<'_, String> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callback for the events of a client.
    pub(crate) fn event_handler(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let recorder = self.clone();
        move |event| {
            recorder.print(event);
            let event = serde_json::to_value(event).unwrap_or_default();
            recorder.add_event(&event);
        }
    }

    /// Records an event, as it is serialized.
    pub(crate) fn add_event(&self, event: &Value) {
        self.lock_log().add_event(&self.server, event);
    }

    /// The requests and events recorded so far.
    pub(crate) fn text(&self) -> String {
        let mut log = self.lock_log();
        log.add_requests(&self.server);
        log.text.clone()
    }

    fn lock_log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// Records each checkpoint in the format in which it would be stored.
impl export_ureq::CheckpointStore for Recorder {
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

impl export_hyper::CheckpointStore for Recorder {
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

impl Log {
    /// Adds an event, after the requests that the server has received before it.
    fn add_event(&mut self, server: &Server, event: &Value) {
        self.add_requests(server);
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let line = match text("event") {
            "sending" => {
                format!("sending {}: {} {}", text("phase"), text("method"), text("url"))
            }
            "response" => match event["retry_after_ms"].as_u64() {
                Some(time) => {
                    format!("response {}, retry after {} s", event["status"], time / 1_000)
                }
                None => format!("response {}", event["status"]),
            },
            "failed" => format!("{} failed: {}", text("phase"), camel_case(text("kind"))),
            "accepted" => format!("accepted: {}", text("operation")),
            "status" => format!("status: {}", text("status")),
            "waiting" => {
                let [at, until] =
                    ["at", "until"].map(|name| event[name].as_u64().unwrap_or_default());
                let length = until.saturating_sub(at);
                format!("waiting {length} ms: {}", camel_case(text("why")))
            }
            "downloading" => match event["length"].as_u64() {
                Some(length) => format!("downloading from byte {} of {length}", event["offset"]),
                None => format!("downloading from byte {}", event["offset"]),
            },
            // The number of days left depends on the current date.
            "sunset" => {
                let endpoint = event["notice"]["sunset"]["endpoint"].as_str().unwrap_or_default();
                format!("sunset of {endpoint}")
            }
            "deprecated" => "deprecated".into(),
            "ignored" => format!("ignored: {}", text("what")),
            _ => event.to_string(),
        };
        let _ = writeln!(self.text, "  {line}");
    }

    /// Adds the requests that the server has received since the last call.
    fn add_requests(&mut self, server: &Server) {
        let all = server.requests();
        for request in all.get(self.requests..).unwrap_or_default() {
            self.add_request(request);
        }
        self.requests = all.len();
    }

    fn add_request(&mut self, request: &RecordedRequest) {
        let origin = match request.origin() {
            export_sim::Origin::Api => "api",
            export_sim::Origin::Storage => "storage",
        };
        let status =
            request.status().map_or_else(|| "nothing".into(), |it| it.as_u16().to_string());
        let _ = write!(self.text, "{} {origin}{} -> {status}", request.method(), request.target());
        for fault in request.faults() {
            let _ = write!(self.text, " [{fault}]");
        }
        self.text.push('\n');
        for line in self.headers(request) {
            let _ = writeln!(self.text, "    {line}");
        }
        // The body of a token request contains the secret.
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
                // These depend on the connection, not on the request.
                "host" | "connection" | "content-length" => continue,
                // Without the version of the crate.
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

/// A name in snake case, as Rust prints the variant.
pub(crate) fn camel_case(name: &str) -> String {
    let capitalized = name.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_uppercase() + rest
    });
    capitalized.collect()
}
