//! The loop: what every driver of the core does, here with ureq and on the caller's thread.

use std::sync::Arc;
use std::time::Instant;

use export_core::{
    Artifact, Error, ExportJob, Failure, FailureKind, InFlight, Permit, Phase, Reply, Step, Stream,
    Transmit,
};
use export_host::{ExportError, JobObserver, PacedRequest, SYNC_EVERY, Until};
use http::{Request, Response};

use crate::client::Shared;
use crate::keeper::Keeper;
use crate::sink::Sink;
use crate::stopper::Stopper;
use crate::tokens::Supply;
use crate::transport::{Body, READ_BUFFER, Transport};

/// How the loop was left.
#[derive(Debug)]
pub(crate) enum Left {
    /// The job is over.
    Done(Result<Artifact, Error>),
    /// What was to be waited for has happened.
    Reached,
    /// Somebody stopped it.
    Stopped,
}

/// Drives one job.
#[derive(Debug)]
pub(crate) struct Driver<'a> {
    client: &'a Shared,
    watch: JobObserver,
    keeper: Keeper,
    stopper: &'a Stopper,
    transport: Transport,
    paced: PacedRequest,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        client: &'a Shared,
        watch: JobObserver,
        keeper: Keeper,
        stopper: &'a Stopper,
    ) -> Self {
        Self::on(Transport::new(&client.net), client, watch, keeper, stopper)
    }

    /// One that goes on with a connection.
    pub(crate) fn on(
        transport: Transport,
        client: &'a Shared,
        watch: JobObserver,
        keeper: Keeper,
        stopper: &'a Stopper,
    ) -> Self {
        let paced = PacedRequest::new(Arc::clone(&client.pacer));
        Self { client, watch, keeper, stopper, transport, paced }
    }

    pub(crate) fn drive(&mut self, job: &mut ExportJob, sink: &mut dyn Sink, until: Until) -> Left {
        let clock = &self.client.clock;
        loop {
            self.keep(job);
            if until.is_reached(job) {
                return Left::Reached;
            }
            match job.step(clock.now()) {
                Step::Done(Err(error)) => return Left::Done(Err(error)),
                Step::Done(Ok(artifact)) => return Left::Done(finish(sink, artifact)),
                _ if self.stopper.is_stopped() => return Left::Stopped,
                Step::Wait(wait) => self.stopper.sleep_until(clock.instant(wait.until)),
                Step::Transmit(transmit) => self.exchange(transmit, sink),
            }
        }
    }

    /// Sends the one request for which the job has its turn, and takes in its answer. `None` if
    /// there is more to do.
    pub(crate) fn turn(
        &mut self,
        job: &mut ExportJob,
        permit: Option<Permit>,
        sink: &mut dyn Sink,
    ) -> Option<Result<Artifact, Error>> {
        self.paced.hold(permit);
        if let Step::Transmit(transmit) = job.step(self.client.clock.now()) {
            self.exchange(transmit, sink);
        }
        self.paced.release();
        self.keep(job);
        match job.step(self.client.clock.now()) {
            Step::Done(Err(error)) => Some(Err(error)),
            Step::Done(Ok(artifact)) => Some(finish(sink, artifact)),
            Step::Wait(_) | Step::Transmit(_) => None,
        }
    }

    /// What the next driver of this job needs, and the connection for that of another.
    pub(crate) fn into_parts(self) -> (JobObserver, Keeper, Transport) {
        (self.watch, self.keeper, self.transport)
    }

    /// Tells what has happened to the job, and stores it as it is now.
    fn keep(&mut self, job: &mut ExportJob) {
        self.watch.observe(|| job.next_event());
        if let Err(failure) = self.keeper.store(job.revision(), || job.checkpoint()) {
            job.stop(failure);
        }
    }

    /// Forgets the job's checkpoint.
    pub(crate) fn forget(&self) -> Result<(), ExportError> {
        self.keeper.remove()
    }

    /// One request and its answer.
    fn exchange(&mut self, transmit: Transmit<'_>, sink: &mut dyn Sink) {
        let clock = &self.client.clock;
        let tokens = &self.client.tokens;
        let token = match tokens.get(&transmit, &self.client.net, clock, self.stopper) {
            Supply::NotNeeded => None,
            Supply::Token(token) => Some(token),
            Supply::Failed(failure) => return transmit.decline(clock.now(), failure),
            // Nothing has happened: the request may be made another time.
            Supply::Stopped => return,
        };
        let have = match transmit.operation() {
            Some(operation) if transmit.phase() == Phase::Fetch => {
                sink.have(&operation.to_string())
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
        if transmit.wants_fresh_connection() {
            self.transport.disconnect();
        }
        let access = transmit.access();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.watch.observe(|| in_flight.next_event());
        if let Err(failure) = self.keeper.store(in_flight.revision(), || in_flight.checkpoint()) {
            return in_flight.handle_failure(clock.now(), failure);
        }
        self.client.hooks.apply_headers(&mut request, access);
        self.send(request, in_flight, sink);
    }

    fn send(&mut self, request: Request<Vec<u8>>, in_flight: InFlight<'_>, sink: &mut dyn Sink) {
        let clock = &self.client.clock;
        let _interruptible = self.stopper.guard(self.transport.breaker());
        let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
        let (head, body) = match self.transport.send(request, give_up_at) {
            Ok(response) => response.into_parts(),
            Err(failure) => return in_flight.handle_failure(clock.now(), failure),
        };
        let head = Response::from_parts(head, ());
        self.paced.handle_head(clock.now(), &head);
        match in_flight.handle_head(clock.now(), &head) {
            Reply::Collect(answer) => {
                let stored = self.keeper.store(answer.revision(), || answer.checkpoint());
                match stored.and_then(|()| body.collect(answer.limit())) {
                    Ok(body) => answer.handle_body(clock.now(), &body),
                    Err(failure) => answer.handle_failure(clock.now(), failure),
                }
            }
            Reply::Stream(mut stream) => match self.download(&mut stream, body, sink) {
                Ok(()) => stream.finish(clock.now()),
                Err(failure) => stream.handle_failure(clock.now(), failure),
            },
        }
    }

    /// Brings a body to the sink.
    fn download(
        &mut self,
        stream: &mut Stream<'_>,
        mut body: Body,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        self.watch.observe(|| stream.next_event());
        self.keeper.store(stream.revision(), || stream.checkpoint())?;
        sink.begin(stream.artifact(), stream.offset()).map_err(sink_failed)?;
        body.limit_silence(stream.stall());
        let (mut synced, mut synced_at) = (stream.position(), Instant::now());
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            // What came before the body broke off is good all the same.
            let (filled, read) = body.fill(&mut buffer);
            let chunk = buffer.get(..filled).unwrap_or_default();
            if stream.check(chunk).is_break() {
                return Ok(());
            }
            sink.write(chunk).map_err(sink_failed)?;
            stream.advance(filled as u64);
            self.watch.progress(stream.position(), stream.artifact().length());
            let ended = filled < buffer.len();
            let due =
                stream.position() - synced >= SYNC_EVERY.0 || synced_at.elapsed() >= SYNC_EVERY.1;
            if read.is_err() || (due && !ended && self.keeper.is_kept()) {
                (synced, synced_at) = (stream.position(), Instant::now());
                let durable = sink.sync().map_err(sink_failed)?;
                self.keeper.store_always(&stream.mark_durable(durable))?;
            }
            read?;
            if ended {
                return Ok(());
            }
        }
    }
}

fn finish(sink: &mut dyn Sink, artifact: Artifact) -> Result<Artifact, Error> {
    match sink.finish(&artifact) {
        Ok(()) => Ok(artifact),
        Err(error) => Err(Error::Local { phase: Phase::Fetch, failure: sink_failed(error) }),
    }
}

fn sink_failed(error: std::io::Error) -> Failure {
    Failure::new(FailureKind::Sink).with_source(error)
}
