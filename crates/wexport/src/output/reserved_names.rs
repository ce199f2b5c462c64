//! The names that the files of a run have taken, so that no two of them share one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::{is_mount_point, numbered};
use icu_normalizer::ComposingNormalizerBorrowed;
use sha2::{Digest as _, Sha256};

use super::real_path::{FileId, folder_of, real_path};
use crate::receipt;

/// The names that are taken, from the point of view of one export. Clones share the names.
#[derive(Clone, Default)]
pub(crate) struct ReservedNames {
    names: Arc<Mutex<Names>>,
    owner: Owner,
    /// Whether a receipt is written beside each file.
    receipts: bool,
    on_reserve: Option<OnReserve>,
}

#[derive(Default)]
struct Names {
    owners: HashMap<Digest, Owner>,
    /// The path by which a folder or a mounted file was first met: it may be mounted at several.
    met: HashMap<FileId, PathBuf>,
    /// The files that no export may replace, by their keys and by themselves.
    protected: HashMap<String, Protected>,
    protected_files: HashMap<FileId, Protected>,
    /// Their names without folders.
    protected_names: HashSet<String>,
}

/// The start of the SHA-256 of a name: a run may have a million of them.
type Digest = [u8; 16];

/// Called for each name that is reserved.
type OnReserve = Arc<dyn Fn(Owner, &str) + Send + Sync>;

/// The number of the export that has a name.
type Owner = u64;

/// The number that no export has: they are numbered from 1.
const NO_EXPORT: Owner = 0;

/// A file that no export may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protected {
    /// A file that the run reads: what it is, and what named it.
    Input(String),
    /// The file of `--results`.
    Results,
}

impl ReservedNames {
    /// The same names for one export. A name that it has reserved before is its own: a download
    /// that starts over keeps its name.
    pub(crate) fn for_export(&self, owner: Owner) -> Self {
        Self { owner, ..self.clone() }
    }

    /// Whether each name is reserved with that of its receipt.
    pub(crate) fn with_receipts(self, receipts: bool) -> Self {
        Self { receipts, ..self }
    }

    /// Calls `on_reserve` for each name that is reserved from now on.
    pub(crate) fn with_observer(
        self,
        on_reserve: impl Fn(Owner, &str) + Send + Sync + 'static,
    ) -> Self {
        Self { on_reserve: Some(Arc::new(on_reserve)), ..self }
    }

    /// Protects a file: an export whose file would get its name gets another one. What is not
    /// replaced, such as a terminal or `/dev/null`, needs no protection.
    pub(crate) fn protect(&self, path: &Path, what: &Protected) {
        let found = fs::metadata(path).ok();
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return;
        }
        let key = self.file_key(path);
        let mut names = self.names();
        let name = Path::new(&key).file_name().unwrap_or_default();
        names.protected_names.insert(name.to_string_lossy().into_owned());
        names.owners.entry(digest(&key)).or_insert(NO_EXPORT);
        names.protected.entry(key).or_insert_with(|| what.clone());
        if let Some(id) = found.as_ref().and_then(FileId::of) {
            names.protected_files.entry(id).or_insert_with(|| what.clone());
        }
    }

    /// What a file is, if it is protected. `found` is what is at its path: of a link, the link itself.
    pub(crate) fn protected(&self, path: &Path, found: Option<&Metadata>) -> Option<Protected> {
        let is_link = found.is_some_and(Metadata::is_symlink);
        let linked = is_link.then(|| fs::metadata(path).ok());
        let id = linked.as_ref().map_or(found, Option::as_ref).and_then(FileId::of);
        if let Some(found) = id.and_then(|id| self.names().protected_files.get(&id).cloned()) {
            return Some(found);
        }
        // Most files of a batch have other names, and are not looked up.
        let name = folded(Path::new(path.file_name()?));
        let may_be_same = is_link || self.names().protected_names.contains(&name);
        let key = may_be_same.then(|| self.file_key(path))?;
        self.names().protected.get(&key).cloned()
    }

    /// Reserves this path, or the first numbered one beside it that is free.
    pub(crate) fn reserve_path(&self, path: &Path) -> PathBuf {
        let beside = (2..).map(|number| numbered(path, number));
        let mut names = std::iter::once(path.to_path_buf()).chain(beside);
        names.find(|name| self.reserve_file(name)).unwrap_or_else(|| path.into())
    }

    /// Reserves the path of a file; false if another export has it, or one that may be the same
    /// file.
    pub(crate) fn reserve_file(&self, path: &Path) -> bool {
        self.reserve(self.file_key(path))
    }

    /// Reserves a name; false if another export has it.
    pub(crate) fn reserve(&self, name: String) -> bool {
        let mut names = self.names();
        if self.receipts {
            // The key of a receipt is that of its file with the suffix, which has no capitals.
            let receipt = digest(&format!("{name}{}", receipt::ENDING));
            let free = names.owners.get(&digest(&name)).is_none_or(|owner| *owner == self.owner);
            if !free || *names.owners.entry(receipt).or_insert(self.owner) != self.owner {
                return false;
            }
        }
        match names.owners.entry(digest(&name)) {
            Entry::Occupied(taken) => return *taken.get() == self.owner,
            Entry::Vacant(free) => free.insert(self.owner),
        };
        drop(names);
        if let Some(on_reserve) = &self.on_reserve {
            on_reserve(self.owner, &name);
        }
        true
    }

    /// A key that is the same for all paths that may be one file. Many file systems ignore the case
    /// of names, and some their Unicode normal form. On Linux this differs between two folders of
    /// one file system, so such names count as one in every folder.
    fn file_key(&self, path: &Path) -> String {
        let found = fs::symlink_metadata(path);
        // The file that a link leads to is the one that is replaced.
        let is_link = found.as_ref().is_ok_and(Metadata::is_symlink);
        let path = match path.file_name() {
            Some(name) if !is_link => real_path(folder_of(path)).join(name),
            _ => real_path(path),
        };
        // A mount point is overwritten where it is, wherever else its file is mounted.
        if found.is_ok() && is_mount_point(&path) {
            return folded(&self.first_met(&path));
        }
        match path.file_name() {
            Some(name) => folded(&self.first_met(folder_of(&path)).join(name)),
            None => folded(&path),
        }
    }

    /// The first path by which a file or a folder was met.
    fn first_met(&self, path: &Path) -> PathBuf {
        let id = fs::metadata(path).ok().as_ref().and_then(FileId::of);
        let first = id.map(|id| self.names().met.entry(id).or_insert_with(|| path.into()).clone());
        first.unwrap_or_else(|| path.into())
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReservedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservedNames").field("owner", &self.owner).finish_non_exhaustive()
    }
}

fn digest(name: &str) -> Digest {
    let mut digest = Digest::default();
    digest.iter_mut().zip(Sha256::digest(name)).for_each(|(to, byte)| *to = byte);
    digest
}

fn folded(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Upper case first: it is the same for ß and ss, and for the two forms of a small sigma.
    let upper: String = text.chars().flat_map(char::to_uppercase).collect();
    let lower: String = upper.chars().flat_map(char::to_lowercase).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&lower).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reserved_once_in_any_case() {
        let names = ReservedNames::default();
        let reserve = |owner, path| names.for_export(owner).reserve_path(Path::new(path));
        assert_eq!(reserve(1, "/a/x.pdf"), Path::new("/a/x.pdf"));
        assert_eq!(reserve(2, "/a/X.pdf"), Path::new("/a/X (2).pdf"));
        assert_eq!(reserve(3, "/a/x.pdf"), Path::new("/a/x (3).pdf"));
        assert_eq!(reserve(4, "/b/x.pdf"), Path::new("/b/x.pdf"));
    }

    #[test]
    fn names_that_may_be_one_file_are_reserved_once() {
        for (first, second) in [
            ("Übersicht.pdf", "U\u{308}BERSICHT.pdf"),
            ("Straße.pdf", "STRASSE.pdf"),
            ("λόγος.pdf", "ΛΌΓΟΣ.pdf"),
            ("\u{1100}\u{1161}.pdf", "가.pdf"),
            ("K.pdf", "\u{212a}.pdf"),
        ] {
            let names = ReservedNames::default();
            assert!(names.for_export(1).reserve_file(&Path::new("/a").join(first)));
            assert!(!names.for_export(2).reserve_file(&Path::new("/a").join(second)), "{first}");
        }
        let names = ReservedNames::default();
        assert!(names.for_export(1).reserve_file(Path::new("/a/o.pdf")));
        assert!(names.for_export(2).reserve_file(Path::new("/a/ö.pdf")));
    }

    #[test]
    fn a_file_has_one_name_by_any_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let reserve = |names: &ReservedNames, owner, path| {
            names.for_export(owner).reserve_file(&folder.path().join(path))
        };
        let names = ReservedNames::default();
        assert!(reserve(&names, 1, "a.pdf"));
        assert!(!reserve(&names, 2, "./a.pdf"));
        assert!(!reserve(&names, 2, "in/../a.pdf"));
        assert!(reserve(&names, 2, "in/a.pdf"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.pdf"), "old").unwrap();
        std::os::unix::fs::symlink("a.pdf", path("soft.pdf")).unwrap();
        let names = ReservedNames::default();
        assert_eq!(names.for_export(1).reserve_path(&path("a.pdf")), path("a.pdf"));
        assert_eq!(names.for_export(2).reserve_path(&path("soft.pdf")), path("soft (2).pdf"));
        assert_eq!(names.for_export(1).reserve_path(&path("a.pdf")), path("a.pdf"));
    }

    #[test]
    fn an_export_keeps_its_name() {
        let names = ReservedNames::default();
        let reserve = |owner| names.for_export(owner).reserve_path(Path::new("/a/x.pdf"));
        let (first, second) = (reserve(1), reserve(2));
        assert_eq!((reserve(1), reserve(2)), (first, second));
    }
}
