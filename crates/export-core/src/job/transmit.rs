//! From the permission to send to the head of the answer: [`Transmit`], then [`InFlight`].

use alloc::vec::Vec;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, IF_RANGE, RANGE};
use http::{HeaderValue, Method, Request, Response, Uri};

use super::ExportJob;
use super::checkpoint::Checkpoint;
use super::event::{Event, EventUrl};
use super::exchange::{BodyPlan, SentRequest};
use super::reply::{Collect, Reply, Stream};
use super::state::State;
use crate::dialect::{Head, Phase, Repeat};
use crate::failure::Failure;
use crate::origins::Access;
use crate::time::Timestamp;
use crate::token::{Token, TokenNeed};

/// A request that may be sent now. Nothing has happened yet; dropping it changes nothing.
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

    /// Whether it goes to an origin that may know who is asking. Headers of a driver's own, such
    /// as a trace id, belong on trusted requests only.
    #[must_use]
    pub fn access(&self) -> Access {
        self.job.state.target().map_or(Access::Trusted, |target| target.access())
    }

    /// The URL of the operation, once the export was accepted.
    #[must_use]
    pub fn operation(&self) -> Option<&Uri> {
        self.job.operation()
    }

    /// Which token it needs; `None` if it must go without.
    #[must_use]
    pub fn token_need(&self) -> Option<TokenNeed> {
        match self.access() {
            Access::Trusted => Some(TokenNeed { refused: self.job.refused.flatten() }),
            Access::Anonymous => None,
        }
    }

    /// Until when it is worth waiting for a token.
    #[must_use]
    pub fn token_by(&self) -> Timestamp {
        self.job.patience()
    }

    /// Whether it should not go over a connection that was used before: one that the server has
    /// just closed would leave open if the request arrived, and this one must not be sent twice.
    #[must_use]
    pub fn wants_fresh_connection(&self) -> bool {
        let twice_is_harmless =
            self.job.may_repeat() && self.job.dialect.repeat() == Repeat::Harmless;
        self.phase() == Phase::Submit && !twice_is_harmless
    }

    /// Writes the request, and writes down that it may have been sent.
    ///
    /// `have` is how many bytes of the artifact the sink holds. If
    /// [`revision`](InFlight::revision) has moved, store the checkpoint before sending.
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
        let sent =
            SentRequest { phase, uri: request.uri().clone(), offset, token: token.map(Token::id) };
        self.job.events.push(Event::Sending {
            at: now,
            phase,
            method: request.method().clone(),
            url: EventUrl(sent.uri.clone()),
        });
        self.job.started(now, offset);
        (request, InFlight { job: self.job, sent })
    }

    /// Waits: other requests of the same client go first, as a [`Pacer`](crate::Pacer) says. A job
    /// that is not submitted yet has all the time it needs for that; a later one has its deadline.
    pub fn postpone(self, now: Timestamp, until: Timestamp) {
        self.job.postponed(now, until);
    }

    /// Ends the job: the request cannot be made, because no token is to be had, say.
    ///
    /// Whoever declines has tried; a job whose token source is only slow waits instead.
    pub fn decline(self, now: Timestamp, failure: Failure) {
        self.job.declined(now, failure);
    }
}

/// A request that may be on its way.
///
/// Dropping it is safe: the job takes it that no answer came.
#[derive(Debug)]
#[must_use = "the job has to hear what came of the request"]
pub struct InFlight<'a> {
    job: &'a mut ExportJob,
    sent: SentRequest,
}

impl<'a> InFlight<'a> {
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

    /// When to stop waiting for the head, and for the whole of an answer that is not streamed:
    /// then it is a [`FailureKind::Unanswered`](crate::FailureKind::Unanswered).
    #[must_use]
    pub fn give_up_at(&self, now: Timestamp) -> Timestamp {
        now + self.job.config.limits().attempt
    }

    /// Takes in the head of the answer, and keeps it in sight until the body is handed in.
    /// Everything that the head alone decides is decided now.
    pub fn handle_head<B>(self, now: Timestamp, head: &'a Response<B>) -> Reply<'a> {
        let head = Head::new(head.status(), head.headers());
        let Self { job, sent } = self;
        match job.answered(now, &head, &sent) {
            BodyPlan::Collect(body_use) => Reply::Collect(Collect::new(job, sent, body_use)),
            BodyPlan::Stream(download) => Reply::Stream(Stream::new(job, download)),
        }
    }

    /// Takes in that there was no answer.
    pub fn handle_failure(self, now: Timestamp, failure: Failure) {
        self.job.unanswered(now, failure);
    }
}

impl ExportJob {
    /// Where a download may go on: what the sink holds, as far as a validator vouches for it.
    ///
    /// If that is everything, the last byte is asked for again: a range must not be empty.
    fn resume_offset(&self, have: u64) -> u64 {
        let State::Fetching(fetching) = &self.state else { return 0 };
        let download = fetching.operation.download();
        let vouched = if download.etag.is_some() { download.reached } else { 0 };
        let offset = have.min(vouched);
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
            headers.insert(AUTHORIZATION, token.header());
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
