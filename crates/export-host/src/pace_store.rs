//! Where a pacer is kept that several clients share.

use std::fmt;
use std::io;

use export_core::Timestamp;
use export_core::pacer::Pacer;

/// Where a pacer is kept that several clients share, such as those of several processes: a
/// [`PaceFile`](crate::PaceFile), or a row of a database.
pub trait PaceStore: fmt::Debug + Send + Sync {
    /// Calls `f` with the time and the stored pacer, which is `None` if there is none yet, and stores
    /// what `f` leaves there. No other client does the same meanwhile.
    ///
    /// The time is that of the store's own clock, which never goes back and is the same for all
    /// clients.
    ///
    /// It is called in async code as well, for each request: it has to return within milliseconds.
    ///
    /// # Errors
    ///
    /// Fails with [`io::ErrorKind::WouldBlock`] if another client has it just now: it is tried again
    /// soon. After any other error, the client goes on alone for a while.
    fn update(&self, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()>;

    /// The client goes on alone, with a pacer of its own, since the store has failed with this error
    /// or was busy for too long.
    fn on_failure(&self, error: &io::Error);
}
