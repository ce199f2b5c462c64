//! The pacers that all commands of one service and client share, each in a file.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use export_hyper::PaceFile;
use sha2::{Digest, Sha256};

use super::dir::{StateDir, make_private};
use crate::clock;

/// For how long a file is kept that nobody uses.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

impl StateDir {
    /// The pacer of the commands that use this service and belong to this group.
    pub(crate) fn pace_file(&self, base_url: &str, group: &str) -> io::Result<PaceFile> {
        let folder = self.pace_folder();
        make_private(&folder)?;
        let hash = Sha256::digest(format!("{}\n{group}", base_url.trim_end_matches('/')));
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(PaceFile::new(folder.join(name).with_extension("json")).with_clock(clock::now))
    }

    /// Removes the files that nobody has used for long: what they have is learned again.
    pub(super) fn forget_paces(&self) {
        for entry in fs::read_dir(self.pace_folder()).into_iter().flatten().flatten() {
            let used = entry.metadata().and_then(|file| file.modified());
            let age = used.ok().and_then(|used| used.elapsed().ok());
            if age.is_some_and(|age| age >= KEEP) {
                // It stays if it cannot be removed.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The folder of these files.
    pub(crate) fn pace_folder(&self) -> PathBuf {
        self.folder().join("pace")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_nobody_uses_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let files = ["old", "new"].map(|group| {
            let path = state.pace_file("https://a", group).unwrap().path().to_owned();
            (fs::File::create(&path).unwrap(), path)
        });
        let [(old, old_path), (_, new_path)] = &files;
        old.set_modified(std::time::SystemTime::now() - KEEP).unwrap();
        state.forget_paces();
        assert_eq!((old_path.exists(), new_path.exists()), (false, true));
    }

    #[test]
    fn services_and_groups_have_their_own_pacers() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let path = |url, group| state.pace_file(url, group).unwrap().path().to_owned();
        let one = path("https://a", "client");
        assert_eq!(path("https://a/", "client"), one);
        assert_ne!(path("https://b", "client"), one);
        assert_ne!(path("https://a", "other"), one);
    }
}
