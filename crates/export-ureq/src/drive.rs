//! The loop that drives a job, with ureq and on the calling thread.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use export_core::driver::{Complete, InFlight, Inline, Reply, Step, Stream, SyncTimer, Transmit};
use export_core::pacer::Permit;
use export_core::{Artifact, Error, ExportJob, Failure, FailureKind, Phase};
use export_host::{ExportError, JobObserver, PacedRequest, Until, several_files};
use http::{Request, Response};

use crate::checkpoint_writer::CheckpointWriter;
use crate::client::ClientInner;
use crate::sink::Sink;
use crate::stopper::Stopper;
use crate::tokens::TokenResult;
use crate::transport::{Body, Filled, Transport};

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
pub(crate) struct Driver<'a> {
    client: &'a ClientInner,
    observer: JobObserver,
    writer: CheckpointWriter,
    stopper: &'a Stopper,
    transport: Transport,
    paced: PacedRequest,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        client: &'a ClientInner,
        observer: JobObserver,
        writer: CheckpointWriter,
        stopper: &'a Stopper,
    ) -> Self {
        Self::on(Transport::new(&client.net), client, observer, writer, stopper)
    }

    /// A driver that uses an existing connection.
    pub(crate) fn on(
        transport: Transport,
        client: &'a ClientInner,
        observer: JobObserver,
        writer: CheckpointWriter,
        stopper: &'a Stopper,
    ) -> Self {
        let paced = PacedRequest::new(Arc::clone(&client.pacer));
        Self { client, observer, writer, stopper, transport, paced }
    }

    pub(crate) fn drive(
        &mut self,
        job: &mut ExportJob,
        sink: &mut dyn Sink,
        until: Until,
    ) -> DriveEnd {
        let clock = &self.client.clock;
        loop {
            self.report_and_store(job);
            if until.is_reached(job) {
                return DriveEnd::Reached;
            }
            match job.step(clock.now()) {
                Step::Done(Err(error)) => return DriveEnd::Done(Err(error)),
                Step::Done(Ok(artifact)) => return DriveEnd::Done(finish(sink, artifact)),
                _ if self.stopper.is_stopped() => return DriveEnd::Stopped,
                Step::Wait(wait) => self.stopper.sleep_until(clock.instant(wait.until)),
                Step::Inline(inline) => self.write_inline(inline, sink),
                Step::Complete(complete) => self.complete(complete, sink),
                Step::Transmit(transmit) => self.exchange(transmit, sink),
            }
        }
    }

    /// Sends the one request of a turn of a batch, and handles its response. Returns the outcome if
    /// the job has ended.
    pub(crate) fn take_turn(
        &mut self,
        job: &mut ExportJob,
        permit: Option<Permit>,
        sink: &mut dyn Sink,
    ) -> Option<Result<Artifact, Error>> {
        self.paced.hold(permit);
        let mut may_send = true;
        loop {
            match job.step(self.client.clock.now()) {
                Step::Transmit(transmit) if may_send => {
                    may_send = false;
                    self.exchange(transmit, sink);
                    self.paced.release();
                }
                Step::Inline(inline) => self.write_inline(inline, sink),
                Step::Complete(complete) => self.complete(complete, sink),
                Step::Done(Err(error)) => return Some(Err(error)),
                Step::Done(Ok(artifact)) => return Some(finish(sink, artifact)),
                Step::Wait(_) | Step::Transmit(_) => break,
            }
            self.report_and_store(job);
        }
        self.paced.release();
        None
    }

    /// Writes an artifact whose bytes came with a response.
    fn write_inline(&mut self, inline: Inline<'_>, sink: &mut dyn Sink) {
        let mut write = || {
            begin(sink, inline.artifact(), 0)?;
            sink.write(inline.bytes())?;
            sink.have(inline.artifact().operation())
        };
        match write() {
            Ok(have) => {
                self.observer.progress(have, Some(have));
                inline.handle_written(self.client.clock.now(), have);
            }
            Err(error) => inline.handle_failure(sink_failed(error)),
        }
    }

    /// Finishes an artifact that others follow.
    fn complete(&self, complete: Complete<'_>, sink: &mut dyn Sink) {
        match sink.finish(complete.artifact()) {
            Ok(()) => complete.handle_finished(self.client.clock.now()),
            Err(error) => complete.handle_failure(sink_failed(error)),
        }
    }

    /// The parts for the next driver of this job, and the connection for that of any job.
    pub(crate) fn into_parts(self) -> (JobObserver, CheckpointWriter, Transport) {
        (self.observer, self.writer, self.transport)
    }

    /// Reports the events of the job and stores its checkpoint.
    fn report_and_store(&mut self, job: &mut ExportJob) {
        self.observer.observe(|| job.next_event());
        if let Err(failure) = self.writer.store(job.revision(), || job.checkpoint()) {
            job.stop(failure);
        }
    }

    /// Removes the job's checkpoint.
    pub(crate) fn remove_checkpoint(&self) -> Result<(), ExportError> {
        self.writer.remove()
    }

    /// Sends one request and handles its response.
    fn exchange(&mut self, transmit: Transmit<'_>, sink: &mut dyn Sink) {
        let clock = &self.client.clock;
        let tokens = &self.client.tokens;
        let net = &self.client.net;
        let token = match tokens.get(&transmit, net, clock, self.stopper, &mut self.observer) {
            TokenResult::NotNeeded => None,
            TokenResult::Token(token) => Some(token),
            TokenResult::Failed(failure) => return transmit.decline(clock.now(), failure),
            // Nothing was sent: the request can be made another time.
            TokenResult::Stopped => return,
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
        // A confirmed permit counts as used, so nothing after this may postpone the request.
        if let Err(later) = self.paced.confirm(clock.now(), transmit.request_class()) {
            return transmit.postpone(clock.now(), later);
        }
        if transmit.wants_fresh_connection() {
            self.transport.disconnect();
        }
        let access = transmit.access();
        let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
        self.observer.observe(|| in_flight.next_event());
        if let Err(failure) = self.writer.store(in_flight.revision(), || in_flight.checkpoint()) {
            return in_flight.handle_failure(clock.now(), failure);
        }
        self.client.hooks.apply_headers(&mut request, access);
        self.paced.sent(clock.now());
        self.send(request, in_flight, sink);
    }

    fn send(&mut self, request: Request<Vec<u8>>, in_flight: InFlight<'_>, sink: &mut dyn Sink) {
        let clock = &self.client.clock;
        let _interruptible = self.stopper.on_stop(self.transport.shutdown_handle());
        let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
        let (head, body) = match self.transport.send(request, give_up_at) {
            Ok(response) => response.into_parts(),
            Err(failure) => return in_flight.handle_failure(clock.now(), failure),
        };
        let head = Response::from_parts(head, ());
        self.paced.handle_head(clock.now(), &head);
        match in_flight.handle_head(clock.now(), &head) {
            Reply::Collect(answer) => {
                let stored = self.writer.store(answer.revision(), || answer.checkpoint());
                body.set_deadline(clock.instant(answer.give_up_at(clock.now())));
                match stored.and_then(|()| body.collect(answer.limit())) {
                    Ok(body) => answer.handle_body(clock.now(), &body),
                    Err(failure) => answer.handle_failure(clock.now(), failure),
                }
            }
            Reply::Stream(mut stream) => match self.download(&mut stream, body, sink) {
                Ok(have) => stream.finish(clock.now(), have),
                Err(failure) => stream.handle_failure(clock.now(), failure),
            },
        }
    }

    /// Writes a body to the sink. Returns the number of bytes that the sink then has.
    fn download(
        &mut self,
        stream: &mut Stream<'_>,
        mut body: Body,
        sink: &mut dyn Sink,
    ) -> Result<u64, Failure> {
        self.observer.observe(|| stream.next_event());
        self.writer.store(stream.revision(), || stream.checkpoint())?;
        begin(sink, stream.artifact(), stream.offset()).map_err(sink_failed)?;
        let clock = &self.client.clock;
        let (mut timer, started) = (SyncTimer::new(stream.position()), Instant::now());
        let mut buffer = vec![0; PIECE];
        loop {
            // The bytes before the body broke off are valid.
            let asked = clock.now();
            body.set_stall_limit(stream.read_timeout(asked));
            let (filled, read) = body.fill(&mut buffer);
            let chunk = buffer.get(..filled).unwrap_or_default();
            // The wait that ended in a failure is not the speed of the bytes that came before it.
            let came = if read.is_ok() { clock.now() } else { asked };
            let ControlFlow::Continue(checked) = stream.check(came, chunk) else { break };
            sink.write(chunk).map_err(sink_failed)?;
            stream.advance(clock.now(), checked);
            self.observer.progress(stream.position(), stream.artifact().length());
            let ended = read.as_ref().is_ok_and(|filled| *filled == Filled::Ended);
            let is_due = timer.is_due(started.elapsed(), stream.position());
            if read.is_err() || (is_due && !ended && self.writer.is_enabled()) {
                let durable = sink.sync().map_err(sink_failed)?;
                self.writer.store_now(&stream.mark_durable(durable))?;
            }
            read?;
            if ended {
                break;
            }
        }
        sink.have(stream.artifact().operation()).map_err(sink_failed)
    }
}

/// The size of the pieces that a sink gets, in **bytes**. A file is written faster in many whole pages at once.
const PIECE: usize = 256 * 1024;

/// Begins an artifact. A sink for one would silently join those of a result with several.
fn begin(sink: &mut dyn Sink, artifact: &Artifact, offset: u64) -> io::Result<()> {
    sink.begin(artifact, offset)?;
    let is_one_of_several = artifact.index() > 0 || !artifact.is_last();
    if is_one_of_several && !sink.takes_several() {
        return Err(several_files());
    }
    Ok(())
}

fn finish(sink: &mut dyn Sink, artifact: Artifact) -> Result<Artifact, Error> {
    match sink.finish(&artifact) {
        Ok(()) => Ok(artifact),
        Err(error) => Err(Error::Local { phase: Phase::Fetch, failure: sink_failed(error) }),
    }
}

fn sink_failed(error: io::Error) -> Failure {
    Failure::new(FailureKind::Sink).with_source(error)
}
