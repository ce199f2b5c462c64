//! The path of `--results`, which must not be that of a file which the run reads or writes.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::output::ReservedNames;
use crate::problem::Problem;
use crate::receipt::ENDING;
use crate::settings::{CredentialSource, Settings};
use crate::state::StateDir;

/// The path of the results, which replace the file there.
#[derive(Debug)]
pub(super) struct ResultsPath {
    path: PathBuf,
    /// The path without links.
    real: PathBuf,
    /// The file there, if there is one.
    file: Option<FileId>,
    /// Whether there is something that is not replaced, such as a terminal or `/dev/null`.
    is_special: bool,
}

/// The number that no export has: they are numbered from 1.
const NO_EXPORT: u64 = 0;

impl ResultsPath {
    /// Fails if the results would replace the list, or another file of the user.
    pub(super) fn new(
        path: &Path,
        list: Option<&Path>,
        settings: &Settings,
    ) -> Result<Self, Problem> {
        let found = fs::metadata(path).ok();
        let file = found.as_ref().and_then(FileId::of);
        let is_special = found.is_some_and(|found| !found.is_file());
        let results = Self { path: path.into(), real: real_path(path), file, is_special };
        let secret = match &settings.credentials.secret.value {
            CredentialSource::TokenFile(path) | CredentialSource::ClientSecretFile(path) => {
                Some(path)
            }
            _ => None,
        };
        let bundles = settings.ca_bundles.value.iter();
        let read = [
            ("the list", list),
            ("the config file", settings.config_file.value.as_deref()),
            ("the file of a secret", secret.map(PathBuf::as_path)),
        ];
        let read = read.into_iter().chain(bundles.map(|path| ("a CA bundle", Some(&**path))));
        for (what, path) in read {
            if path.is_some_and(|path| results.is(path)) {
                return Err(results.refused(what));
            }
        }
        let state = settings.state.as_ref().map(|state| StateDir::existing(&state.value));
        let is_state = |path: PathBuf| results.real.starts_with(real_path(&path));
        if state.is_some_and(|state| state.paths().into_iter().any(is_state)) {
            return Err(results.refused("in the folder of the state"));
        }
        Ok(results)
    }

    /// Reserves the path, so that a file whose name the service chooses gets another one.
    pub(super) fn reserve(&self, names: &ReservedNames) {
        names.for_export(NO_EXPORT).reserve_path(&self.path);
    }

    /// Fails if the results would replace the file of an export, or its receipt.
    pub(super) fn check_file(&self, file: &Path, has_receipt: bool) -> Result<(), Problem> {
        let mut receipt = file.as_os_str().to_owned();
        receipt.push(ENDING);
        if self.is(file) {
            Err(self.refused("the file of this export"))
        } else if has_receipt && self.is(Path::new(&receipt)) {
            Err(self.refused("the receipt of this export"))
        } else {
            Ok(())
        }
    }

    /// Whether both paths lead to the same file.
    fn is(&self, other: &Path) -> bool {
        if self.is_special {
            return false;
        }
        let same_file = self.file.is_some()
            && fs::metadata(other).is_ok_and(|found| FileId::of(&found) == self.file);
        // Most files of a batch have other names, and are not looked up.
        same_file
            || (may_be_same(&self.real, other) && folded(&real_path(other)) == folded(&self.real))
    }

    fn refused(&self, what: &str) -> Problem {
        Problem::usage(format!("--results {} is {what}", self.path.display()))
            .advise("name another file with --results")
    }
}

/// A link may lead to a file of any name.
fn may_be_same(real: &Path, other: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| folded(Path::new(name)));
    name(real) == name(other) || other.is_symlink()
}

/// File names are case-insensitive on many systems.
fn folded(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

/// The most links that are followed, as on Linux.
const MAX_LINKS: u32 = 40;

/// The path without links, and without `.` and `..`, of a file that need not exist.
fn real_path(path: &Path) -> PathBuf {
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
    match path.file_name() {
        Some(name) => real_path(folder_of(&path)).join(name),
        None => path,
    }
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or_else(|| Path::new("."))
}

/// Identifies a file by its device and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self(found.dev(), found.ino()))
    }

    /// Elsewhere, files are compared by their paths without links.
    #[cfg(not(unix))]
    const fn of(_found: &Metadata) -> Option<Self> {
        None
    }
}
