//! A pacer in a file, which several processes share.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::Pacer;
use fs4::{FileExt, TryLockError};

use crate::clock::wall_clock;
use crate::pace_store::{PaceStore, StoredPacer};

/// A pacer in a file, which several processes share.
///
/// The file is locked for the microseconds of each [`update`](PaceStore::update), and not for a
/// request. It is not synced: a power failure may lose what was learned, and a file that cannot be
/// read counts as none.
///
/// Its clock is that of the system, which may be set back, and differs between machines that share a
/// file. So each process adds by how much its own is behind the latest time in the file.
pub struct PaceFile {
    path: PathBuf,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    on_failure: Box<dyn Fn(&io::Error) + Send + Sync>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// What this process has read or written last, which is parsed only if another process has changed it.
    text: Vec<u8>,
    stored: StoredPacer,
    /// By how much the clock of the file is ahead of that of this process.
    ahead: Duration,
}

/// The file grows in blocks of this size: once it is there, a full disk does not matter.
const BLOCK: usize = 4_096;

/// The most that is read of a file that others may have damaged.
const MAX_SIZE: u64 = 1 << 24;

/// A time that is further ahead than this was not stored by a process with a clock.
const LONGEST_AHEAD: Duration = Duration::from_secs(50 * 365 * 86_400);

/// Clocks that differ by less than this are the same, but for rounding. If each was moved to the latest,
/// time would run too fast.
const SAME_TIME: Duration = Duration::from_millis(5);

/// How often a lock is tried before it counts as busy: another process holds it for microseconds.
const TRIES: u32 = 10;
const RETRY_EVERY: Duration = Duration::from_micros(50);

impl PaceFile {
    /// The pacer in this file. Nothing is read or written yet. Its folder must exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            clock: Box::new(wall_clock),
            on_failure: Box::new(|_| {}),
            last: Mutex::default(),
        }
    }

    /// Sets the clock. That of the **system** by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Calls `on_failure` when the file cannot be used and the client goes on alone.
    #[must_use]
    pub fn with_on_failure(
        mut self,
        on_failure: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Box::new(on_failure);
        self
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl PaceStore for PaceFile {
    fn update(&self, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()> {
        // The text is that of `stored`, or is read again.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Opened each time: it may be removed while a process runs, and a descriptor is worth more than
        // the two microseconds. Closing it unlocks it.
        let file = open(&self.path)?;
        lock(&file)?;
        // Read now that no other process can store a later time.
        last.update(&file, (self.clock)(), f)
    }

    fn on_failure(&self, error: &io::Error) {
        (self.on_failure)(error);
    }
}

impl Last {
    fn update(
        &mut self,
        mut file: &File,
        now: Timestamp,
        f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>),
    ) -> io::Result<()> {
        let mut text = Vec::with_capacity(self.text.len());
        file.rewind()?;
        file.take(MAX_SIZE).read_to_end(&mut text)?;
        if text != self.text {
            let latest = now + LONGEST_AHEAD;
            let stored = Some(StoredPacer::from_json(&text));
            self.stored = stored.filter(|stored| stored.time() <= latest).unwrap_or_default();
        }
        let old_length = text.len();
        self.text.clear();
        let here = now + self.ahead;
        let behind = self.stored.time().since(here);
        if behind > SAME_TIME {
            self.ahead += behind;
        }
        self.stored.update(here, f);

        text.clear();
        serde_json::to_writer(&mut text, &self.stored)?;
        // Spaces after JSON are part of it.
        text.resize(text.len().next_multiple_of(BLOCK), b' ');
        file.rewind()?;
        file.write_all(&text)?;
        if text.len() < old_length {
            file.set_len(text.len() as u64)?;
        }
        self.text = text;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn lock(file: &File) -> io::Result<()> {
    for _ in 1..TRIES {
        match FileExt::try_lock(file) {
            Err(TryLockError::WouldBlock) => thread::sleep(RETRY_EVERY),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    match FileExt::try_lock(file) {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

impl fmt::Debug for PaceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaceFile").field("path", &self.path).finish_non_exhaustive()
    }
}
