//! A file that appears under its final name only when it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::access;
use crate::early_flush::EarlyFlush;
use crate::fallback::Fallback;
use crate::file_name::{cut, longest_name, numbered};
#[cfg(target_os = "linux")]
use crate::folder_checks::has_attribute;
use crate::folder_checks::{
    FolderChecks, FolderHandle, Lock, existing_folder, ignore_unsupported, is_mount_point,
    is_unusable, try_lock,
};
use crate::if_exists::{IfExists, LAST_NUMBER, put_in_place};
use crate::room::{RoomWatch, check_room};
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
/// Only its owner may read the part. A new file gets the permissions that the umask and its folder
/// give; one that replaces a file gets the mode, owner, group and POSIX access list of that file.
///
/// Where the file system cannot lock, or cannot replace a file because it is a mount point, the file
/// is written without, and [`FinishedFile::fallbacks`] says so. If the folder of a mount point cannot
/// be written, as in a container, the part is in the folder for temporary files. [`check`](Self::check) finds most of
/// them before an export is requested.
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
    /// Whether all of it is on disk.
    is_synced: bool,
    /// The permissions of a new file; `None` if only its owner may read it.
    permissions: Option<Permissions>,
    fallbacks: Vec<Fallback>,
    watch: RoomWatch,
    flush: EarlyFlush,
}

/// A file that is complete.
#[derive(Clone, Debug)]
pub struct FinishedFile {
    path: PathBuf,
    fallbacks: Vec<Fallback>,
}

impl FinishedFile {
    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What could not be done for it as usual.
    #[must_use]
    pub fn fallbacks(&self) -> &[Fallback] {
        &self.fallbacks
    }
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
            match Self::try_open(&part, &target)? {
                Some(mut file) => {
                    // A file that is overwritten keeps its own.
                    if !is_only_overwritten(&target) {
                        file.permissions = readers.permissions(&target)?;
                    }
                    return Ok(file);
                }
                None if Instant::now() < give_up_at => thread::sleep(RETRY_LOCK_EVERY),
                None => {
                    let text = format!("being written by another run: {}", part.display());
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
                }
            }
        }
    }

    /// Checks whether a download to a target would work, before an export is requested: by doing in
    /// its folder what the download does. Returns what could not be done as usual.
    ///
    /// # Errors
    ///
    /// Fails as [`open`](Self::open) does, or if the target could neither be replaced nor
    /// overwritten.
    pub fn check(target: &Path) -> io::Result<Vec<Fallback>> {
        Self::check_with(&FolderChecks::default(), target, IfExists::Replace)
    }

    /// Like [`check`](Self::check), for one of many files: each folder is checked once. The rule is
    /// that of [`finish_unless`](Self::finish_unless).
    ///
    /// # Errors
    ///
    /// Fails as `check` does.
    pub fn check_with(
        checks: &FolderChecks,
        target: &Path,
        rule: IfExists,
    ) -> io::Result<Vec<Fallback>> {
        // Most files of many are new, in a folder that others are in too.
        let is_not_found = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        if checks.takes_new(target) && fs::symlink_metadata(target).is_err_and(is_not_found) {
            return Ok(Vec::new());
        }
        let target = real_target(target)?;
        let mut fallbacks = checks.check_short(&part_folder(&target))?;
        // These names are longer, and may be too long.
        check_path(&part_path(&target, "")?)?;
        if rule == IfExists::Rename {
            check_path(&numbered(&target, LAST_NUMBER))?;
        }
        let Ok(found) = fs::metadata(&target) else { return Ok(fallbacks) };
        if rule != IfExists::Replace {
            return Ok(fallbacks);
        }
        let fail = |error: io::Error| explain("cannot write", &target, &error);
        if is_replaceable(&target, &found) {
            let keep = |error| explain("cannot keep the permissions of", &target, &error);
            if !access::can_keep(folder_of(&target), &target).map_err(keep)? {
                fallbacks.push(Fallback::LessAccess(target));
            }
        } else {
            OpenOptions::new().write(true).open(&target).map_err(fail)?;
            fallbacks.push(Fallback::InPlace(target));
        }
        Ok(fallbacks)
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

    fn try_open(part: &Path, target: &Path) -> io::Result<Option<Self>> {
        let fail = |error| explain("cannot write", part, &error);
        if fs::symlink_metadata(part).is_ok_and(|found| !found.is_file()) {
            let text = format!("exists and is not a regular file: {}", part.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(part).map_err(fail)?;
        let lock = try_lock(&file).map_err(|error| explain("cannot lock", part, &error))?;
        let fallbacks = match lock {
            Lock::Acquired => Vec::new(),
            Lock::Held => return Ok(None),
            Lock::Unsupported => vec![Fallback::NoLocks(folder_of(target).into())],
        };
        if is_only_overwritten(target) && is_of_another_user(&file) {
            let text = format!("belongs to another user: {}", part.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        // The former holder of the lock may have renamed the file in the meantime.
        if !is_at(&file, part) {
            return Ok(None);
        }
        access::restrict(&file);
        let len = file.seek(SeekFrom::End(0)).map_err(fail)?;
        let (part, target) = (part.into(), target.into());
        Ok(Some(Self {
            file,
            part,
            target,
            len,
            is_synced: false,
            permissions: None,
            fallbacks,
            watch: RoomWatch::default(),
            flush: EarlyFlush::default(),
        }))
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
        self.is_synced = false;
        let cut = self.file.set_len(to).and_then(|()| self.file.seek(SeekFrom::Start(to)));
        self.len = cut.map_err(|error| explain("cannot shorten", &self.part, &error))?;
        Ok(())
    }

    /// Checks that the whole file has room, once its length is known.
    ///
    /// # Errors
    ///
    /// Fails if it does not, with a [reserve](crate::check_room) that stays free.
    pub fn check_room_for(&self, length: u64) -> io::Result<()> {
        check_room(folder_of(&self.part), length.saturating_sub(self.len))
    }

    /// Appends bytes. They are not buffered: write large pieces, of 64 KiB or more.
    ///
    /// # Errors
    ///
    /// Fails if the disk is full but for a [reserve](crate::check_room), or fails. Some of the bytes
    /// may have been written then: [`have`](Self::have) says how many there are.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.watch.on_write(folder_of(&self.part), bytes.len())?;
        self.is_synced = false;
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => {
                    let error = io::ErrorKind::WriteZero.into();
                    return Err(explain("cannot write", &self.part, &error));
                }
                Ok(written) => {
                    self.len += written as u64;
                    let flushed = self.flush.on_write(&self.file, written);
                    ignore_unsupported(flushed)
                        .map_err(|error| explain("cannot write to disk", &self.part, &error))?;
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
        if !self.is_synced {
            let flushed = self.flush.wait().and_then(|()| self.file.sync_data());
            ignore_unsupported(flushed)
                .map_err(|error| explain("cannot write to disk", &self.part, &error))?;
            self.is_synced = true;
        }
        Ok(self.len)
    }

    /// Sets another target. The service names some files only in the response with their content.
    ///
    /// # Errors
    ///
    /// Fails as [`open`](Self::open) does if it cannot be replaced.
    pub fn retarget(&mut self, target: &Path) -> io::Result<()> {
        self.target = real_target(target)?;
        if self.permissions.is_some() {
            self.permissions = Readers::Umask.permissions(&self.target)?;
        }
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
        self.finish_unless(IfExists::Replace).map(|finished| finished.path)
    }

    /// Like [`finish`](Self::finish), with a rule for an existing target. Returns the file with the
    /// name that it got.
    ///
    /// # Errors
    ///
    /// Fails as `finish` does, and, with [`io::ErrorKind::AlreadyExists`], if the target exists and
    /// the rule is to [`Refuse`](IfExists::Refuse). The part is kept then.
    pub fn finish_unless(mut self, rule: IfExists) -> io::Result<FinishedFile> {
        self.sync()?;
        let folder = folder_of(&self.target).to_owned();
        let folder = FolderHandle::open(&folder);
        let path = self.place(rule)?;
        let Self { mut fallbacks, .. } = self;
        fallbacks.extend(folder.sync());
        Ok(FinishedFile { path, fallbacks })
    }

    /// Checks that the file gets another name than the earlier ones of its result.
    ///
    /// # Errors
    ///
    /// Fails, with [`io::ErrorKind::AlreadyExists`], if it does not, or only in the case of letters.
    pub fn check_name<'f>(
        &self,
        earlier: impl IntoIterator<Item = &'f FinishedFile>,
    ) -> io::Result<()> {
        let folded = |path: &Path| path.to_string_lossy().to_lowercase();
        let target = folded(&self.target);
        if earlier.into_iter().any(|file| folded(&file.path) == target) {
            let text = format!("two files of the result have the name {}", self.target.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(())
    }

    /// Like [`finish`](Self::finish), for a file that has to be durable.
    ///
    /// # Errors
    ///
    /// Fails as `finish` does, and if the folder cannot be synced, although it can be on its file
    /// system.
    pub(crate) fn finish_durably(self) -> io::Result<PathBuf> {
        let FinishedFile { path, fallbacks } = self.finish_unless(IfExists::Replace)?;
        let not_synced = fallbacks.iter().find(|found| matches!(found, Fallback::NotSynced(..)));
        not_synced.map_or(Ok(path), |fallback| Err(io::Error::other(fallback.to_string())))
    }

    /// Lets others read the part, as they may read the file that it becomes.
    fn set_access(&mut self, rule: IfExists) -> io::Result<()> {
        let Some(permissions) = &self.permissions else { return Ok(()) };
        let is_set = if rule == IfExists::Replace && self.target.is_file() {
            access::keep(&self.file, &self.target)
                .map_err(|error| explain("cannot keep the permissions of", &self.target, &error))?
        } else {
            access::allow(&self.file, permissions)
        };
        let less = Fallback::LessAccess(self.target.clone());
        if !is_set && !self.fallbacks.contains(&less) {
            self.fallbacks.push(less);
        }
        Ok(())
    }

    /// Renames the part to the target, or does what has the same result. Returns the name that the
    /// file got.
    fn place(&mut self, rule: IfExists) -> io::Result<PathBuf> {
        if rule == IfExists::Replace && is_only_overwritten(&self.target) {
            return self.overwrite_target();
        }
        self.set_access(rule)?;
        let mut placed = put_in_place(&self.part, &self.target, rule);
        let is_elsewhere = folder_of(&self.part) != folder_of(&self.target);
        if is_elsewhere && placed.as_ref().is_err_and(is_other_device) {
            self.move_beside_target()
                .map_err(|error| explain("cannot copy the part file to", &self.target, &error))?;
            self.set_access(rule)?;
            placed = put_in_place(&self.part, &self.target, rule);
        }
        let error = match placed {
            Ok(path) => return Ok(path),
            Err(error) => error,
        };
        if rule == IfExists::Replace && self.target.is_file() && is_in_place(&error) {
            // A target that cannot be opened either is told as one that cannot be replaced.
            if OpenOptions::new().write(true).open(&self.target).is_ok() {
                return self.overwrite_target();
            }
        }
        Err(explain("cannot rename the part file to", &self.target, &error))
    }

    fn overwrite_target(&mut self) -> io::Result<PathBuf> {
        let target = OpenOptions::new().write(true).open(&self.target);
        let overwritten = target.and_then(|target| self.overwrite(target));
        overwritten.map_err(|error| explain("cannot write", &self.target, &error))
    }

    /// Copies the part to the folder of its target, which is on another file system.
    fn move_beside_target(&mut self) -> io::Result<()> {
        let name = self.part.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let beside = folder_of(&self.target).join(name);
        let copy = Self::try_open(&beside, &self.target)?.ok_or(io::ErrorKind::WouldBlock)?;
        let Self { file: mut to, .. } = copy;
        let copied = self.file.seek(SeekFrom::Start(0)).and_then(|_| {
            to.set_len(0)?;
            to.seek(SeekFrom::Start(0))?;
            io::copy(&mut self.file, &mut to)?;
            ignore_unsupported(to.sync_data())
        });
        if let Err(error) = copied {
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        // A part that stays is hidden, and replaced by the next download of the same operation.
        let _ = fs::remove_file(&self.part);
        (self.file, self.part) = (to, beside);
        Ok(())
    }

    /// Overwrites the target, which could not be replaced. The part is kept until all of it is
    /// written.
    fn overwrite(&mut self, mut target: File) -> io::Result<PathBuf> {
        // Its own file system may be another one, and must have room before the old file is lost.
        let longer = self.len.saturating_sub(target.metadata()?.len());
        check_room(&self.target, longer)?;
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.file, &mut target)?;
        target.set_len(self.len)?;
        ignore_unsupported(target.sync_all())?;
        // A part that stays is hidden, and replaced by the next download of the same operation.
        let _ = fs::remove_file(&self.part);
        // The file has kept its owner.
        self.fallbacks.retain(|fallback| !matches!(fallback, Fallback::LessAccess(_)));
        self.fallbacks.push(Fallback::InPlace(self.target.clone()));
        Ok(self.target.clone())
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
    /// As the umask and the folder say.
    Umask,
    /// Only its owner.
    Owner,
}

impl Readers {
    /// The permissions of a new file at this path, unless only its owner may read it.
    fn permissions(self, target: &Path) -> io::Result<Option<Permissions>> {
        let folder = folder_of(target);
        match self {
            Self::Umask => access::of_new_file(folder)
                .map_err(|error| explain("cannot write in", folder, &error)),
            Self::Owner => Ok(None),
        }
    }
}

/// The name of a file until its real name is known.
const UNNAMED: &str = "unnamed-export";

/// The time between two attempts to lock a part.
const RETRY_LOCK_EVERY: Duration = Duration::from_millis(20);

/// The folder of a path; `.` if the path is only a name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
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
    existing_folder(folder)?;
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

/// Checks that a path is not too long.
fn check_path(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if is_unusable(&error) => Err(explain("cannot write", path, &error)),
        _ => Ok(()),
    }
}

/// `.NAME.<hash>.part`, where NAME is shortened if the whole would be too long.
fn part_path(target: &Path, operation: &str) -> io::Result<PathBuf> {
    let suffix = format!(".{:016x}.part", stable_hash(operation));
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let folder = part_folder(target);
    let name = cut(&name, longest_name(&folder).saturating_sub(suffix.len() + ".".len()));
    Ok(folder.join(format!(".{name}{suffix}")))
}

/// The folder of the part of a target.
fn part_folder(target: &Path) -> PathBuf {
    if is_only_overwritten(target) { std::env::temp_dir() } else { folder_of(target).into() }
}

/// Whether a target is a mount point in a folder that cannot be written: one file of a container.
#[cfg(unix)]
fn is_only_overwritten(target: &Path) -> bool {
    use rustix::fs::{Access, access};

    is_mount_point(target) && access(folder_of(target), Access::WRITE_OK).is_err()
}

#[cfg(not(unix))]
const fn is_only_overwritten(_target: &Path) -> bool {
    false
}

/// Whether a part is that of another user, who could read or change it: the folder for temporary files
/// is everyone's.
#[cfg(unix)]
fn is_of_another_user(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    !file.metadata().is_ok_and(|found| found.uid() == user && found.nlink() == 1)
}

#[cfg(not(unix))]
const fn is_of_another_user(_file: &File) -> bool {
    false
}

/// Whether a file can be replaced by a rename, as far as this can be known before. Its folder is
/// writable.
#[cfg(unix)]
fn is_replaceable(target: &Path, found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    const STICKY: u32 = 0o1000;
    let Ok(folder) = fs::metadata(folder_of(target)) else { return true };
    let user = rustix::process::geteuid();
    let owns = |found: &fs::Metadata| user.is_root() || found.uid() == user.as_raw();
    let is_owners_only = folder.mode() & STICKY != 0 && !owns(found) && !owns(&folder);
    !is_owners_only && !is_pinned(target)
}

#[cfg(not(unix))]
const fn is_replaceable(_target: &Path, _found: &fs::Metadata) -> bool {
    true
}

/// Whether a file is a mount point, immutable or append-only. Where this is not known, the rename
/// fails.
#[cfg(target_os = "linux")]
fn is_pinned(target: &Path) -> bool {
    use rustix::fs::StatxAttributes;

    let pinned = StatxAttributes::MOUNT_ROOT | StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    has_attribute(target, pinned)
}

#[cfg(all(unix, not(target_os = "linux")))]
const fn is_pinned(_target: &Path) -> bool {
    false
}

/// Whether a rename failed because its target is a mount point or may not be replaced.
fn is_in_place(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::ResourceBusy, io::ErrorKind::PermissionDenied];
    kinds.contains(&error.kind()) || is_other_device(error)
}

fn is_other_device(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_an_early_flush_fails_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("report.pdf");
        let mut part = PartFile::open(&target, "op1", Duration::ZERO).expect("a part");
        part.write_all(b"%PDF").expect("written");
        part.flush = EarlyFlush::failing();
        let error = part.finish().expect_err("its flush has failed");
        assert!(error.to_string().contains("a bad sector"), "{error}");
        assert!(!target.exists());
    }
}
