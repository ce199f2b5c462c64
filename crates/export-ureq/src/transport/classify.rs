//! Classifies errors by what they prove about the request.

use std::error::Error as StdError;
use std::io;

use export_core::{Failure, FailureKind};
use export_host::{TlsError, TunnelError, root_cause, tls_alert, tls_verdict, unsent_kind};
use ureq::{Error, Timeout};

use super::attempt::Stage;

/// Classifies the error of a request without a response.
pub(crate) fn request_failure(error: Error, stage: Stage) -> Failure {
    let peer = match stage {
        Stage::Connecting(what) => what,
        Stage::Sent => {
            let kind = match error {
                Error::LargeResponseHeader(..) => FailureKind::TooLong,
                // An alert after the handshake: the server has not read the request.
                _ if cause(&error).and_then(tls_alert).is_some() => FailureKind::Untrusted,
                _ => FailureKind::Unanswered,
            };
            return Failure::new(kind).with_detail(message(&error));
        }
    };
    let tunnel = cause(&error).and_then(|cause| cause.downcast_ref::<TunnelError>());
    let kind = match tunnel {
        Some(tunnel) => tunnel.kind(),
        None if verdict(&error).is_some() => FailureKind::Untrusted,
        None => FailureKind::NotSent,
    };
    Failure::new(kind).with_detail(format!("{peer}: {}", message(&error)))
}

/// What an error of any agent proves about a request, as far as its causes are known.
pub(crate) fn kind_of_any(error: &Error) -> FailureKind {
    match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => FailureKind::NotSent,
        other => cause(other).and_then(unsent_kind).unwrap_or(FailureKind::Unanswered),
    }
}

/// Classifies the error of a body that broke off.
pub(crate) fn body_failure(error: &io::Error) -> Failure {
    let ureq = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match ureq {
        Some(Error::Timeout(_)) => FailureKind::Stalled.into(),
        Some(inner) => Failure::new(FailureKind::Cut).with_detail(message(inner)),
        None => Failure::new(FailureKind::Cut).with_detail(root_cause(error)),
    }
}

fn verdict(error: &Error) -> Option<String> {
    let cause = cause(error)?;
    // Without certificate authorities no server is trusted: as final as an untrusted server.
    let ours = cause.downcast_ref::<TlsError>().map(TlsError::to_string);
    ours.or_else(|| tls_verdict(cause))
}

/// The source of an error, which ureq's error does not return as such.
fn cause(error: &Error) -> Option<&(dyn StdError + 'static)> {
    match error {
        Error::Io(error) => Some(error),
        Error::Other(error) => Some(&**error),
        _ => None,
    }
}

fn message(error: &Error) -> String {
    if let Some(verdict) = verdict(error) {
        return verdict;
    }
    match error {
        Error::Timeout(_) => "timed out".into(),
        Error::HostNotFound => "host not found".into(),
        other => cause(other).map_or_else(|| other.to_string(), root_cause),
    }
}
