//! Runs the exports of a batch.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_hyper::{BatchLimits, BatchState, Blocking, CheckpointStore, Client, Exports, Pacer};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, interval};

use super::close::Closed;
use super::common::Common;
use super::prepare::look;
use super::results::Results;
use crate::clock;
use crate::place::{Claims, Delivery};
#[cfg(feature = "store")]
use crate::place::{Depot, Upload};
use crate::report::{Exit, Problem, explain};
use crate::settings::{Loaded, Settings};
use crate::show::{BatchWatcher, Beginning, Gauges, Tally};
use crate::signals;
use crate::state::{Ending, HeldBook, Note, Paces, Row, RowCheckpoints, RowStanding};

/// The exports of a batch that are not over.
pub(crate) struct Fleet {
    common: Arc<Common>,
    client: Client,
    exports: Exports<Delivery>,
    /// Those whose job is over, on their way into the book.
    closing: FuturesUnordered<Closing>,
    /// Why no more is asked for, if that is so.
    halted: Option<Exit>,
}

type Closing = Pin<Box<dyn Future<Output = Result<Closed, Problem>> + Send>>;

/// Beyond this many files on their way to their place, no export goes on.
const MOST_CLOSING: usize = 16;

/// How often the display is told where all of them are.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What was learnt is kept so often: a process that is killed has it from then on.
const LEARN_EVERY: Duration = Duration::from_secs(2);

impl Fleet {
    /// Gets everything ready. Nothing is sent yet.
    pub(crate) fn open(
        book: HeldBook,
        paces: Paces,
        settings: Settings,
        claims: Claims,
        watcher: &Arc<BatchWatcher>,
    ) -> Result<Self, Problem> {
        let description = book.description()?;
        let book = Arc::new(book);
        let ledger = Arc::clone(&book);
        // A name that is not written down may be another one after a crash, and the file is whole.
        let claims = claims.with_ledger(move |number, name| drop(ledger.claim(number, name)));
        let results = match &description.options.results {
            Some(path) => Some(Results::begin(path, &book)?),
            None => None,
        };
        let store = Blocking::new(RowCheckpoints::new(Arc::clone(&book)));
        let store = Arc::new(store) as Arc<dyn CheckpointStore>;
        let Loaded { credentials, client_id } =
            settings.credentials.load(&mut |warning| watcher.warn(warning))?;
        let learnt: Option<Pacer> = book.kept(Note::Pacer)?;
        let learnt = learnt.or_else(|| paces.at(&description.base_url));
        let client = settings.client(credentials, Some(store), settings.pacer(learnt))?;
        let state: BatchState = book.kept(Note::Batch)?.unwrap_or_default();
        let open = description.options.max_in_flight;
        let limits = BatchLimits::default();
        let limits = BatchLimits { open: open.unwrap_or(limits.open), ..limits };
        let common = Arc::new(Common {
            settings,
            client_id,
            book,
            paces,
            description,
            claims,
            watcher: Arc::clone(watcher),
            results,
            asides: Mutex::default(),
            is_stopped: tokio::sync::watch::Sender::new(false),
        });
        let places = Arc::clone(&common);
        let exports = client.exports_resumed(state.with_limits(limits), move |number| {
            Arc::clone(&places).open(number)
        });
        let closing = FuturesUnordered::new();
        Ok(Self { common, client, exports, closing, halted: None })
    }

    /// Runs all of them to their end, or until somebody stops the program. `skipped` are those of
    /// which it is known that there is a file already.
    pub(crate) async fn run(
        mut self,
        skipped: Vec<(u64, PathBuf)>,
        resumed: bool,
    ) -> Result<Exit, Problem> {
        self.begin(resumed)?;
        let exit = match signals::interruptible(self.go(skipped, resumed)).await {
            Ok(Ok(())) => self.verdict()?,
            Err(signal) => {
                self.stop().await;
                signal
            }
            Ok(Err(problem)) => {
                self.stop().await;
                self.end(problem.exit)?;
                return Err(problem);
            }
        };
        self.end(exit)?;
        Ok(exit)
    }

    fn begin(&self, resumed: bool) -> Result<(), Problem> {
        let Common { book, watcher, description, .. } = &*self.common;
        watcher.attend(
            book.batch().id().into(),
            book.batch().log().map_err(|error| {
                Problem::local(format!("cannot keep the log of {}", book.batch().id()), &error)
            })?,
        );
        let totals = book.totals()?;
        let over = Tally { done: totals.done, skipped: totals.skipped, failed: totals.failed };
        watcher.begin(Beginning {
            source: description.source.clone(),
            exports: totals.all(),
            over,
            resumed,
            api_version: description.api_version.clone(),
            base_url: description.base_url.clone(),
        });
        Ok(())
    }

    async fn go(&mut self, skipped: Vec<(u64, PathBuf)>, resumed: bool) -> Result<(), Problem> {
        for (number, path) in skipped {
            let row = self.common.row(number).await?;
            Arc::clone(&self.common).skip(row, &path).await?;
        }
        for standing in [RowStanding::Open, RowStanding::Waiting] {
            self.take_up_all(standing, resumed).await?;
        }
        let mut tick = interval(TELL_EVERY);
        let mut learnt = Instant::now();
        let mut is_over = false;
        while !(is_over && self.closing.is_empty()) {
            let may_more = !is_over && self.closing.len() < MOST_CLOSING;
            tokio::select! {
                biased;
                Some(closed) = self.closing.next() => self.heed(closed?),
                finished = self.exports.next(), if may_more => match finished {
                    Some(finished) => {
                        self.closing.push(Box::pin(Arc::clone(&self.common).close(finished)));
                    }
                    None => is_over = true,
                },
                _ = tick.tick() => {
                    self.tell();
                    if learnt.elapsed() >= LEARN_EVERY {
                        learnt = Instant::now();
                        self.learn().await?;
                    }
                }
            }
        }
        self.tell();
        self.learn().await
    }

    /// Takes up the exports that stand so.
    async fn take_up_all(&mut self, standing: RowStanding, resumed: bool) -> Result<(), Problem> {
        let common = Arc::clone(&self.common);
        for row in common.book.rows(standing) {
            let row = row?;
            // The places of a new batch were looked at before it was written down.
            if resumed && standing == RowStanding::Waiting {
                let Common { claims, settings, .. } = &*common;
                match look(row.number, &row.place, &row.what, claims, settings).await {
                    Ok(None) => {}
                    Ok(Some(path)) => {
                        Arc::clone(&common).skip(row, &path).await?;
                        continue;
                    }
                    Err(problem) => {
                        Arc::clone(&common).fail(row, problem, None).await?;
                        continue;
                    }
                }
            }
            self.take_up(row).await?;
        }
        Ok(())
    }

    async fn take_up(&mut self, row: Row) -> Result<(), Problem> {
        let common = &self.common;
        #[cfg(feature = "store")]
        {
            let spool = common.book.batch().spool(row.number);
            let fail =
                |error| Problem::local(format!("{} cannot be read", spool.display()), &error);
            if let Some(pending) = Depot::of_job(&spool).load().map_err(fail)? {
                let (depot, claims) = (Depot::of_job(&spool), common.claims.of(row.number));
                let resumed =
                    Upload::resume(depot, pending, &row.place, &claims, &common.settings).await;
                let common = Arc::clone(common);
                self.closing.push(Box::pin(async move {
                    match resumed {
                        Ok(upload) => common.bring(row, upload).await,
                        Err(problem) => common.fail(row, problem, None).await,
                    }
                }));
                return Ok(());
            }
        }
        let number = row.number;
        let (events, progress) = (Arc::clone(&common.watcher), Arc::clone(&common.watcher));
        let export = self
            .client
            .resume(row.checkpoint.clone())
            .with_key(number.to_string())
            .on_event(move |event| events.event(number, event))
            .on_progress(move |bytes, length| progress.progress(number, bytes, length));
        if let Err(error) = self.exports.add(number, export) {
            let problem = explain(&error, &common.context(&row, None));
            Arc::clone(common).fail(row, problem, None).await?;
        }
        Ok(())
    }

    /// What becomes of the others when one is over.
    fn heed(&mut self, closed: Closed) {
        let Closed::Failed { for_all: Some(exit) } = closed else { return };
        if self.common.description.options.keep_going || self.halted.is_some() {
            return;
        }
        self.halted = Some(exit);
        let withdrawn = self.exports.withdraw().len();
        if withdrawn > 0 {
            self.common.watcher.warn(format!(
                "that would befall the others too: {withdrawn} exports are not asked for \
                 (--keep-going asks for them all the same)"
            ));
        }
    }

    fn tell(&self) {
        let gauges = Gauges::read(clock::now(), self.exports.counts(), &self.client.pacer());
        self.common.watcher.totals(&gauges);
    }

    /// Keeps what was learnt of the service.
    async fn learn(&self) -> Result<(), Problem> {
        let (pacer, state) = (self.client.pacer(), self.exports.state());
        let common = Arc::clone(&self.common);
        self.common
            .with_book(move |book| {
                // For others: this batch has it in its book.
                let _ = common.paces.keep(&common.description.base_url, &pacer);
                book.keep(Note::Pacer, &pacer)?;
                book.keep(Note::Batch, &state)
            })
            .await
    }

    /// Everything stops at once, but for what has to be taken back; a second signal ends that too.
    async fn stop(&mut self) {
        self.common.is_stopped.send_replace(true);
        let closing = &mut self.closing;
        let closed = async { while closing.next().await.is_some() {} };
        let _ = signals::interruptible(closed).await;
    }

    /// The code for what has become of all of them.
    fn verdict(&self) -> Result<Exit, Problem> {
        let totals = self.common.book.totals()?;
        Ok(match self.halted {
            Some(exit) => exit,
            None if totals.failed > 0 || totals.open > 0 || totals.waiting > 0 => Exit::Some,
            None => Exit::Done,
        })
    }

    fn end(&self, exit: Exit) -> Result<(), Problem> {
        let Common { book, watcher, description, .. } = &*self.common;
        let totals = book.totals()?;
        let mut description = description.clone();
        let text = format!("{} of {} done", totals.done + totals.skipped, totals.all());
        let (at, exit_code) = (clock::now(), exit.code());
        description.ending = Some(Ending { at, exit_code, text });
        book.describe(&description)?;
        watcher.end(totals.waiting, exit);
        Ok(())
    }
}
