//! A file that appears under its final name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use crate::if_exists::{IfExists, put_in_place};
use crate::stable_hash::stable_hash;

/// A download in progress.
///
/// The bytes are written to `.NAME.<hash>.part` beside the target. The hash is that of the
/// operation, so that a later run of the same export resumes the part, and another export to the
/// same target starts its own. [`finish`](Self::finish) renames the part to the target: until then
/// an older file there is intact, and there is never an incomplete file under the final name.
///
/// The part is locked while it is open. [`open`](Self::open) waits for the lock, since a driver
/// that dropped the handle may still have a write under way on another thread.
///
/// ```
/// use std::time::Duration;
/// use export_host::PartFile;
///
/// # let folder = tempfile::tempdir()?;
/// # let target = folder.path().join("report.pdf");
/// let mut part = PartFile::open(&target, "https://api.example.com/operations/1", Duration::ZERO)?;
/// part.write_all(b"%PDF-1.7")?;
/// assert_eq!(part.sync()?, 8);
/// assert!(!target.exists());
/// part.finish()?;
/// assert_eq!(std::fs::read(&target)?, b"%PDF-1.7");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PartFile {
    file: File,
    part: PathBuf,
    target: PathBuf,
    len: u64,
}

impl PartFile {
    /// Opens or creates the part for `target`, and locks it. Waits for the lock for at most
    /// `timeout`.
    ///
    /// If the target is a symbolic link, the file that it points to is replaced or created.
    ///
    /// # Errors
    ///
    /// Fails if the folder is missing or not writable, if the target exists and is not a regular
    /// file, and, with [`io::ErrorKind::WouldBlock`], if another process holds the lock. The text
    /// names the path.
    pub fn open(target: &Path, operation: &str, timeout: Duration) -> io::Result<Self> {
        Self::open_for(Readers::Umask, target, operation, timeout)
    }

    /// Like [`open`](Self::open), for a file that only its owner may read.
    pub(crate) fn open_private(target: &Path, what: &str, timeout: Duration) -> io::Result<Self> {
        Self::open_for(Readers::Owner, target, what, timeout)
    }

    fn open_for(
        readers: Readers,
        target: &Path,
        operation: &str,
        timeout: Duration,
    ) -> io::Result<Self> {
        let target = real_target(target)?;
        let part = part_path(&target, operation)?;
        let give_up_at = Instant::now() + timeout;
        loop {
            match Self::try_open(readers, &part, &target)? {
                Some(file) => return Ok(file),
                None if Instant::now() < give_up_at => thread::sleep(RETRY_LOCK_EVERY),
                None => {
                    let text = format!("being written by another run: {}", part.display());
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
                }
            }
        }
    }

    /// Checks whether [`open`](Self::open) would accept a target: before an export is requested,
    /// rather than after it was waited for.
    ///
    /// # Errors
    ///
    /// Fails as `open` does if the folder is missing or not writable, or if the target exists and
    /// is not a regular file.
    pub fn check(target: &Path) -> io::Result<()> {
        let target = real_target(target)?;
        let folder = folder_of(&target);
        // A temporary file without a name leaves nothing behind, even if this process is killed.
        let tried = tempfile::tempfile_in(folder);
        tried.map(drop).map_err(|error| explain("cannot write in", folder, &error))
    }

    /// Checks the folder of a file whose name is not known yet.
    ///
    /// # Errors
    ///
    /// Fails if it is missing, not a folder, or not writable.
    pub fn check_folder(folder: &Path) -> io::Result<()> {
        Self::check(&folder.join(UNNAMED))
    }

    /// Like [`open`](Self::open), for a file in a folder whose name is not known yet:
    /// [`retarget`](Self::retarget) it before it is finished.
    ///
    /// # Errors
    ///
    /// Fails as `open` does.
    pub fn open_unnamed(folder: &Path, operation: &str, timeout: Duration) -> io::Result<Self> {
        Self::open(&folder.join(UNNAMED), operation, timeout)
    }

    fn try_open(readers: Readers, part: &Path, target: &Path) -> io::Result<Option<Self>> {
        let fail = |error| explain("cannot write", part, &error);
        if fs::symlink_metadata(part).is_ok_and(|found| !found.is_file()) {
            let text = format!("exists and is not a regular file: {}", part.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        readers.restrict(&mut options);
        let file = options.open(part);
        let mut file = file.map_err(fail)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(explain("cannot lock", part, &error)),
        }
        // The former holder of the lock may have renamed the file in the meantime.
        if !is_at(&file, part) {
            return Ok(None);
        }
        let len = file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Some(Self { file, part: part.into(), target: target.into(), len }))
    }

    /// The length of the part. The bytes may not have reached the disk yet.
    #[must_use]
    pub const fn have(&self) -> u64 {
        self.len
    }

    /// The path of the complete file.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The path of the part.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Truncates the part to `to` bytes.
    ///
    /// # Errors
    ///
    /// Fails if the part is shorter: a gap is never filled.
    pub fn cut(&mut self, to: u64) -> io::Result<()> {
        if to > self.len {
            let text = format!("{} bytes long, expected {to}: {}", self.len, self.part.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let cut = self.file.set_len(to).and_then(|()| self.file.seek(SeekFrom::Start(to)));
        self.len = cut.map_err(|error| explain("cannot shorten", &self.part, &error))?;
        Ok(())
    }

    /// Appends bytes. They are not buffered: write large pieces, of 64 KiB or more.
    ///
    /// # Errors
    ///
    /// Fails if the disk is full or fails. Some of the bytes may have been written then:
    /// [`have`](Self::have) says how many there are.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => {
                    let error = io::ErrorKind::WriteZero.into();
                    return Err(explain("cannot write", &self.part, &error));
                }
                Ok(written) => {
                    self.len += written as u64;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(explain("cannot write", &self.part, &error)),
            }
        }
        Ok(())
    }

    /// Writes everything to disk. Returns the length.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    pub fn sync(&mut self) -> io::Result<u64> {
        self.file
            .sync_data()
            .map_err(|error| explain("cannot write to disk", &self.part, &error))?;
        Ok(self.len)
    }

    /// Sets another target. The service names some files only in the response with their content.
    ///
    /// # Errors
    ///
    /// Fails as [`open`](Self::open) does if it cannot be replaced.
    pub fn retarget(&mut self, target: &Path) -> io::Result<()> {
        self.target = real_target(target)?;
        Ok(())
    }

    /// Syncs the part, renames it to the target, and syncs the folder. Returns the target.
    ///
    /// The caller checks the length before.
    ///
    /// # Errors
    ///
    /// Fails if the disk does, or if the target is a folder by now. The part is kept then.
    pub fn finish(self) -> io::Result<PathBuf> {
        self.finish_unless(IfExists::Replace)
    }

    /// Like [`finish`](Self::finish), with a rule for an existing target. Returns the name that the
    /// file got.
    ///
    /// # Errors
    ///
    /// Fails as `finish` does, and, with [`io::ErrorKind::AlreadyExists`], if the target exists and
    /// the rule is to [`Refuse`](IfExists::Refuse). The part is kept then.
    pub fn finish_unless(mut self, rule: IfExists) -> io::Result<PathBuf> {
        self.sync()?;
        let placed = put_in_place(&self.part, &self.target, rule);
        let placed = placed
            .map_err(|error| explain("cannot rename the part file to", &self.target, &error))?;
        sync_folder_of(&placed)?;
        Ok(placed)
    }

    /// Removes the part.
    ///
    /// # Errors
    ///
    /// Fails if the folder is not writable.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.part).map_err(|error| explain("cannot remove", &self.part, &error))
    }
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug)]
enum Readers {
    /// As the umask says.
    Umask,
    /// Only its owner.
    Owner,
}

impl Readers {
    #[cfg(unix)]
    fn restrict(self, options: &mut OpenOptions) {
        use std::os::unix::fs::OpenOptionsExt;
        if let Self::Owner = self {
            options.mode(0o600);
        }
    }

    /// Other systems have no modes: a file inherits the permissions of its folder.
    #[cfg(not(unix))]
    fn restrict(self, _options: &mut OpenOptions) {}
}

/// The name of a file until its real name is known.
const UNNAMED: &str = "unnamed-export";

/// The time between two attempts to lock a part.
const RETRY_LOCK_EVERY: Duration = Duration::from_millis(20);

/// The longest file name that common file systems allow, in **bytes**.
const LONGEST_NAME: usize = 255;

/// The folder of a path; `.` if the path is only a name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes a rename in this folder durable. Windows has no call for that and does not need one.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| explain("cannot write to disk", folder, &error))?;
    }
    Ok(())
}

/// Adds the operation and the path to the text of an error.
pub(crate) fn explain(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {}: {error}", path.display()))
}

/// Follows the links of a target, and checks that it may be replaced.
fn real_target(target: &Path) -> io::Result<PathBuf> {
    let refuse = |kind, text: &str, path: &Path| {
        Err(io::Error::new(kind, format!("{text}: {}", path.display())))
    };
    if target.file_name().is_none() {
        return refuse(io::ErrorKind::InvalidInput, "not a file name", target);
    }
    let folder = folder_of(target);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return refuse(io::ErrorKind::NotADirectory, "not a folder", folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse(error.kind(), "no such folder", folder);
        }
        Err(error) => return Err(explain("cannot write in", folder, &error)),
    }
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => refuse(io::ErrorKind::IsADirectory, "is a folder", target),
        Ok(found) if !found.is_file() => {
            refuse(io::ErrorKind::AlreadyExists, "exists and is not a regular file", target)
        }
        Ok(_) if target.is_symlink() => fs::canonicalize(target),
        Ok(_) => Ok(target.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(explain("cannot write", target, &error))
        }
        // A dangling link. A cycle of links is another error, so this recursion ends.
        Err(_) => match fs::read_link(target) {
            Ok(to) => real_target(&folder.join(to)),
            Err(_) => Ok(target.into()),
        },
    }
}

/// `.NAME.<hash>.part`, where NAME is shortened if the whole would be too long.
fn part_path(target: &Path, operation: &str) -> io::Result<PathBuf> {
    let suffix = format!(".{:016x}.part", stable_hash(operation));
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let room = LONGEST_NAME - suffix.len() - ".".len();
    let end = (0..=room.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    let name = name.get(..end.unwrap_or(0)).unwrap_or_default();
    Ok(folder_of(target).join(format!(".{name}{suffix}")))
}

/// Whether `path` still leads to this open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let here = file.metadata().map(identity);
    let there = fs::symlink_metadata(path).map(identity);
    matches!((here, there), (Ok(here), Ok(there)) if here == there)
}

/// Whether `path` still leads to this open file, as far as this system can tell.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
