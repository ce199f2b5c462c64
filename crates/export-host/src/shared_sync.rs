//! Syncs of a folder that several threads share.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The device and the inode of a folder.
type FolderId = (u64, u64);

/// The folders that are being synced.
static FOLDERS: LazyLock<Mutex<HashMap<FolderId, Arc<SharedSync>>>> = LazyLock::new(Mutex::default);

/// Makes the renames in a folder durable that were done before this call.
#[cfg(unix)]
pub(crate) fn sync(folder: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let found = folder.metadata()?;
    let id = (found.dev(), found.ino());
    let shared = Arc::clone(locked(&FOLDERS).entry(id).or_default());
    let synced = shared.sync(|| folder.sync_all());
    let mut folders = locked(&FOLDERS);
    drop(shared);
    // Clones are made and dropped under the lock only.
    if folders.get(&id).is_some_and(|shared| Arc::strong_count(shared) == 1) {
        folders.remove(&id);
    }
    synced
}

#[cfg(not(unix))]
pub(crate) fn sync(folder: &File) -> io::Result<()> {
    folder.sync_all()
}

/// A sync that makes several changes durable: all that were made before it began.
#[derive(Debug, Default)]
struct SharedSync {
    /// The number of changes.
    changes: AtomicU64,
    /// The number of those that are durable. It is locked during a sync.
    synced: Mutex<u64>,
}

impl SharedSync {
    /// Makes the change that the calling thread has made durable, unless the sync of another thread,
    /// which has begun after the change, has done that.
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut synced = locked(&self.synced);
        if *synced < change {
            let changes = self.changes.load(Ordering::SeqCst);
            sync()?;
            *synced = changes;
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn changes_during_a_sync_share_the_next_one() {
        let (shared, syncs) = (SharedSync::default(), AtomicU64::new(0));
        let count = || {
            syncs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        thread::scope(|scope| {
            let first = shared.sync(|| {
                for _ in 0..5 {
                    scope.spawn(|| shared.sync(count).unwrap());
                }
                while shared.changes.load(Ordering::SeqCst) < 6 {
                    thread::yield_now();
                }
                count()
            });
            first.unwrap();
        });
        assert_eq!(syncs.into_inner(), 2);
    }

    #[test]
    fn failed_sync_is_repeated_by_the_next_thread() {
        let shared = SharedSync::default();
        assert!(shared.sync(|| Err(io::Error::other("the disk failed"))).is_err());
        let mut is_synced = false;
        let synced = shared.sync(|| {
            is_synced = true;
            Ok(())
        });
        assert!(synced.is_ok() && is_synced);
    }

    #[cfg(unix)]
    #[test]
    fn folder_is_forgotten_after_its_syncs() {
        use std::os::unix::fs::MetadataExt;

        let temp = tempfile::tempdir().unwrap();
        let folder = File::open(temp.path()).unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| sync(&folder).unwrap());
            }
        });
        let found = folder.metadata().unwrap();
        assert!(!locked(&FOLDERS).contains_key(&(found.dev(), found.ino())));
    }
}
