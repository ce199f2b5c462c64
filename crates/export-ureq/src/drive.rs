//! The loop: what every driver of the core does, here with ureq and on the caller's thread.

use std::time::{Duration, Instant};

use export_core::{
    Artifact, Error, ExportJob, Failure, FailureKind, InFlight, Phase, Reply, Step, Stream,
    Transmit, Wait, Why,
};
use export_host::Watch;
use http::{Request, Response};

use crate::client::Shared;
use crate::keeper::Keeper;
use crate::sink::Sink;
use crate::stopper::Stopper;
use crate::tokens::Supply;
use crate::transport::{Body, READ_BUFFER, Transport};

/// When to leave the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The export was accepted.
    Accepted,
    /// The service has said how far the operation is.
    Polled,
    /// The job is over.
    Done,
}

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
    watch: Watch,
    keeper: Keeper,
    stopper: &'a Stopper,
    transport: Transport,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(client: &'a Shared, keeper: Keeper, stopper: &'a Stopper) -> Self {
        Self {
            client,
            watch: client.hooks.watch(),
            keeper,
            stopper,
            transport: Transport::new(&client.net),
        }
    }

    pub(crate) fn drive(&mut self, job: &mut ExportJob, sink: &mut dyn Sink, until: Until) -> Left {
        let clock = &self.client.clock;
        let mut polled = false;
        loop {
            self.watch.observe(|| job.next_event());
            if let Err(failure) = self.keeper.store(job.revision(), || job.checkpoint()) {
                job.stop(failure);
            }
            match until {
                Until::Accepted if job.operation().is_some() => return Left::Reached,
                Until::Polled if polled && is_known(job) => return Left::Reached,
                _ => {}
            }
            match job.step(clock.now()) {
                Step::Done(Err(error)) => return Left::Done(Err(error)),
                Step::Done(Ok(artifact)) => return Left::Done(finish(sink, artifact)),
                _ if self.stopper.is_stopped() => return Left::Stopped,
                // An answer without a word for the state; a failure would wait for a back-off.
                Step::Wait(Wait { why: Why::Pace, .. }) if until == Until::Polled && polled => {
                    return Left::Reached;
                }
                Step::Wait(wait) => self.stopper.sleep_until(clock.instant(wait.until)),
                Step::Transmit(transmit) => {
                    polled = transmit.phase() == Phase::Poll;
                    self.exchange(transmit, sink);
                }
            }
        }
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
        if transmit.wants_fresh_connection() {
            self.transport.disconnect();
        }
        let access = transmit.access();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.watch.observe(|| in_flight.next_event());
        if let Err(failure) = self.keeper.store(in_flight.revision(), || in_flight.checkpoint()) {
            return in_flight.handle_failure(clock.now(), failure);
        }
        self.client.hooks.dress(&mut request, access);
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
        match in_flight.handle_head(clock.now(), &Response::from_parts(head, ())) {
            Reply::Collect(answer) => match body.collect(answer.limit()) {
                Ok(body) => answer.handle_body(clock.now(), &body),
                Err(failure) => answer.handle_failure(clock.now(), failure),
            },
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
                stream.position() - synced >= SYNC_EVERY_BYTES || synced_at.elapsed() >= SYNC_EVERY;
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

/// A checkpoint is stored after so many bytes, or so much time, whichever comes first.
const SYNC_EVERY_BYTES: u64 = 64 * 1_048_576;
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Whether the service has said how far the operation is.
fn is_known(job: &ExportJob) -> bool {
    let is_named = job.facts().is_some_and(|facts| facts.status.is_some());
    is_named || job.phase() == Phase::Fetch
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
