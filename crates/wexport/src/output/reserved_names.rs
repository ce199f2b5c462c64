//! The names that the files of a run have taken, so that no two of them share one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::numbered;
use icu_normalizer::ComposingNormalizerBorrowed;

/// The names that are taken, from the point of view of one export. Clones share the names.
#[derive(Clone, Default)]
pub(crate) struct ReservedNames {
    names: Arc<Mutex<HashMap<String, Owner>>>,
    owner: Owner,
    on_reserve: Option<OnReserve>,
}

/// Called for each name that is reserved.
type OnReserve = Arc<dyn Fn(Owner, &str) + Send + Sync>;

/// The number of the export that has a name.
type Owner = u64;

impl ReservedNames {
    /// The same names for one export. A name that it has reserved before is its own: a download
    /// that starts over keeps its name.
    pub(crate) fn for_export(&self, owner: Owner) -> Self {
        Self { owner, ..self.clone() }
    }

    /// Calls `on_reserve` for each name that is reserved from now on.
    pub(crate) fn with_observer(
        self,
        on_reserve: impl Fn(Owner, &str) + Send + Sync + 'static,
    ) -> Self {
        Self { on_reserve: Some(Arc::new(on_reserve)), ..self }
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
        self.reserve(file_key(path))
    }

    /// Reserves a name; false if another export has it.
    pub(crate) fn reserve(&self, name: String) -> bool {
        match self.names().entry(name.clone()) {
            Entry::Occupied(taken) => return *taken.get() == self.owner,
            Entry::Vacant(free) => free.insert(self.owner),
        };
        if let Some(on_reserve) = &self.on_reserve {
            on_reserve(self.owner, &name);
        }
        true
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Owner>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReservedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservedNames").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// A key that is the same for all paths that may be one file. Many file systems ignore the case of
/// names, and some their Unicode normal form. On Linux this differs between two folders of one file
/// system, so such names count as one in every folder.
fn file_key(path: &Path) -> String {
    // The file that a link leads to is the one that is replaced.
    let linked = path.is_symlink().then(|| fs::canonicalize(path).ok()).flatten();
    let path = linked.as_deref().unwrap_or(path);
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    let path = match (&folder, path.file_name()) {
        (Some(folder), Some(name)) => &folder.join(name),
        _ => path,
    };
    // Upper case first: it is the same for ß and ss, and for the two forms of a small sigma.
    let upper: String = path.to_string_lossy().chars().flat_map(char::to_uppercase).collect();
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
