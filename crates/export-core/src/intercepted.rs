//! An answer that something on the way gave in the service's place.

use core::fmt;

use http::StatusCode;

use crate::api_error::ApiError;
use crate::failure::{Failure, FailureKind};

/// The answer of a gateway to a request for a token: the source of the [`Failure`] that whoever
/// needs the token is told of, so that the end of a job names the gateway.
#[derive(Debug)]
pub(crate) struct Intercepted {
    pub(crate) status: StatusCode,
    pub(crate) page: ApiError,
}

impl Intercepted {
    pub(crate) const fn new(status: StatusCode, page: ApiError) -> Self {
        Self { status, page }
    }

    /// The answer behind a failure, if it was one.
    pub(crate) fn behind(failure: &Failure) -> Option<&Self> {
        core::error::Error::source(failure)?.downcast_ref()
    }
}

impl fmt::Display for Intercepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the answer ({}) to the request for a token is that of a gateway or proxy on the way",
            self.status
        )
    }
}

impl core::error::Error for Intercepted {}

impl From<Intercepted> for Failure {
    fn from(intercepted: Intercepted) -> Self {
        Self::new(FailureKind::Unanswered).with_source(intercepted)
    }
}
