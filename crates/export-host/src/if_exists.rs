//! What to do if the target of a file exists already.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file_name::numbered;

/// What to do if the target of a file exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no other rule")]
pub enum IfExists {
    /// Replace it, atomically: readers see either the old file or the new one.
    #[default]
    Replace,
    /// Keep it, and give the new file another name, such as `report (2).pdf`.
    Rename,
    /// Keep it, and fail.
    Refuse,
}

/// The last number to try.
pub(crate) const LAST_NUMBER: u32 = 9_999;

/// Renames a complete file to its target. Returns the name that it got.
pub(crate) fn put_in_place(part: &Path, target: &Path, rule: IfExists) -> io::Result<PathBuf> {
    let exists = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    match rule {
        IfExists::Replace => fs::rename(part, target).map(|()| target.into()),
        IfExists::Refuse => move_to_new(part, target).map(|()| target.into()),
        IfExists::Rename => {
            let numbered = (2..=LAST_NUMBER).map(|number| numbered(target, number));
            for name in std::iter::once(target.into()).chain(numbered) {
                match move_to_new(part, &name) {
                    Err(error) if exists(&error) => {}
                    Err(error) => return Err(error),
                    Ok(()) => return Ok(name),
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        }
    }
}

/// Moves a file to a name that does not exist. A hard link fails if the name exists, which a rename
/// does not do; on file systems without hard links, this checks first, which is not atomic.
fn move_to_new(part: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(part, target) {
        Ok(()) => fs::remove_file(part),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if fs::symlink_metadata(target).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(part, target),
    }
}
