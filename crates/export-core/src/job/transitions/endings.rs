//! How a job ends without a file.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::artifact::Artifact;
use crate::dialect::Phase;
use crate::error::{AttemptError, Error};
use crate::job::ExportJob;
use crate::job::state::{Ended, State};
use crate::redact::redact_text;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::url::UrlError;

impl ExportJob {
    pub(in crate::job) fn end(&mut self, outcome: Result<Artifact, Error>) {
        self.in_flight = false;
        self.replace(|last| State::Done(Box::new(Ended { outcome, last })));
    }

    /// The answer is the last word.
    pub(super) fn end_with(&mut self, trouble: AttemptError) {
        let phase = self.phase();
        let error = match trouble {
            AttemptError::Response(status, reason) if reason.origin() == ErrorOrigin::Gateway => {
                Error::Gateway { phase, status, reason }
            }
            AttemptError::Response(StatusCode::UNAUTHORIZED, _) => {
                Error::Unauthorized { phase, reason: trouble }
            }
            AttemptError::Response(status, reason) => Error::Refused { phase, status, reason },
            AttemptError::Failure(_) => self.gave_up(trouble),
        };
        self.end(Err(error));
    }

    pub(super) fn gave_up(&self, last: AttemptError) -> Error {
        let phase = self.phase();
        match last {
            AttemptError::Response(status, reason) if reason.origin() == ErrorOrigin::Gateway => {
                Error::Gateway { phase, status, reason }
            }
            last => Error::GaveUp { phase, failures: self.schedule.failures.max(1), last },
        }
    }

    /// Something on the way answered in the service's place.
    pub(super) fn foreign(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        retry_after: Option<Duration>,
    ) {
        let trouble = AttemptError::Response(status, Box::new(ApiError::new(ErrorOrigin::Gateway)));
        match self.phase() {
            Phase::Submit => self.submit_intercepted(trouble),
            Phase::Poll | Phase::Fetch => self.back_off(now, trouble, retry_after),
        }
    }

    /// Something on the way answered a submit. Whether the service heard of it too, nobody knows.
    pub(super) fn submit_intercepted(&mut self, last: AttemptError) {
        if self.may_repeat() {
            return self.end_with(last);
        }
        let sends = self.sends();
        self.end(Err(Error::SubmitUnconfirmed { sends, last }));
    }

    pub(super) fn protocol(&mut self, status: impl Into<Option<StatusCode>>, what: &'static str) {
        let status = status.into();
        self.end(Err(Error::Protocol { phase: self.phase(), status, what }));
    }

    pub(super) fn untrusted_url(&mut self, phase: Phase, url: &str, reason: UrlError) {
        self.end(Err(Error::UntrustedUrl { phase, url: redact_text(url), reason }));
    }

    pub(super) fn switched_off(&mut self, now: Timestamp, status: StatusCode) {
        if let Some(SunsetNotice { sunset, .. }) = self.sunset_notice(now) {
            self.not_accepted();
            self.end(Err(Error::SwitchedOff { sunset, status }));
        }
    }

    pub(super) fn out_of_time(&mut self, retry_at: Option<Timestamp>) {
        let operation = self.state.operation();
        let status = operation.and_then(|operation| operation.facts.status.as_deref());
        let status = status.map(String::from);
        self.end(Err(Error::Deadline { phase: self.phase(), status, retry_at }));
    }
}
