//! Why an export ended without a file.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use http::StatusCode;
use serde::Serialize;

use crate::api_error::ApiError;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::sunset::Sunset;
use crate::time::Timestamp;
use crate::url::{Origin, UrlError};

/// Why an export ended without an artifact.
///
/// [`fault`](Self::fault) says who has to act and [`advice`](Self::advice) what to do,
/// [`phase`](Self::phase) in which phase the error occurred, and
/// [`is_resumable`](Self::is_resumable) whether the job can continue from its checkpoint.
///
/// `Display` prints the reason too, with that of a [`Failure`] or an [`ApiError`], so that
/// [`source`](core::error::Error::source) is always `None`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller cancelled the export, with [`ExportJob::cancel`](crate::ExportJob::cancel).
    #[error("the export was cancelled")]
    Cancelled,
    /// The deadline has passed, or no request is allowed before it. An export that was accepted
    /// continues at the service.
    #[error("{}", Deadline {
        phase: *phase,
        status: status.as_deref(),
        retry_at: *retry_at,
        lacks_url: *lacks_url,
    })]
    Deadline {
        /// The phase.
        phase: Phase,
        /// The last known status of the operation.
        status: Option<String>,
        /// When the service or the pacer allows the next request, if that is after the deadline.
        retry_at: Option<Timestamp>,
        /// Whether the deadline is that of [`Limits::max_time`](crate::Limits::max_time), and not that
        /// of [`Limits::job_timeout`](crate::Limits::job_timeout).
        is_total: bool,
        /// Whether the operation is completed, and the service has not given the URL of its file.
        lacks_url: bool,
    },
    /// The service accepted the export, and the operation then failed or was cancelled.
    #[error("the service ended the export as {status}: {reason}")]
    ExportFailed {
        /// The final status in the service's words, such as `failed` or `cancelled`.
        status: String,
        /// The reasons that the service gave.
        reason: Box<ApiError>,
        /// The id of the submit request, for the service's support.
        original_request: Option<String>,
    },
    /// A gateway or proxy responded instead of the service, for example with a login page.
    #[error("{phase}: a gateway or proxy responded ({status}), not the service: {reason}")]
    Gateway {
        /// The phase.
        phase: Phase,
        /// The status of the response.
        status: StatusCode,
        /// What the response says, such as the title of its page.
        reason: Box<ApiError>,
    },
    /// Too many failures in a row, of the network or of the service.
    #[error("{phase} failed{}: {last}", InARow(*failures))]
    GaveUp {
        /// The phase.
        phase: Phase,
        /// The number of failures in a row.
        failures: u32,
        /// The last failure.
        last: AttemptError,
    },
    /// A file or a checkpoint could not be written, or the driver made a mistake.
    #[error("{failure}")]
    Local {
        /// The phase.
        phase: Phase,
        /// What failed.
        failure: Failure,
    },
    /// The download is not a file of the requested format.
    #[error("the download is not the requested file: expected {expected}, got {got}")]
    WrongFormat {
        /// The requested format.
        expected: &'static str,
        /// What the server sent.
        got: String,
    },
    /// The response breaks the protocol, and a retry would not help.
    #[error("{phase}: invalid response{}: {what}", InBrackets(*status))]
    Protocol {
        /// The phase.
        phase: Phase,
        /// The status of the response, if the head was read.
        status: Option<StatusCode>,
        /// What is wrong with the response.
        what: &'static str,
    },
    /// The service refused the request for good; the same request will be refused again.
    #[error("{phase} was refused with {status}: {reason}")]
    Refused {
        /// The phase.
        phase: Phase,
        /// The status of the response.
        status: StatusCode,
        /// The reason in the service's words.
        reason: Box<ApiError>,
    },
    /// A submit request may have arrived, and was not sent again because a second export would have
    /// a side effect, such as another mail.
    ///
    /// Check in the service whether an export was started. To send the request again nevertheless,
    /// resume with [`Resubmit::Always`](crate::Resubmit::Always).
    #[error("the submit request may have started an export, but no response confirms it: {last}")]
    SubmitUnconfirmed {
        /// The number of requests that may have arrived.
        sends: u32,
        /// The failure of the last one.
        last: AttemptError,
    },
    /// The endpoint was switched off, as announced.
    #[error("{} was switched off on {}; use {}", sunset.endpoint, Day(sunset.sunset), sunset.successor)]
    SwitchedOff {
        /// The announcement.
        sunset: Sunset,
        /// The status of the response.
        status: StatusCode,
    },
    /// The credentials were refused.
    #[error("{phase}: not authorised: {reason}")]
    Unauthorized {
        /// The phase.
        phase: Phase,
        /// The refusal.
        reason: AttemptError,
    },
    /// Nothing was sent, because the peer cannot be trusted.
    #[error("{phase}: {failure}")]
    Untrusted {
        /// The phase.
        phase: Phase,
        /// What is wrong with the peer.
        failure: Failure,
    },
    /// The file is longer than [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    #[error("the file is longer than the limit of {limit} bytes{}", LengthOf(*length))]
    TooLarge {
        /// The limit in **bytes**.
        limit: u64,
        /// The length of the file, if the server announced it.
        length: Option<u64>,
    },
    /// The server of the file wants credentials, and was sent none: its origin is neither that of the
    /// base URL nor an allowed one. See
    /// [`Config::with_allowed_origin`](crate::Config::with_allowed_origin).
    #[error("{origin} does not serve the file without a token ({status}): {reason}")]
    TokenWithheld {
        /// The origin.
        origin: Box<Origin>,
        /// The status of the response.
        status: StatusCode,
        /// The reason in the server's words.
        reason: Box<ApiError>,
    },
    /// The service sent a URL that the job refuses to follow.
    #[error("{phase}: the URL {url} from the service is refused: {reason}")]
    UntrustedUrl {
        /// The phase of the request to that URL.
        phase: Phase,
        /// The URL, without its query.
        url: String,
        /// Why it is refused.
        reason: UrlError,
    },
}

/// Why a single request failed.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there was a response or there was none")]
pub enum AttemptError {
    /// An error response.
    Response(StatusCode, Box<ApiError>),
    /// No response, or an incomplete one.
    Failure(Failure),
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(status, reason) => write!(f, "{status}: {reason}"),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers branch on it")]
pub enum Fault {
    /// The user: the request, the credentials, the disk or the settings are wrong.
    Local,
    /// Unknown: the network, or a device between client and service.
    Network,
    /// The operator of the service.
    Remote,
}

impl Error {
    /// Who has to act on the error.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Cancelled
            | Self::Local { .. }
            | Self::Refused { .. }
            | Self::SwitchedOff { .. }
            | Self::TokenWithheld { .. }
            | Self::TooLarge { .. }
            | Self::Unauthorized { .. } => Fault::Local,
            Self::Gateway { .. } | Self::SubmitUnconfirmed { .. } | Self::Untrusted { .. } => {
                Fault::Network
            }
            Self::Deadline { .. }
            | Self::ExportFailed { .. }
            | Self::WrongFormat { .. }
            | Self::Protocol { .. }
            | Self::UntrustedUrl { .. } => Fault::Remote,
            Self::GaveUp { last, .. } => match last {
                AttemptError::Response(..) => Fault::Remote,
                AttemptError::Failure(_) => Fault::Network,
            },
        }
    }

    /// The phase in which the error occurred. `None` if the service ended the export.
    #[must_use]
    pub const fn phase(&self) -> Option<Phase> {
        match self {
            Self::Deadline { phase, .. }
            | Self::Gateway { phase, .. }
            | Self::GaveUp { phase, .. }
            | Self::Local { phase, .. }
            | Self::Protocol { phase, .. }
            | Self::Refused { phase, .. }
            | Self::Unauthorized { phase, .. }
            | Self::Untrusted { phase, .. }
            | Self::UntrustedUrl { phase, .. } => Some(*phase),
            Self::SubmitUnconfirmed { .. } | Self::SwitchedOff { .. } => Some(Phase::Submit),
            Self::TokenWithheld { .. } | Self::TooLarge { .. } | Self::WrongFormat { .. } => {
                Some(Phase::Fetch)
            }
            Self::Cancelled | Self::ExportFailed { .. } => None,
        }
    }

    /// Whether the job can continue from its checkpoint, later or once the cause is fixed.
    ///
    /// If not, only a new job can succeed, and only with a different request.
    #[must_use]
    pub const fn is_resumable(&self) -> bool {
        match self {
            Self::Deadline { .. }
            | Self::Gateway { .. }
            | Self::GaveUp { .. }
            | Self::Local { .. }
            | Self::TokenWithheld { .. }
            | Self::TooLarge { .. }
            | Self::Unauthorized { .. }
            | Self::Untrusted { .. } => true,
            Self::Cancelled
            | Self::ExportFailed { .. }
            | Self::WrongFormat { .. }
            | Self::Protocol { .. }
            | Self::Refused { .. }
            | Self::SubmitUnconfirmed { .. }
            | Self::SwitchedOff { .. }
            | Self::UntrustedUrl { .. } => false,
        }
    }

    /// The name of the variant in snake case, for logs and for other languages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Deadline { .. } => "deadline",
            Self::ExportFailed { .. } => "export_failed",
            Self::Gateway { .. } => "gateway",
            Self::GaveUp { .. } => "gave_up",
            Self::Local { .. } => "local",
            Self::Protocol { .. } => "protocol",
            Self::Refused { .. } => "refused",
            Self::SubmitUnconfirmed { .. } => "submit_unconfirmed",
            Self::SwitchedOff { .. } => "switched_off",
            Self::TokenWithheld { .. } => "token_withheld",
            Self::TooLarge { .. } => "too_large",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Untrusted { .. } => "untrusted",
            Self::UntrustedUrl { .. } => "untrusted_url",
            Self::WrongFormat { .. } => "wrong_format",
        }
    }

    /// The status of the response that ended the job, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Gateway { status, .. }
            | Self::Refused { status, .. }
            | Self::SwitchedOff { status, .. }
            | Self::TokenWithheld { status, .. } => Some(*status),
            Self::Protocol { status, .. } => *status,
            _ => match self.attempt()? {
                AttemptError::Response(status, _) => Some(*status),
                AttemptError::Failure(_) => None,
            },
        }
    }

    /// The service's id of the request that failed, for its support, if the response has one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::ExportFailed { reason, .. }
            | Self::Gateway { reason, .. }
            | Self::Refused { reason, .. }
            | Self::TokenWithheld { reason, .. } => reason.request_id(),
            _ => match self.attempt()? {
                AttemptError::Response(_, reason) => reason.request_id(),
                AttemptError::Failure(_) => None,
            },
        }
    }

    /// What a transport, a store or a sink has reported, if the job ended because of that.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Local { failure, .. } | Self::Untrusted { failure, .. } => Some(failure),
            _ => match self.attempt() {
                Some(AttemptError::Failure(failure)) => Some(failure),
                _ => None,
            },
        }
    }

    /// The last attempt of an error that has one.
    const fn attempt(&self) -> Option<&AttemptError> {
        match self {
            Self::GaveUp { last, .. } | Self::SubmitUnconfirmed { last, .. } => Some(last),
            Self::Unauthorized { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// What to do about the error, in a few words.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Cancelled => "request the export again, if it is needed after all",
            Self::Deadline { .. } => "resume the job to continue waiting",
            Self::ExportFailed { .. } => "request the export again, or ask the service's support",
            Self::Gateway { .. } => "check the proxy and the base URL, then resume the job",
            Self::GaveUp { .. } => "resume the job later",
            Self::Local { .. } => "fix the cause, then resume the job",
            Self::Refused { phase: Phase::Submit, status, .. } if status.as_u16() == 409 => {
                "request the export again later: another one of this item may be running"
            }
            Self::Refused { phase: Phase::Submit, .. } => {
                "change the request or the permissions: the same request will be refused again"
            }
            Self::Refused { status, .. } if status.as_u16() == 403 => {
                "check the permissions, then request the export again"
            }
            Self::Refused { .. } => "request the export again",
            Self::SubmitUnconfirmed { .. } => {
                "check in the service whether an export was started, before requesting it again"
            }
            Self::SwitchedOff { .. } => "set the API version of the successor",
            Self::TokenWithheld { .. } => {
                "allow the origin if it is the service's, then resume the job"
            }
            Self::TooLarge { .. } => "raise the limit, then resume the job",
            Self::Unauthorized { .. } => "check the credentials, then resume the job",
            Self::Untrusted { .. } => "resume the job once that is fixed",
            Self::UntrustedUrl { reason: UrlError::Origin | UrlError::PlainHttp, .. } => {
                "allow the origin if it is the service's, or report it to the service's support"
            }
            Self::Protocol { .. } | Self::WrongFormat { .. } | Self::UntrustedUrl { .. } => {
                "report it to the service's support"
            }
        }
    }

    /// The error for a failure that is never retried; `None` for the other kinds.
    pub(crate) fn of_final_failure(phase: Phase, failure: &Failure) -> Option<Self> {
        let failure = failure.clone();
        match failure.kind() {
            FailureKind::Sink | FailureKind::Store | FailureKind::Driver => {
                Some(Self::Local { phase, failure })
            }
            FailureKind::Unauthorized => {
                Some(Self::Unauthorized { phase, reason: AttemptError::Failure(failure) })
            }
            FailureKind::Untrusted => Some(Self::Untrusted { phase, failure }),
            FailureKind::NotSent
            | FailureKind::Unanswered
            | FailureKind::Cut
            | FailureKind::Stalled
            | FailureKind::TooLong
            | FailureKind::NoToken => None,
        }
    }
}

/// The text of [`Error::Deadline`].
struct Deadline<'a> {
    phase: Phase,
    status: Option<&'a str>,
    retry_at: Option<Timestamp>,
    lacks_url: bool,
}

impl fmt::Display for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.phase)?;
        match self.retry_at {
            Some(time) => {
                write!(f, "the next request is allowed at {time}, after the deadline of this job")?
            }
            None => f.write_str("the deadline of this job has passed")?,
        }
        match (self.phase, self.status) {
            _ if self.lacks_url => {
                f.write_str("; the operation is completed, but has no result URL")
            }
            (Phase::Fetch, _) => f.write_str("; the export is completed at the service"),
            (_, Some(status)) => {
                write!(f, "; the export continues at the service, last status: {status}")
            }
            (_, None) => Ok(()),
        }
    }
}

/// The number of failures, if there is more than one.
struct InARow(u32);

impl fmt::Display for InARow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            times => write!(f, " {times} times in a row; the last time"),
        }
    }
}

/// A status in brackets, if there is one.
struct InBrackets(Option<StatusCode>);

impl fmt::Display for InBrackets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " ({status})"))
    }
}

/// The length of a file, if it is known.
struct LengthOf(Option<u64>);

impl fmt::Display for LengthOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |length| write!(f, ": it has {length}"))
    }
}

/// A date without the time.
struct Day(Timestamp);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = alloc::format!("{}", self.0);
        f.write_str(text.split('T').next().unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use core::error::Error as StdError;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot rename the part file")]
    struct RenameError(#[source] PermissionError);

    #[derive(Debug, thiserror::Error)]
    #[error("permission denied")]
    struct PermissionError;

    /// An error that prints its source and returns it as well.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot rename the part file: {0}")]
    struct RepeatingError(#[source] PermissionError);

    /// What a reporter prints that walks the chain, as anyhow does for `{:#}`.
    fn chain(error: &(dyn StdError + 'static)) -> String {
        let mut texts = Vec::from([error.to_string()]);
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        texts.join(": ")
    }

    fn errors(failure: &Failure) -> [Error; 5] {
        let (phase, failure) = (Phase::Fetch, || failure.clone());
        [
            Error::GaveUp { phase, failures: 3, last: AttemptError::Failure(failure()) },
            Error::Local { phase, failure: failure() },
            Error::SubmitUnconfirmed { sends: 1, last: AttemptError::Failure(failure()) },
            Error::Unauthorized { phase, reason: AttemptError::Failure(failure()) },
            Error::Untrusted { phase, failure: failure() },
        ]
    }

    #[test]
    fn chain_has_each_cause_once() {
        let failure = || Failure::new(FailureKind::Sink);
        for failure in [
            failure().with_source(RenameError(PermissionError)),
            failure().with_source(RepeatingError(PermissionError)),
        ] {
            let errors = errors(&failure);
            let printed = errors.iter().map(|error| (chain(error), error.to_string()));
            for (chain, alone) in printed.chain([(chain(&failure), failure.to_string())]) {
                for text in ["could not be written", "cannot rename", "permission denied"] {
                    assert_eq!(chain.matches(text).count(), 1, "{text:?} in {chain:?}");
                    assert!(alone.contains(text), "{text:?} in {alone:?}");
                }
            }
        }
    }

    #[test]
    fn detail_replaces_the_texts_of_the_causes() {
        let failure = Failure::new(FailureKind::Sink)
            .with_source(RenameError(PermissionError))
            .with_detail("read-only folder");
        for error in errors(&failure) {
            let chain = chain(&error);
            assert!(chain.ends_with("could not be written: read-only folder"), "{chain}");
        }
        assert!(failure.get_ref().is_some_and(|error| error.is::<RenameError>()));
    }
}
