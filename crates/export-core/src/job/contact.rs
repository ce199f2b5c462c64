//! What a request of one job says about the service, for the other jobs of a batch.

use alloc::boxed::Box;

use http::StatusCode;

use super::ExportJob;
use super::state::State;
use crate::api_error::ErrorOrigin;
use crate::error::{AttemptError, Error};
use crate::failure::FailureKind;

/// Whether the service responds, by the result of one request.
#[derive(Debug)]
pub(crate) enum Contact {
    Responded,
    Failed(Box<AttemptError>),
}

impl Contact {
    /// By the status of a response, unless its body says that a gateway has sent it.
    pub(super) fn of_status(status: StatusCode) -> Option<Self> {
        (!status.is_server_error()).then_some(Self::Responded)
    }

    /// By a failure, if it is one of the service or of the network and not of the one request.
    pub(super) fn of_failure(error: &AttemptError) -> Option<Self> {
        let is_outage = match error {
            AttemptError::Response(status, reason) => {
                status.is_server_error() || reason.origin() == ErrorOrigin::Gateway
            }
            AttemptError::Failure(failure) => matches!(
                failure.kind(),
                FailureKind::NotSent | FailureKind::Unanswered | FailureKind::NoToken
            ),
        };
        is_outage.then(|| Self::Failed(Box::new(error.clone())))
    }
}

impl ExportJob {
    /// What the last request says about the service; `None` if it says nothing, or was not sent.
    pub(crate) fn take_contact(&mut self) -> Option<Contact> {
        let contact = self.contact.take();
        let State::Done(done) = &self.state else { return contact };
        let last = match &done.outcome {
            Err(Error::GaveUp { last, .. } | Error::SubmitUnconfirmed { last, .. }) => {
                Contact::of_failure(last)
            }
            Err(Error::Gateway { status, reason, .. }) => {
                Contact::of_failure(&AttemptError::Response(*status, reason.clone()))
            }
            _ => None,
        };
        last.or(contact)
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.state, State::Done(_))
    }
}
