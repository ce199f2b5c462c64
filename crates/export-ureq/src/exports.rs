//! Runs many exports on a few threads.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use export_core::batch::{Batch, BatchLimits, BatchStep, Counts, JobKey, Turn};
use export_core::{Artifact, ExportJob};
use export_host::{ExportError, Finished, JobObserver, SharedTurns};

use crate::checkpoint_writer::CheckpointWriter;
use crate::client::ClientInner;
use crate::drive::{DriveEnd, Driver};
use crate::export::{Export, export_result};
use crate::sink::Sink;
use crate::stopper::Stopper;
use crate::transport::Transport;

/// Any number of exports on a few threads.
///
/// They share the client's tokens and [pacer](export_core::pacer::Pacer), and each thread keeps its
/// connection. The threads and [`BatchLimits`](export_core::batch::BatchLimits) bound how many are under
/// way at once, and so the memory: an export that waits takes about a kilobyte and no thread, and
/// its sink is opened when its download starts.
///
/// It is an iterator over the exports that have ended, in the order in which they end. The first
/// call of [`next`](Iterator::next) starts the threads. Dropping it stops them.
///
/// ```no_run
/// # fn run(client: export_ureq::Client) -> Result<(), export_ureq::ExportError> {
/// use export_ureq::{BatchLimits, DocumentExport, ExportSpec, FileSink};
///
/// let open = |key| Ok(FileSink::to_file(format!("report-{key}.pdf")));
/// let mut exports = client.exports(BatchLimits::default(), open);
/// for (key, id) in [(1, "124efa2a142f472ba1ceab34ed18915f"), (2, "8a2c")] {
///     exports.add(key, client.export(ExportSpec::document(id, DocumentExport::pdf())))?;
/// }
/// for finished in exports {
///     match finished.outcome {
///         Ok(artifact) => println!("{}: {:?}", finished.key, artifact.length()),
///         Err(error) => println!("{}: {error}", finished.key),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # After a crash
///
/// Give each export its own key in the client's store ([`Export::with_key`]). After a crash, add
/// what [`Client::resume_key`](crate::Client::resume_key) returns. Store
/// [`Client::pacer`](crate::Client::pacer) to keep what was learned of the service's limits.
pub struct Exports<S> {
    shared: Arc<Shared<S>>,
    max_threads: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Shared<S> {
    client: Arc<ClientInner>,
    stopper: Stopper,
    open: OpenSink<S>,
    state: Mutex<SharedState<S>>,
    changed: Condvar,
}

type OpenSink<S> = Box<dyn Fn(JobKey) -> io::Result<S> + Send + Sync>;

struct SharedState<S> {
    batch: Batch,
    pacer: SharedTurns,
    /// The parts of the drivers of the jobs that are not handed out.
    parked: HashMap<JobKey, DriverParts>,
    finished: VecDeque<Finished<S>>,
    is_closed: bool,
    /// A thread has panicked, and its job is lost.
    has_panicked: bool,
}

/// What the drivers of a job pass on from turn to turn.
type DriverParts = (JobObserver, CheckpointWriter);

/// The number of threads by default.
const THREADS: usize = 8;

/// The threads pause while this many ended exports were not returned yet.
const MAX_FINISHED: usize = 64;

impl<S> fmt::Debug for Exports<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.shared.state().batch.counts();
        f.debug_struct("Exports").field("counts", &counts).finish_non_exhaustive()
    }
}

impl<S: Sink + Send + 'static> Exports<S> {
    pub(crate) fn new(
        client: Arc<ClientInner>,
        limits: BatchLimits,
        open: impl Fn(JobKey) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let state = SharedState {
            batch: Batch::new(limits),
            pacer: client.pacer.turns(),
            parked: HashMap::new(),
            finished: VecDeque::new(),
            is_closed: false,
            has_panicked: false,
        };
        let shared = Shared {
            client,
            stopper: Stopper::new(),
            open: Box::new(open),
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), max_threads: THREADS, threads: Vec::new() }
    }

    /// Sets the maximum number of threads. **8** by default, at least 1.
    ///
    /// A poll or a submit takes a thread until it is answered, and a download until it is complete.
    /// Exports that wait take none.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.max_threads = threads.max(1);
        self
    }

    /// Lets `stopper` stop all exports from another thread: each that has not ended yet ends with
    /// [`ExportError::Stopped`]. The stopper of a single export has no effect in a batch.
    #[must_use]
    pub fn with_stopper(self, stopper: &Stopper) -> Self {
        stopper.add_child(&self.shared.stopper);
        self
    }

    /// Adds a new or a resumed export. `key` identifies it when its sink is opened and when it has
    /// ended, and must be unique.
    ///
    /// # Errors
    ///
    /// Fails if the export cannot be started, because its spec is invalid, for example.
    pub fn add(&mut self, key: JobKey, export: Export) -> Result<(), ExportError> {
        let (job, observer, writer) = export.into_parts()?;
        let mut state = self.shared.state();
        state.parked.insert(key, (observer, writer));
        state.batch.add(self.shared.client.clock.now(), key, job);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Removes the exports that the service has not accepted yet, except those whose submit is
    /// under way. No more exports are submitted; those that were accepted continue. Returns the
    /// keys of the removed exports.
    pub fn withdraw(&mut self) -> Vec<JobKey> {
        let mut state = self.shared.state();
        let keys: Vec<JobKey> = state.batch.withdraw().map(|(key, _)| key).collect();
        for key in &keys {
            state.parked.remove(key);
        }
        keys
    }

    /// The number of exports in each phase.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.state().batch.counts()
    }

    /// Starts the threads. If the system refuses to start some, it continues with fewer; without
    /// any, all exports fail.
    fn start(&mut self) {
        while self.threads.len() < self.max_threads {
            let shared = Arc::clone(&self.shared);
            let started =
                thread::Builder::new().name("exports".into()).spawn(move || shared.work());
            match started {
                Ok(thread) => self.threads.push(thread),
                Err(error) => {
                    if self.threads.is_empty() {
                        let error = ExportError::Thread(error.into());
                        self.shared.state().end_all(|_| error.clone());
                    }
                    return;
                }
            }
        }
    }
}

impl<S: Sink + Send + 'static> Iterator for Exports<S> {
    type Item = Finished<S>;

    /// Waits for the next export that ends; `None` if all have.
    ///
    /// # Panics
    ///
    /// Panics if a sink or a callback has panicked.
    fn next(&mut self) -> Option<Finished<S>> {
        self.start();
        let mut state = self.shared.state();
        loop {
            if let Some(finished) = state.finished.pop_front() {
                drop(state);
                self.shared.changed.notify_all();
                return Some(finished);
            }
            if state.has_panicked {
                drop(state);
                self.propagate_panic();
            }
            if state.batch.is_empty() {
                return None;
            }
            state = self.shared.wait(state);
        }
    }
}

impl<S> Exports<S> {
    /// Stops and joins the threads.
    fn close(&mut self) -> Vec<thread::Result<()>> {
        self.shared.state().is_closed = true;
        self.shared.stopper.stop();
        self.shared.changed.notify_all();
        self.threads.drain(..).map(JoinHandle::join).collect()
    }

    /// Panics with the payload of the thread that has panicked.
    fn propagate_panic(&mut self) -> ! {
        let ends = self.close();
        match ends.into_iter().find_map(Result::err) {
            Some(payload) => resume_unwind(payload),
            None => unreachable!("a thread has panicked"),
        }
    }
}

impl<S> Drop for Exports<S> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<S> Shared<S> {
    fn state(&self) -> MutexGuard<'_, SharedState<S>> {
        // It is consistent between any two of its changes, and none of them panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, SharedState<S>>) -> MutexGuard<'a, SharedState<S>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all waiting threads. Takes the lock first, so that a thread that has checked the
    /// condition and does not wait yet is not missed.
    fn wake_all(&self) {
        drop(self.state());
        self.changed.notify_all();
    }
}

impl<S: Sink + Send + 'static> Shared<S> {
    /// The loop of a thread.
    fn work(self: Arc<Self>) {
        let woken = Arc::clone(&self);
        let _interruptible = self.stopper.on_stop(move || woken.wake_all());
        let _panic_flag = PanicFlag(&self);
        let mut transport = Some(Transport::new(&self.client.net));
        let mut state = self.state();
        while !state.is_closed {
            if self.stopper.is_stopped() {
                if state.end_all(stopped) {
                    self.changed.notify_all();
                }
                state = self.wait(state);
                continue;
            }
            if state.finished.len() >= MAX_FINISHED {
                state = self.wait(state);
                continue;
            }
            let clock = &self.client.clock;
            let SharedState { batch, pacer, .. } = &mut *state;
            let step = batch.step(clock.now(), pacer);
            state = match step {
                BatchStep::Turn(turn) => {
                    let Some(parts) = state.parked.remove(&turn.key()) else { continue };
                    drop(state);
                    // There may be a turn for another thread.
                    self.changed.notify_one();
                    let result = self.take_turn(turn, parts, &mut transport);
                    let mut state = self.state();
                    self.put_back(&mut state, result);
                    self.changed.notify_all();
                    state
                }
                BatchStep::Wait(until) => {
                    let wait = until.since(clock.now());
                    let woken = self.changed.wait_timeout(state, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                BatchStep::Busy | BatchStep::Done => self.wait(state),
            };
        }
    }

    /// Runs a job's turn.
    fn take_turn(
        &self,
        mut turn: Turn,
        (observer, writer): DriverParts,
        transport: &mut Option<Transport>,
    ) -> TurnResult<S> {
        let connection = transport.take().unwrap_or_else(|| Transport::new(&self.client.net));
        let mut driver = Driver::on(connection, &self.client, observer, writer, &self.stopper);
        let permit = turn.take_permit();
        let mut sink = LazySink { open: &self.open, key: turn.key(), sink: None };
        let outcome = driver.take_turn(turn.job(), permit, &mut sink);
        let sink = sink.sink;
        let outcome = outcome.map(|outcome| {
            let artifact = export_result(turn.job(), DriveEnd::Done(outcome))?;
            driver.remove_checkpoint().map(|()| artifact)
        });
        let (observer, writer, connection) = driver.into_parts();
        *transport = Some(connection);
        TurnResult { turn, parts: (observer, writer), outcome, sink }
    }

    fn put_back(&self, state: &mut SharedState<S>, result: TurnResult<S>) {
        let TurnResult { turn, parts, outcome, sink } = result;
        let (key, now) = (turn.key(), self.client.clock.now());
        let ended = state.batch.put_back(now, &mut state.pacer, turn);
        match (ended, outcome) {
            (Some(_), Some(outcome)) => {
                state.finished.push_back(Finished::new(key, outcome, sink));
                return;
            }
            // Its deadline has passed since its turn: the next turn returns the outcome.
            (Some(ended), None) => state.batch.add(now, key, ended.job),
            (None, _) => {}
        }
        state.parked.insert(key, parts);
    }
}

/// The result of a job's turn.
struct TurnResult<S> {
    turn: Turn,
    parts: DriverParts,
    outcome: Option<Result<Artifact, ExportError>>,
    sink: Option<S>,
}

impl<S> SharedState<S> {
    /// Ends all jobs that are not handed out. Returns whether there were any.
    fn end_all(&mut self, why: impl Fn(&ExportJob) -> ExportError) -> bool {
        let mut is_any = false;
        for (key, job) in self.batch.drain() {
            self.finished.push_back(Finished::new(key, Err(why(&job)), None));
            self.parked.remove(&key);
            is_any = true;
        }
        is_any
    }
}

fn stopped(job: &ExportJob) -> ExportError {
    ExportError::Stopped { checkpoint: Box::new(job.checkpoint()) }
}

/// A sink that is opened for its first byte, so that requests that download nothing open none.
struct LazySink<'a, S> {
    open: &'a OpenSink<S>,
    key: JobKey,
    sink: Option<S>,
}

impl<S: Sink> LazySink<'_, S> {
    fn opened(&mut self) -> io::Result<&mut S> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => (self.open)(self.key)?,
        };
        Ok(self.sink.insert(sink))
    }
}

impl<S: Sink> Sink for LazySink<'_, S> {
    fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.opened()?.have(operation)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.opened()?.begin(artifact, offset)
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.opened()?.write(chunk)
    }

    fn sync(&mut self) -> io::Result<u64> {
        self.opened()?.sync()
    }

    fn takes_several(&self) -> bool {
        self.sink.as_ref().is_some_and(S::takes_several)
    }

    fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        self.opened()?.finish(artifact)
    }
}

/// Reports a panic of its thread to the other threads.
struct PanicFlag<'a, S>(&'a Shared<S>);

impl<S> Drop for PanicFlag<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().has_panicked = true;
            self.0.changed.notify_all();
        }
    }
}
