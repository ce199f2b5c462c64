//! What an answer means, once its head or its body says so.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, ETAG, LOCATION};

use crate::api_error::{ErrorOrigin, printable};
use crate::artifact::{Artifact, Facts};
use crate::dialect::{Head, OperationFacts, Phase, Reading};
use crate::error::{AttemptError, Error};
use crate::headers::{self, ContentRange};
use crate::job::ExportJob;
use crate::job::event::{Event, EventUrl};
use crate::job::exchange::{BodyPlan, BodyUse, DownloadStart, ReceivedHead, SentRequest};
use crate::job::schedule::Why;
use crate::job::state::{Fetching, Hop, Operation, Polling, State};
use crate::origins::Purpose;
use crate::time::Timestamp;
use crate::url::{UrlError, url_text};

impl ExportJob {
    /// A 2xx of a submit or a poll, as the dialect reads it.
    pub(super) fn understood(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
        reading: Reading<'_>,
        retry_after: Option<Duration>,
    ) {
        self.in_flight = false;
        let status = head.status();
        match (sent.phase, reading) {
            (Phase::Submit, Reading::Accepted { operation }) => {
                self.accepted(now, sent, &operation, retry_after);
            }
            (Phase::Poll, Reading::Pending(facts)) => self.pending(now, &facts, retry_after),
            (Phase::Poll, Reading::CompletedWithoutUrl(facts)) => {
                self.ready_nowhere(now, status, &facts, retry_after);
            }
            (Phase::Poll, Reading::ReadyAt { resource, facts }) => {
                self.ready_at(now, sent, &resource, &facts, retry_after);
            }
            (Phase::Poll, Reading::Failed(reason, facts)) => {
                self.end(Err(Error::ExportFailed {
                    status: printable(facts.status.as_deref()).unwrap_or_else(|| "failed".into()),
                    reason: Box::new(reason),
                    original_request: printable(facts.original_request.as_deref()),
                }));
            }
            (Phase::Poll, Reading::Redirect) => self.redirected(now, head, sent, retry_after),
            (_, Reading::Foreign) => self.foreign(now, status, retry_after),
            (_, Reading::Malformed(what)) => self.protocol(status, what),
            (_, Reading::NeedBody) => self.protocol(status, "its body does not say what it means"),
            _ => self.protocol(status, "it does not answer what was asked"),
        }
    }

    fn accepted(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        operation: &str,
        retry_after: Option<Duration>,
    ) {
        let State::Submitting(submitting) = &self.state else { return };
        let submits = submitting.sends;
        match self.config.origins().judge(Some(&sent.uri), operation, Purpose::Api) {
            Err(reason) => self.untrusted_url(Phase::Poll, operation, reason),
            Ok(target) => {
                let operation = EventUrl(target.uri().clone());
                self.events.push(Event::Accepted { at: now, operation });
                let operation = Operation::new(target, submits, Some(now));
                self.state = State::Polling(Polling { operation, via: None });
                self.schedule.forgive();
                self.wait_for_poll(now, retry_after);
            }
        }
    }

    fn pending(
        &mut self,
        now: Timestamp,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        self.schedule.forgive();
        self.learn(now, facts);
        if let Some(operation) = self.state.operation_mut() {
            operation.nowhere_since = None;
        }
        self.wait_for_poll(now, retry_after);
    }

    /// Completed, and yet no URL: it may take the service a moment to write it down.
    fn ready_nowhere(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        self.schedule.forgive();
        self.learn(now, facts);
        let grace = self.config.limits().grace;
        let Some(operation) = self.state.operation_mut() else { return };
        let since = *operation.nowhere_since.get_or_insert(now);
        if now.since(since) >= grace {
            return self
                .protocol(status, "the operation is completed, but has no URL of its result");
        }
        self.wait_for_poll(now, retry_after);
    }

    fn ready_at(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        resource: &str,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        let judged = self.config.origins().judge(Some(&sent.uri), resource, Purpose::Artifact);
        let target = match judged {
            Ok(target) => target,
            Err(reason) => return self.untrusted_url(Phase::Fetch, resource, reason),
        };
        self.learn(now, facts);
        self.schedule.forgive();
        let own = self.own_interval(now);
        self.replace(|state| match state {
            State::Polling(Polling { mut operation, .. }) => {
                operation.nowhere_since = None;
                operation.retry_after = retry_after.or(operation.retry_after);
                operation.next_poll = now + operation.retry_after.unwrap_or_default().max(own);
                State::Fetching(Fetching { operation, resource: Box::new(target), via: None })
            }
            other => other,
        });
        self.schedule.set(now, Duration::ZERO, Why::Pace);
        self.touch();
    }

    /// 200 or 206 with the artifact: which bytes of which version of it are these?
    pub(super) fn artifact_comes<'h>(
        &mut self,
        now: Timestamp,
        head: &Head<'h>,
        sent: &SentRequest,
    ) -> BodyPlan<'h> {
        let (status, headers) = (head.status(), head.headers());
        let encoding = head.text(CONTENT_ENCODING.as_str()).unwrap_or("identity");
        let etag = headers::strong_etag(headers);
        let Some(operation) = self.state.operation_mut() else {
            return BodyPlan::Collect(BodyUse::Discard);
        };
        let download = operation.download_mut();
        self.in_flight = false;

        if !encoding.eq_ignore_ascii_case("identity") {
            self.protocol(status, "its body is compressed, though that was not asked for");
            return BodyPlan::Collect(BodyUse::Discard);
        }
        let (offset, end, length) = if status == StatusCode::PARTIAL_CONTENT {
            let range = ContentRange::of(headers);
            let Some(range) = range.filter(|range| sent.offset > 0 && range.first == sent.offset)
            else {
                self.protocol(status, "it carries another range than the one asked for");
                return BodyPlan::Collect(BodyUse::Discard);
            };
            let other_version = headers.contains_key(ETAG) && etag != download.etag;
            let other_length = range.total.is_some() && range.total != download.length;
            if other_version || (other_length && download.length.is_some()) {
                self.start_over(now, status, None);
                return BodyPlan::Collect(BodyUse::Discard);
            }
            let Some(length) = range.total.or(download.length) else {
                self.protocol(status, "it does not say how long the whole file is");
                return BodyPlan::Collect(BodyUse::Discard);
            };
            // What the disk has lost since is not there, whatever the checkpoint says.
            download.durable = download.durable.min(sent.offset);
            (sent.offset, Some(range.end), Some(length))
        } else {
            let length = headers::content_length(headers);
            if etag.is_none() || etag != download.etag {
                download.reached = 0;
            }
            download.durable = 0;
            download.etag = etag;
            download.file_name = None;
            download.media_type = None;
            (0, length, length)
        };
        download.length = length;
        let named = headers.get(CONTENT_DISPOSITION).and_then(headers::file_name);
        download.file_name = named.or_else(|| download.file_name.take());
        let media_type = head.media_type().map(String::from);
        download.media_type = media_type.or_else(|| download.media_type.take());
        let facts = Facts {
            length,
            media_type: download.media_type.clone(),
            file_name: download.file_name.clone().unwrap_or_else(|| self.dialect.file_name()),
            etag: download.etag.clone(),
            operation: url_text(operation.target.uri()),
            about: operation.facts.clone(),
            submits: operation.submits,
            sunset: None,
        };
        let sunset = self.sunset_notice(now);
        let artifact = Artifact(Arc::new(Facts { sunset, ..facts }));
        self.touch();
        self.in_flight = true;
        self.events.push(Event::Downloading { at: now, offset, length });
        BodyPlan::Stream(DownloadStart { status, offset, end, artifact })
    }

    /// 3xx. The core follows, never the transport: each hop is judged like a first request.
    pub(super) fn redirected(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
        retry_after: Option<Duration>,
    ) {
        let status = head.status();
        let followed = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = head.text(LOCATION.as_str()).filter(|_| followed) else {
            return self.protocol(status, "it is a redirect that leads nowhere");
        };
        let purpose = if sent.phase == Phase::Fetch { Purpose::Artifact } else { Purpose::Api };
        let judged = self.config.origins().judge(Some(&sent.uri), location, purpose);
        let hops = self.config.limits().hops;
        let (via, target) = match (&mut self.state, judged) {
            // Somebody's login page. The service itself never sends its callers away.
            (State::Submitting(_) | State::Polling(_), Err(UrlError::Origin)) => {
                return self.foreign(now, status, retry_after);
            }
            (_, Err(reason)) => return self.untrusted_url(sent.phase, location, reason),
            (
                State::Polling(Polling { via, .. }) | State::Fetching(Fetching { via, .. }),
                Ok(to),
            ) => (via, to),
            (State::Submitting(_) | State::Done(_), Ok(_)) => {
                return self.protocol(status, "an export is not asked for somewhere else");
            }
        };
        let count = via.as_ref().map_or(1, |hop| hop.count + 1);
        if count > hops {
            return self.protocol(status, "too many redirects in a row");
        }
        *via = Some(Box::new(Hop { target, count }));
        self.wait(now, Duration::ZERO, retry_after, Why::RetryAfter);
    }

    /// The table of 4xx and 5xx.
    pub(super) fn judged(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        received: &ReceivedHead<'_>,
        body: &[u8],
    ) {
        self.in_flight = false;
        let (phase, status) = (sent.phase, received.head.status());
        let reason = self.dialect.error(&received.head, body);
        let origin = reason.origin();
        let is_service = received.retry_after.is_some() || origin == ErrorOrigin::Service;
        let trouble = AttemptError::Response(status, Box::new(reason));
        match (phase, status.as_u16()) {
            (Phase::Submit, 503) if is_service || self.may_repeat() => {
                self.not_accepted();
                self.back_off(now, trouble, received.retry_after);
            }
            (_, 408 | 500..=599) => self.perhaps_sent(now, trouble, received.retry_after),
            (Phase::Submit, _) if origin == ErrorOrigin::Gateway => {
                self.submit_intercepted(trouble)
            }
            (Phase::Submit, 404 | 410) if self.is_switched_off(now) => {
                self.switched_off(now, status)
            }
            (Phase::Poll, 404) if self.is_within_grace(now) => {
                self.wait_for_poll(now, received.retry_after);
            }
            (Phase::Poll, _) if origin == ErrorOrigin::Gateway => {
                self.back_off(now, trouble, received.retry_after);
            }
            (Phase::Fetch, 401 | 403 | 404 | 410) => {
                self.ask_for_fresh_url(now, trouble, received.retry_after);
            }
            (Phase::Fetch, _) if origin == ErrorOrigin::Gateway => {
                self.back_off(now, trouble, received.retry_after);
            }
            _ => {
                self.not_accepted();
                self.end_with(trouble);
            }
        }
    }
}
