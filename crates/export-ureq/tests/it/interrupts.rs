//! Exports that are stopped at every moment, or crash there as if the process were killed, and are
//! resumed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use export_core::workiva::ArchiveOptions;
use export_sim::{Downloads, Endpoint, Scenario, Server};
use export_ureq::{
    Artifact, Checkpoint, CheckpointStore, Client, Error, Export, ExportError, ExportSpec,
    FileExport, Sink, Stopper, Submitted,
};
use test_servers::spec;

use crate::simulated::{builder, simulated, unlimited};

const LENGTH: u64 = 200_000;

/// A service with one fault in every phase.
fn faulty_service() -> Server {
    service(TROUBLE)
}

const TROUBLE: &str = r#"{"rules": [
        {"match": {"endpoint": "token", "nth": 1}, "then": {"fault": "status", "status": 503}},
        {"match": {"endpoint": "submit", "nth": 1}, "then": {"fault": "status", "status": 429}},
        {"match": {"endpoint": "operation", "nth": 1}, "then": {"fault": "close", "at": {"byte": 10}}},
        {"match": {"endpoint": "storage", "nth": 1}, "then": {"fault": "close", "at": {"byte": 100000}}}
    ]}"#;

fn service(scenario: &str) -> Server {
    let config = unlimited()
        .with_artifact_size(LENGTH)
        .with_downloads(Downloads::Redirect(302))
        .with_scenario(Scenario::from_json(scenario).unwrap());
    simulated(config)
}

/// Counts moments, and stops or crashes a job at one of them.
#[derive(Clone, Default)]
struct Moments {
    stopper: Stopper,
    passed: Arc<AtomicUsize>,
    last: usize,
    how: Interrupt,
}

/// How a job is interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Interrupt {
    #[default]
    Stop,
    /// The thread panics in the middle of its work.
    Crash,
}

const INTERRUPTS: [Interrupt; 2] = [Interrupt::Stop, Interrupt::Crash];

impl Moments {
    fn until(last: usize, how: Interrupt) -> Self {
        Self { last, how, ..Self::default() }
    }

    fn unlimited() -> Self {
        Self::until(usize::MAX, Interrupt::Stop)
    }

    fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::SeqCst) == self.last {
            match self.how {
                Interrupt::Stop => self.stopper.stop(),
                Interrupt::Crash => panic::resume_unwind(Box::new(Crashed)),
            }
        }
    }
}

struct Crashed;

/// Runs an export. Returns its outcome; `None` if it crashed.
fn run_or_crash<T>(
    export: impl FnOnce() -> Result<T, ExportError>,
) -> Option<Result<T, ExportError>> {
    match panic::catch_unwind(AssertUnwindSafe(export)) {
        Ok(outcome) => Some(outcome),
        Err(payload) if payload.is::<Crashed>() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// A checkpoint store. Each call and each event is a moment.
#[derive(Clone, Default)]
struct Memory {
    stored: Arc<Mutex<HashMap<String, Checkpoint>>>,
    moments: Moments,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    fn of_job(&self) -> Option<Checkpoint> {
        self.load("job").unwrap()
    }

    /// The same entries, without interrupts.
    fn uninterrupted(&self) -> Self {
        Self { stored: Arc::clone(&self.stored), moments: Moments::unlimited() }
    }
}

impl CheckpointStore for Memory {
    fn load(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(self.stored.lock().unwrap().get(key).cloned())
    }

    fn store(&self, key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.moments.pass();
        self.stored.lock().unwrap().insert(key.to_owned(), checkpoint.clone());
        self.moments.pass();
        Ok(())
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.moments.pass();
        self.stored.lock().unwrap().remove(key);
        Ok(())
    }
}

fn client(server: &Server, memory: &Memory) -> Client {
    let (events, progress) = (memory.moments.clone(), memory.moments.clone());
    builder(server)
        .checkpoints(Arc::new(memory.clone()))
        .on_event(move |_| events.pass())
        .on_progress(move |_, _| progress.pass())
        .build()
        .unwrap()
}

/// The first run, which is interrupted.
fn first(server: &Server, memory: &Memory) -> Export {
    let export = client(server, memory).export(spec());
    export.with_key("job").with_stopper(&memory.moments.stopper)
}

/// Resumes the export from its checkpoint, or starts it again.
fn resume_export(server: &Server, memory: &Memory) -> Export {
    let client = client(server, &memory.uninterrupted());
    match client.resume_key("job").unwrap() {
        Some(export) => export,
        None => client.export(spec()).with_key("job"),
    }
}

fn submits(server: &Server) -> usize {
    server.requests().iter().filter(|it| it.endpoint() == Endpoint::Submit).count()
}

fn served(server: &Server) -> Vec<u8> {
    server.exports().last().unwrap().content().to_bytes().unwrap().into()
}

/// Exports to a file, is stopped, and resumes. Returns whether it was stopped.
fn stop_and_resume(path: &Path, memory: &Memory, when: &str) -> bool {
    let server = faulty_service();
    let outcome = first(&server, memory).to_file(path);
    let is_stopped = match &outcome {
        Ok(_) => false,
        Err(ExportError::Stopped { .. }) => true,
        Err(error) => panic!("{when}: {error}"),
    };
    assert_eq!(path.exists(), !is_stopped, "{when}: half a file");
    let before = submits(&server);
    let is_accepted = memory.of_job().is_some_and(|it| it.operation().is_some());
    if is_stopped {
        resume_export(&server, memory).to_file(path).unwrap();
    }
    assert!(fs::read(path).unwrap() == served(&server), "{when}");
    if is_accepted {
        assert_eq!(submits(&server), before, "{when}: submitted again");
    }
    assert!(memory.of_job().is_none(), "{when}: a checkpoint remains");
    fs::remove_file(path).unwrap();
    let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "{when}: a part remains");
    is_stopped
}

#[test]
fn file_survives_a_stop_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    for moment in 0.. {
        let memory =
            Memory { moments: Moments::until(moment, Interrupt::Stop), ..Memory::default() };
        let path = folder.path().join("f.pdf");
        if !stop_and_resume(&path, &memory, &moment.to_string()) {
            assert!(moment > 40, "{moment} moments");
            return;
        }
    }
}

#[test]
fn file_survives_a_stop_from_another_thread() {
    let folder = tempfile::tempdir().unwrap();
    for time in (0..20).map(|number| 2 * number).map(Duration::from_millis) {
        let memory = Memory { moments: Moments::unlimited(), ..Memory::default() };
        let stopper = memory.moments.stopper.clone();
        let stopping = thread::spawn(move || {
            // The job is at another step each time.
            thread::sleep(time);
            stopper.stop();
        });
        stop_and_resume(&folder.path().join("f.pdf"), &memory, &format!("{time:?}"));
        stopping.join().unwrap();
    }
}

/// A sink that outlives the export. Each call is a moment.
#[derive(Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    moments: Moments,
}

impl Sink for Disk {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        self.moments.pass();
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.moments.pass();
        self.bytes.lock().unwrap().truncate(offset as usize);
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.moments.pass();
        self.bytes.lock().unwrap().extend_from_slice(chunk);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<u64> {
        self.moments.pass();
        Ok(self.bytes.lock().unwrap().len() as u64)
    }
}

#[test]
fn sink_gets_each_byte_once_after_any_end() {
    for how in INTERRUPTS {
        let mut resumed = 0;
        for moment in 0.. {
            let server = faulty_service();
            let memory = Memory { moments: Moments::until(moment, how), ..Memory::default() };
            let mut disk = Disk { moments: memory.moments.clone(), ..Disk::default() };
            let outcome = run_or_crash(|| first(&server, &memory).to_sink(&mut disk));
            let (before, requests) = (submits(&server), server.requests().len());
            let is_accepted = memory.of_job().is_some_and(|it| it.operation().is_some());
            let is_done = matches!(outcome, Some(Ok(_)));
            if !is_done {
                disk.moments = Moments::unlimited();
                resume_export(&server, &memory).to_sink(&mut disk).unwrap();
            }
            assert!(*disk.bytes.lock().unwrap() == served(&server), "{how:?} {moment}");
            if is_accepted {
                assert_eq!(submits(&server), before, "{how:?} {moment}: submitted again");
            }
            let later = &server.requests()[requests..];
            resumed += usize::from(later.iter().any(|it| it.header("range").is_some()));
            if is_done {
                assert!(moment > 40 && resumed > 3, "{moment} moments, {resumed} by a range");
                break;
            }
        }
    }
}

#[test]
fn interrupted_submit_sends_at_most_one_mail() {
    for how in INTERRUPTS {
        let mut unconfirmed = 0;
        for moment in 0.. {
            let server = faulty_service();
            let memory = Memory { moments: Moments::until(moment, how), ..Memory::default() };
            let export = client(&server, &memory).export(mailed()).with_key("job");
            let export = export.with_stopper(&memory.moments.stopper);
            if matches!(run_or_crash(|| export.submit()), Some(Ok(_))) {
                assert!(moment > 8, "{moment} moments");
                break;
            }
            if let Err(error) = submit_again(&server, &memory) {
                assert!(matches!(error.job(), Some(Error::SubmitUnconfirmed { .. })), "{error}");
                unconfirmed += 1;
            }
            assert!(mails(&server) <= 1, "{how:?} {moment}");
        }
        // A stopped job knows that nothing was sent; a crashed one does not.
        assert_eq!(unconfirmed > 0, how == Interrupt::Crash, "{how:?}: {unconfirmed} unconfirmed");
    }
}

#[test]
fn stopped_submit_is_not_sent_again() {
    let server = service(
        r#"{"rules": [
            {"match": {"endpoint": "submit"}, "then": {"fault": "stall", "at": "before_head"}}
        ]}"#,
    );
    let memory = Memory { moments: Moments::unlimited(), ..Memory::default() };
    let export = client(&server, &memory).export(mailed()).with_key("job");
    let stopper = memory.moments.stopper.clone();
    thread::scope(|scope| {
        let submitting = scope.spawn(|| export.with_stopper(&stopper).submit().unwrap_err());
        while submits(&server) == 0 {
            thread::yield_now();
        }
        stopper.stop();
        let error = submitting.join().unwrap();
        assert!(matches!(error.job(), Some(Error::SubmitUnconfirmed { .. })), "{error}");
    });
    let error = submit_again(&server, &memory).unwrap_err();
    assert!(matches!(error.job(), Some(Error::SubmitUnconfirmed { .. })), "{error}");
    assert_eq!((submits(&server), mails(&server)), (1, 1));
}

/// An export with a notification mail.
fn mailed() -> ExportSpec {
    let mail = ArchiveOptions::default().email_on_complete(true);
    ExportSpec::file("f1", FileExport::folder(mail))
}

fn mails(server: &Server) -> usize {
    server.exports().iter().filter(|it| it.mails()).count()
}

fn submit_again(server: &Server, memory: &Memory) -> Result<Submitted, ExportError> {
    let client = client(server, &memory.uninterrupted());
    let export = match client.resume_key("job").unwrap() {
        Some(export) => export,
        None => client.export(mailed()).with_key("job"),
    };
    export.submit()
}
