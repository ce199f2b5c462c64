//! A pacer that several clients share in a file, each of them with a clock of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_core::Timestamp;
use export_core::batch::Turns as _;
use export_core::pacer::{Pacer, Rate, Rates, RequestClass};
use export_host::{PaceFile, PaceStore, PacedRequest, SharedPacer};
use fs4::FileExt;
use http::Response;

const CLASS: RequestClass = RequestClass::Operation;
const POLL: Option<RequestClass> = Some(CLASS);

/// The clocks of the processes of a test, in milliseconds.
#[derive(Clone, Debug)]
struct TestClock(Arc<AtomicU64>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(Timestamp::from_date(2026, 11, 27).as_millis().into()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn set_back(&self, time: Duration) {
        self.0.fetch_sub(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// A process that polls at this rate, if it was given one.
#[derive(Debug)]
struct Process {
    pacer: Arc<SharedPacer>,
    clock: TestClock,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Process {
    fn start(file: &Path, clock: &TestClock, rate: Option<f64>) -> Self {
        let failures = Arc::<Mutex<Vec<String>>>::default();
        let (now, failed) = (clock.clone(), Arc::clone(&failures));
        let store = PaceFile::new(file)
            .with_clock(move || now.now())
            .with_on_failure(move |error| failed.lock().unwrap().push(error.to_string()));
        let rates = Rates::default();
        let rates = rate.map_or(rates, |rate| rates.with_operations(Rate::per_second(rate)));
        let pacer = SharedPacer::with_store(Pacer::new(rates), Some(Arc::new(store)));
        Self { pacer: Arc::new(pacer), clock: clock.clone(), failures }
    }

    /// Sends a poll, or says how many **milliseconds** to wait.
    fn poll(&self) -> Result<PacedRequest, u128> {
        let mut request = PacedRequest::new(Arc::clone(&self.pacer));
        let now = self.clock.now();
        match request.confirm(now, POLL) {
            Ok(()) => Ok(request),
            Err(later) => Err(later.since(now).as_millis()),
        }
    }

    fn wait(&self) -> Option<u128> {
        self.poll().map(drop).err()
    }

    fn failures(&self) -> usize {
        self.failures.lock().unwrap().len()
    }
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pace.json");
    (folder, file)
}

/// The first poll of a night is answered 429, since another client has used what is allowed. What was
/// counted since the last 429, which was the night before, says nothing about the limit.
#[test]
fn counts_of_the_night_before_are_forgotten() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let process = Process::start(&file, &clock, Some(5.0));
    let busy = Response::builder().status(429).body(()).unwrap();
    process.poll().unwrap().handle_head(clock.now(), &busy);
    for _ in 0..20 {
        // As soon as the rate allows.
        while let Err(millis) = process.poll().map(|mut request| {
            request.handle_head(clock.now(), &Response::new(()));
        }) {
            clock.advance(Duration::from_millis(millis as u64));
        }
    }
    clock.advance(Duration::from_secs(20 * 3_600));
    process.poll().unwrap().handle_head(clock.now(), &busy);
    assert_eq!(process.pacer.pacer().per_second(CLASS), Some(5.0));
}

#[test]
fn processes_share_one_rate() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let (one, two) =
        (Process::start(&file, &clock, Some(1.0)), Process::start(&file, &clock, Some(1.0)));
    assert_eq!(one.wait(), None);
    assert_eq!(two.wait(), Some(1_000));
    clock.advance(Duration::from_millis(600));
    assert_eq!(one.wait(), Some(400));
    assert_eq!(Process::start(&file, &clock, None).wait(), Some(400));
}

#[test]
fn batches_have_their_turns_in_order() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let processes = [(); 4].map(|()| Process::start(&file, &clock, Some(1.0)));
    let mut turns = processes.each_ref().map(|process| process.pacer.turns());
    let mut order = Vec::new();
    for _ in 0..80 {
        for (number, turns) in turns.iter_mut().enumerate() {
            let now = clock.now();
            if turns.try_reserve(now, CLASS).is_ok() {
                order.push((number, now));
            }
        }
        clock.advance(Duration::from_millis(100));
    }
    let numbers: Vec<_> = order.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 0, 1, 2, 3]);
    assert!(order.windows(2).all(|two| two[1].1.since(two[0].1) == Duration::from_secs(1)));
}

#[test]
fn a_429_to_one_process_holds_back_the_others() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let (one, two) = (Process::start(&file, &clock, None), Process::start(&file, &clock, None));
    let mut request = one.poll().unwrap();
    let busy = Response::builder().status(429).header("retry-after", "9").body(()).unwrap();
    request.handle_head(clock.now(), &busy);
    assert!(two.wait() >= Some(9_000), "{:?}", two.wait());
    assert_eq!(two.pacer.held_for(clock.now()), Some(Duration::from_secs(9)));
}

/// Neither waits for the clock to be there again.
#[test]
fn clock_that_is_set_back_changes_no_wait() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let one = Process::start(&file, &clock, Some(1.0));
    assert_eq!(one.wait(), None);
    clock.set_back(Duration::from_secs(3_600));
    let two = Process::start(&file, &clock, Some(1.0));
    assert_eq!((one.wait(), two.wait()), (Some(1_000), Some(1_000)));
    clock.advance(Duration::from_millis(1_000));
    assert_eq!((one.wait(), two.wait()), (None, Some(1_000)));
}

/// On two machines. The one that is behind follows the other, and time does not run faster.
#[test]
fn clocks_that_differ_share_one_rate() {
    let (_folder, file) = folder();
    let (early, late) = (TestClock::new(), TestClock::new());
    late.advance(Duration::from_secs(300));
    let (one, two) =
        (Process::start(&file, &early, Some(1.0)), Process::start(&file, &late, Some(1.0)));
    let mut sent = Vec::new();
    for millis in (0..20_000).step_by(100) {
        sent.extend([&one, &two].iter().filter(|it| it.wait().is_none()).map(|_| millis));
        early.advance(Duration::from_millis(100));
        late.advance(Duration::from_millis(100));
    }
    // The first one does not know the other's clock yet.
    assert_eq!(sent[..2], [0, 0]);
    assert!(sent[1..].windows(2).all(|two| two[1] - two[0] == 1_000), "{sent:?}");
}

#[test]
fn damaged_file_is_replaced() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let far = r#"{"version":1,"time":9999999999999999,"pacer":null}"#;
    let newer = r#"{"version":2,"time":1,"pacer":{}}"#;
    for text in ["", "{", "\0\0\0", newer, far, &"x".repeat(20_000)] {
        fs::write(&file, text).unwrap();
        let one = Process::start(&file, &clock, Some(1.0));
        assert_eq!(one.wait(), None, "{text}");
        assert_eq!(Process::start(&file, &clock, Some(1.0)).wait(), Some(1_000), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().len() % 4_096, 0);
        assert_eq!(one.failures(), 0);
        // A process that runs goes on with what it knows.
        fs::write(&file, text).unwrap();
        assert_eq!(one.wait(), Some(1_000), "{text}");
    }
}

#[test]
fn file_that_was_removed_is_made_again() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let one = Process::start(&file, &clock, Some(1.0));
    assert_eq!(one.wait(), None);
    fs::remove_file(&file).unwrap();
    assert_eq!((one.wait(), one.failures()), (Some(1_000), 0));
    assert_eq!(Process::start(&file, &clock, Some(1.0)).wait(), Some(1_000));
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, file) = folder();
    assert_eq!(Process::start(&file, &TestClock::new(), None).wait(), None);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A process that was stopped in the moment in which it had the lock.
#[test]
fn file_that_stays_locked_is_left_alone() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let process = Process::start(&file, &clock, Some(1.0));
    assert_eq!(process.wait(), None);
    let stopped = fs::OpenOptions::new().write(true).open(&file).unwrap();
    FileExt::lock(&stopped).unwrap();
    for _ in 0..400 {
        assert_eq!((process.wait(), process.failures()), (Some(5), 0));
        clock.advance(Duration::from_millis(5));
    }
    // It goes on with what it knows.
    assert_eq!((process.wait(), process.failures()), (None, 1));
    assert_eq!(process.wait(), Some(1_000));
    clock.advance(Duration::from_secs(30));
    FileExt::unlock(&stopped).unwrap();
    let before = fs::read(&file).unwrap();
    assert_eq!((process.wait(), process.failures()), (None, 1));
    assert_ne!(fs::read(&file).unwrap(), before);
}

/// What came while the file was locked is stored later.
#[test]
fn answers_are_not_lost_while_the_file_is_locked() {
    let (_folder, file) = folder();
    let clock = TestClock::new();
    let (one, two) = (Process::start(&file, &clock, None), Process::start(&file, &clock, None));
    let mut request = one.poll().unwrap();
    let locked = fs::OpenOptions::new().write(true).open(&file).unwrap();
    FileExt::lock(&locked).unwrap();
    let busy = Response::builder().status(429).header("retry-after", "9").body(()).unwrap();
    request.handle_head(clock.now(), &busy);
    clock.advance(Duration::from_millis(500));
    FileExt::unlock(&locked).unwrap();
    assert!(one.wait() >= Some(8_500));
    assert!(two.wait() >= Some(8_500));
    assert_eq!(two.pacer.held_for(clock.now()), Some(Duration::from_millis(8_500)));
}

#[test]
fn process_without_a_file_goes_on_alone() {
    let (folder, _) = folder();
    let clock = TestClock::new();
    let process = Process::start(&folder.path().join("missing").join("pace"), &clock, Some(1.0));
    assert_eq!((process.wait(), process.wait()), (None, Some(1_000)));
    assert_eq!(process.failures(), 1);
}

/// A store of a file system without locks.
#[derive(Debug, Default)]
struct NoLocks {
    calls: AtomicUsize,
    failures: AtomicUsize,
}

impl PaceStore for NoLocks {
    fn update(&self, _: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::Unsupported.into())
    }

    fn on_failure(&self, _: &io::Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn store_that_fails_is_seldom_tried_and_reported_once() {
    let store = Arc::new(NoLocks::default());
    let pacer = Pacer::new(Rates::default().with_operations(Rate::per_second(1.0)));
    let pacer = Arc::new(SharedPacer::with_store(pacer, Some(Arc::clone(&store) as _)));
    let clock = TestClock::new();
    let mut sent = 0;
    for _ in 0..100 {
        sent += u32::from(PacedRequest::new(Arc::clone(&pacer)).confirm(clock.now(), POLL).is_ok());
        clock.advance(Duration::from_millis(1_000));
    }
    assert_eq!(sent, 100);
    assert_eq!(store.calls.load(Ordering::Relaxed), 4);
    assert_eq!(store.failures.load(Ordering::Relaxed), 1);
}

/// A store in memory that counts its calls.
#[derive(Debug)]
struct Counting {
    clock: TestClock,
    stored: Mutex<Option<Pacer>>,
    calls: AtomicUsize,
}

impl PaceStore for Counting {
    fn update(&self, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        f(self.clock.now(), &mut self.stored.lock().unwrap());
        Ok(())
    }

    fn on_failure(&self, error: &io::Error) {
        panic!("{error}");
    }
}

fn counting(rate: f64) -> (Arc<SharedPacer>, Arc<Counting>) {
    let clock = TestClock::new();
    let store = Arc::new(Counting { clock, stored: Mutex::default(), calls: AtomicUsize::new(0) });
    let pacer = Pacer::new(Rates::default().with_operations(Rate::per_second(rate)));
    (Arc::new(SharedPacer::with_store(pacer, Some(Arc::clone(&store) as _))), store)
}

/// At a fast rate, the time of more calls would be felt.
#[test]
fn fast_requests_need_one_call_each() {
    for (rate, calls) in [(1_000.0, 1), (1.0, 3)] {
        let (pacer, store) = counting(rate);
        let (mut turns, clock) = (pacer.turns(), &store.clock);
        for _ in 0..100 {
            clock.advance(Duration::from_millis(1_000));
            let mut request = PacedRequest::new(Arc::clone(&pacer));
            request.hold(Some(turns.try_reserve(clock.now(), CLASS).unwrap()));
            assert_eq!(request.confirm(clock.now(), POLL), Ok(()));
            request.handle_head(clock.now(), &Response::new(()));
        }
        drop(turns);
        assert_eq!(store.calls.load(Ordering::Relaxed), 100 * calls + usize::from(calls == 1));
    }
}

/// All of them have waited for one token.
#[test]
fn turns_that_are_too_old_are_taken_again() {
    let (pacer, store) = counting(50.0);
    let (mut turns, clock) = (pacer.turns(), &store.clock);
    let mut requests: Vec<_> = (0..20)
        .map(|_| {
            let mut request = PacedRequest::new(Arc::clone(&pacer));
            request.hold(Some(turns.try_reserve(clock.now(), CLASS).unwrap()));
            clock.advance(Duration::from_millis(20));
            request
        })
        .collect();
    clock.advance(Duration::from_secs(10));
    let sent = |it: &mut PacedRequest| it.confirm(clock.now(), POLL).is_ok();
    // As many as after any pause, and not all of them.
    assert_eq!(requests.iter_mut().filter_map(|it| sent(it).then_some(())).count(), 5);
}

#[test]
fn headers_that_wait_for_the_store_hold_no_secret() {
    let (pacer, store) = counting(1_000.0);
    let mut request = PacedRequest::new(Arc::clone(&pacer));
    request.confirm(store.clock.now(), POLL).unwrap();
    let head = Response::builder().header("set-cookie", "session=s3cret").header("date", "today");
    request.handle_head(store.clock.now(), &head.body(()).unwrap());
    let shown = format!("{pacer:?}");
    assert!(shown.contains("today") && !shown.contains("s3cret"), "{shown}");
}
