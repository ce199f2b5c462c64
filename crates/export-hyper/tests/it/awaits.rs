//! Exports that are dropped at every await, and resumed.
//!
//! Each step of the transport, the store and the sink yields before and after it, and time passes
//! only while a job waits, so that the nth poll is the same in each run.

use std::fs;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use export_core::workiva::ArchiveOptions;
use export_hyper::{Client, Error, Export, ExportError, ExportSpec, FileExport};
use export_sim::{Config, Downloads, Endpoint, Scenario, Server};
use http::StatusCode;
use test_servers::spec;
use tokio::time::Instant;

use crate::in_memory::{Disk, Memory, client, poll_times, settle, start, submits};

const LENGTH: u64 = 600_000;

/// A service with one fault in every phase, and with this `Location` of an operation.
fn faulty_service(location: &str) -> Config {
    let scenario = r#"{"rules": [
        {"match": {"endpoint": "submit"}, "then": {"fault": "location", "url": "LOCATION"}},
        {"match": {"endpoint": "token", "nth": 1}, "then": {"fault": "status", "status": 503}},
        {"match": {"endpoint": "submit", "nth": 1}, "then": {"fault": "status", "status": 429, "retry_after": 2}},
        {"match": {"endpoint": "operation", "nth": 1}, "then": {"fault": "close", "at": {"byte": 10}}},
        {"match": {"endpoint": "download", "nth": 1}, "then": {"fault": "status", "status": 401}},
        {"match": {"endpoint": "storage", "nth": 1}, "then": {"fault": "close", "at": {"byte": 300000}}}
    ]}"#;
    Config::default()
        .with_artifact_size(LENGTH)
        .with_downloads(Downloads::Redirect(302))
        // A token that is refused within 30 s of its issue is not replaced.
        .with_complete_after(Duration::from_secs(35))
        .with_retry_after(40)
        .with_scenario(Scenario::from_json(&scenario.replace("LOCATION", location)).unwrap())
}

/// Resumes the export from its checkpoint, or starts it again.
async fn resume_export(client: &Client) -> Export {
    match client.resume_key("job").await.unwrap() {
        Some(export) => export,
        None => client.export(spec()).with_key("job"),
    }
}

/// The state when a future was dropped: whether a stored checkpoint says that the export was
/// accepted, and how many submits were sent.
struct StateAtDrop {
    is_accepted: bool,
    submits: usize,
}

impl StateAtDrop {
    fn read(server: &Server, store: &Memory) -> Self {
        let stored = store.of("job");
        let is_accepted = stored.as_ref().is_some_and(|it| it.operation().is_some());
        // A job stores its checkpoint before it waits, and time passes only while it waits.
        let accepted = server.requests().into_iter().find(|it| {
            it.endpoint() == Endpoint::Submit && it.status() == Some(StatusCode::ACCEPTED)
        });
        if let (Some(accepted), Some(_)) = (accepted, stored) {
            let is_later = server.now().since(accepted.at()) > Duration::ZERO;
            assert!(is_accepted || !is_later, "it waits for an operation that was not stored");
        }
        Self { is_accepted, submits: submits(server) }
    }

    fn check(&self, server: &Server, drops: usize) {
        if self.is_accepted {
            assert_eq!(submits(server), self.submits, "{drops}: submitted again");
        }
    }
}

fn served(server: &Server) -> Vec<u8> {
    server.exports().last().unwrap().content().to_bytes().unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn file_survives_a_drop_at_every_await() {
    let folder = tempfile::tempdir().unwrap();
    let mut accepted = 0;
    for drops in 0.. {
        let (server, store) =
            (start(faulty_service("relative")).await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let path = folder.path().join(drops.to_string());
        let first = client.export(spec()).with_key("job").to_file(&path);
        let ended = poll_times(first, drops).await;
        let dropped = StateAtDrop::read(&server, &store);
        settle().await;
        accepted += usize::from(dropped.is_accepted);
        let is_done = path.exists() && store.of("job").is_none();
        if path.exists() {
            assert!(fs::read(&path).unwrap() == served(&server), "{drops}: half a file");
        }
        if ended.is_none() && !is_done {
            resume_export(&client).await.to_file(&path).await.unwrap();
        }
        assert!(fs::read(&path).unwrap() == served(&server), "{drops}");
        dropped.check(&server, drops);
        fs::remove_file(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{drops}: a part remains");
        assert!(store.of("job").is_none(), "{drops}: a checkpoint remains");
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert!(drops > 60 && accepted > 30, "{drops} drops, {accepted} after the 202");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sink_gets_each_byte_once_after_any_drop() {
    let mut resumed = 0;
    for drops in 0.. {
        let (server, store) =
            (start(faulty_service("body_only")).await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let disk = Disk::default();
        let mut sink = disk.clone();
        let first = client.export(spec()).with_key("job").to_sink(&mut sink);
        let ended = poll_times(first, drops).await;
        let dropped = StateAtDrop::read(&server, &store);
        // Every second run crashes and loses what was not synced.
        if drops % 2 == 0 && disk.finished().is_none() {
            disk.crash();
        }
        let before = server.requests().len();
        if ended.is_none() && (disk.finished().is_none() || store.of("job").is_some()) {
            resume_export(&client).await.to_sink(&mut disk.clone()).await.unwrap();
        }
        assert!(disk.finished().unwrap() == served(&server), "{drops}");
        dropped.check(&server, drops);
        let later = &server.requests()[before..];
        resumed += usize::from(later.iter().any(|it| it.header("range").is_some()));
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert!(drops > 60 && resumed > 5, "{drops} drops, {resumed} by a range");
            return;
        }
    }
}

/// Opens an export and reads the whole file.
async fn read(export: Export) -> Result<Vec<u8>, ExportError> {
    let mut download = export.open().await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[tokio::test(start_paused = true)]
async fn dropped_download_can_be_opened_again() {
    for drops in 0.. {
        let (server, store) =
            (start(faulty_service("header_only")).await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let first = poll_times(read(client.export(spec()).with_key("job")), drops).await;
        let dropped = StateAtDrop::read(&server, &store);
        let is_last = first.is_some();
        let bytes = match first {
            Some(read) => read.unwrap(),
            None => read(resume_export(&client).await).await.unwrap(),
        };
        assert!(bytes == served(&server), "{drops}");
        dropped.check(&server, drops);
        assert!(store.of("job").is_none(), "{drops}: a checkpoint remains");
        if is_last {
            assert!(drops > 60, "{drops} drops");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_submit_sends_at_most_one_mail() {
    let mail = ArchiveOptions::default().email_on_complete(true);
    let spec = ExportSpec::file("f1", FileExport::folder(mail));
    let mut unconfirmed = 0;
    for drops in 0.. {
        let (server, store) =
            (start(faulty_service("relative")).await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let first = client.export(spec.clone()).with_key("job").submit();
        if poll_times(first, drops).await.is_some() {
            assert!(drops > 15 && unconfirmed > 0, "{drops} drops, {unconfirmed} unconfirmed");
            return;
        }
        settle().await;
        let export = match client.resume_key("job").await.unwrap() {
            Some(export) => export,
            None => client.export(spec.clone()).with_key("job"),
        };
        if let Err(error) = export.submit().await {
            assert!(matches!(error.job(), Some(Error::SubmitUnconfirmed { .. })), "{error}");
            unconfirmed += 1;
        }
        let mails = server.exports().iter().filter(|it| it.mails()).count();
        assert!(mails <= 1, "{drops}: {mails} mails");
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_token_request_does_not_block_others() {
    for drops in 0.. {
        let (server, store) =
            (start(faulty_service("relative")).await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let mut other = pin!(client.export(spec()).submit());
        // The other job waits for the token that the first one requests.
        let started = Instant::now();
        let first = poll_times(client.export(spec()).submit(), drops);
        let mut first = pin!(first);
        let mut submitted = None;
        let ended = poll_fn(|cx| {
            let ended = first.as_mut().poll(cx);
            if submitted.is_none()
                && let Poll::Ready(outcome) = other.as_mut().poll(cx)
            {
                submitted = Some(outcome);
            }
            ended
        })
        .await;
        let submitted = match submitted {
            Some(submitted) => submitted,
            None => other.await,
        };
        submitted.unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "{drops}: {:?}", started.elapsed());
        if ended.is_some() {
            assert!(drops > 10, "{drops} drops");
            return;
        }
    }
}
