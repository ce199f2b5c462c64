//! A file that appears under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use crate::if_exists::{IfExists, put_in_place};
use crate::stable_hash::stable_hash;

/// A download on its way to a file.
///
/// The bytes go to `.NAME.<hash>.part` beside the target. The hash is that of the operation, so
/// that a later run of the same export goes on where an earlier one ended, and another export to
/// the same target starts anew. [`finish`](Self::finish) renames the part onto the target: until
/// then whatever stood there is intact, and there is never half a file under the final name.
///
/// The part is locked for as long as it is open. A driver that dropped the handle may still have
/// a write under way on another thread, which is why [`open`](Self::open) waits for a while.
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
    /// Opens the part for `target`, or makes it, and locks it, trying for `patience`.
    ///
    /// A target that is a symbolic link stays one: the file that it leads to is replaced, or made.
    ///
    /// # Errors
    ///
    /// Fails with the path in the text: if the folder is missing or may not be written, if the
    /// target exists and is no regular file, and, with [`io::ErrorKind::WouldBlock`], if somebody
    /// else still holds the lock.
    pub fn open(target: &Path, operation: &str, patience: Duration) -> io::Result<Self> {
        Self::open_for(Readers::AsUsual, target, operation, patience)
    }

    /// Like [`open`](Self::open), for a file that its owner alone may read.
    pub(crate) fn open_private(target: &Path, what: &str, patience: Duration) -> io::Result<Self> {
        Self::open_for(Readers::Owner, target, what, patience)
    }

    fn open_for(
        readers: Readers,
        target: &Path,
        operation: &str,
        patience: Duration,
    ) -> io::Result<Self> {
        let target = real_target(target)?;
        let part = part_path(&target, operation)?;
        let give_up_at = Instant::now() + patience;
        loop {
            match Self::try_open(readers, &part, &target)? {
                Some(file) => return Ok(file),
                None if Instant::now() < give_up_at => thread::sleep(RETRY_LOCK_EVERY),
                None => {
                    let text = format!("another run is writing it: {}", part.display());
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
                }
            }
        }
    }

    /// Finds out early what [`open`](Self::open) would say of a target: before an export is asked
    /// for, and not after an hour of waiting for it.
    ///
    /// # Errors
    ///
    /// Fails as `open` does if the folder is missing or may not be written, or if the target
    /// exists and is no regular file.
    pub fn check(target: &Path) -> io::Result<()> {
        let target = real_target(target)?;
        let folder = folder_of(&target);
        // A file without a name: none is left, even if this process ends here.
        let tried = tempfile::tempfile_in(folder);
        tried.map(drop).map_err(|error| explain("cannot write in", folder, &error))
    }

    /// The same for a folder into which a file is to go whose name is not known yet.
    ///
    /// # Errors
    ///
    /// Fails if it is missing, or no folder, or may not be written.
    pub fn check_folder(folder: &Path) -> io::Result<()> {
        Self::check(&folder.join(UNNAMED))
    }

    /// Like [`open`](Self::open), for a file in a folder whose name is not known yet:
    /// [`retarget`](Self::retarget) it before it is finished.
    ///
    /// # Errors
    ///
    /// Fails as `open` does.
    pub fn open_unnamed(folder: &Path, operation: &str, patience: Duration) -> io::Result<Self> {
        Self::open(&folder.join(UNNAMED), operation, patience)
    }

    fn try_open(readers: Readers, part: &Path, target: &Path) -> io::Result<Option<Self>> {
        let fail = |error| explain("cannot write", part, &error);
        if fs::symlink_metadata(part).is_ok_and(|found| !found.is_file()) {
            let text = format!("in the way, and no regular file: {}", part.display());
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
        // Whoever held the lock before may have renamed the file away: it is another's by now.
        if !is_at(&file, part) {
            return Ok(None);
        }
        let len = file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Some(Self { file, part: part.into(), target: target.into(), len }))
    }

    /// How many bytes are there. They need not have reached the disk.
    #[must_use]
    pub const fn have(&self) -> u64 {
        self.len
    }

    /// Where the file will be.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where it is until then.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Throws away everything from byte `to` on.
    ///
    /// # Errors
    ///
    /// Fails if there are fewer bytes than that: a gap is never filled.
    pub fn cut(&mut self, to: u64) -> io::Result<()> {
        if to > self.len {
            let text = format!("{} bytes, not {to}: {}", self.len, self.part.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let cut = self.file.set_len(to).and_then(|()| self.file.seek(SeekFrom::Start(to)));
        self.len = cut.map_err(|error| explain("cannot shorten", &self.part, &error))?;
        Ok(())
    }

    /// Appends. Nothing is buffered here: callers bring large pieces, 64 KiB or more.
    ///
    /// # Errors
    ///
    /// Fails if the disk is full or gone. Some of the bytes may have been written then:
    /// [`have`](Self::have) is what is there.
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

    /// Brings everything to the disk, and says how many bytes that are.
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

    /// Chooses another target: the service may name a file only when its first byte comes.
    ///
    /// # Errors
    ///
    /// Fails as [`open`](Self::open) does if that cannot be replaced.
    pub fn retarget(&mut self, target: &Path) -> io::Result<()> {
        self.target = real_target(target)?;
        Ok(())
    }

    /// Syncs, renames the part onto the target, and syncs the folder. Returns the target.
    ///
    /// It is the caller who knows how long the file has to be.
    ///
    /// # Errors
    ///
    /// Fails if the disk does, or if the target became a folder; the part stays then.
    pub fn finish(self) -> io::Result<PathBuf> {
        self.finish_unless(IfExists::Replace)
    }

    /// The same, with a rule for a file that stands there already. Returns the name that the file
    /// got.
    ///
    /// # Errors
    ///
    /// Fails as [`finish`](Self::finish) does, and, with [`io::ErrorKind::AlreadyExists`], if the
    /// rule is to [`Refuse`](IfExists::Refuse) and there is a file. The part stays then.
    pub fn finish_unless(mut self, rule: IfExists) -> io::Result<PathBuf> {
        self.sync()?;
        let placed = put_in_place(&self.part, &self.target, rule);
        let placed = placed
            .map_err(|error| explain("cannot put the file in place", &self.target, &error))?;
        sync_folder_of(&placed)?;
        Ok(placed)
    }

    /// Removes the part, and leaves the target as it is.
    ///
    /// # Errors
    ///
    /// Fails if the folder may not be written.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.part).map_err(|error| explain("cannot remove", &self.part, &error))
    }
}

/// Who may read a file that is new.
#[derive(Clone, Copy, Debug)]
enum Readers {
    /// Whoever the umask lets.
    AsUsual,
    /// Its owner alone.
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

    /// Other systems have no such modes: a file has the rights of its folder.
    #[cfg(not(unix))]
    fn restrict(self, _options: &mut OpenOptions) {}
}

/// What a file is called until its name is known.
const UNNAMED: &str = "unnamed-export";

/// How long to wait between two tries to lock.
const RETRY_LOCK_EVERY: Duration = Duration::from_millis(20);

/// The longest file name of the file systems in use: 255 bytes.
const LONGEST_NAME: usize = 255;

/// The folder of a path, `.` if it names none.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes a rename in this folder last. Windows has no such call and does not need it.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| explain("cannot write to disk", folder, &error))?;
    }
    Ok(())
}

/// The error again, with what was tried and where.
pub(crate) fn explain(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {}: {error}", path.display()))
}

/// The target with its links followed, if it may be replaced.
fn real_target(target: &Path) -> io::Result<PathBuf> {
    let refuse = |kind, text: &str, path: &Path| {
        Err(io::Error::new(kind, format!("{text}: {}", path.display())))
    };
    if target.file_name().is_none() {
        return refuse(io::ErrorKind::InvalidInput, "not the name of a file", target);
    }
    let folder = folder_of(target);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return refuse(io::ErrorKind::NotADirectory, "it is no folder", folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse(error.kind(), "there is no such folder", folder);
        }
        Err(error) => return Err(explain("cannot write in", folder, &error)),
    }
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => {
            refuse(io::ErrorKind::IsADirectory, "it is a folder", target)
        }
        Ok(found) if !found.is_file() => {
            refuse(io::ErrorKind::AlreadyExists, "in the way, and no regular file", target)
        }
        Ok(_) if target.is_symlink() => fs::canonicalize(target),
        Ok(_) => Ok(target.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(explain("cannot write", target, &error))
        }
        // A link to a file that is yet to be made. Links in a circle are another error, so this
        // ends.
        Err(_) => match fs::read_link(target) {
            Ok(to) => real_target(&folder.join(to)),
            Err(_) => Ok(target.into()),
        },
    }
}

/// `.NAME.<hash>.part`, with a NAME that is cut where the whole would be too long.
fn part_path(target: &Path, operation: &str) -> io::Result<PathBuf> {
    let suffix = format!(".{:016x}.part", stable_hash(operation));
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let room = LONGEST_NAME - suffix.len() - ".".len();
    let end = (0..=room.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    let name = name.get(..end.unwrap_or(0)).unwrap_or_default();
    Ok(folder_of(target).join(format!(".{name}{suffix}")))
}

/// Whether this open file is the one that is found under `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let here = file.metadata().map(identity);
    let there = fs::symlink_metadata(path).map(identity);
    matches!((here, there), (Ok(here), Ok(there)) if here == there)
}

/// Whether this open file is the one that is found under `path`, as far as can be told.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
