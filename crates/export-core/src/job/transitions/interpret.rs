//! What a response means.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use http::header::{CONTENT_DISPOSITION, ETAG, LOCATION};
use http::{HeaderName, StatusCode};

use crate::api_error::{ApiError, ErrorOrigin, printable};
use crate::artifact::{Artifact, Facts};
use crate::dialect::{Head, OperationFacts, Reading};
use crate::error::{AttemptError, Error};
use crate::headers::{self, ContentCoding, ContentRange, RetryAfter};
use crate::job::event::{self, Event, EventUrl};
use crate::job::exchange::{BodyPlan, BodyUse, DownloadStart, ReceivedHead, SentRequest};
use crate::job::schedule::Why;
use crate::job::state::{Fetching, Hop, Operation, Polling, State};
use crate::job::transitions::files::numbered;
use crate::job::{ExportJob, operation_purpose};
use crate::origins::{Access, Purpose};
use crate::phase::Phase;
use crate::sunset::{Sunset, SunsetNotice};
use crate::time::Timestamp;
use crate::url::{UrlError, url_text};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Requests accept `identity` only.
const COMPRESSED: &str = "the body is compressed, although that was not requested";

// Responses.

impl ExportJob {
    /// Applies a 2xx of a submit or a poll, as the dialect reads it.
    pub(super) fn apply_reading(
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
            (Phase::Submit, Reading::Accepted { operation, facts }) => {
                self.accept(now, sent, &operation, &facts, retry_after);
            }
            (Phase::Poll, Reading::Pending(facts)) => self.stay_pending(now, &facts, retry_after),
            (Phase::Poll, Reading::CompletedWithoutUrl(facts)) => {
                self.await_url(now, status, &facts, retry_after);
            }
            (Phase::Submit | Phase::Poll, Reading::ReadyAt { resource, facts }) => {
                self.begin_fetching(now, sent, &resource, &facts, retry_after);
            }
            (Phase::Submit | Phase::Poll, Reading::ReadyFiles { files, facts }) => {
                self.begin_files(now, sent, status, files, &facts, retry_after);
            }
            (Phase::Submit | Phase::Poll, Reading::Failed(reason, facts)) => {
                self.end(Err(Error::ExportFailed {
                    status: printable(facts.status.as_deref()).unwrap_or_else(|| "failed".into()),
                    reason: Box::new(reason),
                    original_request: printable(facts.original_request.as_deref()),
                }));
            }
            (Phase::Poll, Reading::Redirect) => self.follow_redirect(now, head, sent, retry_after),
            (_, Reading::Foreign) => self.on_gateway_response(now, status, retry_after),
            (_, Reading::Malformed(_))
                if headers::content_coding(head.headers()) != ContentCoding::Identity =>
            {
                self.end_with_protocol_error(status, COMPRESSED);
            }
            (_, Reading::Malformed(what)) => self.end_with_protocol_error(status, what),
            (_, Reading::NeedBody) => {
                self.end_with_protocol_error(status, "cannot interpret the body");
            }
            _ => self.end_with_protocol_error(status, "not a response to this request"),
        }
    }

    fn accept(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        operation: &str,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        let State::Submitting(submitting) = &self.state else { return };
        let submits = submitting.sends;
        let purpose = operation_purpose(&*self.dialect);
        match self.config.origins().judge(Some(&sent.uri), operation, purpose) {
            Err(reason) => self.end_with_untrusted_url(Phase::Poll, operation, reason),
            Ok(target) => {
                let operation = EventUrl(target.uri().clone());
                self.events.push(Event::Accepted { at: now, operation });
                let operation = Operation::new(target, submits, Some(now));
                self.state = State::Polling(Polling { operation, via: None });
                self.schedule.reset_failures();
                if *facts != OperationFacts::default() {
                    self.learn(now, facts);
                }
                self.wait_for_poll(now, retry_after.or_else(|| facts.retry_after()));
            }
        }
    }

    fn stay_pending(
        &mut self,
        now: Timestamp,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        self.schedule.reset_failures();
        self.learn(now, facts);
        if let Some(operation) = self.state.operation_mut() {
            operation.without_url_since = None;
        }
        self.wait_for_poll(now, retry_after.or_else(|| facts.retry_after()));
    }

    /// Polls again for a completed operation without a URL. The service may need a moment to store
    /// the URL; after the grace it is an error.
    fn await_url(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        self.schedule.reset_failures();
        self.learn(now, facts);
        let grace = self.config.limits().grace_period;
        let Some(operation) = self.state.operation_mut() else { return };
        let since = *operation.without_url_since.get_or_insert(now);
        if now.since(since) >= grace {
            return self.end_with_protocol_error(
                status,
                "the operation is completed, but has no result URL",
            );
        }
        self.wait_for_poll(now, retry_after.or_else(|| facts.retry_after()));
    }

    /// Starts the download of a 200 or 206, once it is known which bytes of which version of the
    /// file its body has.
    pub(super) fn start_download(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
    ) -> BodyPlan {
        let (status, headers) = (head.status(), head.headers());
        let is_compressed = match headers::content_coding(headers) {
            ContentCoding::Identity => false,
            // Stores describe a file that is a gzip so.
            ContentCoding::Gzip => !self.dialect.is_gzip(head.media_type()),
            ContentCoding::Other => true,
        };
        let etag = headers::strong_etag(headers);
        let Some(operation) = self.state.operation_mut() else {
            return BodyPlan::Collect(BodyUse::Discard);
        };
        let download = operation.download_mut();
        self.in_flight = false;

        if is_compressed {
            self.end_with_protocol_error(status, COMPRESSED);
            return BodyPlan::Collect(BodyUse::Discard);
        }
        let (offset, end, length) = if status == StatusCode::PARTIAL_CONTENT {
            let range = ContentRange::of(headers);
            let Some(range) = range.filter(|range| sent.offset > 0 && range.first == sent.offset)
            else {
                self.end_with_protocol_error(status, "the range is not the requested one");
                return BodyPlan::Collect(BodyUse::Discard);
            };
            let other_version = headers.contains_key(ETAG) && etag != download.etag;
            let other_length = range.total.is_some() && range.total != download.length;
            if other_version || (other_length && download.length.is_some()) {
                self.restart_download(now, status, None);
                return BodyPlan::Collect(BodyUse::Discard);
            }
            let Some(length) = range.total.or(download.length) else {
                self.end_with_protocol_error(status, "the length of the whole file is missing");
                return BodyPlan::Collect(BodyUse::Discard);
            };
            // The sink may have lost bytes that the checkpoint counts as durable.
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
        let limit = self.config.limits().max_file_bytes;
        if length.is_some_and(|length| length > limit) {
            self.on_too_large(length);
            return BodyPlan::Collect(BodyUse::Discard);
        }
        let follows = Arc::clone(&self.dialect).follows(head);
        let Ok(refused) = self.note_follower(sent, status, follows) else {
            return BodyPlan::Collect(BodyUse::Discard);
        };
        let Some(operation) = self.state.operation_mut() else {
            return BodyPlan::Collect(BodyUse::Discard);
        };
        let (index, is_last) = (operation.index(), !operation.has_more());
        let listed = operation.files.as_ref().and_then(|files| files.current());
        let listed_name = listed.and_then(|file| file.name.clone());
        let listed_type = listed.and_then(|file| file.media_type.clone());
        let download = operation.download_mut();
        let named = headers.get(CONTENT_DISPOSITION).and_then(headers::file_name);
        let named = named.map(|name| sent.mask(&name).into_owned());
        download.file_name = named.or_else(|| download.file_name.take());
        let media_type = head.media_type().map(String::from);
        download.media_type = media_type.or(listed_type).or_else(|| download.media_type.take());
        let own_name = || {
            let name = download.file_name.clone().unwrap_or_else(|| self.dialect.file_name());
            numbered(name, index)
        };
        let facts = Facts {
            length,
            media_type: download.media_type.clone(),
            file_name: listed_name.unwrap_or_else(own_name),
            etag: download.etag.clone(),
            operation: url_text(operation.target.uri()),
            about: operation.facts.clone(),
            submits: operation.submits,
            index,
            is_last,
            sunset: None,
        };
        let sunset = self.sunset_notice(now);
        let artifact = Artifact(Arc::new(Facts { sunset, ..facts }));
        self.bump_revision();
        self.in_flight = true;
        self.events.push(Event::Downloading { at: now, offset, length });
        BodyPlan::Stream(DownloadStart { status, offset, end, artifact, refused })
    }

    /// Follows a 3xx. Transports must not follow redirects: each hop is checked like the first
    /// request.
    pub(super) fn follow_redirect(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
        retry_after: Option<Duration>,
    ) {
        let status = head.status();
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = head.text(LOCATION.as_str()).filter(|_| is_redirect) else {
            return self.end_with_protocol_error(status, "redirect without a usable Location");
        };
        let purpose = match sent.phase {
            Phase::Fetch => Purpose::Artifact,
            Phase::Poll => operation_purpose(&*self.dialect),
            Phase::Submit | Phase::Cancel => Purpose::Api,
        };
        let judged = self.config.origins().judge(Some(&sent.uri), location, purpose);
        let at_most = match sent.phase {
            Phase::Fetch => self.file_access(),
            Phase::Submit | Phase::Poll | Phase::Cancel => Access::Trusted,
        };
        let judged = judged.map(|target| target.with_at_most(at_most));
        let hops = self.config.limits().max_redirects;
        let (via, target) = match (&mut self.state, judged) {
            // A login page: the service itself does not redirect its API to another origin.
            (State::Submitting(_) | State::Polling(_), Err(UrlError::Origin)) => {
                return self.on_gateway_response(now, status, retry_after);
            }
            (_, Err(reason)) => return self.end_with_untrusted_url(sent.phase, location, reason),
            (
                State::Polling(Polling { via, .. })
                | State::Cancelling(Polling { via, .. })
                | State::Fetching(Fetching { via, .. }),
                Ok(to),
            ) => (via, to),
            (
                State::Submitting(_) | State::Inline(_) | State::Complete(_) | State::Done(_),
                Ok(_),
            ) => {
                return self.end_with_protocol_error(status, "a submit must not be redirected");
            }
        };
        let count = via.as_ref().map_or(1, |hop| hop.count + 1);
        if count > hops {
            return self.end_with_protocol_error(status, "too many redirects in a row");
        }
        *via = Some(Box::new(Hop { target, count }));
        self.wait(now, Duration::ZERO, retry_after, Why::RetryAfter);
    }

    /// What an error response says, without the secrets that were sent.
    pub(super) fn read_error(&self, sent: &SentRequest, head: &Head<'_>, body: &[u8]) -> ApiError {
        self.dialect.error(head, body).map_texts(|text| sent.mask(text))
    }

    /// Applies the rules for 4xx and 5xx.
    pub(super) fn apply_error_status(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        received: &ReceivedHead<'_>,
        body: &[u8],
    ) {
        self.in_flight = false;
        let (phase, status) = (sent.phase, received.head.status());
        let reason = self.read_error(sent, &received.head, body);
        let origin = reason.origin();
        let is_not_ready =
            status.is_client_error() && self.dialect.is_not_ready(phase, status, &reason);
        let is_service = received.retry_after.is_some() || origin == ErrorOrigin::Service;
        let error = AttemptError::Response(status, Box::new(reason));
        match (phase, status.as_u16()) {
            (Phase::Submit, 503) if is_service || self.may_repeat() => {
                self.uncount_send();
                self.back_off(now, error, received.retry_after);
            }
            (_, 408 | 500..=599) => self.retry_unconfirmed(now, error, received.retry_after),
            (Phase::Submit, _) if origin == ErrorOrigin::Gateway => self.end_gateway_submit(error),
            (Phase::Submit, 404 | 410) if self.is_switched_off(now) => {
                self.end_with_switched_off(now, status);
            }
            (Phase::Poll, _) if is_not_ready => {
                self.stay_pending(now, &OperationFacts::default(), received.retry_after);
            }
            (Phase::Fetch, _) if is_not_ready => self.back_off(now, error, received.retry_after),
            (Phase::Poll, 404) if self.is_within_grace(now) => {
                self.wait_for_poll(now, received.retry_after);
            }
            // The export was accepted, so that the request is not at fault.
            (Phase::Poll, 400 | 409 | 422) if self.is_accepted() => {
                self.back_off(now, error, received.retry_after);
            }
            (Phase::Poll | Phase::Cancel, _) if origin == ErrorOrigin::Gateway => {
                self.back_off(now, error, received.retry_after);
            }
            (Phase::Fetch, 401 | 403 | 404 | 410) => {
                self.repoll_for_url(now, error, received.retry_after);
            }
            (Phase::Fetch, _) if origin == ErrorOrigin::Gateway => {
                self.back_off(now, error, received.retry_after);
            }
            _ => {
                self.uncount_send();
                self.end_with(error);
            }
        }
    }
}

// Facts and events.

impl ExportJob {
    /// Reports a head, and reads the headers that any response may have. Returns the status and the
    /// `Retry-After`.
    pub(super) fn observe_head(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        sent: &SentRequest,
    ) -> (StatusCode, Option<Duration>) {
        let (phase, status) = (sent.phase, head.status());
        let retry_after = RetryAfter::of(now, head.headers());
        let request_id = event::short_copy(head.headers().get(REQUEST_ID), |id| sent.mask(id));
        let wait = retry_after.wait();
        self.compare_clocks(now, head);
        self.events.push(Event::Response { at: now, phase, status, retry_after: wait, request_id });
        if retry_after == RetryAfter::Malformed {
            let what = "a Retry-After that is neither seconds nor a date";
            self.events.push(Event::Ignored { at: now, what });
        }
        let is_submit = phase == Phase::Submit;
        let announced = is_submit.then(|| headers::sunset(head.headers())).flatten();
        if announced.is_some() && announced != self.sunset {
            self.sunset = announced;
            self.announce_sunset(now);
        }
        // `Deprecation` (RFC 9745) has a date in the past, and is redundant beside a sunset.
        let is_deprecated = is_submit && head.headers().contains_key("deprecation");
        if is_deprecated && self.sunset_notice(now).is_none() {
            self.events.push(Event::Deprecated { at: now });
        }
        (status, wait)
    }

    /// Compares the driver's clock with that of the service.
    fn compare_clocks(&mut self, now: Timestamp, head: &Head<'_>) {
        let Some(date) = headers::date(head.headers()) else { return };
        if let Some((elapsed, service_elapsed)) = self.clock.observe(now, date) {
            self.events.push(Event::ClockDiffers { at: now, elapsed, service_elapsed });
        }
    }

    /// Updates the facts of the operation, and reports a new status.
    pub(super) fn learn(&mut self, now: Timestamp, news: &OperationFacts<'_>) {
        let Some(operation) = self.state.operation_mut() else { return };
        operation.is_known = true;
        let percent = operation.facts.percent;
        if operation.facts.update(news) {
            if let Some(status) = operation.facts.status.as_deref().map(String::from) {
                self.events.push(Event::Status { at: now, status });
            }
        }
        if let Some(percent) = operation.facts.percent.filter(|news| Some(*news) != percent) {
            self.events.push(Event::Progress { at: now, percent });
        }
    }

    pub(super) fn announce_sunset(&mut self, now: Timestamp) {
        if let (State::Submitting(_), Some(notice)) = (&self.state, self.sunset_notice(now)) {
            self.events.push(Event::Sunset { at: now, notice });
        }
    }

    /// The announced end of the endpoint. The service's own header overrides the dialect's date.
    pub(in crate::job) fn sunset_notice(&self, now: Timestamp) -> Option<SunsetNotice> {
        let sunset = match (self.dialect.sunset(), self.sunset) {
            (Some(known), Some(date)) => Sunset { sunset: date, ..known },
            (Some(known), None) => known,
            (None, Some(date)) => Sunset::new(
                "the endpoint in use",
                Timestamp::EPOCH,
                date,
                "the successor in the service's documentation",
            ),
            (None, None) => return None,
        };
        Some(SunsetNotice { sunset, days_left: sunset.days_left(now) })
    }

    pub(super) fn is_switched_off(&self, now: Timestamp) -> bool {
        self.sunset_notice(now).is_some_and(|notice| notice.days_left <= 0)
    }
}
