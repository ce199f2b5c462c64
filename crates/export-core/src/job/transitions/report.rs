//! What a driver reports, from the first step to the last byte.

use alloc::boxed::Box;
use alloc::format;
use core::mem;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::artifact::Artifact;
use crate::dialect::{Contradiction, Head, Reading};
use crate::error::{AttemptError, Error};
use crate::failure::{Failure, FailureKind, TokenResponseError};
use crate::job::event::Event;
use crate::job::exchange::{BodyPlan, BodyUse, DownloadEnd, ReceivedHead, SentRequest};
use crate::job::schedule::Why;
use crate::job::state::{Operation, Polling, State};
use crate::job::{Contact, ExportJob, TokenRefusal, misuse};
use crate::origins::Access;
use crate::phase::Phase;
use crate::time::Timestamp;
use crate::token::Token;

impl ExportJob {
    /// Starts the budget at the first step, and handles a request whose handle was dropped.
    pub(in crate::job) fn on_step(&mut self, now: Timestamp) {
        if matches!(self.state, State::Done(_)) {
            return;
        }
        if misuse::counts_seconds(now) {
            let what = format!("its clock shows {now}: a timestamp counts milliseconds");
            return self.stop(Failure::new(FailureKind::Driver).with_detail(what));
        }
        if self.schedule.budget.is_none() {
            self.schedule.begin(now, self.config.limits());
            self.announce_sunset(now);
            // As the saved wait: the clock may have been set back since.
            let interval = self.poll_interval(now);
            if let Some(operation) = self.state.operation_mut() {
                let longest = operation.retry_after.unwrap_or_default().max(interval);
                operation.next_poll = operation.next_poll.min(now + longest);
            }
            // The submits of an earlier process, which ended before a response came.
            if self.sends() > 0 && !self.may_send_again() {
                self.end_unconfirmed(lost_response());
            }
        }
        if now >= self.end_of_budget(now) {
            return self.end_at_deadline(None);
        }
        // The saved wait of an earlier process, or the wait of a response whose handle was dropped.
        if self.schedule.not_before > self.wait_limit(now) {
            self.end_at_deadline(Some(self.schedule.not_before));
        }
        if mem::take(&mut self.in_flight) {
            self.on_dropped(now);
        }
    }

    /// The handle of a request was dropped. A download that brought bytes continues at once, so that
    /// a driver may cancel it as often as it likes. One that brought none backs off, and the number of
    /// requests ends it: a driver that drops every handle would send requests without end.
    fn on_dropped(&mut self, now: Timestamp) {
        match &self.state {
            State::Submitting(_) => self.retry_unconfirmed(now, lost_response(), None),
            State::Fetching(fetching)
                if fetching.operation.download().highest
                    <= fetching.operation.download().highest_before =>
            {
                if fetching.operation.download().attempts >= self.config.limits().max_downloads {
                    let error = self.gave_up(lost_response());
                    return self.end(Err(error));
                }
                self.back_off_uncounted(now, Duration::ZERO, None);
            }
            // A poll has its interval.
            State::Cancelling(_) => self.back_off(now, lost_response(), None),
            State::Fetching(_)
            | State::Polling(_)
            | State::Inline(_)
            | State::Complete(_)
            | State::Done(_) => {}
        }
    }

    /// The driver is handed a request. If that happens again and again without its being sent, the
    /// driver has to wait in between, and the job ends at its deadline, or after the time that one
    /// request may take.
    pub(in crate::job) fn on_look(&mut self, now: Timestamp) {
        self.looks = self.looks.saturating_add(1);
        let Some(waits) = self.looks.checked_sub(misuse::FREE_LOOKS) else { return };
        let waited = misuse::LOOK_AGAIN * u32::from(waits);
        let is_late = self.schedule.budget.is_some_and(|budget| now >= budget.deadline);
        if !is_late || waited < self.config.limits().request_timeout {
            self.schedule.set(now, misuse::LOOK_AGAIN, Why::BackOff);
        } else {
            let failure = Failure::new(FailureKind::Unanswered)
                .with_detail("the request was not sent in time, perhaps because no token came");
            let error = self.gave_up(AttemptError::Failure(failure));
            self.end(Err(error));
        }
    }

    /// The caller cancels the export.
    pub(in crate::job) fn on_cancel(&mut self) {
        let can_cancel = self.dialect.can_cancel();
        let is_open = |operation: &Operation| {
            operation.is_pollable && operation.target.access() == Access::Trusted
        };
        if !(can_cancel && self.state.operation().is_some_and(is_open)) {
            return self.end(Err(Error::Cancelled));
        }
        self.in_flight = false;
        self.move_operation(|operation| State::Cancelling(Polling { operation, via: None }));
        // A wait that the service has asked for is kept.
        if self.schedule.back_offs == 0 {
            self.schedule.not_before = Timestamp::EPOCH;
        }
        self.bump_revision();
    }

    /// A request is about to be sent. Records what must survive a crash during the request.
    /// `offset` is where a download continues.
    pub(in crate::job) fn on_started(&mut self, now: Timestamp, offset: u64) {
        self.in_flight = true;
        self.looks = 0;
        match &mut self.state {
            State::Submitting(submitting) => {
                submitting.sends = submitting.sends.saturating_add(1);
                self.bump_revision();
            }
            State::Polling(polling) => {
                let asked = polling.operation.retry_after.unwrap_or_default();
                let interval = self.poll_interval(now);
                self.schedule.set(now, asked.max(interval), Why::Pace);
                self.bump_revision();
            }
            State::Fetching(fetching) => {
                let download = fetching.operation.download_mut();
                if download.attempts == 0 {
                    // The disk may have lost bytes of an earlier process. Loading them again counts
                    // as progress.
                    download.highest = download.highest.min(offset);
                }
                download.attempts = download.attempts.saturating_add(1);
                download.highest_before = download.highest;
            }
            State::Cancelling(_) | State::Inline(_) | State::Complete(_) | State::Done(_) => {}
        }
    }

    /// The request cannot be sent.
    pub(in crate::job) fn on_declined(&mut self, now: Timestamp, failure: Failure) {
        self.events.push(Event::Failed { at: now, phase: self.phase(), kind: failure.kind() });
        let phase = self.phase();
        let is_unauthorized = failure.kind() == FailureKind::Unauthorized;
        let refusal = self.refusal.take_if(|_| is_unauthorized);
        if let Some(reason) = refusal.and_then(|refusal| refusal.reason) {
            // The service's words say more than that there is no other token.
            let reason = AttemptError::Response(StatusCode::UNAUTHORIZED, reason);
            return self.end(Err(Error::Unauthorized { phase, reason }));
        }
        let error = Error::of_final_failure(phase, &failure).unwrap_or_else(|| {
            self.gave_up(match TokenResponseError::of(&failure) {
                Some(TokenResponseError { status, reason }) => {
                    AttemptError::Response(*status, Box::new(reason.clone()))
                }
                None => AttemptError::Failure(failure),
            })
        });
        self.end(Err(error));
    }

    /// The request got no response.
    pub(in crate::job) fn on_no_response(&mut self, now: Timestamp, failure: Failure) {
        self.in_flight = false;
        let phase = self.phase();
        self.events.push(Event::Failed { at: now, phase, kind: failure.kind() });
        if let Some(error) = Error::of_final_failure(phase, &failure) {
            self.uncount_send();
            return self.end(Err(error));
        }
        match failure.kind() {
            FailureKind::NotSent => {
                self.uncount_send();
                self.back_off(now, AttemptError::Failure(failure), None);
            }
            FailureKind::TooLong => self.end_with_protocol_error(None, "the head is too long"),
            _ => self.retry_unconfirmed(now, AttemptError::Failure(failure), None),
        }
    }

    /// The head of the response came. What it decides is committed now; the rest needs the body.
    pub(in crate::job) fn on_head(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
    ) -> BodyPlan {
        let (status, retry_after) = self.observe_head(now, head, sent);
        self.contact = Contact::of_status(status);
        let first_refusal = status == StatusCode::UNAUTHORIZED && self.refusal.is_none();
        if status != StatusCode::UNAUTHORIZED {
            self.refusal = None;
        }
        match (sent.phase, status.as_u16()) {
            (_, 401) if first_refusal && self.access() == Access::Trusted => {
                let token = sent.token.as_ref().map(Token::id);
                self.refusal = Some(Box::new(TokenRefusal { token, reason: None }));
                self.uncount_send();
                self.wait(now, Duration::ZERO, retry_after, Why::BackOff);
                self.in_flight = false;
                return BodyPlan::Collect(BodyUse::Refusal);
            }
            (_, 407) => {
                let failure = Failure::new(FailureKind::Untrusted)
                    .with_detail("a proxy requires credentials (407)");
                self.uncount_send();
                self.end(Err(Error::Untrusted { phase: sent.phase, failure }));
            }
            (_, 429) => {
                self.uncount_send();
                self.back_off_after_429(now, retry_after);
            }
            (Phase::Submit | Phase::Poll, 200..=299) | (Phase::Poll, 303) => {
                let reading = sent.mask_reading(self.dialect.read(sent.phase, head, None));
                match (sent.phase, reading) {
                    (_, Reading::NeedBody) => {
                        return self.collect_body(now, BodyUse::Reply(retry_after), retry_after);
                    }
                    (Phase::Poll, Reading::ReadyHere) => {
                        if self.begin_here(now, sent, retry_after) {
                            return self.start_download(now, head, sent);
                        }
                    }
                    (_, reading) => self.apply_reading(now, head, sent, reading, retry_after),
                }
            }
            (Phase::Cancel, 200..=299 | 404 | 410) => self.end(Err(Error::Cancelled)),
            (Phase::Fetch, 200 | 206) => return self.start_download(now, head, sent),
            (Phase::Fetch, 202) => {
                let reason =
                    ApiError::new(ErrorOrigin::Service).with_message(Some("not ready yet"));
                let error = AttemptError::Response(status, Box::new(reason));
                self.back_off(now, error, retry_after);
            }
            (Phase::Fetch, 416) if sent.offset > 0 => {
                self.restart_download(now, status, retry_after);
            }
            (_, 300..=399) => self.follow_redirect(now, head, sent, retry_after),
            (_, 400..=599) => {
                return self.collect_body(now, BodyUse::Error(retry_after), retry_after);
            }
            _ => self.end_with_protocol_error(status, "unexpected status"),
        }
        self.in_flight = false;
        BodyPlan::Collect(BodyUse::Discard)
    }

    /// Leaves the decision to the body. A `Retry-After` in the head applies even if the body never
    /// comes.
    fn collect_body(
        &mut self,
        now: Timestamp,
        body_use: BodyUse,
        retry_after: Option<Duration>,
    ) -> BodyPlan {
        if let Some(wait) = retry_after.filter(|wait| now + *wait > self.schedule.not_before) {
            self.schedule.set(now, wait, Why::RetryAfter);
            self.bump_revision();
        }
        BodyPlan::Collect(body_use)
    }

    /// The whole body came.
    pub(in crate::job) fn on_body(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
        body_use: BodyUse,
        body: &[u8],
    ) {
        if body.len() > self.config.limits().max_body_bytes {
            let too_long = Failure::new(FailureKind::TooLong);
            return self.on_body_failure(now, head, sent, body_use, too_long);
        }
        match body_use {
            BodyUse::Discard => {}
            BodyUse::Refusal => {
                let reason = Box::new(self.read_error(sent, head, body));
                if let Some(refusal) = &mut self.refusal {
                    refusal.reason = Some(reason);
                }
            }
            BodyUse::Reply(retry_after) => {
                let reading = self.dialect.read(sent.phase, head, Some(body));
                let reading = sent.mask_reading(reading);
                self.apply_reading(now, head, sent, reading, retry_after);
            }
            BodyUse::Error(retry_after) => {
                self.apply_error_status(
                    now,
                    sent,
                    &ReceivedHead { head: *head, retry_after },
                    body,
                );
            }
        }
    }

    /// The body did not come, or broke off.
    pub(in crate::job) fn on_body_failure(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
        body_use: BodyUse,
        failure: Failure,
    ) {
        // Nothing depends on a body that is discarded.
        if !matches!(body_use, BodyUse::Discard) {
            self.events.push(Event::Failed { at: now, phase: sent.phase, kind: failure.kind() });
        }
        let is_done = matches!(self.state, State::Done(_));
        match (body_use, Error::of_final_failure(sent.phase, &failure)) {
            // The head has ended the job.
            _ if is_done => {}
            (_, Some(error)) => self.end(Err(error)),
            (BodyUse::Discard | BodyUse::Refusal, None) => {}
            (BodyUse::Error(retry_after), None) => {
                self.apply_error_status(now, sent, &ReceivedHead { head: *head, retry_after }, b"");
            }
            (BodyUse::Reply(retry_after), None) => {
                self.in_flight = false;
                if failure.kind() == FailureKind::TooLong {
                    self.end_with_protocol_error(head.status(), "the body is longer than allowed");
                } else {
                    let error = AttemptError::Failure(failure);
                    self.retry_unconfirmed(now, error, retry_after);
                }
            }
        }
    }

    /// The sink has the bytes up to `position`.
    pub(in crate::job) fn on_bytes_written(&mut self, position: u64) {
        if let Some(operation) = self.state.operation_mut() {
            let download = operation.download_mut();
            download.reached = download.reached.max(position);
            download.highest = download.highest.max(position);
        }
    }

    /// The sink has synced the bytes up to `offset`.
    pub(in crate::job) fn on_synced(&mut self, offset: u64) {
        let download = self.state.operation_mut().and_then(|operation| operation.download.as_mut());
        if let Some(download) = download {
            download.durable = offset.min(download.reached);
            self.bump_revision();
        }
    }

    /// The artifact's body ended.
    pub(in crate::job) fn on_download_end(
        &mut self,
        now: Timestamp,
        artifact: Artifact,
        end: &DownloadEnd,
        contradiction: Option<Contradiction>,
    ) {
        self.in_flight = false;
        if contradiction.is_some() {
            self.discard_download();
        }
        match contradiction {
            Some(Contradiction::Page) => {
                let page = ApiError::new(ErrorOrigin::Gateway)
                    .with_message(Some("an HTML page instead of the file"));
                let error = AttemptError::Response(end.status, Box::new(page));
                return self.back_off(now, error, None);
            }
            Some(Contradiction::WrongFormat(expected)) => {
                let got = artifact.media_type().map_or_else(
                    || "other content without a media type".into(),
                    |media_type| format!("other content with media type {media_type}"),
                );
                return self.end(Err(Error::WrongFormat { expected, got }));
            }
            None => {}
        }
        if let Some(what) = end.refused {
            return self.end_with_protocol_error(end.status, what);
        }
        if end.is_too_long {
            return self.end_with_protocol_error(end.status, "the body is longer than announced");
        }
        let is_part = artifact.length().is_some_and(|length| end.position < length);
        if end.is_short || is_part {
            let is_discarded = self.discard_short_part(end);
            let progressed = end.position > end.highest && !is_discarded;
            let cut = Failure::new(FailureKind::Cut)
                .with_detail("the connection ended before all announced bytes were received");
            return self.retry_download(now, progressed, AttemptError::Failure(cut));
        }
        self.on_artifact_complete(now, artifact.with_length(end.position));
    }

    /// The artifact is longer than is allowed.
    pub(in crate::job) fn on_too_large(&mut self, length: Option<u64>) {
        let limit = self.config.limits().max_file_bytes;
        self.end(Err(Error::TooLarge { limit, length }));
    }

    /// The artifact's body broke off, or the sink failed.
    pub(in crate::job) fn on_download_failure(
        &mut self,
        now: Timestamp,
        progressed: bool,
        failure: Failure,
    ) {
        self.in_flight = false;
        let phase = self.phase();
        self.events.push(Event::Failed { at: now, phase, kind: failure.kind() });
        match (failure.kind(), Error::of_final_failure(phase, &failure)) {
            (_, Some(error)) => self.end(Err(error)),
            (FailureKind::TooLong, None) => {
                self.end_with_protocol_error(None, "the body is longer than allowed");
            }
            (_, None) => self.retry_download(now, progressed, AttemptError::Failure(failure)),
        }
    }
}

/// The result of a request whose handle was dropped or whose process ended.
fn lost_response() -> AttemptError {
    let failure = Failure::new(FailureKind::Unanswered);
    AttemptError::Failure(failure.with_detail("the client stopped before a response came"))
}
