//! Which file a path leads to.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// The most links that are followed, as on Linux.
const MAX_LINKS: u32 = 40;

/// The path without links, and without `.` and `..`, of a file that need not exist.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        // A link to a file that does not exist.
        match fs::read_link(&path) {
            Ok(to) => path = folder_of(&path).join(to),
            Err(_) => break,
        }
    }
    match (path.file_name(), path.parent()) {
        (Some(name), _) => real_path(folder_of(&path)).join(name),
        // `new/..`, whose first part is a folder that is not made yet.
        (None, Some(new)) if path.ends_with("..") => folder_of(&real_path(new)).into(),
        (None, _) => path,
    }
}

/// The folder of a path; `.` if the path is only a name.
pub(super) fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or_else(|| Path::new("."))
}

/// Identifies a file or a folder by its device and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self(found.dev(), found.ino()))
    }

    /// Elsewhere, files are compared by their paths without links.
    #[cfg(not(unix))]
    pub(super) const fn of(_found: &Metadata) -> Option<Self> {
        None
    }
}
