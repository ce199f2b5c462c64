//! The bandwidth that all connections share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A link to the clients, which sends the bodies of all responses one piece after the other.
#[derive(Debug)]
pub(super) struct Link {
    /// In **bytes** per second; `None` if it is not limited.
    bandwidth: Option<u64>,
    /// When the pieces that were taken so far are sent.
    free_at: Mutex<Instant>,
}

/// The largest piece, in **bytes**: large enough that the simulator does not limit the speed of a download.
const MAX_PIECE: usize = 512 * 1024;

/// The number of pieces per second into which a limited bandwidth is divided, so that connections take turns.
const PIECES_PER_SECOND: u64 = 200;

impl Link {
    pub(super) fn new(bandwidth: Option<u64>) -> Self {
        Self { bandwidth, free_at: Mutex::new(Instant::now()) }
    }

    /// The most bytes to send as one piece.
    pub(super) fn max_piece(&self) -> usize {
        let Some(bandwidth) = self.bandwidth else { return MAX_PIECE };
        let piece = usize::try_from(bandwidth / PIECES_PER_SECOND).unwrap_or(MAX_PIECE);
        piece.clamp(1, MAX_PIECE)
    }

    /// Takes the time to send a piece of this length. Returns when the link is free again; `None` if it is now.
    pub(super) fn take(&self, bytes: usize) -> Option<Instant> {
        let seconds = bytes as f64 / self.bandwidth? as f64;
        let now = Instant::now();
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(now) + Duration::from_secs_f64(seconds);
        Some(*free_at)
    }
}
