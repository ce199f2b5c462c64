//! The driver of one process: the loop around the core, with an injection point at each step.

use std::ops::ControlFlow;

use export_core::driver::{Collect, Reply, Step, Stream, Transmit};
use export_core::token::{Token, TokenSource, TokenStep};
use export_core::{Artifact, Checkpoint, Error, ExportJob, Failure, FailureKind, Phase};

use http::header::{ETAG, RANGE};

use super::inject::{CrashPoint, Injection, Injector};
use super::network::PartialResponse;
use super::sim::{CrashSim, Interrupted};
use super::violation::Violation;

/// The number of chunks after which a download is synced.
const SYNC_EVERY: u64 = 4;

impl<F: Injector> CrashSim<F> {
    /// Drives a job until the job or the process ends.
    pub(super) fn drive(
        &mut self,
        job: &mut ExportJob,
        source: &mut TokenSource,
    ) -> Result<Result<Artifact, Error>, Interrupted> {
        loop {
            while let Some(event) = job.next_event() {
                self.check_output(&event);
            }
            if let Some(failure) = self.store(job.revision(), || job.checkpoint())? {
                job.stop(failure);
            }
            match job.step(self.clock.now()) {
                Step::Done(Err(error)) => return Ok(Err(error)),
                Step::Done(Ok(artifact)) => return self.finish(artifact),
                Step::Wait(wait) if wait.until <= self.clock.now() => {
                    self.add_violation(Violation::PastWait);
                    return Ok(Err(Error::Deadline {
                        phase: job.phase(),
                        status: None,
                        retry_at: None,
                        is_total: false,
                        lacks_url: false,
                    }));
                }
                Step::Wait(wait) => {
                    self.reach(CrashPoint::Wait)?;
                    self.log(|| format!("wait until {} ({:?})", wait.until, wait.why));
                    self.clock.advance_to(wait.until);
                    self.reach(CrashPoint::Waited)?;
                }
                Step::Inline(_) | Step::Complete(_) => unreachable!("Workiva sends one file"),
                Step::Transmit(transmit) => self.exchange(transmit, source)?,
            }
            if !self.violations.is_empty() {
                return Err(Interrupted::Violation);
            }
        }
    }

    /// Sends one request and handles its response.
    fn exchange(
        &mut self,
        transmit: Transmit<'_>,
        source: &mut TokenSource,
    ) -> Result<(), Interrupted> {
        let token = match self.token(&transmit, source)? {
            Ok(token) => token,
            Err(failure) => {
                transmit.decline(self.clock.now(), failure);
                return Ok(());
            }
        };
        if self.reach(CrashPoint::Transmit)? == Injection::DropHandle {
            return Ok(());
        }
        let phase = transmit.phase();
        let operation = transmit.operation().map(ToString::to_string);
        let have = match &operation {
            Some(operation) if phase == Phase::Fetch => self.disk.part(operation).len(),
            _ => 0,
        };
        let (request, in_flight) = transmit.start(self.clock.now(), token.as_ref(), have);
        self.check_output(&in_flight);
        if let Some(failure) = self.store(in_flight.revision(), || in_flight.checkpoint())? {
            in_flight.handle_failure(self.clock.now(), failure);
            return Ok(());
        }
        if self.reach(CrashPoint::Started)? == Injection::DropHandle {
            return Ok(());
        }
        let summary = match request.headers().get(RANGE) {
            Some(range) => format!("{} {} [{range:?}]", request.method(), request.uri()),
            None => format!("{} {}", request.method(), request.uri()),
        };
        let response = self.send(Some(phase), request, in_flight.give_up_at(self.clock.now()));
        self.log(|| match &response {
            Ok(PartialResponse { head, body, failure }) => {
                let etag = head.headers().get(ETAG);
                format!("{summary} -> {} {etag:?} {} bytes {failure:?}", head.status(), body.len())
            }
            Err(failure) => format!("{summary} -> {failure}"),
        });
        if self.reach(CrashPoint::Sent)? == Injection::DropHandle {
            return Ok(());
        }
        let now = self.clock.now();
        let response = match response {
            Ok(response) => response,
            Err(failure) => {
                in_flight.handle_failure(now, failure);
                return Ok(());
            }
        };
        let head = &response.head;
        self.earliest_send.update(now, phase, head.status().as_u16(), head.headers());
        match in_flight.handle_head(now, head) {
            Reply::Collect(collect) => self.collect(collect, &response)?,
            Reply::Stream(stream) => {
                self.stream(stream, &operation.unwrap_or_default(), &response)?;
            }
        }
        self.reach(CrashPoint::Received)?;
        Ok(())
    }

    /// Returns the token that a request needs, or `None` if it needs none.
    fn token(
        &mut self,
        transmit: &Transmit<'_>,
        source: &mut TokenSource,
    ) -> Result<Result<Option<Token>, Failure>, Interrupted> {
        let Some(need) = transmit.token_need() else { return Ok(Ok(None)) };
        loop {
            let now = self.clock.now();
            match source.step(now, need) {
                TokenStep::Ready(token) => return Ok(Ok(Some(token))),
                TokenStep::Failed(failure) => return Ok(Err(failure)),
                TokenStep::Wait(_) if now >= transmit.token_by() => {
                    let failure = Failure::new(FailureKind::Unanswered);
                    return Ok(Err(failure.with_detail("no token in time")));
                }
                TokenStep::Ask(_) => unreachable!("the tokens have an endpoint"),
                TokenStep::Wait(until) => self.clock.advance_to(until.min(transmit.token_by())),
                TokenStep::Transmit(request, ticket) => {
                    let response = self.send(None, request, ticket.give_up_at());
                    let injection = self.reach(CrashPoint::Sent)?;
                    let now = self.clock.now();
                    if injection == Injection::DropHandle {
                        source.abandon(now, ticket);
                        continue;
                    }
                    match response {
                        Err(failure) => source.handle_failure(now, ticket, failure),
                        Ok(response) => match response.failure {
                            Some(kind) => source.handle_failure(now, ticket, Failure::new(kind)),
                            None => {
                                source.handle_response(now, ticket, &response.head, &response.body);
                            }
                        },
                    }
                }
            }
        }
    }

    fn collect(
        &mut self,
        collect: Collect<'_>,
        response: &PartialResponse,
    ) -> Result<(), Interrupted> {
        if self.reach(CrashPoint::Head)? == Injection::DropHandle {
            return Ok(());
        }
        let stored = self.store(collect.revision(), || collect.checkpoint())?;
        let now = self.clock.now();
        let failure = match (stored, response.failure) {
            (Some(failure), _) => failure,
            (None, _) if response.body.len() > collect.limit() => {
                Failure::new(FailureKind::TooLong)
            }
            (None, Some(FailureKind::Stalled)) => Failure::new(FailureKind::Unanswered),
            (None, Some(kind)) => Failure::new(kind),
            (None, None) => {
                collect.handle_body(now, &response.body);
                return Ok(());
            }
        };
        collect.handle_failure(now, failure);
        Ok(())
    }

    fn stream(
        &mut self,
        mut stream: Stream<'_>,
        operation: &str,
        response: &PartialResponse,
    ) -> Result<(), Interrupted> {
        while let Some(event) = stream.next_event() {
            self.check_output(&event);
        }
        if self.reach(CrashPoint::Head)? == Injection::DropHandle {
            return Ok(());
        }
        match self.download(&mut stream, operation, response)? {
            DownloadEnd::Dropped => {}
            DownloadEnd::Complete => {
                let have = self.disk.part(operation).len();
                stream.finish(self.clock.now(), have);
            }
            DownloadEnd::Failed(failure) => stream.handle_failure(self.clock.now(), failure),
        }
        Ok(())
    }

    /// Writes a response body to the disk.
    fn download(
        &mut self,
        stream: &mut Stream<'_>,
        operation: &str,
        response: &PartialResponse,
    ) -> Result<DownloadEnd, Interrupted> {
        if let Some(failure) = self.store(stream.revision(), || stream.checkpoint())? {
            return Ok(DownloadEnd::Failed(failure));
        }
        if !self.disk.part(operation).truncate(stream.offset()) {
            self.add_violation(Violation::DamagedFile("a hole".into()));
        }
        for (chunk, number) in response.body.chunks(self.write_size).zip(1..) {
            let ControlFlow::Continue(checked) = stream.check(self.clock.now(), chunk) else {
                return Ok(DownloadEnd::Complete);
            };
            match self.reach(CrashPoint::Write)? {
                Injection::DropHandle => return Ok(DownloadEnd::Dropped),
                Injection::Fail => {
                    let failure = Failure::new(FailureKind::Sink).with_detail("the disk is full");
                    return Ok(DownloadEnd::Failed(failure));
                }
                _ => {}
            }
            self.disk.part(operation).write(chunk);
            if self.reach(CrashPoint::Wrote)? == Injection::DropHandle {
                return Ok(DownloadEnd::Dropped);
            }
            stream.advance(self.clock.now(), checked);
            if number % SYNC_EVERY == 0
                && let Some(end) = self.sync(stream, operation)?
            {
                return Ok(end);
            }
        }
        let Some(kind) = response.failure else { return Ok(DownloadEnd::Complete) };
        if kind == FailureKind::Stalled {
            self.clock.advance(stream.read_timeout(self.clock.now()));
        }
        // Keeps the bytes that were received before the failure.
        Ok(self.sync(stream, operation)?.unwrap_or(DownloadEnd::Failed(Failure::new(kind))))
    }

    fn sync(
        &mut self,
        stream: &mut Stream<'_>,
        operation: &str,
    ) -> Result<Option<DownloadEnd>, Interrupted> {
        let durable = self.disk.part(operation).sync();
        if self.reach(CrashPoint::Synced)? == Injection::DropHandle {
            return Ok(Some(DownloadEnd::Dropped));
        }
        let checkpoint = stream.mark_durable(durable);
        Ok(self.store(stream.revision(), || checkpoint)?.map(DownloadEnd::Failed))
    }

    /// Renames the file and removes the checkpoint.
    fn finish(&mut self, artifact: Artifact) -> Result<Result<Artifact, Error>, Interrupted> {
        if self.reach(CrashPoint::Complete)? == Injection::Fail {
            let failure = Failure::new(FailureKind::Sink).with_detail("rename failed");
            return Ok(Err(Error::Local { phase: Phase::Fetch, failure }));
        }
        self.disk.part(artifact.operation()).sync();
        self.disk.rename(artifact.operation());
        self.check_file();
        self.reach(CrashPoint::Renamed)?;
        self.stored = None;
        Ok(Ok(artifact))
    }

    /// Stores a checkpoint if the revision has changed. Returns the failure if the store fails.
    fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<Option<Failure>, Interrupted> {
        if self.revision == Some(revision) {
            return Ok(None);
        }
        if self.reach(CrashPoint::Store)? == Injection::Fail {
            self.store_failed = true;
            return Ok(Some(Failure::new(FailureKind::Store).with_detail("the disk is full")));
        }
        self.save(&checkpoint());
        self.revision = Some(revision);
        self.reach(CrashPoint::Stored)?;
        Ok(None)
    }
}

/// How a download ended.
enum DownloadEnd {
    Dropped,
    Complete,
    Failed(Failure),
}
