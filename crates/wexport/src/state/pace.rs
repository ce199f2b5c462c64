//! The pacers that all commands of one service and client share, each in a file.

use std::io;
use std::path::PathBuf;

use export_hyper::PaceFile;
use sha2::{Digest, Sha256};

use super::dir::{StateDir, make_private};
use crate::clock;

impl StateDir {
    /// The pacer of the commands that use this service and belong to this group.
    pub(crate) fn pace_file(&self, base_url: &str, group: &str) -> io::Result<PaceFile> {
        let folder = self.pace_folder();
        make_private(&folder)?;
        let hash = Sha256::digest(format!("{}\n{group}", base_url.trim_end_matches('/')));
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(PaceFile::new(folder.join(name).with_extension("json")).with_clock(clock::now))
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
