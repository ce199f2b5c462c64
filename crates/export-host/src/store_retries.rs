//! When a checkpoint store that has failed is tried again.

use std::io;
use std::time::{Duration, Instant};

/// The waits of a checkpoint store that fails for a moment: one that is busy, or in the network.
#[derive(Debug)]
pub struct StoreRetries {
    left: Duration,
    wait: Duration,
    /// When the last try began, or the wait before it.
    since: Instant,
    /// The wait before the last try.
    waited: Duration,
}

/// The first wait, doubled up to the longest.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

impl StoreRetries {
    /// The first try begins now. The tries and the waits between them take this long together, at most, but
    /// for the end of the last try.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { left: patience, wait: FIRST, since: Instant::now(), waited: Duration::ZERO }
    }

    /// For how long to wait before the store is tried again; `None` if it is not to be tried again.
    pub fn wait_after(&mut self, error: &io::Error) -> Option<Duration> {
        self.wait_after_kind(error.kind())
    }

    /// The same for an error of this kind.
    pub fn wait_after_kind(&mut self, kind: io::ErrorKind) -> Option<Duration> {
        // Where time is virtual, only the waits take some.
        let took = self.since.elapsed().max(self.waited);
        self.left = self.left.saturating_sub(took);
        if self.left.is_zero() || !is_passing(kind) {
            return None;
        }
        let wait = self.wait.min(self.left);
        (self.since, self.waited) = (Instant::now(), wait);
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
        // The tries themselves take next to nothing here.
        assert_eq!(millis[..6], [50, 100, 200, 400, 800, 1_000]);
        assert!(millis[6..].iter().sum::<u128>() <= 450, "{millis:?}");
        let mut retries = StoreRetries::new(Duration::from_secs(3));
        assert_eq!(retries.wait_after(&io::ErrorKind::StorageFull.into()), None);
        assert_eq!(retries.wait_after(&io::Error::other("damaged")), None);
    }
    #[test]
    fn tries_take_time_as_well() {
        let mut retries = StoreRetries::new(Duration::from_secs(60));
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        assert!(retries.wait_after(&busy).is_some());
        // A store that times out after a minute.
        retries.since = retries.since.checked_sub(Duration::from_secs(61)).unwrap();
        assert_eq!(retries.wait_after(&busy), None);
    }
}
