//! The loop: what every driver of the core does, here with hyper and tokio.

use std::io;
use std::sync::Arc;

use export_core::{
    Artifact, Collect, Error, ExportJob, Failure, FailureKind, InFlight, Permit, Phase, Reply,
    Step, Stream, Transmit,
};
use export_host::{ExportError, JobObserver, PacedRequest, SYNC_EVERY, Until};
use http::{Request, Response};
use tokio::time::Instant;

use crate::client::Shared;
use crate::keeper::Keeper;
use crate::sink::Sink;
use crate::transport::{Body, Connection, collect, next_within};

/// How the loop was left.
#[derive(Debug)]
pub(crate) enum Left {
    /// The job is over.
    Done(Result<Artifact, Error>),
    /// What was to be waited for has happened.
    Reached,
}

/// Drives one job.
#[derive(Debug)]
pub(crate) struct Driver {
    client: Arc<Shared>,
    watch: JobObserver,
    keeper: Keeper,
    paced: PacedRequest,
}

impl Driver {
    pub(crate) fn new(client: Arc<Shared>, watch: JobObserver, keeper: Keeper) -> Self {
        let paced = PacedRequest::new(Arc::clone(&client.pacer));
        Self { client, watch, keeper, paced }
    }

    pub(crate) async fn drive(
        &mut self,
        job: &mut ExportJob,
        sink: &mut impl Sink,
        until: Until,
    ) -> Left {
        loop {
            self.keep(job).await;
            if until.is_reached(job) {
                return Left::Reached;
            }
            match job.step(self.client.clock.now()) {
                Step::Done(Err(error)) => return Left::Done(Err(error)),
                Step::Done(Ok(artifact)) => return Left::Done(finish(sink, artifact).await),
                Step::Wait(wait) => self.client.clock.wait_until(wait.until).await,
                Step::Transmit(transmit) => self.exchange(transmit, sink).await,
            }
        }
    }

    /// Sends the one request for which the job has its turn, and takes in its answer. `None` if
    /// there is more to do.
    pub(crate) async fn turn(
        &mut self,
        job: &mut ExportJob,
        permit: Option<Permit>,
        sink: &mut impl Sink,
    ) -> Option<Result<Artifact, Error>> {
        self.paced.hold(permit);
        if let Step::Transmit(transmit) = job.step(self.client.clock.now()) {
            self.exchange(transmit, sink).await;
        }
        self.paced.release();
        self.keep(job).await;
        match job.step(self.client.clock.now()) {
            Step::Done(Err(error)) => Some(Err(error)),
            Step::Done(Ok(artifact)) => Some(finish(sink, artifact).await),
            Step::Wait(_) | Step::Transmit(_) => None,
        }
    }

    /// Tells what has happened to the job, and stores it as it is now.
    async fn keep(&mut self, job: &mut ExportJob) {
        self.watch.observe(|| job.next_event());
        if let Err(failure) = self.keeper.store(job.revision(), || job.checkpoint()).await {
            job.stop(failure);
        }
    }

    /// Forgets the job's checkpoint.
    pub(crate) async fn forget(&self) -> Result<(), ExportError> {
        self.keeper.remove().await
    }

    /// One request and its answer.
    async fn exchange(&mut self, transmit: Transmit<'_>, sink: &mut impl Sink) {
        let Shared { clock, tokens, transport, hooks, .. } = &*self.client;
        let token = match tokens.get(&transmit, transport, clock).await {
            Ok(token) => token,
            Err(failure) => return transmit.decline(clock.now(), failure),
        };
        let have = match transmit.operation() {
            Some(operation) if transmit.phase() == Phase::Fetch => {
                sink.have(&operation.to_string()).await
            }
            _ => Ok(0),
        };
        let have = match have {
            Ok(have) => have,
            Err(error) => return transmit.decline(clock.now(), sink_failed(error)),
        };
        // Nothing postpones the request after this: a permit that is confirmed counts as used.
        if let Err(later) = self.paced.confirm(clock.now(), transmit.request_class()) {
            return transmit.postpone(clock.now(), later);
        }
        let connection = match transmit.wants_fresh_connection() {
            true => Connection::Fresh,
            false => Connection::Any,
        };
        let access = transmit.access();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.watch.observe(|| in_flight.next_event());
        let stored = self.keeper.store(in_flight.revision(), || in_flight.checkpoint()).await;
        if let Err(failure) = stored {
            return in_flight.handle_failure(clock.now(), failure);
        }
        hooks.apply_headers(&mut request, access);
        self.send(request, connection, in_flight, sink).await;
    }

    async fn send(
        &mut self,
        request: Request<Vec<u8>>,
        connection: Connection,
        in_flight: InFlight<'_>,
        sink: &mut impl Sink,
    ) {
        let client = Arc::clone(&self.client);
        let clock = &client.clock;
        let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
        let (head, body) = match client.transport.send(request, connection, give_up_at).await {
            Ok(response) => response.into_parts(),
            Err(failure) => return in_flight.handle_failure(clock.now(), failure),
        };
        let head = Response::from_parts(head, ());
        self.paced.handle_head(clock.now(), &head);
        match in_flight.handle_head(clock.now(), &head) {
            Reply::Collect(answer) => self.collect(answer, body, give_up_at).await,
            Reply::Stream(mut stream) => match self.download(&mut stream, body, sink).await {
                Ok(()) => stream.finish(clock.now()),
                Err(failure) => stream.handle_failure(clock.now(), failure),
            },
        }
    }

    async fn collect(&mut self, answer: Collect<'_>, body: Body, give_up_at: Instant) {
        let stored = self.keeper.store(answer.revision(), || answer.checkpoint()).await;
        if let Err(failure) = stored {
            return answer.handle_failure(self.client.clock.now(), failure);
        }
        match collect(body, answer.limit(), give_up_at).await {
            Ok(body) => answer.handle_body(self.client.clock.now(), &body),
            Err(failure) => answer.handle_failure(self.client.clock.now(), failure),
        }
    }

    /// Brings a body to the sink.
    async fn download(
        &mut self,
        stream: &mut Stream<'_>,
        mut body: Body,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        self.watch.observe(|| stream.next_event());
        self.keeper.store(stream.revision(), || stream.checkpoint()).await?;
        sink.begin(stream.artifact(), stream.offset()).await.map_err(sink_failed)?;
        let (mut synced, mut synced_at) = (stream.position(), Instant::now());
        loop {
            let next = next_within(&mut body, stream.stall()).await;
            if let Ok(Some(chunk)) = &next {
                if stream.check(chunk).is_break() {
                    return Ok(());
                }
                sink.write(chunk.clone()).await.map_err(sink_failed)?;
                stream.advance(chunk.len() as u64);
                self.watch.progress(stream.position(), stream.artifact().length());
            }
            let due =
                stream.position() - synced >= SYNC_EVERY.0 || synced_at.elapsed() >= SYNC_EVERY.1;
            // What came before the body broke off is good all the same.
            if next.is_err() || (due && self.keeper.is_kept()) {
                (synced, synced_at) = (stream.position(), Instant::now());
                let durable = sink.sync().await.map_err(sink_failed)?;
                self.keeper.store_always(stream.mark_durable(durable)).await?;
            }
            if next?.is_none() {
                return Ok(());
            }
        }
    }
}

async fn finish(sink: &mut impl Sink, artifact: Artifact) -> Result<Artifact, Error> {
    match sink.finish(&artifact).await {
        Ok(()) => Ok(artifact),
        Err(error) => Err(Error::Local { phase: Phase::Fetch, failure: sink_failed(error) }),
    }
}

fn sink_failed(error: io::Error) -> Failure {
    Failure::new(FailureKind::Sink).with_source(error)
}
