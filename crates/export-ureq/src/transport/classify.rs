//! What a failure proves about the request.

use std::error::Error as StdError;
use std::io;

use export_core::{Failure, FailureKind};
use export_host::{TlsError, TunnelError, tls_alert, tls_verdict};
use ureq::Error;

use super::attempt::Stage;

/// The verdict on a request that brought no head.
pub(crate) fn without_answer(error: Error, stage: Stage) -> Failure {
    let peer = match stage {
        Stage::Connecting(what) => what,
        Stage::Sent => {
            let kind = match error {
                Error::LargeResponseHeader(..) => FailureKind::TooLong,
                // An alert that came late: the server has not listened to the request.
                _ if cause(&error).and_then(tls_alert).is_some() => FailureKind::Untrusted,
                _ => FailureKind::Unanswered,
            };
            return Failure::new(kind).with_detail(words(&error));
        }
    };
    let tunnel = cause(&error).and_then(|cause| cause.downcast_ref::<TunnelError>());
    let kind = match tunnel {
        Some(tunnel) => tunnel.kind(),
        None if verdict(&error).is_some() => FailureKind::Untrusted,
        None => FailureKind::NotSent,
    };
    Failure::new(kind).with_detail(format!("{peer}: {}", words(&error)))
}

/// The verdict on an answer whose body broke off.
pub(crate) fn in_body(error: &io::Error) -> Failure {
    let ureq = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match ureq {
        Some(Error::Timeout(_)) => FailureKind::Stalled.into(),
        Some(inner) => Failure::new(FailureKind::Cut).with_detail(words(inner)),
        None => Failure::new(FailureKind::Cut).with_detail(error.to_string()),
    }
}

fn verdict(error: &Error) -> Option<String> {
    let cause = cause(error)?;
    // Nobody is believed here: that is not the peer's fault, and as final.
    let ours = cause.downcast_ref::<TlsError>().map(TlsError::to_string);
    ours.or_else(|| tls_verdict(cause))
}

/// ureq's error names no source, though it holds one.
fn cause(error: &Error) -> Option<&(dyn StdError + 'static)> {
    match error {
        Error::Io(error) => Some(error),
        Error::Other(error) => Some(&**error),
        _ => None,
    }
}

fn words(error: &Error) -> String {
    if let Some(verdict) = verdict(error) {
        return verdict;
    }
    match error {
        Error::Timeout(_) => "it took too long".into(),
        Error::HostNotFound => "there is no such host".into(),
        Error::Io(error) => error.to_string(),
        Error::Other(error) => error.to_string(),
        other => other.to_string(),
    }
}
