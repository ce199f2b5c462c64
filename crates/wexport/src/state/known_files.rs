//! The files that `wexport files` has listed, for the completion of IDs by a shell.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use super::dir::make_private;

/// A file that was listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFile {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// The most files that are kept, those that were listed last. A shell shows no more usefully, and reads
/// them at each completion.
const MOST: usize = 2_000;

/// The longest file that is read, in **bytes**.
const MAX_LENGTH: u64 = 4 << 20;

/// The file in the cache folder of the user. It may be removed at any time.
pub(crate) fn known_files_path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.cache_dir().join("wexport").join("files.json"))
}

/// The files that were listed, the latest first; none if they cannot be read.
pub(crate) fn known_files(path: &Path) -> Vec<KnownFile> {
    let is_short = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= MAX_LENGTH);
    let text = is_short.then(|| fs::read(path)).and_then(Result::ok);
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Adds files that were listed. Names of files may be confidential, so that only the user can read them.
pub(crate) fn remember_files(path: &Path, files: Vec<KnownFile>) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    make_private(folder)?;
    let mut ids = BTreeSet::new();
    let mut known: Vec<_> = files.into_iter().chain(known_files(path)).collect();
    known.retain(|file| ids.insert(file.id.clone()));
    known.truncate(MOST);
    // A temporary file is private from its beginning, and another process reads the old or the new one.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, &known)?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: usize, name: &str) -> KnownFile {
        KnownFile { id: number.to_string(), kind: "Document".into(), name: name.into() }
    }

    #[test]
    fn latest_files_are_kept_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wexport/files.json");
        assert_eq!(known_files(&path), []);
        remember_files(&path, (0..MOST).map(|number| file(number, "old")).collect()).unwrap();
        remember_files(&path, vec![file(MOST, "new"), file(5, "renamed")]).unwrap();
        let known = known_files(&path);
        assert_eq!(known.len(), MOST);
        assert_eq!(known[..3], [file(MOST, "new"), file(5, "renamed"), file(0, "old")]);
        assert_eq!(known.iter().filter(|known| known.id == "5").count(), 1);
        #[cfg(unix)]
        {
            let mode = |path: &Path| {
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions())
            };
            assert_eq!(mode(&path) & 0o777, 0o600);
            assert_eq!(mode(path.parent().unwrap()) & 0o777, 0o700);
        }
        let long = format!("{}{}", fs::read_to_string(&path).unwrap(), " ".repeat(4 << 20));
        fs::write(&path, long).unwrap();
        assert_eq!(known_files(&path), []);
        fs::write(&path, "{").unwrap();
        assert_eq!(known_files(&path), []);
        remember_files(&path, vec![file(1, "again")]).unwrap();
        assert_eq!(known_files(&path), [file(1, "again")]);
    }
}
