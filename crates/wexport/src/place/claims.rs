//! Names that this run has given away: two exports of one name never overwrite each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::numbered;

/// The names that were given away, and who takes them here. Clones share the names.
#[derive(Clone, Default)]
pub(crate) struct Claims {
    names: Arc<Mutex<HashMap<String, Owner>>>,
    owner: Owner,
    ledger: Option<Ledger>,
}

/// Is told of each name that is given away.
type Ledger = Arc<dyn Fn(Owner, &str) + Send + Sync>;

/// Whom a name belongs to: the number of an export.
type Owner = u64;

impl Claims {
    /// The same names, for one export. What it has taken already is its own: a download that begins
    /// again keeps its name.
    pub(crate) fn of(&self, owner: Owner) -> Self {
        Self { owner, ..self.clone() }
    }

    /// The same names, and whoever writes down which of them are given away from now on.
    pub(crate) fn with_ledger(self, ledger: impl Fn(Owner, &str) + Send + Sync + 'static) -> Self {
        Self { ledger: Some(Arc::new(ledger)), ..self }
    }

    /// Takes this path, or the first one beside it that nobody else has taken.
    pub(crate) fn claim(&self, path: &Path) -> PathBuf {
        let beside = (2..).map(|number| numbered(path, number));
        let mut names = std::iter::once(path.to_path_buf()).chain(beside);
        // Capitals make no difference on many systems.
        let free = names.find(|name| self.take(name.to_string_lossy().to_lowercase()));
        free.unwrap_or_else(|| path.into())
    }

    /// Takes a name; false if somebody else has it.
    pub(crate) fn take(&self, name: String) -> bool {
        match self.names().entry(name.clone()) {
            Entry::Occupied(taken) => return *taken.get() == self.owner,
            Entry::Vacant(free) => free.insert(self.owner),
        };
        if let Some(ledger) = &self.ledger {
            ledger(self.owner, &name);
        }
        true
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Owner>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_away_once_whatever_its_capitals() {
        let claims = Claims::default();
        let claim = |owner, path| claims.of(owner).claim(Path::new(path));
        assert_eq!(claim(1, "/a/x.pdf"), Path::new("/a/x.pdf"));
        assert_eq!(claim(2, "/a/X.pdf"), Path::new("/a/X (2).pdf"));
        assert_eq!(claim(3, "/a/x.pdf"), Path::new("/a/x (3).pdf"));
        assert_eq!(claim(4, "/b/x.pdf"), Path::new("/b/x.pdf"));
    }

    #[test]
    fn whoever_comes_again_finds_the_name_that_it_has() {
        let claims = Claims::default();
        let claim = |owner| claims.of(owner).claim(Path::new("/a/x.pdf"));
        let (first, second) = (claim(1), claim(2));
        assert_eq!((claim(1), claim(2)), (first, second));
    }
}
