//! How a job ends.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::artifact::Artifact;
use crate::error::{AttemptError, Error};
use crate::job::ExportJob;
use crate::job::state::{Done, State};
use crate::origins::Access;
use crate::phase::Phase;
use crate::redact::redact_text;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::url::{Origin, UrlError, url_text};

impl ExportJob {
    pub(in crate::job) fn end(&mut self, outcome: Result<Artifact, Error>) {
        self.in_flight = false;
        self.replace_state(|last| State::Done(Box::new(Done { outcome, last })));
    }

    /// Ends the job with an error that is not retried.
    pub(super) fn end_with(&mut self, error: AttemptError) {
        let phase = self.phase();
        let error = match error {
            AttemptError::Response(status, reason) if reason.origin() == ErrorOrigin::Gateway => {
                Error::Gateway { phase, status, reason }
            }
            AttemptError::Response(status, reason) if self.wants_token(status) => {
                match self.state.target().map(|target| Origin::parse(&url_text(target.uri()))) {
                    Some(Ok(origin)) => {
                        Error::TokenWithheld { origin: Box::new(origin), status, reason }
                    }
                    _ => Error::Refused { phase, status, reason },
                }
            }
            AttemptError::Response(StatusCode::UNAUTHORIZED, _) => {
                Error::Unauthorized { phase, reason: error }
            }
            AttemptError::Response(status, reason) => Error::Refused { phase, status, reason },
            AttemptError::Failure(_) => self.gave_up(error),
        };
        self.end(Err(error));
    }

    /// Whether the server of the file was sent no token and wants one. A 403 for a URL with a query is
    /// about its signature.
    fn wants_token(&self, status: StatusCode) -> bool {
        let target = self.state.target();
        target.filter(|target| target.access() == Access::Anonymous).is_some_and(|target| {
            let is_signed = target.uri().query().is_some();
            status == StatusCode::UNAUTHORIZED || (status == StatusCode::FORBIDDEN && !is_signed)
        })
    }

    /// The error of a job that does not retry any further.
    pub(super) fn gave_up(&self, last: AttemptError) -> Error {
        let phase = self.phase();
        match last {
            AttemptError::Response(status, reason) if reason.origin() == ErrorOrigin::Gateway => {
                Error::Gateway { phase, status, reason }
            }
            last => Error::GaveUp { phase, failures: self.schedule.failures.max(1), last },
        }
    }

    /// A gateway or proxy responded instead of the service.
    pub(super) fn on_gateway_response(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        retry_after: Option<Duration>,
    ) {
        let page = ApiError::new(ErrorOrigin::Gateway);
        let error = AttemptError::Response(status, Box::new(page));
        match self.phase() {
            Phase::Submit => self.end_gateway_submit(error),
            Phase::Poll | Phase::Fetch | Phase::Cancel => self.back_off(now, error, retry_after),
        }
    }

    /// Ends a job whose submit was answered by a gateway. Whether the request reached the service is
    /// unknown.
    pub(super) fn end_gateway_submit(&mut self, last: AttemptError) {
        if self.may_repeat() {
            return self.end_with(last);
        }
        self.end_unconfirmed(last);
    }

    pub(super) fn end_with_protocol_error(
        &mut self,
        status: impl Into<Option<StatusCode>>,
        what: &'static str,
    ) {
        let status = status.into();
        self.end(Err(Error::Protocol { phase: self.phase(), status, what }));
    }

    pub(super) fn end_with_untrusted_url(&mut self, phase: Phase, url: &str, reason: UrlError) {
        self.end(Err(Error::UntrustedUrl { phase, url: redact_text(url), reason }));
    }

    pub(super) fn end_with_switched_off(&mut self, now: Timestamp, status: StatusCode) {
        if let Some(SunsetNotice { sunset, .. }) = self.sunset_notice(now) {
            self.uncount_send();
            self.end(Err(Error::SwitchedOff { sunset, status }));
        }
    }

    /// Ends the job because of its deadline. `retry_at` is when the service allows the next request.
    pub(in crate::job) fn end_at_deadline(&mut self, retry_at: Option<Timestamp>) {
        let operation = self.state.operation();
        let status = operation.and_then(|operation| operation.facts.status.as_deref());
        let status = status.map(String::from);
        let lacks_url = operation.is_some_and(|operation| operation.without_url_since.is_some());
        let phase = self.phase();
        let is_total = self.schedule.budget.is_some_and(|budget| match phase {
            // A download has no deadline but the end, and a longest wait.
            Phase::Fetch => retry_at.is_none_or(|at| at > budget.end),
            _ => budget.end <= budget.deadline,
        });
        self.end(Err(Error::Deadline { phase, status, retry_at, is_total, lacks_url }));
    }
}
