//! Many exports on a few threads.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use export_core::{
    Artifact, Batch, BatchState, BatchStep, Counts, ExportJob, Failure, FailureKind, JobKey, Phase,
    Turn,
};
use export_host::{ExportError, Finished, JobObserver};

use crate::client::Shared;
use crate::drive::{Driver, Left};
use crate::export::{Export, ended};
use crate::keeper::Keeper;
use crate::sink::{Memory, Sink};
use crate::stopper::Stopper;
use crate::transport::Transport;

/// Any number of exports, under one pace and on a few threads.
///
/// They share the client's tokens and [pace](export_core::Pacer), and each thread keeps its
/// connection. How many are under way at once is bounded by the threads and by
/// [`BatchLimits`](export_core::BatchLimits), and so is memory: an export that waits takes about a
/// kilobyte and no thread, and nothing is opened for its file before its download begins.
///
/// It is an iterator over the exports that are over, in the order in which they come to their end.
/// The threads begin with the first call of [`next`](Iterator::next). Dropping it stops them.
///
/// ```no_run
/// # fn run(client: export_ureq::Client) -> Result<(), export_ureq::ExportError> {
/// use export_ureq::{BatchLimits, DocumentExport, ExportSpec, FileSink};
///
/// let place = |key| Ok(FileSink::to_file(format!("report-{key}.pdf")));
/// let mut exports = client.exports(BatchLimits::default(), place);
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
/// # Going on after a crash
///
/// Give each export a key of its own in the client's store ([`Export::with_key`]); after a crash,
/// add what [`Client::resume_key`](crate::Client::resume_key) brings back. What was learnt
/// meanwhile is in [`state`](Self::state) and [`Client::pacer`](crate::Client::pacer).
pub struct Exports<S> {
    desk: Arc<Desk<S>>,
    threads: usize,
    running: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Desk<S> {
    client: Arc<Shared>,
    stopper: Stopper,
    open: Open<S>,
    state: Mutex<State<S>>,
    changed: Condvar,
}

type Open<S> = Box<dyn Fn(JobKey) -> io::Result<S> + Send + Sync>;

struct State<S> {
    batch: Batch,
    /// Who watches and keeps each job that is not handed out.
    attendants: HashMap<JobKey, (JobObserver, Keeper)>,
    finished: VecDeque<Finished<S>>,
    is_closed: bool,
    /// A thread has come to a bad end, with whatever it had in hands.
    is_broken: bool,
}

/// So many threads, unless another number is set.
const THREADS: usize = 8;

/// Exports that are over wait for whoever asks for them; no thread goes on beyond this many.
const MOST_FINISHED: usize = 64;

impl<S> fmt::Debug for Exports<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.desk.state().batch.counts();
        f.debug_struct("Exports").field("counts", &counts).finish_non_exhaustive()
    }
}

impl<S: Sink + Send + 'static> Exports<S> {
    pub(crate) fn new(
        client: Arc<Shared>,
        state: BatchState,
        open: impl Fn(JobKey) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            batch: Batch::resumed(state),
            attendants: HashMap::new(),
            finished: VecDeque::new(),
            is_closed: false,
            is_broken: false,
        };
        let desk = Desk {
            client,
            stopper: Stopper::new(),
            open: Box::new(open),
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        Self { desk: Arc::new(desk), threads: THREADS, running: Vec::new() }
    }

    /// How many threads there are at most. **8** by default; 1 at least.
    ///
    /// A poll or a submit takes one for as long as its answer takes, a download for as long as it
    /// lasts. Exports that wait take none.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Lets `stopper` end all of them from another thread: each that is not over yet ends with
    /// [`ExportError::Stopped`]. A stopper of a single export is not heard here.
    #[must_use]
    pub fn with_stopper(self, stopper: &Stopper) -> Self {
        stopper.adopt(&self.desk.stopper);
        self
    }

    /// Takes in an export, which may be one that is gone on with. `key` is what it is called when
    /// its file is opened and when it is over; each has to have its own.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be asked for at all: what it describes is not possible, say.
    pub fn add(&mut self, key: JobKey, export: Export) -> Result<(), ExportError> {
        let (job, watch, keeper) = export.begin()?;
        let mut state = self.desk.state();
        state.attendants.insert(key, (watch, keeper));
        state.batch.add(self.desk.client.clock.now(), key, job);
        drop(state);
        self.desk.changed.notify_all();
        Ok(())
    }

    /// Gives up those that the service has not accepted yet, but for submits that are on their
    /// way: nothing more is asked for, and what was accepted comes to its end. Returns their keys.
    pub fn withdraw(&mut self) -> Vec<JobKey> {
        let mut state = self.desk.state();
        let keys: Vec<JobKey> = state.batch.withdraw().map(|(key, _)| key).collect();
        for key in &keys {
            state.attendants.remove(key);
        }
        keys
    }

    /// How many exports are where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.desk.state().batch.counts()
    }

    /// The limits, and what was learnt of how long exports take: for
    /// [`Client::exports_resumed`](crate::Client::exports_resumed) of another process.
    #[must_use]
    pub fn state(&self) -> BatchState {
        self.desk.state().batch.state()
    }

    /// Starts the threads. With fewer than there should be it takes longer; with none, nothing can
    /// be done.
    fn start(&mut self) {
        while self.running.len() < self.threads {
            let desk = Arc::clone(&self.desk);
            let started = thread::Builder::new().name("exports".into()).spawn(move || desk.work());
            match started {
                Ok(thread) => self.running.push(thread),
                Err(error) => {
                    if self.running.is_empty() {
                        let error = ExportError::Thread(error.into());
                        self.desk.state().end_all(|_| error.clone());
                    }
                    return;
                }
            }
        }
    }
}

impl<S: Sink + Send + 'static> Iterator for Exports<S> {
    type Item = Finished<S>;

    /// Waits for the next one that is over; `None` once all are.
    ///
    /// # Panics
    ///
    /// Panics if a sink or a hook has.
    fn next(&mut self) -> Option<Finished<S>> {
        self.start();
        let mut state = self.desk.state();
        loop {
            if let Some(finished) = state.finished.pop_front() {
                drop(state);
                self.desk.changed.notify_all();
                return Some(finished);
            }
            if state.is_broken {
                drop(state);
                self.fall();
            }
            if state.batch.is_empty() {
                return None;
            }
            state = self.desk.wait(state);
        }
    }
}

impl<S> Exports<S> {
    /// Ends the threads.
    fn close(&mut self) -> Vec<thread::Result<()>> {
        self.desk.state().is_closed = true;
        self.desk.stopper.stop();
        self.desk.changed.notify_all();
        self.running.drain(..).map(JoinHandle::join).collect()
    }

    /// Panics as the thread did.
    fn fall(&mut self) -> ! {
        let ends = self.close();
        match ends.into_iter().find_map(Result::err) {
            Some(payload) => resume_unwind(payload),
            None => unreachable!("a thread says so when it panics"),
        }
    }
}

impl<S> Drop for Exports<S> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<S> Desk<S> {
    fn state(&self) -> MutexGuard<'_, State<S>> {
        // It is consistent between any two of its changes, and none of them panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<S>>) -> MutexGuard<'a, State<S>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who waits. The lock is taken first, so that nobody is missed who has looked
    /// for a reason to wake up and does not wait yet.
    fn wake_all(&self) {
        drop(self.state());
        self.changed.notify_all();
    }
}

impl<S: Sink + Send + 'static> Desk<S> {
    /// What a thread does: one turn after the other.
    fn work(self: Arc<Self>) {
        let woken = Arc::clone(&self);
        let _interruptible = self.stopper.guard(move || woken.wake_all());
        let _in_case_of_panic = Alarm(&self);
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
            if state.finished.len() >= MOST_FINISHED {
                state = self.wait(state);
                continue;
            }
            let clock = &self.client.clock;
            let step = state.batch.step(clock.now(), &mut self.client.pacer.lock());
            state = match step {
                BatchStep::Turn(turn) => {
                    let Some(attendants) = state.attendants.remove(&turn.key()) else { continue };
                    drop(state);
                    // Another one may have something to do too.
                    self.changed.notify_one();
                    let worked = self.turn(turn, attendants, &mut transport);
                    let mut state = self.state();
                    self.put_back(&mut state, worked);
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

    /// A job does what it has its turn for.
    fn turn(
        &self,
        mut turn: Turn,
        (watch, keeper): (JobObserver, Keeper),
        transport: &mut Option<Transport>,
    ) -> Worked<S> {
        let connection = transport.take().unwrap_or_else(|| Transport::new(&self.client.net));
        let mut driver = Driver::on(connection, &self.client, watch, keeper, &self.stopper);
        let permit = turn.take_permit();
        let mut sink = None;
        if turn.phase() == Phase::Fetch {
            match (self.open)(turn.key()) {
                Ok(opened) => sink = Some(opened),
                Err(error) => {
                    turn.job().stop(Failure::new(FailureKind::Sink).with_source(error));
                }
            }
        }
        let mut nowhere = Memory { bytes: Vec::new(), limit: 0 };
        let place: &mut dyn Sink = match &mut sink {
            Some(sink) => sink,
            None => &mut nowhere,
        };
        let outcome = driver.turn(turn.job(), permit, place);
        let outcome = outcome.map(|outcome| {
            let artifact = ended(turn.job(), Left::Done(outcome))?;
            driver.forget().map(|()| artifact)
        });
        let (watch, keeper, connection) = driver.into_parts();
        *transport = Some(connection);
        Worked { turn, attendants: (watch, keeper), outcome, sink }
    }

    fn put_back(&self, state: &mut State<S>, worked: Worked<S>) {
        let Worked { turn, attendants, outcome, sink } = worked;
        let (key, now) = (turn.key(), self.client.clock.now());
        let over = state.batch.put_back(now, &mut self.client.pacer.lock(), turn);
        match (over, outcome) {
            (Some(_), Some(outcome)) => {
                state.finished.push_back(Finished::new(key, outcome, sink));
                return;
            }
            // The clock has gone on since its turn, and its time is up: the next turn tells.
            (Some(over), None) => state.batch.add(now, key, over.job),
            (None, _) => {}
        }
        state.attendants.insert(key, attendants);
    }
}

/// A job after its turn.
struct Worked<S> {
    turn: Turn,
    attendants: (JobObserver, Keeper),
    outcome: Option<Result<Artifact, ExportError>>,
    sink: Option<S>,
}

impl<S> State<S> {
    /// All that wait are over. False if there are none.
    fn end_all(&mut self, why: impl Fn(&ExportJob) -> ExportError) -> bool {
        let mut is_any = false;
        for (key, job) in self.batch.drain() {
            self.finished.push_back(Finished::new(key, Err(why(&job)), None));
            self.attendants.remove(&key);
            is_any = true;
        }
        is_any
    }
}

fn stopped(job: &ExportJob) -> ExportError {
    ExportError::Stopped { checkpoint: Box::new(job.checkpoint()) }
}

/// Tells the others of a thread that panics.
struct Alarm<'a, S>(&'a Desk<S>);

impl<S> Drop for Alarm<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().is_broken = true;
            self.0.changed.notify_all();
        }
    }
}
