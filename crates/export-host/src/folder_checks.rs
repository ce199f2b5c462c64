//! Tries what a download does in a folder, before an export is requested.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fs4::{FileExt, TryLockError};
#[cfg(target_os = "linux")]
use rustix::fs::StatxAttributes;
use tempfile::TempPath;

use crate::fallback::Fallback;
use crate::file_name::{longest_name, room_in};
use crate::part_file::explain;
use crate::random::random_number;
use crate::shared_sync;

/// Tries in each folder once what a download does there: an empty file is created, locked, written,
/// renamed and removed, and the folder is synced once on each file system.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let checks = export_host::FolderChecks::default();
/// let fallbacks = checks.check(folder.path())?;
/// assert!(fallbacks.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct FolderChecks {
    checked: Mutex<Checked>,
}

#[derive(Debug, Default)]
struct Checked {
    folders: HashMap<PathBuf, CheckedFolder>,
    file_systems: HashSet<u64>,
}

#[derive(Debug)]
struct CheckedFolder {
    /// The longest name in it, in **bytes**.
    longest: usize,
    /// Whether its path leaves room for a file with that name, as far as this was checked.
    takes_longest: bool,
}

impl FolderChecks {
    /// Checks a folder for a file with any name, unless it was checked before. Returns what it cannot
    /// do.
    ///
    /// # Errors
    ///
    /// Fails if it is missing or not a folder, if its path is too long for a file in it, or if no
    /// file can be created, written or renamed there. The text names the folder.
    pub fn check(&self, folder: &Path) -> io::Result<Vec<Fallback>> {
        if self.checked().folders.get(folder).is_some_and(|checked| checked.takes_longest) {
            return Ok(Vec::new());
        }
        let longest = "n".repeat(longest_name(folder));
        match fs::symlink_metadata(folder.join(longest)) {
            Err(error) if is_unusable(&error) => Err(explain("cannot write in", folder, &error)),
            _ => {
                let fallbacks = self.check_short(folder)?;
                self.checked()
                    .folders
                    .entry(folder.into())
                    .and_modify(|it| it.takes_longest = true);
                Ok(fallbacks)
            }
        }
    }

    /// The [`name_room`](crate::name_room) of a folder, which is looked up once if the folder was
    /// checked.
    #[must_use]
    pub fn name_room(&self, folder: &Path) -> usize {
        let longest = self.checked().folders.get(folder).map(|checked| checked.longest);
        room_in(longest.unwrap_or_else(|| longest_name(folder)))
    }

    /// Checks a folder for a file with a name that is known not to be too long.
    pub(crate) fn check_short(&self, folder: &Path) -> io::Result<Vec<Fallback>> {
        let mut checked = self.checked();
        if checked.folders.contains_key(folder) {
            return Ok(Vec::new());
        }
        let found = existing_folder(folder)?;
        let mut fallbacks = rehearse(folder).map_err(|error| match error.kind() {
            // It is there, but takes no file: `/proc`.
            io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::Unsupported, error),
            _ => error,
        })?;
        if checked.file_systems.insert(file_system_of(&found)) {
            fallbacks.extend(FolderHandle::open(folder).sync());
        }
        let found = CheckedFolder { longest: longest_name(folder), takes_longest: false };
        checked.folders.insert(folder.into(), found);
        Ok(fallbacks)
    }

    /// Whether a new file can be written at this path if nothing is there, as far as its folder was
    /// checked: all names that are made from its own are short enough. If not, all is to be checked.
    #[must_use]
    pub fn takes_new(&self, path: &Path) -> bool {
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return false };
        let Some(longest) = self.checked().folders.get(folder).map(|checked| checked.longest)
        else {
            return false;
        };
        name.len() + MAX_ADDED <= longest && path.as_os_str().len() + MAX_ADDED <= SHORT_PATH
    }

    fn checked(&self) -> MutexGuard<'_, Checked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most that is added to the name of a file, as for its part, in **bytes**.
const MAX_ADDED: usize = 32;

/// The length of a path that no system finds too long, in **bytes**: Windows allows 260.
const SHORT_PATH: usize = 250;

/// Whether a path could not be looked up for another reason than that there is no file.
pub(crate) fn is_unusable(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Checks that a folder exists.
pub(crate) fn existing_folder(folder: &Path) -> io::Result<fs::Metadata> {
    let refuse =
        |kind, text: &str| Err(io::Error::new(kind, format!("{text}: {}", folder.display())));
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => refuse(io::ErrorKind::NotADirectory, "not a folder"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse(error.kind(), "no such folder")
        }
        Err(error) => Err(explain("cannot write in", folder, &error)),
    }
}

fn rehearse(folder: &Path) -> io::Result<Vec<Fallback>> {
    let fail = |error: io::Error| explain("cannot write in", folder, &error);
    // The probe could not be removed.
    if is_append_only(folder) {
        return Err(fail(io::Error::other("it is append-only, so no file in it can be renamed")));
    }
    // A process that is killed before the last of these calls leaves this file, which is hidden.
    let path = folder.join(format!(".export-check-{:016x}", random_number()));
    let renamed = path.with_extension("renamed");
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).open(&path).map_err(fail)?;
    let probe = TempPath::try_from_path(&path).map_err(fail)?;
    (&file).write_all(b"x").map_err(fail)?;
    let lock = try_lock(&file).map_err(fail)?;
    fs::rename(&probe, &renamed)
        .map_err(|error| explain("cannot rename files in", folder, &error))?;
    fs::remove_file(&renamed).map_err(|error| explain("cannot remove", &renamed, &error))?;
    Ok(match lock {
        Lock::Unsupported => vec![Fallback::NoLocks(folder.into())],
        Lock::Acquired | Lock::Held => Vec::new(),
    })
}

#[cfg(target_os = "linux")]
fn is_append_only(folder: &Path) -> bool {
    has_attribute(folder, StatxAttributes::APPEND)
}

#[cfg(not(target_os = "linux"))]
const fn is_append_only(_folder: &Path) -> bool {
    false
}

/// Whether a file has one of these attributes. Old kernels do not tell.
#[cfg(target_os = "linux")]
pub(crate) fn has_attribute(path: &Path, attributes: StatxAttributes) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.intersects(attributes))
}

/// Whether a file is a mount point, as one that is mounted into a container is. Only Linux tells.
#[must_use]
pub fn is_mount_point(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return has_attribute(path, StatxAttributes::MOUNT_ROOT);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// The result of an attempt to lock a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Acquired,
    /// Another process, or another handle of this one, has it.
    Held,
    /// The file system has no locks.
    Unsupported,
}

/// Locks a file until it is closed.
pub(crate) fn try_lock(file: &File) -> io::Result<Lock> {
    lock_of(FileExt::try_lock(file))
}

fn lock_of(result: Result<(), TryLockError>) -> io::Result<Lock> {
    match result {
        Ok(()) => Ok(Lock::Acquired),
        Err(TryLockError::WouldBlock) => Ok(Lock::Held),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => Ok(Lock::Unsupported),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A folder that is open before a file in it is renamed, so that nothing but the sync itself can
/// fail afterwards.
#[derive(Debug)]
pub(crate) struct FolderHandle<'a> {
    path: &'a Path,
    opened: Option<io::Result<File>>,
}

impl<'a> FolderHandle<'a> {
    /// Windows has no call to sync a folder, and does not need one.
    pub(crate) fn open(path: &'a Path) -> Self {
        Self { path, opened: cfg!(unix).then(|| File::open(path)) }
    }

    /// Makes a rename in the folder durable. A file in it stands whether this succeeds or not. Threads
    /// that wait for each other share a sync.
    pub(crate) fn sync(self) -> Option<Fallback> {
        let synced = self.opened?.and_then(|folder| ignore_unsupported(shared_sync::sync(&folder)));
        // A folder in which files can be created and not listed cannot be opened.
        let ignored = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let error = synced.err().filter(|error| !ignored(error))?;
        Some(Fallback::NotSynced(self.path.into(), error.to_string()))
    }
}

/// Makes the entries of a folder durable, where its file system can. Windows has no such call.
///
/// # Errors
///
/// Fails if the folder cannot be opened, or the disk fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { ignore_unsupported(File::open(folder)?.sync_all()) } else { Ok(()) }
}

/// Many file systems of networks and of user space cannot sync a folder, and some not even a file:
/// their files stand all the same.
pub(crate) fn ignore_unsupported(synced: io::Result<()>) -> io::Result<()> {
    synced.or_else(|error| if is_unsupported(&error) { Ok(()) } else { Err(error) })
}

/// Whether a file system does not have an operation.
#[cfg(unix)]
fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let unsupported =
        [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK, Errno::BADF];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}

#[cfg(not(unix))]
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(unix)]
fn file_system_of(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(found)
}

#[cfg(not(unix))]
const fn file_system_of(_found: &fs::Metadata) -> u64 {
    0
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn error(errno: Errno) -> io::Error {
        errno.into()
    }

    #[test]
    fn file_systems_without_locks_are_used() {
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS, Errno::INVAL] {
            let lock = lock_of(Err(TryLockError::Error(error(errno)))).unwrap();
            assert_eq!(lock, Lock::Unsupported, "{errno}");
        }
        assert_eq!(lock_of(Err(TryLockError::WouldBlock)).unwrap(), Lock::Held);
        assert!(lock_of(Err(TryLockError::Error(error(Errno::IO)))).is_err());
    }

    #[test]
    fn folder_that_cannot_be_synced_is_no_failure() {
        let path = Path::new("/out");
        let sync_of = |opened| FolderHandle { path, opened }.sync();
        for errno in [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS, Errno::BADF] {
            assert!(ignore_unsupported(Err(error(errno))).is_ok(), "{errno}");
        }
        assert_eq!(sync_of(Some(Err(error(Errno::ACCESS)))), None);
        assert_eq!(sync_of(None), None);
        for errno in [Errno::MFILE, Errno::NFILE, Errno::IO] {
            let fallback = sync_of(Some(Err(error(errno))));
            assert!(matches!(fallback, Some(Fallback::NotSynced(..))), "{errno}");
        }
    }
}
