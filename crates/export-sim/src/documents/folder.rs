use std::fs;
use std::path::{Path, PathBuf};

/// Finds the file of an id in the user's folder. Never returns a file outside of the folder.
///
/// Without an extension (for uploaded files, whose type the request does not name) any file `{id}.*` matches; the
/// first in alphabetical order is returned.
pub(crate) fn find(folder: &Path, id: &str, extension: Option<&str>) -> Option<PathBuf> {
    // Rejects path separators, parent folders, Windows drives and NTFS streams.
    if id.is_empty() || id.starts_with('.') || id.contains(['/', '\\', ':', '\0']) {
        return None;
    }
    let root = fs::canonicalize(folder).ok()?;
    let inside = |path: PathBuf| {
        // Resolves symbolic links, which may point outside of the folder.
        let path = fs::canonicalize(path).ok()?;
        (path.starts_with(&root) && path.is_file()).then_some(path)
    };
    if let Some(extension) = extension
        && let Some(path) = inside(root.join(format!("{id}.{extension}")))
    {
        return Some(path);
    }
    inside(root.join(id))
        .or_else(|| extension.is_none().then(|| first_of(&root, id)).flatten().and_then(inside))
}

fn first_of(root: &Path, id: &str) -> Option<PathBuf> {
    let named = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_str() == Some(id));
    fs::read_dir(root).ok()?.filter_map(|entry| Some(entry.ok()?.path())).filter(named).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_prefers_the_extension() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.pdf", "a", "b.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let found = |id: &str, extension: Option<&str>| {
            let path = find(folder.path(), id, extension)?;
            Some(path.file_name()?.to_str()?.to_owned())
        };
        assert_eq!(found("a", Some("pdf")).as_deref(), Some("a.pdf"));
        assert_eq!(found("a", Some("docx")).as_deref(), Some("a"));
        assert_eq!(found("b", None).as_deref(), Some("b.txt"));
        assert_eq!(found("b", Some("pdf")), None);
    }

    #[test]
    fn find_does_not_leave_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("inner");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("secret.pdf"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outer.path().join("secret.pdf"), folder.join("link.pdf"))
            .unwrap();
        let absolute = outer.path().join("secret");
        let absolute = absolute.to_str().unwrap();
        for id in ["../secret", "..", ".", "", "link", "a/../../secret", "..\\secret", absolute] {
            assert_eq!(find(&folder, id, Some("pdf")), None, "{id}");
            assert_eq!(find(&folder, id, None), None, "{id}");
        }
    }
}
