//! Which failures are those of one export, and which would befall all others too.

use std::error::Error as StdError;
use std::io;

use export_hyper::{AttemptError, Error, Failure, FailureKind};

/// Whether to ask for more would only bring more of the same: the credentials are wrong, nobody is
/// reached, the disk is full.
pub(super) fn befalls_all(error: &Error) -> bool {
    match error {
        Error::Unauthorized { .. }
        | Error::Gateway { .. }
        | Error::Untrusted { .. }
        | Error::SwitchedOff { .. } => true,
        Error::GaveUp { last: AttemptError::Failure(failure), .. } => {
            failure.kind() == FailureKind::NotSent
        }
        Error::Local { failure, .. } => {
            failure.kind() == FailureKind::Store || is_of_the_disk(failure)
        }
        _ => false,
    }
}

fn is_of_the_disk(failure: &Failure) -> bool {
    let mut cause = failure.get_ref().map(|error| error as &(dyn StdError + 'static));
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
            );
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use export_hyper::Phase;

    use super::*;

    #[test]
    fn a_full_disk_is_everybodys_and_a_file_in_the_way_is_not() {
        let local = |kind: io::ErrorKind| {
            let error = io::Error::new(kind, "a.pdf");
            let failure = Failure::new(FailureKind::Sink).with_source(error);
            befalls_all(&Error::Local { phase: Phase::Fetch, failure })
        };
        assert!(local(io::ErrorKind::StorageFull) && local(io::ErrorKind::ReadOnlyFilesystem));
        assert!(!local(io::ErrorKind::AlreadyExists) && !local(io::ErrorKind::PermissionDenied));
        let failure = Failure::new(FailureKind::Store);
        assert!(befalls_all(&Error::Local { phase: Phase::Submit, failure }));
    }
}
