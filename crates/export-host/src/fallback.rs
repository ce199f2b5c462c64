//! What is done where a file system cannot do what a file is usually written with.

use std::fmt;
use std::path::PathBuf;

/// What is done where a file system cannot do what a file is usually written with. The file is
/// complete; its text says what a user has to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// This file does not have the owner, group, mode or access list of the file that it replaces,
    /// or the mode of a new one, and fewer users may read it.
    LessAccess(PathBuf),
    /// This file cannot be replaced in one step, and is overwritten: it is a mount point, or the
    /// file of another user in a folder where only its owner may replace it.
    InPlace(PathBuf),
    /// Files in this folder cannot be locked.
    NoLocks(PathBuf),
    /// This folder could not be written to disk, for this reason: a power failure may undo the
    /// last changes. A file system that never syncs folders is not reported.
    NotSynced(PathBuf, String),
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LessAccess(file) => write!(
                f,
                "the owner, group or permissions of {} cannot be kept: fewer users may read the \
                 new file",
                file.display()
            ),
            Self::InPlace(file) => write!(
                f,
                "{} cannot be replaced in one step: it is overwritten when the download is complete",
                file.display()
            ),
            Self::NoLocks(folder) => write!(
                f,
                "files in {} cannot be locked: do not run the same export twice at once",
                folder.display()
            ),
            Self::NotSynced(folder, reason) => write!(
                f,
                "{} cannot be written to disk ({reason}): a power failure may undo the last changes",
                folder.display()
            ),
        }
    }
}
