//! What is noted while a case runs: the requests as they were received, between the events as they
//! were told.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_core::Event;
use export_sim::{Endpoint, RecordedRequest, Server};

/// Lines that grow while a case runs.
#[derive(Clone)]
pub(crate) struct Notes {
    lines: Arc<Mutex<Lines>>,
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
        Self { lines: Arc::default(), server: Arc::clone(server) }
    }

    /// What is to be called with each event.
    pub(crate) fn taker(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let notes = self.clone();
        move |event| notes.lines().event(&notes.server, event)
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
