//! The names that the files of a run have taken, so that no two of them share one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::numbered;

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
        // File names are case-insensitive on many systems.
        let free = names.find(|name| self.reserve(name.to_string_lossy().to_lowercase()));
        free.unwrap_or_else(|| path.into())
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
    fn an_export_keeps_its_name() {
        let names = ReservedNames::default();
        let reserve = |owner| names.for_export(owner).reserve_path(Path::new("/a/x.pdf"));
        let (first, second) = (reserve(1), reserve(2));
        assert_eq!((reserve(1), reserve(2)), (first, second));
    }
}
