//! Batches in one future.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::future::ready;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use export_hyper::{
    Artifact, BatchLimits, Blocking, Checkpoint, CheckpointFolder, CheckpointStore, Client,
    ClientBuilder, DocumentExport, Error, ExportError, ExportSpec, Exports, FileSink, Pacer, Rate,
    Rates, Sink, Storing,
};
use export_sim::{Config, Downloads, Endpoint, Fault, Rule, Scenario, Server};
use futures_util::StreamExt;
use http::StatusCode;

use crate::in_memory::{self, Disk, Memory, poll_times};
use crate::simulated::{builder, simulated, unlimited};

fn spec(key: u64) -> ExportSpec {
    ExportSpec::document(format!("d{key}"), DocumentExport::pdf())
}

fn to_files(folder: &Path) -> impl Fn(u64) -> std::future::Ready<io::Result<FileSink>> + use<> {
    let folder = folder.to_owned();
    move |key| ready(Ok(FileSink::to_file(path_of(&folder, key))))
}

fn path_of(folder: &Path, key: u64) -> PathBuf {
    folder.join(format!("{key}.pdf"))
}

fn add_all(exports: &mut Exports<FileSink>, client: &Client, keys: impl IntoIterator<Item = u64>) {
    for key in keys {
        exports.add(key, client.export(spec(key)).with_key(key.to_string())).unwrap();
    }
}

/// A client in memory, under the paused clock. Its requests are not paced.
fn in_memory(server: &Arc<Server>) -> ClientBuilder<Client> {
    in_memory::builder(server).pacer(Pacer::new(Rates::unlimited()))
}

fn requests_to(server: &Server, endpoint: Endpoint) -> usize {
    server.requests().iter().filter(|it| it.endpoint() == endpoint).count()
}

fn refused(server: &Server) -> usize {
    let too_many = Some(StatusCode::TOO_MANY_REQUESTS);
    server.requests().iter().filter(|it| it.status() == too_many).count()
}

#[tokio::test]
async fn exports_are_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(Config::default().with_operations_rate(0.0)).await;
    let client = builder(&server).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    for key in 0..3 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    let mut keys: Vec<u64> = exports.map(|finished| finished.key).collect().await;
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, 2]);
}

#[tokio::test]
async fn batch_completes_within_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(Config::default().with_operations_rate(50.0)).await;
    let rates = Rates::unlimited().with_operations(Rate::per_second(50.0));
    let store = Arc::new(Blocking::new(CheckpointFolder::new(folder.path())));
    let client = builder(&server).pacer(Pacer::new(rates)).checkpoints(store).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    add_all(&mut exports, &client, 0..100);
    let mut files = HashSet::new();
    while let Some(finished) = exports.next().await {
        let artifact = finished.outcome.unwrap();
        let path = path_of(folder.path(), finished.key);
        assert_eq!(fs::metadata(&path).unwrap().len(), artifact.length().unwrap());
        assert_eq!(finished.sink.unwrap().finished(), Some(&*path));
        assert!(files.insert(finished.key));
    }
    assert_eq!(files.len(), 100);
    assert_eq!(server.exports().len(), 100);
    assert_eq!((refused(&server), requests_to(&server, Endpoint::Token)), (0, 1));
    // Checkpoints are removed.
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.extension().is_some_and(|it| it == "pdf")), "{left:?}");
}

/// A store behind a signed URL has its own limits.
#[tokio::test]
async fn signed_downloads_ignore_the_download_rate() {
    let folder = tempfile::tempdir().unwrap();
    let config = unlimited().with_downloads(Downloads::Signed);
    let server = simulated(config).await;
    let rates = Rates::unlimited().with_downloads(Rate::per_minute(1.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    for key in 0..20 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    let all = async {
        let mut files = 0;
        while let Some(finished) = exports.next().await {
            finished.outcome.unwrap();
            files += 1;
        }
        files
    };
    // At that rate it would be 19 minutes.
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), all).await, Ok(20));
}

/// A slow sink that counts concurrent downloads.
struct Slow {
    written: u64,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sink for Slow {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.written)
    }

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.written = offset;
        tokio::task::yield_now().await;
        self.most.fetch_max(self.open.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.written += chunk.len() as u64;
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn limits_bound_what_is_under_way() {
    let server = in_memory::start(unlimited()).await;
    let client = in_memory(&server).build().unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, most_seen) = (Arc::clone(&open), Arc::clone(&most));
    let limits = BatchLimits::default().with_max_downloads(3).with_max_open(5);
    let mut exports = client.exports(limits, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Slow { written: 0, open: Arc::clone(&counted), most: Arc::clone(&most_seen) }))
    });
    for key in 0..40 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    let mut ended = 0;
    while let Some(finished) = exports.next().await {
        finished.outcome.unwrap();
        assert!(exports.counts().open <= 5, "{:?}", exports.counts());
        ended += 1;
    }
    assert_eq!((ended, open.load(Ordering::SeqCst)), (40, 0));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn one_failure_does_not_affect_others() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Rule::new(Endpoint::Submit, Fault::status(404)).of("d3");
    let scenario = Scenario::default().with_rule(failing);
    let server = simulated(unlimited().with_scenario(scenario)).await;
    let client = builder(&server).build().unwrap();
    let taken = path_of(folder.path(), 5);
    fs::create_dir(&taken).unwrap();
    let mut exports = client.exports(BatchLimits::default(), {
        let place = to_files(folder.path());
        move |key| match key {
            7 => ready(Err(io::ErrorKind::StorageFull.into())),
            _ => place(key),
        }
    });
    for key in 0..10 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    let nothing = ExportSpec::document("", DocumentExport::pdf());
    let refused = exports.add(11, client.export(nothing));
    assert!(matches!(refused, Err(ExportError::Spec(_))), "{refused:?}");
    let mut failed = BTreeMap::new();
    let mut done = 0;
    while let Some(finished) = exports.next().await {
        match finished.outcome {
            Ok(_) => done += 1,
            Err(error) => drop(failed.insert(finished.key, error)),
        }
    }
    assert_eq!((done, failed.len()), (7, 3), "{failed:?}");
    assert!(failed.values().any(|error| matches!(error.job(), Some(Error::Refused { .. }))));
    for key in [5, 7] {
        let Some(Error::Local { .. }) = failed[&key].job() else { panic!("{failed:?}") };
        assert!(failed[&key].checkpoint().is_some_and(|it| it.operation().is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_next_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = in_memory::start(unlimited()).await;
    let client = in_memory(&server).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    for key in 0..20 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    let mut ended = HashSet::new();
    loop {
        match poll_times(exports.next(), 1).await {
            None => tokio::time::sleep(Duration::from_millis(1)).await,
            Some(None) => break,
            Some(Some(finished)) => {
                finished.outcome.unwrap();
                assert!(ended.insert(finished.key));
            }
        }
    }
    assert_eq!((ended.len(), server.exports().len()), (20, 20));
}

/// The batch is dropped after this many polls of its future, and another client resumes it from
/// disk.
#[tokio::test(start_paused = true)]
async fn killed_batch_resumes_without_double_submits() {
    for polls in [0, 1, 3, 10, 30, 60, 100, 200] {
        let folder = tempfile::tempdir().unwrap();
        let config = unlimited();
        let server = in_memory::start(config.with_complete_after(Duration::from_millis(5))).await;
        let store = Arc::new(Blocking::new(CheckpointFolder::new(folder.path())));
        let client = || in_memory(&server).checkpoints(Arc::clone(&store) as _).build().unwrap();
        let first = client();
        let mut exports = first.exports(BatchLimits::default(), to_files(folder.path()));
        add_all(&mut exports, &first, 0..12);
        let mut done = HashSet::new();
        for _ in 0..polls {
            match poll_times(exports.next(), 1).await {
                None => tokio::time::sleep(Duration::from_micros(200)).await,
                Some(None) => break,
                Some(Some(finished)) => drop(done.insert(finished.key)),
            }
        }
        drop((exports, first));

        let second = client();
        let mut exports = second.exports(BatchLimits::default(), to_files(folder.path()));
        for key in (0..12).filter(|key| !done.contains(key)) {
            let export = match second.resume_key(&key.to_string()).await.unwrap() {
                Some(export) => export,
                None if path_of(folder.path(), key).exists() => continue,
                None => second.export(spec(key)).with_key(key.to_string()),
            };
            exports.add(key, export).unwrap();
        }
        while let Some(finished) = exports.next().await {
            finished.outcome.unwrap();
        }
        for key in 0..12 {
            assert!(path_of(folder.path(), key).exists(), "{key} after {polls}");
        }
        // Only submits that were under way when the batch was dropped may be sent again.
        let again = server.exports().len() - 12;
        assert!(again <= BatchLimits::default().max_submits, "{again} after {polls}");
    }
}

#[tokio::test]
async fn unsubmitted_exports_can_be_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(unlimited()).await;
    let rates = Rates::unlimited().with_submits(Rate::per_second(20.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    for key in 0..1_000 {
        exports.add(key, client.export(spec(key))).unwrap();
    }
    assert!(exports.next().await.is_some());
    let given_up = exports.withdraw();
    let mut done = 1;
    while let Some(finished) = exports.next().await {
        finished.outcome.unwrap();
        done += 1;
    }
    assert!(given_up.len() > 900, "{}", given_up.len());
    assert_eq!(done + given_up.len(), 1_000);
    assert_eq!(server.exports().len(), done);
}

/// A store that is busy each time, for as long as it is tried this often.
#[derive(Debug, Default)]
struct Busy {
    store: Memory,
    tries: AtomicUsize,
    busy: usize,
    kind: Option<io::ErrorKind>,
}

impl CheckpointStore for Busy {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        self.store.load(key)
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        let is_busy = self.tries.fetch_add(1, Ordering::Relaxed) % (self.busy + 1) < self.busy;
        match self.kind.filter(|_| is_busy) {
            Some(kind) => Box::pin(async move { Err(kind.into()) }),
            None => self.store.store(key, checkpoint),
        }
    }

    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a> {
        self.store.remove(key)
    }
}

/// One job that fails because of its store would end them all.
#[tokio::test(start_paused = true)]
async fn store_that_is_busy_for_a_moment_ends_no_job() {
    let run = |busy, kind| async move {
        let server = in_memory::start(unlimited()).await;
        let store = Arc::new(Busy { busy, kind: Some(kind), ..Busy::default() });
        let client = in_memory::builder(&server).checkpoints(store).build().unwrap();
        let mut exports = client.exports(BatchLimits::default(), |_| ready(Ok(Disk::default())));
        exports.add(1, client.export(spec(1)).with_key("1")).unwrap();
        let finished = exports.next().await.unwrap();
        (finished.outcome.is_ok(), server.exports().len())
    };
    assert_eq!(run(5, io::ErrorKind::ResourceBusy).await, (true, 1));
    // It takes longer than a request may.
    assert_eq!(run(60, io::ErrorKind::TimedOut).await, (false, 0));
    assert_eq!(run(1, io::ErrorKind::StorageFull).await, (false, 0));
}
