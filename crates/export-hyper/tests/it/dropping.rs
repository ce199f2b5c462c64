//! Futures that are dropped at any of their awaits.

use std::fs;
use std::sync::Arc;

use export_core::workiva::ArchiveOptions;
use export_hyper::{CheckpointStore, Client, ClientBuilder, Error, Event, ExportSpec, FileExport};
use export_sim::{Config, Server};
use test_servers::spec;

use crate::in_memory::{Memory, poll_times, submits};
use crate::simulated::{builder, simulated, unlimited};

const LENGTH: u64 = 3_000_000;

async fn server() -> Server {
    simulated(unlimited().with_artifact_size(LENGTH)).await
}

fn client(server: &Server, store: &Arc<Memory>) -> Client {
    with_store(server, store).build().unwrap()
}

fn with_store(server: &Server, store: &Arc<Memory>) -> ClientBuilder<Client> {
    builder(server).checkpoints(Arc::clone(store) as Arc<dyn CheckpointStore>)
}

#[tokio::test]
async fn job_resumes_after_any_drop() {
    let folder = tempfile::tempdir().unwrap();
    let mut drops = 0;
    loop {
        let (server, store) = (server().await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let path = folder.path().join(drops.to_string());
        let first = client.export(spec()).with_key("job").to_file(&path);
        let ended = poll_times(first, drops).await;
        let before = submits(&server);
        let (stored, is_whole) = (store.of("job"), path.exists());
        let is_accepted = stored.as_ref().is_some_and(|it| it.operation().is_some());
        // The file is complete and the checkpoint removed: only the result was not returned.
        let is_done = is_whole && stored.is_none();
        if ended.is_none() && !is_done {
            let second = match stored {
                Some(checkpoint) => client.resume(checkpoint),
                None => client.export(spec()),
            };
            second.with_key("job").to_file(&path).await.unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        let exports = server.exports();
        let served = exports.last().unwrap().content().to_bytes().unwrap();
        assert_eq!(bytes.len() as u64, LENGTH, "{drops}");
        assert!(bytes == served, "{drops}");
        if is_accepted {
            assert_eq!(submits(&server), before, "{drops}: accepted, and submitted again");
        }
        if is_whole {
            assert!(is_accepted || is_done, "{drops}: a file without an acceptance");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{drops}: a part remains");
        assert!(store.of("job").is_none(), "{drops}: a checkpoint remains");
        if ended.is_some() {
            break;
        }
        drops += 1;
    }
    assert!(drops > 10, "{drops}");
}

#[tokio::test]
async fn acceptance_is_stored_before_the_first_wait() {
    let config = Config::default().with_client("id", "s3cret").with_retry_after(3_000);
    let server = Server::start(config).await.unwrap();
    let store = Arc::new(Memory::default());
    let (waiting, waits) = std::sync::mpsc::channel();
    let client = with_store(&server, &store).on_event(move |event| {
        if let Event::Waiting { .. } = event {
            waiting.send(()).unwrap();
        }
    });
    let export = client.build().unwrap().export(spec()).with_key("job").bytes(1);
    let running = tokio::spawn(export);
    while waits.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    // It is being stored, which takes two steps, or it waits for nearly an hour.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(store.of("job").unwrap().operation().is_some());
}

#[tokio::test]
async fn any_drop_sends_at_most_one_mail() {
    let mail = ArchiveOptions::default().email_on_complete(true);
    let spec = ExportSpec::file("f1", FileExport::folder(mail));
    let (mut drops, mut unconfirmed) = (0, 0);
    loop {
        let (server, store) = (server().await, Arc::new(Memory::default()));
        let client = client(&server, &store);
        let first = client.export(spec.clone()).with_key("job").submit();
        let ended = poll_times(first, drops).await;
        if ended.is_some() {
            break;
        }
        let second = match store.of("job") {
            Some(checkpoint) => client.resume(checkpoint),
            None => client.export(spec.clone()),
        };
        if let Err(error) = second.with_key("job").submit().await {
            assert!(matches!(error.job(), Some(Error::SubmitUnconfirmed { .. })), "{error}");
            unconfirmed += 1;
        }
        let mails = server.exports().iter().filter(|it| it.mails()).count();
        assert!(mails <= 1, "{drops}: {mails} mails");
        drops += 1;
    }
    assert!(unconfirmed > 0, "no drop hit the submit among {drops}");
}
