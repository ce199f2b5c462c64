//! How an export ends without a file.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use http::StatusCode;

use crate::api_error::ApiError;
use crate::dialect::Phase;
use crate::failure::{Failure, FailureKind};
use crate::sunset::Sunset;
use crate::time::Timestamp;
use crate::url::UrlError;

/// Why an export ended without an artifact.
///
/// Three questions matter to whoever meets one, and each has an answer:
/// whose turn it is ([`fault`](Self::fault)), in which phase it happened
/// ([`phase`](Self::phase)), and whether the job can go on from its checkpoint
/// ([`is_resumable`](Self::is_resumable)).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The time for the job was used up, or the service asks for a wait that goes beyond it.
    /// An export that was accepted goes on at the service.
    #[error("{}", Deadline { phase: *phase, status: status.as_deref(), retry_at: *retry_at })]
    Deadline {
        /// What was being done.
        phase: Phase,
        /// The last state of the operation that was seen.
        status: Option<String>,
        /// When the service wants to be asked again, if it said so.
        retry_at: Option<Timestamp>,
    },
    /// The service accepted the export, and then could not or would not make it.
    #[error("the service ended the export as {status}: {reason}")]
    ExportFailed {
        /// The service's word for the end: `failed` or `cancelled`, say.
        status: String,
        /// Its reasons.
        reason: Box<ApiError>,
        /// The id by which the service's support finds the request.
        original_request: Option<String>,
    },
    /// Something between here and the service answered in its place: a proxy, a login page.
    #[error(
        "{phase}: the answer ({status}) is not the service's but that of a gateway or proxy on the way: {reason}"
    )]
    Gateway {
        /// What was being done.
        phase: Phase,
        /// The status of the answer.
        status: StatusCode,
        /// What it says, as far as that can be read.
        reason: Box<ApiError>,
    },
    /// Too many failures in a row, of the network or of the service.
    #[error("{phase} failed{}: {last}", InARow(*failures))]
    GaveUp {
        /// What was being done.
        phase: Phase,
        /// How many times.
        failures: u32,
        /// What happened the last time.
        last: AttemptError,
    },
    /// A file or a checkpoint could not be written here.
    #[error("{failure}")]
    Local {
        /// What was being done.
        phase: Phase,
        /// What went wrong.
        failure: Failure,
    },
    /// The download is complete, and is not the kind of file that was asked for.
    #[error("the download is not the file that was asked for: expected {expected}, got {got}")]
    WrongFormat {
        /// What was expected.
        expected: &'static str,
        /// What the service called it.
        got: String,
    },
    /// The answer breaks the protocol, and asking again would not mend it.
    #[error("{phase}: the answer{} breaks the protocol: {what}", InBrackets(*status))]
    Protocol {
        /// What was being done.
        phase: Phase,
        /// The status of the answer, if it got so far.
        status: Option<StatusCode>,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The service refused the request for good; asking again unchanged will not help.
    #[error("{phase} was refused with {status}: {reason}")]
    Refused {
        /// What was being done.
        phase: Phase,
        /// The status of the answer.
        status: StatusCode,
        /// The service's own words.
        reason: Box<ApiError>,
    },
    /// A submit request may have arrived, and sending another could start a second export that
    /// somebody would notice. Nothing was sent again.
    ///
    /// Whether an export was started shows in the service. To send it once more all the same,
    /// resume with [`Resubmit::Always`](crate::Resubmit::Always).
    #[error("the submit request may have started an export, but no answer confirms it: {last}")]
    SubmitUnconfirmed {
        /// How many requests may have arrived.
        sends: u32,
        /// What happened to the last one.
        last: AttemptError,
    },
    /// The endpoint is gone, as was announced.
    #[error("{} was switched off on {}; use {}", sunset.endpoint, Day(sunset.sunset), sunset.successor)]
    SwitchedOff {
        /// The announcement.
        sunset: Sunset,
        /// The status of the answer.
        status: StatusCode,
    },
    /// The credentials were refused.
    #[error("{phase}: not authorised: {reason}")]
    Unauthorized {
        /// What was being done.
        phase: Phase,
        /// Who refused them, and in which words.
        reason: AttemptError,
    },
    /// Nothing was sent, since the peer could not be trusted.
    #[error("{phase}: {failure}")]
    Untrusted {
        /// What was being done.
        phase: Phase,
        /// What is wrong with the peer.
        failure: Failure,
    },
    /// The service named a URL to which this job does not go.
    #[error("{phase}: the service named {url}, which is not followed: {reason}")]
    UntrustedUrl {
        /// Which request it was meant for.
        phase: Phase,
        /// The URL, without its query.
        url: String,
        /// Why.
        reason: UrlError,
    },
}

/// What went wrong the last time: an answer, or none.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there was an answer or there was none")]
pub enum AttemptError {
    /// An answer with an error.
    Response(StatusCode, Box<ApiError>),
    /// No answer, or half of one.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers branch on it")]
pub enum Fault {
    /// Whoever runs this: the request, the credentials, the disk or the settings are wrong.
    Local,
    /// Nobody knows: the network, or something on the way.
    Network,
    /// Whoever runs the service.
    Remote,
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Local { .. }
            | Self::Refused { .. }
            | Self::SwitchedOff { .. }
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

    /// What was being done. `None` where the service itself ended the export.
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
            Self::WrongFormat { .. } => Some(Phase::Fetch),
            Self::ExportFailed { .. } => None,
        }
    }

    /// Whether the job may go on from its checkpoint, later or with something mended.
    ///
    /// If not, a new job is the only way, and only after a change to what it asks for.
    #[must_use]
    pub const fn is_resumable(&self) -> bool {
        match self {
            Self::Deadline { .. }
            | Self::Gateway { .. }
            | Self::GaveUp { .. }
            | Self::Local { .. }
            | Self::Unauthorized { .. }
            | Self::Untrusted { .. } => true,
            Self::ExportFailed { .. }
            | Self::WrongFormat { .. }
            | Self::Protocol { .. }
            | Self::Refused { .. }
            | Self::SubmitUnconfirmed { .. }
            | Self::SwitchedOff { .. }
            | Self::UntrustedUrl { .. } => false,
        }
    }

    /// The error for a transport failure that ends the job at once, if this kind does.
    pub(crate) fn of_final_failure(phase: Phase, failure: &Failure) -> Option<Self> {
        let failure = failure.clone();
        match failure.kind() {
            FailureKind::Sink | FailureKind::Store => Some(Self::Local { phase, failure }),
            FailureKind::Unauthorized => {
                Some(Self::Unauthorized { phase, reason: AttemptError::Failure(failure) })
            }
            FailureKind::Untrusted => Some(Self::Untrusted { phase, failure }),
            FailureKind::NotSent
            | FailureKind::Unanswered
            | FailureKind::Cut
            | FailureKind::Stalled
            | FailureKind::TooLong => None,
        }
    }
}

/// The text of [`Error::Deadline`], which depends on what is known.
struct Deadline<'a> {
    phase: Phase,
    status: Option<&'a str>,
    retry_at: Option<Timestamp>,
}

impl fmt::Display for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.phase)?;
        match self.retry_at {
            Some(time) => write!(
                f,
                "the service asks to come back at {time}, when the time for this job is over"
            )?,
            None => f.write_str("the time for this job is used up")?,
        }
        match self.status {
            Some(status) => {
                write!(f, "; the export goes on at the service and was last seen {status}")
            }
            None => Ok(()),
        }
    }
}

/// How often, if that is more than once.
struct InARow(u32);

impl fmt::Display for InARow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            times => write!(f, " {times} times in a row; the last time"),
        }
    }
}

/// A status, if there is one.
struct InBrackets(Option<StatusCode>);

impl fmt::Display for InBrackets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " ({status})"))
    }
}

/// The date alone.
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
