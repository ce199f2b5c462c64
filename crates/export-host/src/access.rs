//! Who may read a file: its owner, group, mode and access list.

#[cfg(unix)]
pub(crate) use self::unix::{allow, can_keep, keep, of_new_file, restrict};

#[cfg(not(unix))]
pub(crate) use self::inherited::{allow, can_keep, keep, of_new_file, restrict};

#[cfg(unix)]
mod unix {
    use std::collections::HashMap;
    use std::fs::{self, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
    use std::path::Path;
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::{Duration, Instant};

    use crate::random::random_number;

    /// Lets only the owner of a file read it. A file system without modes ignores this.
    pub(crate) fn restrict(file: &File) {
        if file.metadata().is_ok_and(|found| found.mode() & 0o077 != 0) {
            let _ = file.set_permissions(Permissions::from_mode(0o600));
        }
    }

    /// The permissions of a new file in this folder, which the umask and the folder decide.
    ///
    /// They are found out at most once a second for a folder that stays the same: a file for each of
    /// many downloads would cost more than the downloads (ext4 without a journal skips inodes that
    /// were freed in the last seconds one by one).
    pub(crate) fn of_new_file(folder: &Path) -> io::Result<Option<Permissions>> {
        static FOUND: LazyLock<Mutex<HashMap<FolderAccess, (Instant, Permissions)>>> =
            LazyLock::new(Mutex::default);
        let found = || FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        let access = FolderAccess::of(folder)?;
        found().retain(|_, (at, _)| at.elapsed() < VALID_FOR);
        if let Some((_, permissions)) = found().get(&access) {
            return Ok(Some(permissions.clone()));
        }
        let permissions = probe(folder, 0o666)?.metadata()?.permissions();
        found().insert(access, (Instant::now(), permissions.clone()));
        Ok(Some(permissions))
    }

    /// How long the permissions of new files are taken to be the same: the umask of the process may
    /// change.
    const VALID_FOR: Duration = Duration::from_secs(1);

    /// A folder, and what decides who may read new files in it.
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct FolderAccess {
        folder: (u64, u64),
        group: u32,
        mode: u32,
        default_acl: Vec<u8>,
    }

    impl FolderAccess {
        fn of(folder: &Path) -> io::Result<Self> {
            let found = fs::metadata(folder)?;
            Ok(Self {
                folder: (found.dev(), found.ino()),
                group: found.gid(),
                mode: found.mode(),
                default_acl: default_acl(folder),
            })
        }
    }

    /// The access list that new files in a folder get; empty if it has none.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn default_acl(folder: &Path) -> Vec<u8> {
        use rustix::fs::getxattr;

        let mut acl = Vec::with_capacity(MAX_ACL);
        let read =
            getxattr(folder, "system.posix_acl_default", rustix::buffer::spare_capacity(&mut acl));
        if read.is_ok() { acl } else { Vec::new() }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn default_acl(_folder: &Path) -> Vec<u8> {
        Vec::new()
    }

    /// The longest access list that Linux stores, in **bytes**.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const MAX_ACL: usize = 65_536;

    /// Creates a file without a name, so that nothing is left if this process is killed.
    fn probe(folder: &Path, mode: u32) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, Mode, OFlags, openat};

            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            if let Ok(probe) = openat(CWD, folder, flags, Mode::from_raw_mode(mode)) {
                return Ok(probe.into());
            }
        }
        // Other systems, and some file systems, have no such files.
        let path = folder.join(format!(".export-check-{:016x}", random_number()));
        let mut options = OpenOptions::new();
        let probe = options.read(true).write(true).create_new(true).mode(mode).open(&path)?;
        fs::remove_file(&path)?;
        Ok(probe)
    }

    /// Gives a file these permissions. Returns whether it has them.
    pub(crate) fn allow(file: &File, permissions: &Permissions) -> bool {
        let mode = permissions.mode() & 0o777;
        let is_set = set_mode(file, mode).and_then(|()| file.metadata());
        is_set.is_ok_and(|found| found.mode() & 0o777 == mode)
    }

    /// Gives a file the owner, group, mode and access list of another one. Returns whether it has
    /// all of them; otherwise, fewer users may read it.
    pub(crate) fn keep(file: &File, other: &Path) -> io::Result<bool> {
        let wanted = fs::metadata(other)?;
        let (owner, group) = (Some(wanted.uid()), Some(wanted.gid()));
        // Only a privileged process may change the owner; the owner may choose one of their groups.
        if fchown(file, owner, group).is_err() {
            let _ = fchown(file, None, group);
        }
        let has_acl = copy_acl(other, file);
        let found = file.metadata()?;
        let has_group = found.gid() == wanted.gid();
        let mode = reduced(wanted.mode() & 0o777, has_group, has_acl);
        let set = set_mode(file, mode);
        let found_mode = file.metadata()?.mode() & 0o777;
        if found_mode & !mode != 0 {
            set?;
        }
        let has_mode = found_mode == wanted.mode() & 0o777;
        Ok(has_mode && has_acl && has_group && found.uid() == wanted.uid())
    }

    /// Whether a file that replaces this one can have its owner, group, mode and access list.
    pub(crate) fn can_keep(folder: &Path, other: &Path) -> io::Result<bool> {
        keep(&probe(folder, 0o600)?, other)
    }

    fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        if file.metadata()?.mode() & 0o777 == mode {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// The mode that gives nobody more access than before. With another group, the members of
    /// either group get what both the group and all others had; without its access list, which may
    /// exclude users, the file is its owner's.
    const fn reduced(mode: u32, has_group: bool, has_acl: bool) -> u32 {
        let both = (mode >> 3) & mode & 0o007;
        match (has_acl, has_group) {
            (false, _) => mode & 0o700,
            (true, false) => mode & 0o700 | both << 3 | both,
            (true, true) => mode,
        }
    }

    /// Copies the access list of a file, or removes the one that a new file got from its folder.
    /// Returns whether both files have the same.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn copy_acl(from: &Path, to: &File) -> bool {
        use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, getxattr};
        use rustix::io::Errno;

        const ACL: &str = "system.posix_acl_access";
        let mut acl = Vec::with_capacity(MAX_ACL);
        match getxattr(from, ACL, rustix::buffer::spare_capacity(&mut acl)) {
            Ok(_) => fsetxattr(to, ACL, &acl, XattrFlags::empty()).is_ok(),
            Err(Errno::NODATA) => {
                let _ = fremovexattr(to, ACL);
                let left = fgetxattr(to, ACL, rustix::buffer::spare_capacity(&mut acl));
                left.is_err()
            }
            Err(error) => error == Errno::OPNOTSUPP,
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn copy_acl(_from: &Path, _to: &File) -> bool {
        true
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn another_group_gets_no_more_access() {
            for (mode, expected) in
                [(0o640, 0o600), (0o660, 0o600), (0o644, 0o644), (0o664, 0o644), (0o604, 0o600)]
            {
                assert_eq!(reduced(mode, false, true), expected, "{mode:o}");
                assert_eq!(reduced(mode, true, true), mode);
                assert_eq!(reduced(mode, true, false), 0o600, "{mode:o}");
            }
        }
    }
}

/// Other systems have no modes: a file has the permissions of its folder.
#[cfg(not(unix))]
mod inherited {
    use std::fs::{File, Permissions};
    use std::io;
    use std::path::Path;

    pub(crate) const fn restrict(_file: &File) {}

    pub(crate) const fn of_new_file(_folder: &Path) -> io::Result<Option<Permissions>> {
        Ok(None)
    }

    pub(crate) const fn allow(_file: &File, _permissions: &Permissions) -> bool {
        true
    }

    pub(crate) const fn can_keep(_folder: &Path, _other: &Path) -> io::Result<bool> {
        Ok(true)
    }

    pub(crate) const fn keep(_file: &File, _other: &Path) -> io::Result<bool> {
        Ok(true)
    }
}
