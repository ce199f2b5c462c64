//! Batches on a few threads.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{Config, Downloads, Endpoint, Fault, Nth, Rule, Scenario, Server};
use export_ureq::{
    Artifact, BatchLimits, CheckpointFolder, Client, DocumentExport, Error, ExportError,
    ExportSpec, Exports, FileSink, Pacer, Rate, Rates, Sink, Stopper,
};
use http::StatusCode;

use crate::simulated::{builder, simulated, unlimited};

fn spec(key: u64) -> ExportSpec {
    ExportSpec::document(format!("d{key}"), DocumentExport::pdf())
}

fn to_files(folder: &Path) -> impl Fn(u64) -> io::Result<FileSink> + use<> {
    let folder = folder.to_owned();
    move |key| Ok(FileSink::to_file(path_of(&folder, key)))
}

fn path_of(folder: &Path, key: u64) -> PathBuf {
    folder.join(format!("{key}.pdf"))
}

fn add_all<S: Sink + Send + 'static>(
    exports: &mut Exports<S>,
    client: &Client,
    keys: impl IntoIterator<Item = u64>,
) {
    for key in keys {
        exports.add(key, client.export(spec(key))).unwrap();
    }
}

fn requests_to(server: &Server, endpoint: Endpoint) -> usize {
    server.requests().iter().filter(|it| it.endpoint() == endpoint).count()
}

fn refused(server: &Server) -> usize {
    let too_many = Some(StatusCode::TOO_MANY_REQUESTS);
    server.requests().iter().filter(|it| it.status() == too_many).count()
}

#[test]
fn batch_completes_within_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(Config::default().with_operations_rate(50.0));
    let rates = Rates::unlimited().with_operations(Rate::per_second(50.0));
    let store = Arc::new(CheckpointFolder::new(folder.path()));
    let client = builder(&server).pacer(Pacer::new(rates)).checkpoints(store).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    for key in 0..100 {
        exports.add(key, client.export(spec(key)).with_key(key.to_string())).unwrap();
    }
    let mut files = HashSet::new();
    for finished in exports {
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
#[test]
fn signed_downloads_ignore_the_download_rate() {
    let folder = tempfile::tempdir().unwrap();
    let config = unlimited().with_downloads(Downloads::Signed);
    let server = simulated(config);
    let rates = Rates::unlimited().with_downloads(Rate::per_second(0.2));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let began = Instant::now();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    add_all(&mut exports, &client, 0..5);
    let outcomes: Vec<_> = exports.map(|finished| finished.outcome).collect();
    assert!(outcomes.len() == 5 && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    // At that rate it would be 20 seconds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// A slow sink that counts concurrent downloads.
struct Slow {
    written: u64,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Sink for Slow {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.written)
    }

    fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.written = offset;
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.written += chunk.len() as u64;
        thread::sleep(Duration::from_millis(2));
        Ok(())
    }

    fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        self.open.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn limits_bound_what_is_under_way() {
    let server = simulated(unlimited());
    let client = builder(&server).build().unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, most_seen) = (Arc::clone(&open), Arc::clone(&most));
    let limits = BatchLimits::default().with_max_downloads(3).with_max_open(5);
    let exports = client.exports(limits, move |_| {
        Ok(Slow { written: 0, open: Arc::clone(&counted), most: Arc::clone(&most_seen) })
    });
    let mut exports = exports.with_threads(6);
    add_all(&mut exports, &client, 0..40);
    let mut ended = 0;
    while let Some(finished) = exports.next() {
        finished.outcome.unwrap();
        assert!(exports.counts().open <= 5, "{:?}", exports.counts());
        ended += 1;
    }
    drop(exports);
    assert_eq!((ended, open.load(Ordering::SeqCst)), (40, 0));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn one_failure_does_not_affect_others() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Rule::new(Endpoint::Submit, Fault::status(404)).on(Nth::Only(3));
    let scenario = Scenario::default().with_rule(failing);
    let server = simulated(unlimited().with_scenario(scenario));
    let client = builder(&server).build().unwrap();
    fs::create_dir(path_of(folder.path(), 5)).unwrap();
    // One submit at a time, so that the third one is not one of these two.
    let limits = BatchLimits::default().with_max_submits(1);
    let mut exports = client.exports(limits, {
        let place = to_files(folder.path());
        move |key| match key {
            7 => Err(io::ErrorKind::StorageFull.into()),
            _ => place(key),
        }
    });
    add_all(&mut exports, &client, 0..10);
    let nothing = ExportSpec::document("", DocumentExport::pdf());
    let refused = exports.add(11, client.export(nothing));
    assert!(matches!(refused, Err(ExportError::Spec(_))), "{refused:?}");
    let mut failed = BTreeMap::new();
    let mut done = 0;
    for finished in exports {
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

#[test]
fn stopper_ends_every_export() {
    let server = simulated(Config::default().with_complete_after(Duration::from_secs(600)));
    let stopper = Stopper::new();
    let client = builder(&server).build().unwrap();
    let exports = client.exports(BatchLimits::default(), to_files(Path::new("nowhere")));
    let mut exports = exports.with_stopper(&stopper);
    add_all(&mut exports, &client, 0..30);
    let waiting = thread::spawn(move || exports.map(|finished| finished.outcome).collect());
    while server.exports().len() < 5 {
        thread::sleep(Duration::from_millis(1));
    }
    stopper.stop();
    let outcomes: Vec<Result<Artifact, ExportError>> = waiting.join().unwrap();
    assert_eq!(outcomes.len(), 30);
    let accepted = outcomes.iter().filter(|outcome| match outcome {
        Err(ExportError::Stopped { checkpoint }) => checkpoint.operation().is_some(),
        other => panic!("{other:?}"),
    });
    assert!(accepted.count() >= 4);
}

#[test]
fn drop_joins_all_threads() {
    let server = simulated(Config::default().with_complete_after(Duration::from_secs(600)));
    let client = builder(&server).build().unwrap();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let mut exports = client.exports(BatchLimits::default(), move |_| {
        let _ = &held;
        Err::<FileSink, _>(io::ErrorKind::Unsupported.into())
    });
    exports.add(0, client.attach("no-such-operation")).unwrap();
    add_all(&mut exports, &client, 1..9);
    assert!(exports.next().unwrap().outcome.is_err());
    drop(exports);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn sink_panic_is_propagated() {
    let server = simulated(unlimited());
    let client = builder(&server).build().unwrap();
    let place = |key| match key {
        3 => panic!("the third one"),
        _ => Err::<FileSink, _>(io::ErrorKind::Unsupported.into()),
    };
    let mut exports = client.exports(BatchLimits::default(), place);
    add_all(&mut exports, &client, 0..9);
    let payload = catch_unwind(AssertUnwindSafe(|| exports.by_ref().count())).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the third one"));
}

#[test]
fn unsubmitted_exports_can_be_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(unlimited());
    let rates = Rates::unlimited().with_submits(Rate::per_second(20.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), to_files(folder.path()));
    add_all(&mut exports, &client, 0..1_000);
    assert!(exports.next().is_some());
    let given_up = exports.withdraw();
    let mut done = 1;
    for finished in exports {
        finished.outcome.unwrap();
        done += 1;
    }
    assert!(given_up.len() > 900, "{}", given_up.len());
    assert_eq!(done + given_up.len(), 1_000);
    assert_eq!(server.exports().len(), done);
}
