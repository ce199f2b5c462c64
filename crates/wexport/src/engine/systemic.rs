//! Failures that affect every export of a run.

use std::io;

use export_hyper::{AttemptError, Error, Failure, FailureKind};

use crate::explain::local_error;

/// Whether the other exports would fail in the same way: the credentials are wrong, the service is
/// not reachable, the disk is full.
pub(super) fn is_systemic(error: &Error) -> bool {
    match error {
        Error::Unauthorized { .. }
        | Error::Gateway { .. }
        | Error::Untrusted { .. }
        | Error::SwitchedOff { .. } => true,
        Error::GaveUp { last: AttemptError::Failure(failure), .. } => {
            failure.kind() == FailureKind::NotSent
        }
        Error::Local { failure, .. } => {
            failure.kind() == FailureKind::Store || is_disk_failure(failure)
        }
        _ => false,
    }
}

fn is_disk_failure(failure: &Failure) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};

    let disk = [QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    local_error(failure).is_some_and(|error| disk.contains(&error))
}

#[cfg(test)]
mod tests {
    use export_hyper::Phase;

    use super::*;

    #[test]
    fn a_full_disk_is_systemic() {
        let local = |kind: io::ErrorKind| {
            let error = io::Error::new(kind, "a.pdf");
            let failure = Failure::new(FailureKind::Sink).with_source(error);
            is_systemic(&Error::Local { phase: Phase::Fetch, failure })
        };
        assert!(local(io::ErrorKind::StorageFull) && local(io::ErrorKind::ReadOnlyFilesystem));
        assert!(!local(io::ErrorKind::AlreadyExists) && !local(io::ErrorKind::PermissionDenied));
        let failure = Failure::new(FailureKind::Store);
        assert!(is_systemic(&Error::Local { phase: Phase::Submit, failure }));
    }
}
