//! The loop that drives a job, with hyper and tokio.

use std::io;
use std::sync::Arc;

use export_core::driver::{Collect, InFlight, Reply, Step, Stream, Transmit};
use export_core::pacer::Permit;
use export_core::{Artifact, Error, ExportJob, Failure, FailureKind, Phase};
use export_host::{ExportError, JobObserver, PacedRequest, SYNC_EVERY, Until};
use http::{Request, Response};
use tokio::time::Instant;

use crate::checkpoints::CheckpointWriter;
use crate::client::ClientInner;
use crate::sink::Sink;
use crate::transport::{Body, Reuse, collect, next_within};

/// Why the loop has ended.
#[derive(Debug)]
pub(crate) enum DriveEnd {
    /// The job has ended.
    Done(Result<Artifact, Error>),
    /// The job has come as far as it was to be driven.
    Reached,
}

/// Drives one job.
#[derive(Debug)]
pub(crate) struct Driver {
    client: Arc<ClientInner>,
    observer: JobObserver,
    writer: CheckpointWriter,
    paced: PacedRequest,
}

impl Driver {
    pub(crate) fn new(
        client: Arc<ClientInner>,
        observer: JobObserver,
        writer: CheckpointWriter,
    ) -> Self {
        let paced = PacedRequest::new(Arc::clone(&client.pacer));
        Self { client, observer, writer, paced }
    }

    pub(crate) async fn drive(
        &mut self,
        job: &mut ExportJob,
        sink: &mut impl Sink,
        until: Until,
    ) -> DriveEnd {
        loop {
            self.report_and_store(job).await;
            if until.is_reached(job) {
                return DriveEnd::Reached;
            }
            match job.step(self.client.clock.now()) {
                Step::Done(Err(error)) => return DriveEnd::Done(Err(error)),
                Step::Done(Ok(artifact)) => return DriveEnd::Done(finish(sink, artifact).await),
                Step::Wait(wait) => self.client.clock.wait_until(wait.until).await,
                Step::Transmit(transmit) => self.exchange(transmit, sink).await,
            }
        }
    }

    /// Sends the one request of a turn of a batch, and handles its response. Returns the outcome if
    /// the job has ended.
    pub(crate) async fn take_turn(
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
        self.report_and_store(job).await;
        match job.step(self.client.clock.now()) {
            Step::Done(Err(error)) => Some(Err(error)),
            Step::Done(Ok(artifact)) => Some(finish(sink, artifact).await),
            Step::Wait(_) | Step::Transmit(_) => None,
        }
    }

    /// Reports the events of the job and stores its checkpoint.
    async fn report_and_store(&mut self, job: &mut ExportJob) {
        self.observer.observe(|| job.next_event());
        if let Err(failure) = self.writer.store(job.revision(), || job.checkpoint()).await {
            job.stop(failure);
        }
    }

    /// Removes the job's checkpoint.
    pub(crate) async fn remove_checkpoint(&self) -> Result<(), ExportError> {
        self.writer.remove().await
    }

    /// Sends one request and handles its response.
    async fn exchange(&mut self, transmit: Transmit<'_>, sink: &mut impl Sink) {
        let ClientInner { clock, tokens, transport, hooks, .. } = &*self.client;
        let token = tokens.get(&transmit, transport, clock, &mut self.observer).await;
        let token = match token {
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
        // A confirmed permit counts as used, so nothing after this may postpone the request.
        if let Err(later) = self.paced.confirm(clock.now(), transmit.request_class()) {
            return transmit.postpone(clock.now(), later);
        }
        let reuse = match transmit.wants_fresh_connection() {
            true => Reuse::Never,
            false => Reuse::Allowed,
        };
        let access = transmit.access();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.observer.observe(|| in_flight.next_event());
        let stored = self.writer.store(in_flight.revision(), || in_flight.checkpoint()).await;
        if let Err(failure) = stored {
            return in_flight.handle_failure(clock.now(), failure);
        }
        hooks.apply_headers(&mut request, access);
        self.send(request, reuse, in_flight, sink).await;
    }

    async fn send(
        &mut self,
        request: Request<Vec<u8>>,
        reuse: Reuse,
        in_flight: InFlight<'_>,
        sink: &mut impl Sink,
    ) {
        let client = Arc::clone(&self.client);
        let clock = &client.clock;
        let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
        let (head, body) = match client.transport.send(request, reuse, give_up_at).await {
            Ok(response) => response.into_parts(),
            Err(failure) => return in_flight.handle_failure(clock.now(), failure),
        };
        let head = Response::from_parts(head, ());
        self.paced.handle_head(clock.now(), &head);
        match in_flight.handle_head(clock.now(), &head) {
            Reply::Collect(answer) => self.collect(answer, body).await,
            Reply::Stream(mut stream) => match self.download(&mut stream, body, sink).await {
                Ok(()) => stream.finish(clock.now()),
                Err(failure) => stream.handle_failure(clock.now(), failure),
            },
        }
    }

    async fn collect(&mut self, answer: Collect<'_>, body: Body) {
        let stored = self.writer.store(answer.revision(), || answer.checkpoint()).await;
        if let Err(failure) = stored {
            return answer.handle_failure(self.client.clock.now(), failure);
        }
        let clock = &self.client.clock;
        let give_up_at = clock.instant(answer.give_up_at(clock.now()));
        match collect(body, answer.limit(), give_up_at).await {
            Ok(body) => answer.handle_body(clock.now(), &body),
            Err(failure) => answer.handle_failure(clock.now(), failure),
        }
    }

    /// Writes a body to the sink.
    async fn download(
        &mut self,
        stream: &mut Stream<'_>,
        mut body: Body,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        self.observer.observe(|| stream.next_event());
        self.writer.store(stream.revision(), || stream.checkpoint()).await?;
        sink.begin(stream.artifact(), stream.offset()).await.map_err(sink_failed)?;
        let client = Arc::clone(&self.client);
        let clock = &client.clock;
        let (mut synced, mut synced_at) = (stream.position(), Instant::now());
        loop {
            let next = next_within(&mut body, stream.read_timeout(clock.now())).await;
            if let Ok(Some(chunk)) = &next {
                if stream.check(clock.now(), chunk).is_break() {
                    return Ok(());
                }
                sink.write(chunk.clone()).await.map_err(sink_failed)?;
                stream.advance(clock.now(), chunk.len() as u64);
                self.observer.progress(stream.position(), stream.artifact().length());
            }
            let due =
                stream.position() - synced >= SYNC_EVERY.0 || synced_at.elapsed() >= SYNC_EVERY.1;
            // The bytes before the body broke off are valid.
            if next.is_err() || (due && self.writer.is_enabled()) {
                (synced, synced_at) = (stream.position(), Instant::now());
                let durable = sink.sync().await.map_err(sink_failed)?;
                self.writer.store_now(stream.mark_durable(durable)).await?;
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
