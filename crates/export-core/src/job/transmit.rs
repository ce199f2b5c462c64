//! The handles from a request that may be sent to the head of its response.

use alloc::vec::Vec;

use http::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderValue, Method, Request, Response, Uri};

use super::ExportJob;
use super::checkpoint::Checkpoint;
use super::event::{Event, EventUrl};
use super::exchange::{BodyPlan, SentRequest};
use super::reply::{Collect, Reply, Stream};
use super::request_info::RequestInfo;
use super::state::State;
use crate::dialect::{Head, Repeat};
use crate::failure::Failure;
use crate::origins::Access;
use crate::pacer::RequestClass;
use crate::phase::Phase;
use crate::time::Timestamp;
use crate::token::{Token, TokenNeed};

/// A request that may be sent now. The job has not changed yet: dropping this has no effect.
#[derive(Debug)]
#[must_use = "the job waits for this request to be sent"]
pub struct Transmit<'a> {
    job: &'a mut ExportJob,
}

impl<'a> Transmit<'a> {
    pub(super) fn new(job: &'a mut ExportJob) -> Self {
        Self { job }
    }

    /// What the request is for.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.job.phase()
    }

    /// Whether the request goes to an origin that may identify the caller. Add headers of your own,
    /// such as a trace id, to trusted requests only.
    #[must_use]
    pub fn access(&self) -> Access {
        self.job.access()
    }

    /// The class of requests with which a [`Pacer`](crate::pacer::Pacer) counts it; `None` if it goes to
    /// another origin, which has its own limits.
    #[must_use]
    pub fn request_class(&self) -> Option<RequestClass> {
        self.job.request_class()
    }

    /// The URL of the operation, once the export was accepted.
    #[must_use]
    pub fn operation(&self) -> Option<&Uri> {
        self.job.operation()
    }

    /// The token that the request needs; `None` if it must be sent without one.
    #[must_use]
    pub fn token_need(&self) -> Option<TokenNeed> {
        match self.access() {
            Access::Trusted => {
                let refusal = self.job.refusal.as_ref();
                Some(TokenNeed { refused: refusal.and_then(|refusal| refusal.token) })
            }
            Access::Anonymous => None,
        }
    }

    /// See [`ExportJob::next_event`].
    pub fn next_event(&mut self) -> Option<Event> {
        self.job.next_event()
    }

    /// When to stop waiting for a token, and to [decline](Self::decline) the request.
    #[must_use]
    pub fn token_by(&self) -> Timestamp {
        self.job.token_deadline()
    }

    /// Whether the request should not go over a pooled connection. If the server has just closed
    /// that one, the request fails without a proof that it did not arrive, and this request must
    /// not be sent twice.
    #[must_use]
    pub fn wants_fresh_connection(&self) -> bool {
        !self.is_repeatable()
    }

    /// What the layers of a transport may know about the request, if it has some. Put this into the
    /// request's [extensions](Request::extensions_mut) for them.
    #[must_use]
    pub fn info(&self) -> RequestInfo {
        RequestInfo::new(self.phase(), self.access(), self.is_repeatable())
    }

    /// Whether it does no harm if the server gets the request twice.
    fn is_repeatable(&self) -> bool {
        let is_harmless = self.job.may_repeat() && self.job.dialect.repeat() == Repeat::Harmless;
        self.phase() != Phase::Submit || is_harmless
    }

    /// Builds the request, and records that it may have been sent.
    ///
    /// `have` is the number of bytes of the artifact in the sink. If
    /// [`revision`](InFlight::revision) has changed, store the checkpoint before sending.
    pub fn start(
        self,
        now: Timestamp,
        token: Option<&Token>,
        have: u64,
    ) -> (Request<Vec<u8>>, InFlight<'a>) {
        let phase = self.phase();
        let token = token.filter(|_| self.access() == Access::Trusted);
        let offset = self.job.resume_offset(have);
        let request = self.job.request(token, offset);
        let give_up_at = self.job.request_deadline(now);
        let (uri, token) = (request.uri().clone(), token.cloned());
        let sent = SentRequest { phase, uri, offset, token, give_up_at };
        self.job.events.push(Event::Sending {
            at: now,
            phase,
            method: request.method().clone(),
            url: EventUrl(sent.uri.clone()),
        });
        self.job.on_started(now, offset);
        (request, InFlight { job: self.job, sent })
    }

    /// Postpones the request, because a [`Pacer`](crate::pacer::Pacer) lets other requests of the client go
    /// first. The time of a job that was never sent before does not run meanwhile.
    pub fn postpone(self, now: Timestamp, until: Timestamp) {
        self.job.on_postponed(now, until);
    }

    /// Ends the job because the request cannot be sent, for example because there is no token.
    ///
    /// If a token is only late, wait for it until [`token_by`](Self::token_by) instead.
    pub fn decline(self, now: Timestamp, failure: Failure) {
        self.job.on_declined(now, failure);
    }
}

/// A request that may have been sent.
///
/// Dropping it is safe: the job then acts as if no response had come.
#[derive(Debug)]
#[must_use = "the job has to learn the result of the request"]
pub struct InFlight<'a> {
    job: &'a mut ExportJob,
    sent: SentRequest,
}

impl<'a> InFlight<'a> {
    pub(super) const fn new(job: &'a mut ExportJob, sent: SentRequest) -> Self {
        Self { job, sent }
    }

    pub(super) fn into_sent(self) -> SentRequest {
        self.sent
    }

    /// What the request is for.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.sent.phase
    }

    /// See [`ExportJob::revision`].
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.job.revision()
    }

    /// See [`ExportJob::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.job.checkpoint()
    }

    /// See [`ExportJob::next_event`].
    pub fn next_event(&mut self) -> Option<Event> {
        self.job.next_event()
    }

    /// When to stop waiting for the head, and for the whole of a response that is not streamed.
    /// Report a [`FailureKind::Unanswered`](crate::FailureKind::Unanswered) then.
    #[must_use]
    pub fn give_up_at(&self, now: Timestamp) -> Timestamp {
        self.job.request_deadline(now)
    }

    /// Handles the head of the response, and borrows it until the body is handled. The job commits
    /// what the head alone decides, even if the body is lost.
    pub fn handle_head<B>(self, now: Timestamp, head: &'a Response<B>) -> Reply<'a> {
        let head = Head::new(head.status(), head.headers());
        let Self { job, sent } = self;
        match job.on_head(now, &head, &sent) {
            BodyPlan::Collect(body_use) => Reply::Collect(Collect::new(job, sent, head, body_use)),
            BodyPlan::Stream(download) => Reply::Stream(Stream::new(now, job, download)),
        }
    }

    /// Handles a request that got no response.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.on_no_response(now, failure);
    }
}

impl ExportJob {
    /// When to stop waiting for the response to a request that is sent now.
    pub(super) fn request_deadline(&self, now: Timestamp) -> Timestamp {
        (now + self.config.limits().request_timeout).min(self.end_of_budget(now))
    }

    /// Where the download continues: the end of the bytes in the sink that a validator covers.
    ///
    /// If the sink has the whole file, the last byte is requested again, since a range must not be
    /// empty.
    fn resume_offset(&self, have: u64) -> u64 {
        let State::Fetching(fetching) = &self.state else { return 0 };
        let download = fetching.operation.download();
        let validated = if download.etag.is_some() { download.reached } else { 0 };
        let offset = have.min(validated);
        if download.length == Some(offset) { offset.saturating_sub(1) } else { offset }
    }

    fn request(&self, token: Option<&Token>, offset: u64) -> Request<Vec<u8>> {
        let phase = self.phase();
        let target = self.state.target();
        let mut request = match target {
            Some(target) if target.access() == Access::Anonymous => {
                let mut bare = Request::new(Vec::new());
                *bare.method_mut() = Method::GET;
                *bare.uri_mut() = target.uri().clone();
                bare
            }
            _ => self.dialect.request(phase, target.map(|target| target.uri())),
        };
        let headers = request.headers_mut();
        if let Some(token) = token {
            let header = self.dialect.token_header();
            headers.insert(header.name, token.header_with(header.prefix));
        }
        if let State::Fetching(fetching) = &self.state {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            let etag = fetching.operation.download().etag.as_deref();
            if let (1.., Some(Ok(etag))) = (offset, etag.map(HeaderValue::from_str)) {
                let range = alloc::format!("bytes={offset}-");
                let range = HeaderValue::from_str(&range).expect("digits are legal in a header");
                headers.insert(RANGE, range);
                headers.insert(IF_RANGE, etag);
            }
        }
        request
    }
}
