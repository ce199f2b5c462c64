//! A minimal fake service, and clients for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_core::Pace;
use export_hyper::{
    Client, ClientBuilder, Credentials, DocumentExport, Event, ExportSpec, FailureKind, Limits,
    Pacer, ProxySettings, Rates,
};

use crate::server::{Action, Server, answer, json};

/// Enough of a PDF for the media type check.
pub(crate) const FILE: &str = "%PDF-1.7 and a few more bytes";

pub(crate) fn spec() -> ExportSpec {
    ExportSpec::document("d1", DocumentExport::pdf())
}

pub(crate) fn quick() -> Limits {
    let instant = Duration::from_millis(1);
    Limits::default()
        .with_min_poll_interval(instant)
        .with_backoff_base(instant)
        .with_backoff_cap(instant)
        .with_request_timeout(Duration::from_secs(20))
}

pub(crate) fn builder(server: &Server) -> ClientBuilder<Client> {
    Client::builder()
        .credentials(Credentials::token("t0ken"))
        .base_url(server.url())
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .pace(Pace::Exact)
        .limits(quick())
}

pub(crate) fn client(server: &Server) -> Client {
    builder(server).build().unwrap()
}

/// A service whose exports complete at once. `fetch` gets the number and the text of each request
/// for the file.
pub(crate) async fn service(
    fetch: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
) -> Server {
    let fetches = AtomicUsize::new(0);
    Server::start(move |_, request| match request.lines().next().unwrap() {
        line if line.starts_with("POST /platform/v1/documents/d1/export ") => accepted(),
        line if line.starts_with("GET /platform/v1/operations/op1 ") => completed(),
        line if line.starts_with("GET /file ") => {
            fetch(fetches.fetch_add(1, Ordering::SeqCst), request)
        }
        line => panic!("{line}"),
    })
    .await
}

pub(crate) fn accepted() -> Action {
    Action::Send(answer("202 Accepted", &["location: /platform/v1/operations/op1"], ""))
}

pub(crate) fn completed() -> Action {
    Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"completed","resourceUrl":"/file"}"#))
}

const HEADERS: [&str; 3] = [
    "content-type: application/pdf",
    "etag: \"v1\"",
    "content-disposition: attachment; filename=\"report.pdf\"",
];

pub(crate) fn whole() -> Action {
    Action::Send(answer("200 OK", &HEADERS, FILE))
}

/// The head of the whole file, and its first bytes.
pub(crate) fn first(bytes: usize) -> Vec<u8> {
    let mut part = answer("200 OK", &HEADERS, FILE);
    part.truncate(part.len() - FILE.len() + bytes);
    part
}

/// The answer to a request for a range.
pub(crate) fn rest(request: &str) -> Action {
    let from = header(request, "range").unwrap();
    let from = from.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap();
    let range = format!("content-range: bytes {from}-{}/{}", FILE.len() - 1, FILE.len());
    let headers = [HEADERS[0], HEADERS[1], HEADERS[2], &range];
    let rest = &FILE[from.parse::<usize>().unwrap()..];
    Action::Send(answer("206 Partial Content", &headers, rest))
}

pub(crate) fn header(request: &str, name: &str) -> Option<String> {
    let mut headers = request.lines().skip(1).filter_map(|line| line.split_once(": "));
    headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.into())
}

/// A client, and the kinds of its failures.
pub(crate) fn failures(builder: ClientBuilder<Client>) -> (Client, Arc<Mutex<Vec<FailureKind>>>) {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let builder = builder.on_event(move |event| {
        if let Event::Failed { kind, .. } = event {
            seen.lock().unwrap().push(*kind);
        }
    });
    (builder.build().unwrap(), kinds)
}
