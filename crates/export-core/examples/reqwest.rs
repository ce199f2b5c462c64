//! Drives an export with reqwest: all that a client has to do around the state machine.
//!
//! ```text
//! WORKIVA_TOKEN=.. cargo run --example reqwest DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator. A client for production also
//! renews its token (`TokenSource`), stores checkpoints, and shares a `Pacer` between its jobs;
//! `export-hyper` and `export-ureq` do.

use std::env;
use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use export_core::driver::{Collect, InFlight, Reply, Step, Stream};
use export_core::token::Token;
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Artifact, Config, Error, ExportJob, Failure, FailureKind, Timestamp};
use http::Request;
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let id = env::args().nth(1).ok_or("usage: reqwest DOCUMENT_ID")?;
    let token = Token::fixed(&env::var("WORKIVA_TOKEN")?)?;
    let url = env::var("WORKIVA_BASE_URL");
    let url = url.as_deref().unwrap_or("https://api.app.wdesk.com");
    let config = Config::new(url)?.with_api_version(ApiVersion::V2026_01_01);
    // The machine follows redirects itself: it decides who gets the token.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;

    let mut job = ExportJob::new(ExportSpec::document(id, DocumentExport::pdf()), &config)?;
    match export(&mut job, &client, &token, &mut File::create("report.pdf")?).await {
        Ok(report) => println!("report.pdf: {} bytes", report.length().unwrap_or_default()),
        Err(error) => println!("{error}; {}", error.advice()),
    }
    Ok(())
}

/// The loop of a driver.
async fn export(
    job: &mut ExportJob,
    client: &reqwest::Client,
    token: &Token,
    file: &mut File,
) -> Result<Artifact, Error> {
    let mut have = 0;
    loop {
        match job.step(now()) {
            Step::Done(outcome) => return outcome,
            Step::Wait(wait) => sleep(wait.until.since(now())).await,
            // Workiva sends one file, from a URL.
            Step::Inline(inline) => inline.handle_failure(Failure::new(FailureKind::Sink)),
            Step::Complete(complete) => complete.handle_failure(Failure::new(FailureKind::Sink)),
            Step::Transmit(transmit) => {
                let token = transmit.token_need().map(|_| token);
                let (request, in_flight) = transmit.start(now(), token, have);
                send(client, request, in_flight, file, &mut have).await;
            }
        }
    }
}

/// Sends one request, and reports what became of it.
async fn send(
    client: &reqwest::Client,
    request: Request<Vec<u8>>,
    in_flight: InFlight<'_>,
    file: &mut File,
    have: &mut u64,
) {
    let left = in_flight.give_up_at(now()).since(now());
    let response = match request.try_into() {
        Ok(request) => timeout(left, client.execute(request)).await,
        // It does not occur: the machine has parsed the URL.
        Err(error) => Ok(Err(error)),
    };
    let mut response = match response {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_connect() => {
            return in_flight.handle_failure(now(), failure(FailureKind::NotSent, error));
        }
        Ok(Err(error)) => {
            return in_flight.handle_failure(now(), failure(FailureKind::Unanswered, error));
        }
        Err(_) => return in_flight.handle_failure(now(), Failure::new(FailureKind::Unanswered)),
    };
    let mut head = http::Response::new(());
    *head.status_mut() = response.status();
    *head.headers_mut() = response.headers().clone();
    match in_flight.handle_head(now(), &head) {
        Reply::Collect(collect) => read(&mut response, collect).await,
        Reply::Stream(stream) => download(&mut response, stream, file, have).await,
    }
}

/// Reads the whole body of a response of the API.
async fn read(response: &mut reqwest::Response, collect: Collect<'_>) {
    let mut body = Vec::new();
    loop {
        let left = collect.give_up_at(now()).since(now());
        match timeout(left, response.chunk()).await {
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() > collect.limit() => {
                return collect.handle_failure(now(), Failure::new(FailureKind::TooLong));
            }
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => return collect.handle_body(now(), &body),
            Ok(Err(error)) => {
                return collect.handle_failure(now(), failure(FailureKind::Cut, error));
            }
            Err(_) => return collect.handle_failure(now(), Failure::new(FailureKind::Stalled)),
        }
    }
}

/// Writes the body to the file, behind what an earlier request has brought.
async fn download(
    response: &mut reqwest::Response,
    mut stream: Stream<'_>,
    file: &mut File,
    have: &mut u64,
) {
    *have = stream.offset();
    if let Err(error) = truncate(file, *have) {
        return stream.handle_failure(now(), failure(FailureKind::Sink, error));
    }
    loop {
        let chunk = match timeout(stream.read_timeout(now()), response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => {
                return stream.handle_failure(now(), failure(FailureKind::Cut, error));
            }
            Err(_) => return stream.handle_failure(now(), Failure::new(FailureKind::Stalled)),
        };
        let ControlFlow::Continue(checked) = stream.check(now(), &chunk) else { break };
        if let Err(error) = file.write_all(&chunk) {
            return stream.handle_failure(now(), failure(FailureKind::Sink, error));
        }
        stream.advance(now(), checked);
        *have = stream.position();
    }
    match file.metadata() {
        Ok(metadata) => stream.finish(now(), metadata.len()),
        Err(error) => stream.handle_failure(now(), failure(FailureKind::Sink, error)),
    }
}

fn truncate(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length)).map(drop)
}

fn failure(kind: FailureKind, error: impl StdError + Send + Sync + 'static) -> Failure {
    Failure::new(kind).with_source(error)
}

/// The time. A client for production keeps it from going backwards.
fn now() -> Timestamp {
    Timestamp::EPOCH + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
