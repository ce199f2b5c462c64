//! The locks of the state: a job or a batch runs once at a time, and is not removed while it is
//! created.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fs4::{FileExt, TryLockError};

/// Holds the lock of a job or a batch. The system releases it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// How often a lock is tried, and the time between two tries: [`Lock::is_held`] of another process
/// holds it for a moment.
const TRIES: u32 = 10;
const RETRY_EVERY: Duration = Duration::from_millis(10);

impl Lock {
    /// Acquires a lock; `None` if another process holds it.
    pub(super) fn acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        for _ in 1..TRIES {
            match FileExt::try_lock(&file) {
                Err(TryLockError::WouldBlock) => thread::sleep(RETRY_EVERY),
                _ => break,
            }
        }
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits for a lock that several processes may hold at once.
    pub(super) fn wait_shared(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        FileExt::lock_shared(&file)?;
        Ok(Self { _file: file })
    }

    /// Waits for a lock that no other process holds, shared or not.
    pub(super) fn wait(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        FileExt::lock(&file)?;
        Ok(Self { _file: file })
    }

    /// Whether another process holds a lock. One that cannot be opened is not held.
    pub(super) fn is_held(path: &Path) -> bool {
        let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
        matches!(FileExt::try_lock(&file), Err(TryLockError::WouldBlock))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
