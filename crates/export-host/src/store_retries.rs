//! When a checkpoint store that has failed is tried again.

use std::io;
use std::time::Duration;

/// The waits of a checkpoint store that fails for a moment: one that is busy, or in the network.
#[derive(Debug)]
pub struct StoreRetries {
    left: Duration,
    wait: Duration,
}

/// The first wait, doubled up to the longest.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

impl StoreRetries {
    /// The waits are this long together, at most.
    #[must_use]
    pub const fn new(patience: Duration) -> Self {
        Self { left: patience, wait: FIRST }
    }

    /// For how long to wait before the store is tried again; `None` if it is not to be tried again.
    pub fn wait_after(&mut self, error: &io::Error) -> Option<Duration> {
        if self.left.is_zero() || !is_passing(error.kind()) {
            return None;
        }
        let wait = self.wait.min(self.left);
        self.left -= wait;
        self.wait = (self.wait * 2).min(LONGEST);
        Some(wait)
    }
}

/// Whether an error may be gone soon. A full disk, or a missing permission, is not.
fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;

    matches!(
        kind,
        Kind::BrokenPipe
            | Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::NotConnected
            | Kind::ResourceBusy
            | Kind::StaleNetworkFileHandle
            | Kind::TimedOut
            | Kind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_only_for_what_passes() {
        let mut retries = StoreRetries::new(Duration::from_secs(3));
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        let waits: Vec<_> = std::iter::from_fn(|| retries.wait_after(&busy)).collect();
        let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [50, 100, 200, 400, 800, 1_000, 450]);
        let mut retries = StoreRetries::new(Duration::from_secs(3));
        assert_eq!(retries.wait_after(&io::ErrorKind::StorageFull.into()), None);
        assert_eq!(retries.wait_after(&io::Error::other("damaged")), None);
    }
}
