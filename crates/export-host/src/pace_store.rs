//! Where a pacer is kept that several clients share.

use std::fmt;
use std::io;
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::Pacer;
use serde::{Deserialize, Serialize};

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

/// What a store keeps: a pacer, and when it was stored by the clock of the store.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct StoredPacer {
    version: u32,
    time: Timestamp,
    pacer: Option<Pacer>,
}

const VERSION: u32 = 1;

/// When nobody has used the store for this long, what was counted in it says nothing about the present.
const IDLE: Duration = Duration::from_secs(600);

impl StoredPacer {
    /// A pacer that was stored at this time.
    #[must_use]
    pub const fn new(time: Timestamp, pacer: Option<Pacer>) -> Self {
        Self { version: VERSION, time, pacer }
    }

    /// Reads what was serialized. What cannot be read, or is of a later version, counts as none: it is
    /// learned again.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Self {
        let stored: Option<Self> = serde_json::from_slice(text).ok();
        stored.filter(|stored| stored.version == VERSION).unwrap_or_default()
    }

    /// When it was stored.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The pacer, if there is one yet.
    #[must_use]
    pub const fn pacer(&self) -> Option<&Pacer> {
        self.pacer.as_ref()
    }

    /// Calls `f` for [`PaceStore::update`], with a time that does not go back.
    pub fn update(&mut self, now: Timestamp, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) {
        if now.since(self.time) > IDLE {
            self.pacer = self.pacer.take().map(|pacer| pacer.resumed(now));
        }
        self.version = VERSION;
        self.time = now.max(self.time);
        f(self.time, &mut self.pacer);
    }
}
