//! What a job takes in, from its first step to its last byte.

use alloc::boxed::Box;
use alloc::format;
use core::mem;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::artifact::Artifact;
use crate::dialect::{Contradiction, Head, Phase, Reading};
use crate::error::{AttemptError, Error};
use crate::failure::{Failure, FailureKind, TokenGatewayError};
use crate::job::ExportJob;
use crate::job::event::Event;
use crate::job::exchange::{BodyPlan, BodyUse, DownloadEnd, ReceivedHead, SentRequest};
use crate::job::schedule::Why;
use crate::job::state::State;
use crate::time::Timestamp;

impl ExportJob {
    /// The first step, and every one after a handle was dropped.
    pub(in crate::job) fn begin(&mut self, now: Timestamp) {
        if matches!(self.state, State::Done(_)) {
            return;
        }
        if self.schedule.budget.is_none() {
            self.schedule.begin(now, self.config.limits());
            self.announce_sunset(now);
            // A former process sent these, and did not live to see an answer.
            let sends = self.sends();
            if sends > 0 && !self.may_send_again() {
                self.end(Err(Error::SubmitUnconfirmed { sends, last: unheard() }));
            }
        }
        // What a former process was asked to wait, or an answer whose handle was dropped.
        if self.schedule.not_before > self.end_of_time(now) {
            self.out_of_time(Some(self.schedule.not_before));
        }
        if mem::take(&mut self.in_flight) && self.phase() == Phase::Submit {
            self.perhaps_sent(now, unheard(), None);
        }
    }

    /// A request is about to be sent: what a crash must not forget is written down first.
    /// `offset` is where a download goes on.
    pub(in crate::job) fn started(&mut self, now: Timestamp, offset: u64) {
        self.in_flight = true;
        match &mut self.state {
            State::Submitting(submitting) => {
                submitting.sends = submitting.sends.saturating_add(1);
                self.touch();
            }
            State::Polling(polling) => {
                let wait = polling.operation.retry_after.unwrap_or_default();
                let own = self.own_interval(now);
                self.schedule.set(now, wait.max(own), Why::Pace);
                self.touch();
            }
            State::Fetching(fetching) => {
                let download = fetching.operation.download_mut();
                if download.attempts == 0 {
                    // A former process may have come further than its disk shows now: what is lost
                    // is loaded again, and that is progress.
                    download.highest = download.highest.min(offset);
                }
                download.attempts = download.attempts.saturating_add(1);
            }
            State::Done(_) => {}
        }
    }

    /// The request was not made.
    pub(in crate::job) fn declined(&mut self, now: Timestamp, failure: Failure) {
        self.events.push(Event::Failed { at: now, phase: self.phase(), kind: failure.kind() });
        let error = Error::of_final_failure(self.phase(), &failure).unwrap_or_else(|| {
            self.gave_up(match TokenGatewayError::of(&failure) {
                Some(TokenGatewayError { status, page }) => {
                    AttemptError::Response(*status, Box::new(page.clone()))
                }
                None => AttemptError::Failure(failure),
            })
        });
        self.end(Err(error));
    }

    /// No answer came.
    pub(in crate::job) fn unanswered(&mut self, now: Timestamp, failure: Failure) {
        self.in_flight = false;
        let phase = self.phase();
        self.events.push(Event::Failed { at: now, phase, kind: failure.kind() });
        if let Some(error) = Error::of_final_failure(phase, &failure) {
            self.not_accepted();
            return self.end(Err(error));
        }
        match failure.kind() {
            FailureKind::NotSent => {
                self.not_accepted();
                self.back_off(now, AttemptError::Failure(failure), None);
            }
            FailureKind::TooLong => self.protocol(None, "its head does not end"),
            _ => self.perhaps_sent(now, AttemptError::Failure(failure), None),
        }
    }

    /// A head came. What it decides, it decides now; the rest waits for the body.
    pub(in crate::job) fn answered<'h>(
        &mut self,
        now: Timestamp,
        head: &Head<'h>,
        sent: &SentRequest,
    ) -> BodyPlan<'h> {
        let (status, retry_after) = self.observe(now, head, sent.phase);
        let first_refusal = status == StatusCode::UNAUTHORIZED && self.refused.is_none();
        if status != StatusCode::UNAUTHORIZED {
            self.refused = None;
        }
        match (sent.phase, status.as_u16()) {
            (_, 401) if first_refusal && self.is_trusted() => {
                self.refused = Some(sent.token);
                self.not_accepted();
                self.wait(now, Duration::ZERO, retry_after, Why::BackOff);
            }
            (_, 407) => {
                let failure = Failure::new(FailureKind::Untrusted)
                    .with_detail("a proxy on the way wants credentials (407)");
                self.not_accepted();
                self.end(Err(Error::Untrusted { phase: sent.phase, failure }));
            }
            (_, 429) => {
                self.not_accepted();
                self.throttled(now, retry_after);
            }
            (Phase::Submit | Phase::Poll, 200..=299) | (Phase::Poll, 303) => {
                let reading = self.dialect.read(sent.phase, head, None);
                match (sent.phase, reading) {
                    (_, Reading::NeedBody) => {
                        return self.ask(now, BodyUse::Reply, head, retry_after);
                    }
                    (Phase::Poll, Reading::ReadyHere) => {
                        return self.artifact_comes(now, head, sent);
                    }
                    (_, reading) => self.understood(now, head, sent, reading, retry_after),
                }
            }
            (Phase::Fetch, 200 | 206) => return self.artifact_comes(now, head, sent),
            (Phase::Fetch, 202) => {
                let reason =
                    ApiError::new(ErrorOrigin::Service).with_message(Some("not ready yet"));
                self.back_off(now, AttemptError::Response(status, Box::new(reason)), retry_after);
            }
            (Phase::Fetch, 416) if sent.offset > 0 => {
                self.start_over(now, status, retry_after);
            }
            (_, 300..=399) => self.redirected(now, head, sent, retry_after),
            (_, 400..=599) => return self.ask(now, BodyUse::Error, head, retry_after),
            _ => self.protocol(status, "the status is not one of this request's"),
        }
        self.in_flight = false;
        BodyPlan::Collect(BodyUse::Discard)
    }

    /// The body has to say what the answer means. What the service asks for in the head holds even
    /// if the body never comes.
    fn ask<'h>(
        &mut self,
        now: Timestamp,
        body_use: fn(ReceivedHead<'h>) -> BodyUse<'h>,
        head: &Head<'h>,
        retry_after: Option<Duration>,
    ) -> BodyPlan<'h> {
        if let Some(wait) = retry_after.filter(|wait| now + *wait > self.schedule.not_before) {
            self.schedule.set(now, wait, Why::RetryAfter);
            self.touch();
        }
        BodyPlan::Collect(body_use(ReceivedHead { head: *head, retry_after }))
    }

    /// The body came.
    pub(in crate::job) fn answered_in_full(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        body_use: BodyUse<'_>,
        body: &[u8],
    ) {
        if body.len() > self.config.limits().body {
            let too_long = Failure::new(FailureKind::TooLong);
            return self.answered_in_part(now, sent, body_use, too_long);
        }
        match body_use {
            BodyUse::Discard => {}
            BodyUse::Reply(received) => {
                let reading = self.dialect.read(sent.phase, &received.head, Some(body));
                self.understood(now, &received.head, sent, reading, received.retry_after);
            }
            BodyUse::Error(received) => self.judged(now, sent, &received, body),
        }
    }

    /// The body did not come, or not all of it.
    pub(in crate::job) fn answered_in_part(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        body_use: BodyUse<'_>,
        failure: Failure,
    ) {
        self.events.push(Event::Failed { at: now, phase: sent.phase, kind: failure.kind() });
        let is_over = matches!(self.state, State::Done(_));
        match (body_use, Error::of_final_failure(sent.phase, &failure)) {
            // The head has said how it ends, and the body takes nothing back.
            _ if is_over => {}
            (_, Some(error)) => self.end(Err(error)),
            (BodyUse::Discard, None) => {}
            (BodyUse::Error(received), None) => self.judged(now, sent, &received, b""),
            (BodyUse::Reply(received), None) => {
                self.in_flight = false;
                if failure.kind() == FailureKind::TooLong {
                    self.protocol(received.head.status(), "its body is longer than allowed");
                } else {
                    self.perhaps_sent(now, AttemptError::Failure(failure), received.retry_after);
                }
            }
        }
    }

    /// The sink has bytes up to `position`.
    pub(in crate::job) fn advanced(&mut self, position: u64) {
        if let Some(operation) = self.state.operation_mut() {
            let download = operation.download_mut();
            download.reached = download.reached.max(position);
            download.highest = download.highest.max(position);
        }
    }

    /// The sink has synced up to `offset`.
    pub(in crate::job) fn durable(&mut self, offset: u64) {
        if let Some(operation) = self.state.operation_mut() {
            operation.download_mut().durable = offset;
            self.touch();
        }
    }

    /// The body of the artifact ended.
    pub(in crate::job) fn downloaded(
        &mut self,
        now: Timestamp,
        artifact: Artifact,
        ended: &DownloadEnd,
        contradiction: Option<Contradiction>,
    ) {
        self.in_flight = false;
        if contradiction.is_some() {
            self.forget_download();
        }
        match contradiction {
            Some(Contradiction::Page) => {
                let page = ApiError::new(ErrorOrigin::Gateway)
                    .with_message(Some("an HTML page in place of the file"));
                let trouble = AttemptError::Response(ended.status, Box::new(page));
                return self.back_off(now, trouble, None);
            }
            Some(Contradiction::WrongFormat(expected)) => {
                let called = artifact.media_type().unwrap_or("nothing");
                let got = format!("something else, which the server calls {called}");
                return self.end(Err(Error::WrongFormat { expected, got }));
            }
            None => {}
        }
        if ended.is_too_long {
            return self.protocol(ended.status, "its body is longer than it announced");
        }
        let is_part = artifact.length().is_some_and(|length| ended.position < length);
        if ended.is_short || is_part {
            let is_odd = self.distrust(ended);
            let progressed = ended.position > ended.highest && !is_odd;
            let cut = Failure::new(FailureKind::Cut)
                .with_detail("the connection ended before all announced bytes came");
            return self.attempt_failed(now, progressed, AttemptError::Failure(cut));
        }
        self.end(Ok(artifact.with_length(ended.position)));
    }

    /// The body of the artifact broke off, or the sink did.
    pub(in crate::job) fn broke_off(&mut self, now: Timestamp, progressed: bool, failure: Failure) {
        self.in_flight = false;
        let phase = self.phase();
        self.events.push(Event::Failed { at: now, phase, kind: failure.kind() });
        match (failure.kind(), Error::of_final_failure(phase, &failure)) {
            (_, Some(error)) => self.end(Err(error)),
            (FailureKind::TooLong, None) => self.protocol(None, "its body is longer than allowed"),
            (_, None) => self.attempt_failed(now, progressed, AttemptError::Failure(failure)),
        }
    }
}

/// What is known of a request when its handle, or the whole process, went away.
fn unheard() -> AttemptError {
    let failure = Failure::new(FailureKind::Unanswered);
    AttemptError::Failure(failure.with_detail("this side stopped before an answer came"))
}
