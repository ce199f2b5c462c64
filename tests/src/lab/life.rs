//! The life of one process: the loop that every driver of the machine has.

use export_core::{
    Artifact, Checkpoint, Collect, Error, ExportJob, Failure, FailureKind, Phase, Reply, Step,
    Stream, TokenSource, Transmit,
};

use http::header::{ETAG, RANGE};

use super::broken::Broken;
use super::fate::{Fate, Moment, Turn};
use super::line::Heard;
use super::play::{Dead, Lab};

/// A download is synced after so many pieces.
const SYNC_EVERY: u64 = 4;

impl<F: Fate> Lab<F> {
    /// Drives a job to its end, or to the process's.
    pub(super) fn live(
        &mut self,
        job: &mut ExportJob,
        source: &mut TokenSource,
    ) -> Result<Result<Artifact, Error>, Dead> {
        loop {
            while let Some(event) = job.next_event() {
                self.show(&event);
            }
            if let Some(failure) = self.store(job.revision(), || job.checkpoint())? {
                job.stop(failure);
            }
            match job.step(self.clock.now()) {
                Step::Done(Err(error)) => return Ok(Err(error)),
                Step::Done(Ok(artifact)) => return self.finish(artifact),
                Step::Wait(wait) if wait.until <= self.clock.now() => {
                    self.break_promise(Broken::PastWait);
                    return Ok(Err(Error::Deadline {
                        phase: job.phase(),
                        status: None,
                        retry_at: None,
                    }));
                }
                Step::Wait(wait) => {
                    self.meet(Moment::Wait)?;
                    self.log(|| format!("wait until {} ({:?})", wait.until, wait.why));
                    self.clock.pass_until(wait.until);
                    self.meet(Moment::Waited)?;
                }
                Step::Transmit(transmit) => self.exchange(transmit, source)?,
            }
            if !self.broken.is_empty() {
                return Err(Dead::OfShame);
            }
        }
    }

    /// One request and its answer.
    fn exchange(&mut self, transmit: Transmit<'_>, source: &mut TokenSource) -> Result<(), Dead> {
        let token = match self.token(&transmit, source)? {
            Ok(token) => token,
            Err(failure) => {
                transmit.decline(self.clock.now(), failure);
                return Ok(());
            }
        };
        if self.meet(Moment::Transmit)? == Turn::Drop {
            return Ok(());
        }
        let phase = transmit.phase();
        let operation = transmit.operation().map(ToString::to_string);
        let have = match &operation {
            Some(operation) if phase == Phase::Fetch => self.disk.part(operation).have(),
            _ => 0,
        };
        let (request, in_flight) = transmit.start(self.clock.now(), token.as_ref(), have);
        self.show(&in_flight);
        if let Some(failure) = self.store(in_flight.revision(), || in_flight.checkpoint())? {
            in_flight.handle_failure(self.clock.now(), failure);
            return Ok(());
        }
        if self.meet(Moment::Started)? == Turn::Drop {
            return Ok(());
        }
        let asked = match request.headers().get(RANGE) {
            Some(range) => format!("{} {} [{range:?}]", request.method(), request.uri()),
            None => format!("{} {}", request.method(), request.uri()),
        };
        let heard = self.send(Some(phase), request, in_flight.give_up_at(self.clock.now()));
        self.log(|| match &heard {
            Ok(Heard { head, body, failure }) => {
                let etag = head.headers().get(ETAG);
                format!("{asked} -> {} {etag:?} {} bytes {failure:?}", head.status(), body.len())
            }
            Err(failure) => format!("{asked} -> {failure}"),
        });
        if self.meet(Moment::Sent)? == Turn::Drop {
            return Ok(());
        }
        let now = self.clock.now();
        let heard = match heard {
            Ok(heard) => heard,
            Err(failure) => {
                in_flight.handle_failure(now, failure);
                return Ok(());
            }
        };
        self.pace.heard(now, phase, heard.head.status().as_u16(), heard.head.headers());
        match in_flight.handle_head(now, &heard.head) {
            Reply::Collect(collect) => self.collect(collect, &heard)?,
            Reply::Stream(stream) => {
                self.stream(stream, &operation.unwrap_or_default(), &heard)?;
            }
        }
        self.meet(Moment::Answered)?;
        Ok(())
    }

    fn collect(&mut self, collect: Collect<'_>, heard: &Heard) -> Result<(), Dead> {
        if self.meet(Moment::Head)? == Turn::Drop {
            return Ok(());
        }
        let stored = self.store(collect.revision(), || collect.checkpoint())?;
        let now = self.clock.now();
        let failure = match (stored, heard.failure) {
            (Some(failure), _) => failure,
            (None, _) if heard.body.len() > collect.limit() => Failure::new(FailureKind::TooLong),
            (None, Some(FailureKind::Stalled)) => Failure::new(FailureKind::Unanswered),
            (None, Some(kind)) => Failure::new(kind),
            (None, None) => {
                collect.handle_body(now, &heard.body);
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
        heard: &Heard,
    ) -> Result<(), Dead> {
        while let Some(event) = stream.next_event() {
            self.show(&event);
        }
        if self.meet(Moment::Head)? == Turn::Drop {
            return Ok(());
        }
        match self.download(&mut stream, operation, heard)? {
            Left::Dropped => {}
            Left::Ended => stream.finish(self.clock.now()),
            Left::Failed(failure) => stream.handle_failure(self.clock.now(), failure),
        }
        Ok(())
    }

    /// Brings a body to the disk.
    fn download(
        &mut self,
        stream: &mut Stream<'_>,
        operation: &str,
        heard: &Heard,
    ) -> Result<Left, Dead> {
        if let Some(failure) = self.store(stream.revision(), || stream.checkpoint())? {
            return Ok(Left::Failed(failure));
        }
        if !self.disk.part(operation).cut(stream.offset()) {
            self.break_promise(Broken::Damaged("a hole".into()));
        }
        for (piece, number) in heard.body.chunks(self.piece).zip(1..) {
            if stream.check(piece).is_break() {
                return Ok(Left::Ended);
            }
            match self.meet(Moment::Write)? {
                Turn::Drop => return Ok(Left::Dropped),
                Turn::Fail => {
                    let failure = Failure::new(FailureKind::Sink).with_detail("the disk is full");
                    return Ok(Left::Failed(failure));
                }
                _ => {}
            }
            self.disk.part(operation).write(piece);
            if self.meet(Moment::Wrote)? == Turn::Drop {
                return Ok(Left::Dropped);
            }
            stream.advance(piece.len() as u64);
            if number % SYNC_EVERY == 0
                && let Some(left) = self.sync(stream, operation)?
            {
                return Ok(left);
            }
        }
        let Some(kind) = heard.failure else { return Ok(Left::Ended) };
        if kind == FailureKind::Stalled {
            self.clock.pass(stream.stall());
        }
        // What came before the body broke off is good all the same.
        Ok(self.sync(stream, operation)?.unwrap_or(Left::Failed(Failure::new(kind))))
    }

    fn sync(&mut self, stream: &mut Stream<'_>, operation: &str) -> Result<Option<Left>, Dead> {
        let durable = self.disk.part(operation).sync();
        if self.meet(Moment::Synced)? == Turn::Drop {
            return Ok(Some(Left::Dropped));
        }
        let checkpoint = stream.mark_durable(durable);
        Ok(self.store(stream.revision(), || checkpoint)?.map(Left::Failed))
    }

    /// Gives the file its name, and forgets the job.
    fn finish(&mut self, artifact: Artifact) -> Result<Result<Artifact, Error>, Dead> {
        if self.meet(Moment::Complete)? == Turn::Fail {
            let failure = Failure::new(FailureKind::Sink).with_detail("it cannot be renamed");
            return Ok(Err(Error::Local { phase: Phase::Fetch, failure }));
        }
        self.disk.part(artifact.operation()).sync();
        self.disk.name(artifact.operation());
        self.compare();
        self.meet(Moment::Named)?;
        self.stored = None;
        Ok(Ok(artifact))
    }

    /// Stores a checkpoint if the job has moved; the failure, if that fails.
    fn store(
        &mut self,
        revision: u64,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<Option<Failure>, Dead> {
        if self.revision == Some(revision) {
            return Ok(None);
        }
        if self.meet(Moment::Store)? == Turn::Fail {
            self.store_failed = true;
            return Ok(Some(Failure::new(FailureKind::Store).with_detail("the disk is full")));
        }
        self.keep(&checkpoint());
        self.revision = Some(revision);
        self.meet(Moment::Stored)?;
        Ok(None)
    }
}

/// How a download was left.
enum Left {
    Dropped,
    Ended,
    Failed(Failure),
}
