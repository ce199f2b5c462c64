//! How many exports that are run separately download at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use export_hyper::{Artifact, Sink};
use test_servers::{FILE, Server, accepted, completed, service, spec, whole};
use tokio::task::{JoinSet, yield_now};

use crate::clients::builder;

/// A sink that counts those that are open.
struct CountingSink {
    open: Arc<AtomicUsize>,
    is_open: bool,
    written: u64,
}

impl Sink for CountingSink {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        if !std::mem::replace(&mut self.is_open, true) {
            self.open.fetch_add(1, Ordering::SeqCst);
        }
        Ok(self.written)
    }

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.written = offset;
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.written += chunk.len() as u64;
        Ok(())
    }

    async fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        self.open.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn separate_exports_wait_for_their_turn_to_download() {
    const EXPORTS: usize = 40;
    const AT_ONCE: usize = 3;
    let polls = Arc::new(AtomicUsize::new(0));
    let fetches = Arc::new(AtomicUsize::new(0));
    let may_send = Arc::new(AtomicBool::new(false));
    let (polled, fetched, sends) = (polls.clone(), fetches.clone(), may_send.clone());
    let server = Server::start(move |_, request| match request.lines().next().unwrap() {
        line if line.starts_with("POST ") => accepted(),
        line if line.starts_with("GET /file ") => {
            fetched.fetch_add(1, Ordering::SeqCst);
            while !sends.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            whole()
        }
        _ => {
            polled.fetch_add(1, Ordering::SeqCst);
            completed()
        }
    });
    let client = builder(&server).max_concurrent_downloads(AT_ONCE).build().unwrap();
    let open = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..EXPORTS {
        let (client, open) = (client.clone(), Arc::clone(&open));
        tasks.spawn(async move {
            let mut sink = CountingSink { open, is_open: false, written: 0 };
            client.export(spec()).to_sink(&mut sink).await
        });
    }
    while polls.load(Ordering::SeqCst) < EXPORTS || fetches.load(Ordering::SeqCst) < AT_ONCE {
        yield_now().await;
    }
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(open.load(Ordering::SeqCst), AT_ONCE);
    assert_eq!(fetches.load(Ordering::SeqCst), AT_ONCE);
    may_send.store(true, Ordering::SeqCst);
    for result in tasks.join_all().await {
        assert_eq!(result.unwrap().length(), Some(FILE.len() as u64));
    }
    assert_eq!(fetches.load(Ordering::SeqCst), EXPORTS);
}

#[tokio::test]
async fn turn_of_a_dropped_download_is_passed_on() {
    let server = service(|number, _| match number {
        0 => test_servers::Action::SendAndHang(Vec::new()),
        _ => whole(),
    });
    let client = builder(&server).max_concurrent_downloads(1).build().unwrap();
    let first = tokio::spawn(client.export(spec()).bytes(1_000));
    while !server.lines().iter().any(|line| line.starts_with("GET /file ")) {
        yield_now().await;
    }
    first.abort();
    client.export(spec()).bytes(1_000).await.unwrap();
}

#[tokio::test]
async fn open_downloads_do_not_wait_for_each_other() {
    let server = service(|_, _| whole());
    let client = builder(&server).max_concurrent_downloads(1).build().unwrap();
    let mut first = client.export(spec()).open().await.unwrap();
    let mut second = client.export(spec()).open().await.unwrap();
    for download in [&mut second, &mut first] {
        let mut length = 0;
        while let Some(chunk) = download.chunk().await.unwrap() {
            length += chunk.len();
        }
        assert_eq!(length, FILE.len());
    }
}
