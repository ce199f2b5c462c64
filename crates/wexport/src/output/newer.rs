//! Keeps files that are newer than an export that is resumed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use export_hyper::Timestamp;
use serde::{Deserialize, Serialize};

use super::destination::display_path;
use crate::clock;
use crate::problem::{Exit, Problem};

/// What was at the path of a file when its command was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Earlier {
    /// The path was not known.
    #[default]
    Unknown,
    Nothing,
    File {
        bytes: u64,
        /// When it was last changed, in nanoseconds since 1970.
        modified: u64,
    },
}

impl Earlier {
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Looks at a path. Its inode is not looked at: a file that was restored from a backup is the
    /// same.
    pub(super) fn at(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => {
                let modified = found.modified().unwrap_or(UNIX_EPOCH);
                let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                let modified = u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX);
                Self::File { bytes: found.len(), modified }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Nothing,
            Err(_) => Self::Unknown,
        }
    }
}

/// Refuses to replace what is newer than an export that is resumed.
#[derive(Clone, Debug)]
pub(super) struct NewerGuard {
    /// When the command of the export was given.
    pub(super) began: Timestamp,
    /// The path of the file if it was known then, and what was there.
    pub(super) earlier: (Option<PathBuf>, Earlier),
    /// The command that resumes the export.
    pub(super) resume: String,
}

impl NewerGuard {
    /// Checks that a file may be replaced.
    pub(super) fn check_file(&self, path: &Path) -> Result<(), Problem> {
        let (known, earlier) = &self.earlier;
        let Earlier::File { modified, .. } = Earlier::at(path) else { return Ok(()) };
        let is_known = known.as_deref() == Some(path) && !earlier.is_unknown();
        if is_known && Earlier::at(path) == *earlier {
            return Ok(());
        }
        let modified = UNIX_EPOCH + Duration::from_nanos(modified);
        let shown = display_path(path);
        if clock::at(modified) > self.began {
            return Err(self.refuse(&format!("{shown} is newer than this export, and is kept")));
        }
        if is_known {
            let what = "is not the file that was there when this export began, and is kept";
            return Err(self.refuse(&format!("{shown} {what}")));
        }
        Ok(())
    }

    /// Checks that an object may be replaced, which was stored at this time.
    #[cfg(feature = "store")]
    pub(super) fn check_object(&self, url: &str, modified: Timestamp) -> Result<(), Problem> {
        // Stores tell whole seconds.
        if modified + Duration::from_millis(999) > self.began {
            return Err(self.refuse(&format!("{url} is newer than this export, and is kept")));
        }
        Ok(())
    }

    fn refuse(&self, message: &str) -> Problem {
        let replace = format!("to replace it: {} --overwrite-newer", self.resume);
        let mut problem = Problem::new(Exit::Local, message).advise(replace);
        problem.retry = Some("only with --overwrite-newer, or to another destination".into());
        problem
    }
}
