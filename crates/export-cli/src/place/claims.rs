//! Names that this run has given away: two exports of one name never overwrite each other.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use export_host::numbered;

/// The names that were given away. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Mutex<HashSet<String>>>);

impl Claims {
    /// Takes this path, or the first one beside it that nobody has taken.
    pub(crate) fn claim(&self, path: &Path) -> PathBuf {
        let beside = (2..).map(|number| numbered(path, number));
        let mut names = std::iter::once(path.to_path_buf()).chain(beside);
        // Capitals make no difference on many systems.
        let free = names.find(|name| self.take(name.to_string_lossy().to_lowercase()));
        free.unwrap_or_else(|| path.into())
    }

    /// Takes a name; false if somebody has it.
    pub(super) fn take(&self, name: String) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_away_once_whatever_its_capitals() {
        let claims = Claims::default();
        assert_eq!(claims.claim(Path::new("/a/x.pdf")), Path::new("/a/x.pdf"));
        assert_eq!(claims.claim(Path::new("/a/X.pdf")), Path::new("/a/X (2).pdf"));
        assert_eq!(claims.claim(Path::new("/a/x.pdf")), Path::new("/a/x (3).pdf"));
        assert_eq!(claims.claim(Path::new("/b/x.pdf")), Path::new("/b/x.pdf"));
    }
}
