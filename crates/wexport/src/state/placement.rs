//! Recognises a file that a killed run has put in place.

use std::fs::{self, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use export_host::numbered;
use serde::{Deserialize, Serialize};

use crate::receipt::Receipt;

/// A complete file that is about to be renamed to its path. It is recorded before, so that a later
/// run does not take its own file for one of somebody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// The path, before a number is added to it.
    path: PathBuf,
    /// Its name until then.
    part: PathBuf,
    file: FileId,
    /// The receipt of the file, without its SHA-256.
    pub(crate) receipt: Receipt,
}

/// What a file keeps when it is renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileId {
    length: u64,
    /// When it was last changed, in nanoseconds since 1970.
    modified: u128,
    /// The device and the inode; `None` on systems without them.
    inode: Option<(u64, u64)>,
}

/// The last number that a file gets.
const LAST_NUMBER: u32 = 9_999;

impl Placement {
    /// A file that is complete in `part`, and is not changed any more.
    pub(crate) fn new(part: PathBuf, path: PathBuf, receipt: Receipt) -> io::Result<Self> {
        let file = FileId::of(&fs::symlink_metadata(&part)?)?;
        Ok(Self { path, part, file, receipt })
    }

    /// The path of the file, if it was renamed. What is left of its part is removed.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let numbered = (2..=LAST_NUMBER).map(|number| numbered(&self.path, number));
        let mut names = std::iter::once(self.path.clone()).chain(numbered);
        let found = names.find_map(|name| match fs::metadata(&name) {
            Ok(found) if self.is(&found) => Some(Some(name)),
            Ok(_) => None,
            // The numbers have no gaps.
            Err(_) => Some(None),
        })??;
        // Renaming without replacing is a link, after which the part is removed.
        if fs::symlink_metadata(&self.part).is_ok_and(|part| self.is(&part)) {
            let _ = fs::remove_file(&self.part);
        }
        Some(found)
    }

    fn is(&self, found: &Metadata) -> bool {
        FileId::of(found).is_ok_and(|found| found == self.file)
    }
}

impl FileId {
    fn of(found: &Metadata) -> io::Result<Self> {
        let modified = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(Self { length: found.len(), modified, inode: inode_of(found) })
    }
}

#[cfg(unix)]
fn inode_of(found: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
const fn inode_of(_found: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn receipt() -> Receipt {
        serde_json::from_value(json!({
            "v": 1, "file": "", "bytes": 4, "sha256": "", "base_url": "https://api.example.com",
            "subject": {"kind": "document", "id": "d1"}, "api_version": "2026-01-01",
            "operation": "https://api.example.com/operations/1", "submits": 1, "wexport": "0.1.0",
            "began": "2026-11-25T00:00:00Z", "finished": "2026-11-25T00:00:00Z",
        }))
        .unwrap()
    }

    /// A part that is complete, and its placement.
    fn placement() -> (Placement, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join(".a.pdf.part");
        fs::write(&part, "ours").unwrap();
        let path = folder.path().join("a.pdf");
        (Placement::new(part, path, receipt()).unwrap(), folder)
    }

    #[test]
    fn renamed_file_is_found_under_any_number() {
        for taken in 0..3 {
            let (placement, folder) = placement();
            assert_eq!(placement.find(), None);
            let names = ["a.pdf", "a (2).pdf", "a (3).pdf"].map(|name| folder.path().join(name));
            for name in names.iter().take(taken) {
                fs::write(name, "ours").unwrap();
            }
            assert_eq!(placement.find(), None);
            fs::rename(&placement.part, &names[taken]).unwrap();
            assert_eq!(placement.find().as_ref(), Some(&names[taken]));
        }
    }

    #[test]
    fn part_that_is_left_beside_the_file_is_removed() {
        let (placement, _folder) = placement();
        fs::hard_link(&placement.part, &placement.path).unwrap();
        assert_eq!(placement.find(), Some(placement.path.clone()));
        assert!(!placement.part.exists());
        assert_eq!(fs::read(&placement.path).unwrap(), b"ours");
    }

    #[test]
    fn part_is_kept_while_the_file_is_not_in_place() {
        let (placement, _folder) = placement();
        fs::write(&placement.path, "ours").unwrap();
        assert_eq!(placement.find(), None);
        assert_eq!(fs::read(&placement.part).unwrap(), b"ours");
    }

    #[test]
    fn changed_file_is_not_ours() {
        let (placement, _folder) = placement();
        fs::rename(&placement.part, &placement.path).unwrap();
        fs::write(&placement.path, "theirs").unwrap();
        assert_eq!(placement.find(), None);
    }
}
