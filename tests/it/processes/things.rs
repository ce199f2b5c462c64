//! Things that may be where a file should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Debug)]
pub(super) enum Thing {
    Folder,
    /// A symbolic link that leads there.
    Link(PathBuf),
    /// A pipe with a name.
    Fifo,
}

impl Thing {
    pub(super) fn put(&self, path: &Path) {
        match self {
            Self::Folder => fs::create_dir(path).unwrap(),
            Self::Link(to) => std::os::unix::fs::symlink(to, path).unwrap(),
            Self::Fifo => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        }
    }

    pub(super) fn take_away(&self, path: &Path) {
        match self {
            Self::Folder => fs::remove_dir(path).unwrap(),
            Self::Link(_) | Self::Fifo => fs::remove_file(path).unwrap(),
        }
    }
}
