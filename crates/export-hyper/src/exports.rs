//! Runs many exports in one future.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use export_core::Artifact;
use export_core::batch::{Batch, BatchLimits, BatchStep, Counts, JobKey, Turn};
use export_host::{ExportError, Finished, SharedTurns};
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::ClientInner;
use crate::drive::{DriveEnd, Driver};
use crate::export::{Export, export_result};
use crate::sink::Sink;
use crate::stopper::Stopper;

/// Any number of exports in one future: a [`Stream`] of those that have ended.
///
/// They share the client's connections, tokens and [pacer](export_core::pacer::Pacer).
/// [`BatchLimits`](export_core::batch::BatchLimits) bounds how many are under way at once, and so the
/// memory: an export that waits takes about a kilobyte, and its sink is opened when its download
/// starts.
///
/// ```no_run
/// # async fn run(client: export_hyper::Client) -> Result<(), export_hyper::ExportError> {
/// use export_hyper::{BatchLimits, DocumentExport, ExportSpec, FileSink};
///
/// let open = |key| async move { Ok(FileSink::to_file(format!("report-{key}.pdf"))) };
/// let mut exports = client.exports(BatchLimits::default(), open);
/// for (key, id) in [(1, "124efa2a142f472ba1ceab34ed18915f"), (2, "8a2c")] {
///     exports.add(key, client.export(ExportSpec::document(id, DocumentExport::pdf())))?;
/// }
/// while let Some(finished) = exports.next().await {
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
    client: Arc<ClientInner>,
    batch: Batch,
    pacer: SharedTurns,
    /// The drivers of the jobs that are not handed out.
    drivers: HashMap<JobKey, Driver>,
    open: OpenSink<S>,
    stopper: Stopper,
    /// Completes on a stop.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The exports that were stopped, to be returned.
    ended: VecDeque<(JobKey, ExportError)>,
    turns: FuturesUnordered<Pin<Box<dyn Future<Output = TurnResult<S>> + Send>>>,
    /// Fires when the batch wants to be asked again.
    timer: Pin<Box<Sleep>>,
}

type OpenSink<S> = Arc<dyn Fn(JobKey) -> SinkFuture<S> + Send + Sync>;
type SinkFuture<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// The result of a job's turn.
struct TurnResult<S> {
    turn: Turn,
    driver: Driver,
    outcome: Option<Result<Artifact, ExportError>>,
    sink: Option<S>,
}

impl<S> fmt::Debug for Exports<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exports").field("counts", &self.batch.counts()).finish_non_exhaustive()
    }
}

impl<S: Sink + 'static> Exports<S> {
    pub(crate) fn new<F>(
        client: Arc<ClientInner>,
        limits: BatchLimits,
        open: impl Fn(JobKey) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        Self {
            pacer: client.pacer.turns(),
            client,
            batch: Batch::new(limits),
            drivers: HashMap::new(),
            open: Arc::new(move |key| Box::pin(open(key))),
            stopper: Stopper::new(),
            stopped: Box::pin(std::future::pending()),
            ended: VecDeque::new(),
            turns: FuturesUnordered::new(),
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Lets `stopper` stop all exports: each that has not ended yet ends with
    /// [`ExportError::Stopped`]. The stopper of a single export has no effect in a batch.
    #[must_use]
    pub fn with_stopper(mut self, stopper: &Stopper) -> Self {
        let waiting = stopper.clone();
        self.stopper = stopper.clone();
        self.stopped = Box::pin(async move { waiting.stopped().await });
        self
    }

    /// Adds a new or a resumed export. `key` identifies it when its sink is opened and when it has
    /// ended, and must be unique.
    ///
    /// # Errors
    ///
    /// Fails if the export cannot be started, because its spec is invalid, for example.
    pub fn add(&mut self, key: JobKey, export: Export) -> Result<(), ExportError> {
        let (job, driver) = export.into_parts()?;
        self.drivers.insert(key, driver.with_stopper(self.stopper.clone()));
        self.batch.add(self.client.clock.now(), key, job);
        Ok(())
    }

    /// Drives all exports until the next one has ended; `None` if all have.
    ///
    /// Dropping the future loses nothing: the next call continues. This is the stream's next item,
    /// without the trait in scope.
    pub async fn next(&mut self) -> Option<Finished<S>> {
        std::future::poll_fn(|cx| self.poll_finished(cx)).await
    }

    /// Removes the exports that the service has not accepted yet, except those whose submit is
    /// under way. No more exports are submitted; those that were accepted continue. Returns the
    /// keys of the removed exports.
    pub fn withdraw(&mut self) -> Vec<JobKey> {
        let keys: Vec<JobKey> = self.batch.withdraw().map(|(key, _)| key).collect();
        for key in &keys {
            self.drivers.remove(key);
        }
        keys
    }

    /// The number of exports in each phase.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.batch.counts()
    }

    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finished<S>>> {
        loop {
            if let Some((key, error)) = self.ended.pop_front() {
                return Poll::Ready(Some(Finished::new(key, Err(error), None)));
            }
            if self.stopper.is_stopped() && !self.batch.is_empty() {
                for (key, job) in self.batch.drain() {
                    self.ended
                        .extend(export_result(&job, DriveEnd::Stopped).err().map(|e| (key, e)));
                    self.drivers.remove(&key);
                }
                if !self.ended.is_empty() {
                    continue;
                }
            }
            let step = self.batch.step(self.client.clock.now(), &mut self.pacer);
            let until = match step {
                BatchStep::Turn(turn) => {
                    self.start_turn(turn);
                    continue;
                }
                BatchStep::Wait(until) => Some(self.client.clock.instant(until)),
                BatchStep::Busy => None,
                BatchStep::Done => return Poll::Ready(None),
            };
            if let Poll::Ready(Some(result)) = self.turns.poll_next_unpin(cx) {
                match self.put_back(result) {
                    Some(finished) => return Poll::Ready(Some(finished)),
                    None => continue,
                }
            }
            if !self.stopper.is_stopped() && self.stopped.as_mut().poll(cx).is_ready() {
                continue;
            }
            let Some(until) = until else { return Poll::Pending };
            self.timer.as_mut().reset(until);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Starts the future of a job's turn.
    fn start_turn(&mut self, mut turn: Turn) {
        let Some(mut driver) = self.drivers.remove(&turn.key()) else { return };
        let mut sink = LazySink { open: Arc::clone(&self.open), key: turn.key(), sink: None };
        self.turns.push(Box::pin(async move {
            let permit = turn.take_permit();
            let outcome = driver.take_turn(turn.job(), permit, &mut sink).await;
            let sink = sink.sink;
            let outcome = match outcome {
                None => None,
                Some(outcome) => Some(match export_result(turn.job(), DriveEnd::Done(outcome)) {
                    Ok(artifact) => driver.remove_checkpoint().await.map(|()| artifact),
                    Err(error) => Err(error),
                }),
            };
            TurnResult { turn, driver, outcome, sink }
        }));
    }

    fn put_back(&mut self, result: TurnResult<S>) -> Option<Finished<S>> {
        let TurnResult { turn, driver, outcome, sink } = result;
        let key = turn.key();
        let ended = self.batch.put_back(self.client.clock.now(), &mut self.pacer, turn);
        match (ended, outcome) {
            (Some(_), Some(outcome)) => Some(Finished::new(key, outcome, sink)),
            // Its deadline has passed since its turn: the next turn returns the outcome.
            (Some(ended), None) => {
                self.batch.add(self.client.clock.now(), key, ended.job);
                self.drivers.insert(key, driver);
                None
            }
            (None, _) => {
                self.drivers.insert(key, driver);
                None
            }
        }
    }
}

impl<S: Sink + 'static> Stream for Exports<S> {
    type Item = Finished<S>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Finished<S>>> {
        self.get_mut().poll_finished(cx)
    }
}

/// A sink that is opened for its first byte, so that requests that download nothing open none.
struct LazySink<S> {
    open: OpenSink<S>,
    key: JobKey,
    sink: Option<S>,
}

impl<S: Sink + 'static> LazySink<S> {
    async fn opened(&mut self) -> io::Result<&mut S> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => (self.open)(self.key).await?,
        };
        Ok(self.sink.insert(sink))
    }
}

impl<S: Sink + 'static> Sink for LazySink<S> {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.opened().await?.have(operation).await
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.opened().await?.begin(artifact, offset).await
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.opened().await?.write(chunk).await
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.opened().await?.sync().await
    }

    fn takes_several(&self) -> bool {
        self.sink.as_ref().is_some_and(S::takes_several)
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        self.opened().await?.finish(artifact).await
    }
}
