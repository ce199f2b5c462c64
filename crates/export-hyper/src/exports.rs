//! Many exports in one future.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use export_core::{
    Artifact, Batch, BatchState, BatchStep, Counts, Failure, FailureKind, JobKey, Phase, Turn,
};
use export_host::{ExportError, Finished};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep_until;

use crate::client::Shared;
use crate::drive::{Driver, Left};
use crate::export::{Export, ended};
use crate::sink::Sink;

/// Any number of exports, under one pace and in one future.
///
/// They share the client's connections, tokens and [pace](export_core::Pacer). How many are under
/// way at once is bounded by [`BatchLimits`](export_core::BatchLimits), and so is memory: an export that waits takes about a
/// kilobyte, and nothing is opened for its file before its download begins.
///
/// ```no_run
/// # async fn run(client: export_hyper::Client) -> Result<(), export_hyper::ExportError> {
/// use export_hyper::{BatchLimits, DocumentExport, ExportSpec, FileSink};
///
/// let place = |key| async move { Ok(FileSink::to_file(format!("report-{key}.pdf"))) };
/// let mut exports = client.exports(BatchLimits::default(), place);
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
/// # Going on after a crash
///
/// Give each export a key of its own in the client's store ([`Export::with_key`]); after a crash,
/// add what [`Client::resume_key`](crate::Client::resume_key) brings back. What was learnt meanwhile is in
/// [`state`](Self::state) and [`Client::pacer`](crate::Client::pacer).
pub struct Exports<S> {
    client: Arc<Shared>,
    batch: Batch,
    /// What drives each job that is not handed out.
    drivers: HashMap<JobKey, Driver>,
    open: Open<S>,
    working: FuturesUnordered<Pin<Box<dyn Future<Output = Worked<S>> + Send>>>,
}

type Open<S> = Box<dyn Fn(JobKey) -> Opening<S> + Send + Sync>;
type Opening<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// A job after its turn.
struct Worked<S> {
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
        client: Arc<Shared>,
        state: BatchState,
        open: impl Fn(JobKey) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        Self {
            client,
            batch: Batch::resumed(state),
            drivers: HashMap::new(),
            open: Box::new(move |key| Box::pin(open(key))),
            working: FuturesUnordered::new(),
        }
    }

    /// Takes in an export, which may be one that is gone on with. `key` is what it is called when
    /// its file is opened and when it is over; each has to have its own.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be asked for at all: what it describes is not possible, say.
    pub fn add(&mut self, key: JobKey, export: Export) -> Result<(), ExportError> {
        let (job, driver) = export.begin()?;
        self.drivers.insert(key, driver);
        self.batch.add(self.client.clock.now(), key, job);
        Ok(())
    }

    /// Drives all of them until the next one is over; `None` once all are.
    ///
    /// Dropping the future loses nothing: it goes on where it was when it is called again.
    pub async fn next(&mut self) -> Option<Finished<S>> {
        loop {
            let step = self.batch.step(self.client.clock.now(), &mut self.client.pacer.lock());
            let until = match step {
                BatchStep::Turn(turn) => {
                    self.set_to_work(turn);
                    continue;
                }
                BatchStep::Wait(until) => Some(self.client.clock.instant(until)),
                BatchStep::Busy => None,
                BatchStep::Done => return None,
            };
            let later = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let worked = tokio::select! {
                biased;
                Some(worked) = self.working.next() => worked,
                () = later => continue,
            };
            if let Some(finished) = self.put_back(worked) {
                return Some(finished);
            }
        }
    }

    /// Gives up those that the service has not accepted yet, but for submits that are on their
    /// way: nothing more is asked for, and what was accepted comes to its end. Returns their keys.
    pub fn withdraw(&mut self) -> Vec<JobKey> {
        let keys: Vec<JobKey> = self.batch.withdraw().map(|(key, _)| key).collect();
        for key in &keys {
            self.drivers.remove(key);
        }
        keys
    }

    /// How many exports are where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.batch.counts()
    }

    /// The limits, and what was learnt of how long exports take: for
    /// [`Client::exports_resumed`](crate::Client::exports_resumed) of another process.
    #[must_use]
    pub fn state(&self) -> BatchState {
        self.batch.state()
    }

    /// A job does what it has its turn for.
    fn set_to_work(&mut self, mut turn: Turn) {
        let Some(mut driver) = self.drivers.remove(&turn.key()) else { return };
        let opening = (turn.phase() == Phase::Fetch).then(|| (self.open)(turn.key()));
        self.working.push(Box::pin(async move {
            let permit = turn.take_permit();
            let (outcome, sink) = match opening {
                None => (driver.turn(turn.job(), permit, &mut Nowhere).await, None),
                Some(opening) => match opening.await {
                    Ok(mut sink) => (driver.turn(turn.job(), permit, &mut sink).await, Some(sink)),
                    Err(error) => {
                        turn.job().stop(Failure::new(FailureKind::Sink).with_source(error));
                        (driver.turn(turn.job(), permit, &mut Nowhere).await, None)
                    }
                },
            };
            let outcome = match outcome {
                None => None,
                Some(outcome) => Some(match ended(turn.job(), Left::Done(outcome)) {
                    Ok(artifact) => driver.forget().await.map(|()| artifact),
                    Err(error) => Err(error),
                }),
            };
            Worked { turn, driver, outcome, sink }
        }));
    }

    fn put_back(&mut self, worked: Worked<S>) -> Option<Finished<S>> {
        let Worked { turn, driver, outcome, sink } = worked;
        let key = turn.key();
        let over =
            self.batch.put_back(self.client.clock.now(), &mut self.client.pacer.lock(), turn);
        match (over, outcome) {
            (Some(_), Some(outcome)) => Some(Finished::new(key, outcome, sink)),
            // The clock has gone on since its turn, and its time is up: the next turn tells.
            (Some(over), None) => {
                self.batch.add(self.client.clock.now(), key, over.job);
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

/// The sink of a request that has no file for an answer.
struct Nowhere;

impl Sink for Nowhere {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(0)
    }

    async fn begin(&mut self, _artifact: &Artifact, _offset: u64) -> io::Result<()> {
        Err(io::Error::other("there is no place for this file"))
    }

    async fn write(&mut self, _chunk: Bytes) -> io::Result<()> {
        Err(io::Error::other("there is no place for this file"))
    }
}
