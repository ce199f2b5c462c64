//! The loop that drives a job, with hyper and tokio.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use export_core::driver::{
    Collect, Complete, InFlight, Inline, Reply, RequestInfo, Step, Stream, SyncTimer, Transmit,
};
use export_core::pacer::Permit;
use export_core::{Artifact, Error, ExportJob, Failure, FailureKind, Phase};
use export_host::{ExportError, JobObserver, PacedRequest, Until, several_files};
use http::{Request, Response};
use tokio::time::Instant;

use crate::checkpoints::CheckpointWriter;
use crate::client::ClientInner;
use crate::download_limit::{DownloadLimit, DownloadPermit};
use crate::sink::Sink;
use crate::stopper::Stopper;
use crate::transport::{Body, collect, next_within};

/// Why the loop has ended.
#[derive(Debug)]
pub(crate) enum DriveEnd {
    /// The job has ended.
    Done(Result<Artifact, Error>),
    /// The job has come as far as it was to be driven.
    Reached,
    /// It was stopped.
    Stopped,
}

/// Drives one job.
#[derive(Debug)]
pub(crate) struct Driver {
    client: Arc<ClientInner>,
    observer: JobObserver,
    writer: CheckpointWriter,
    stopper: Stopper,
    paced: PacedRequest,
    download_limit: Option<DownloadLimit>,
}

impl Driver {
    pub(crate) fn new(
        client: Arc<ClientInner>,
        observer: JobObserver,
        writer: CheckpointWriter,
        stopper: Stopper,
    ) -> Self {
        let paced = PacedRequest::new(Arc::clone(&client.pacer));
        let download_limit = Some(client.download_limit.clone());
        Self { client, observer, writer, stopper, paced, download_limit }
    }

    /// Replaces the stopper by that of a batch.
    pub(crate) fn with_stopper(self, stopper: Stopper) -> Self {
        Self { stopper, ..self }
    }

    /// Downloads at once, whatever the number of other downloads.
    pub(crate) fn without_download_limit(self) -> Self {
        Self { download_limit: None, ..self }
    }

    pub(crate) async fn drive(
        &mut self,
        job: &mut ExportJob,
        sink: &mut impl Sink,
        until: Until,
    ) -> DriveEnd {
        // Held to the end, since the sink may keep a file open between two requests.
        let mut download_permit: Option<DownloadPermit> = None;
        loop {
            self.report_and_store(job).await;
            if until.is_reached(job) {
                return DriveEnd::Reached;
            }
            let stopper = self.stopper.clone();
            let waits = job.phase() == Phase::Fetch && download_permit.is_none();
            if let Some(limit) = self.download_limit.as_ref().filter(|_| waits) {
                tokio::select! {
                    () = stopper.stopped() => {}
                    permit = limit.acquire() => download_permit = Some(permit),
                }
            }
            match job.step(self.client.clock.now()) {
                Step::Done(Err(error)) => return DriveEnd::Done(Err(error)),
                Step::Done(Ok(artifact)) => return DriveEnd::Done(finish(sink, artifact).await),
                _ if stopper.is_stopped() => return DriveEnd::Stopped,
                Step::Wait(wait) => tokio::select! {
                    () = stopper.stopped() => {}
                    () = self.client.clock.wait_until(wait.until) => {}
                },
                Step::Inline(inline) => self.write_inline(inline, sink).await,
                Step::Complete(complete) => self.complete(complete, sink).await,
                Step::Transmit(transmit) => self.exchange_unless_stopped(transmit, sink).await,
            }
            if stopper.is_stopped() {
                self.keep_what_came(job, sink).await;
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
        let mut may_send = true;
        loop {
            match job.step(self.client.clock.now()) {
                Step::Transmit(transmit) if may_send => {
                    may_send = false;
                    self.exchange_unless_stopped(transmit, sink).await;
                    self.paced.release();
                }
                Step::Inline(inline) => self.write_inline(inline, sink).await,
                Step::Complete(complete) => self.complete(complete, sink).await,
                Step::Done(Err(error)) => return Some(Err(error)),
                Step::Done(Ok(artifact)) => return Some(finish(sink, artifact).await),
                Step::Wait(_) | Step::Transmit(_) => break,
            }
            self.report_and_store(job).await;
        }
        if self.stopper.is_stopped() {
            self.keep_what_came(job, sink).await;
        }
        self.paced.release();
        None
    }

    /// Sends one request and handles its response, or drops it on a stop.
    async fn exchange_unless_stopped(&mut self, transmit: Transmit<'_>, sink: &mut impl Sink) {
        let stopper = self.stopper.clone();
        tokio::select! {
            () = stopper.stopped() => {}
            () = self.exchange(transmit, sink) => {}
        }
    }

    /// Syncs the bytes of a download that was stopped.
    async fn keep_what_came(&mut self, job: &mut ExportJob, sink: &mut impl Sink) {
        if job.phase() == Phase::Fetch {
            // A sink that was not opened yet fails, and has nothing to keep.
            if let Ok(durable) = sink.sync().await {
                job.mark_durable(durable);
            }
            self.report_and_store(job).await;
        }
    }

    /// Writes an artifact whose bytes came with a response.
    async fn write_inline(&mut self, inline: Inline<'_>, sink: &mut impl Sink) {
        let bytes = Bytes::copy_from_slice(inline.bytes());
        let length = bytes.len() as u64;
        let written = async {
            begin(sink, inline.artifact(), 0).await?;
            sink.write(bytes).await?;
            sink.have(inline.artifact().operation()).await
        };
        match written.await {
            Ok(have) => {
                self.observer.progress(length, Some(length));
                inline.handle_written(self.client.clock.now(), have);
            }
            Err(error) => inline.handle_failure(sink_failed(error)),
        }
    }

    /// Finishes an artifact that others follow.
    async fn complete(&mut self, complete: Complete<'_>, sink: &mut impl Sink) {
        match sink.finish(complete.artifact()).await {
            Ok(()) => complete.handle_finished(self.client.clock.now()),
            Err(error) => complete.handle_failure(sink_failed(error)),
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
        let info = transmit.info();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.observer.observe(|| in_flight.next_event());
        let stored = self.writer.store(in_flight.revision(), || in_flight.checkpoint()).await;
        if let Err(failure) = stored {
            return in_flight.handle_failure(clock.now(), failure);
        }
        hooks.apply_headers(&mut request, info.access());
        self.paced.sent(clock.now());
        self.send(request, info, in_flight, sink).await;
    }

    async fn send(
        &mut self,
        request: Request<Vec<u8>>,
        info: RequestInfo,
        in_flight: InFlight<'_>,
        sink: &mut impl Sink,
    ) {
        let client = Arc::clone(&self.client);
        let clock = &client.clock;
        let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
        let (head, body) = match client.transport.send(request, Some(info), give_up_at).await {
            Ok(response) => response.into_parts(),
            Err(failure) => return in_flight.handle_failure(clock.now(), failure),
        };
        let head = Response::from_parts(head, ());
        self.paced.handle_head(clock.now(), &head);
        match in_flight.handle_head(clock.now(), &head) {
            Reply::Collect(answer) => self.collect(answer, body).await,
            Reply::Stream(mut stream) => match self.download(&mut stream, body, sink).await {
                Ok(have) => stream.finish(clock.now(), have),
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

    /// Writes a body to the sink. Returns the number of bytes that the sink then has.
    async fn download(
        &mut self,
        stream: &mut Stream<'_>,
        mut body: Body,
        sink: &mut impl Sink,
    ) -> Result<u64, Failure> {
        self.observer.observe(|| stream.next_event());
        self.writer.store(stream.revision(), || stream.checkpoint()).await?;
        begin(sink, stream.artifact(), stream.offset()).await.map_err(sink_failed)?;
        let client = Arc::clone(&self.client);
        let clock = &client.clock;
        let (mut timer, started) = (SyncTimer::new(stream.position()), Instant::now());
        loop {
            let next = next_within(&mut body, stream.read_timeout(clock.now())).await;
            if let Ok(Some(chunk)) = &next {
                let ControlFlow::Continue(checked) = stream.check(clock.now(), chunk) else {
                    break;
                };
                sink.write(chunk.clone()).await.map_err(sink_failed)?;
                stream.advance(clock.now(), checked);
                self.observer.progress(stream.position(), stream.artifact().length());
            }
            let is_due = timer.is_due(started.elapsed(), stream.position());
            // The bytes before the body broke off are valid.
            if next.is_err() || (is_due && self.writer.is_enabled()) {
                let durable = sink.sync().await.map_err(sink_failed)?;
                self.writer.store_now(stream.mark_durable(durable)).await?;
            }
            if next?.is_none() {
                break;
            }
        }
        sink.have(stream.artifact().operation()).await.map_err(sink_failed)
    }
}

/// Begins an artifact. A sink for one would silently join those of a result with several.
async fn begin(sink: &mut impl Sink, artifact: &Artifact, offset: u64) -> io::Result<()> {
    sink.begin(artifact, offset).await?;
    let is_one_of_several = artifact.index() > 0 || !artifact.is_last();
    if is_one_of_several && !sink.takes_several() {
        return Err(several_files());
    }
    Ok(())
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
