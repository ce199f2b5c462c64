//! Checks that files can be written, before anything is sent.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_host::{Fallback, FolderChecks, IfExists, PartFile};

use super::destination::{Destination, display_path};
use super::file::{not_writable, rule_of};
use crate::problem::{Exit, Problem};
use crate::receipt;

/// Checks files and folders, and warns once of each thing that a file system cannot do. Clones share
/// what was checked.
#[derive(Clone, Default)]
pub(super) struct FileChecks {
    folders: Arc<FolderChecks>,
    warned: Arc<Mutex<HashSet<Fallback>>>,
    warn: Option<Arc<dyn Fn(String) + Send + Sync>>,
    /// The folders that were made, each after the one that it is in.
    made: Arc<Mutex<Vec<PathBuf>>>,
}

impl FileChecks {
    pub(super) fn with_warnings(self, warn: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { warn: Some(Arc::new(warn)), ..self }
    }

    /// Makes a folder, and those above it that are missing.
    pub(super) fn make_folder(&self, folder: &Path) -> Result<(), Problem> {
        // One that cannot be looked up is left to the checks.
        let is_missing = |folder: &&Path| folder.try_exists().is_ok_and(|exists| !exists);
        // A link is found only without a slash behind it.
        let folder: PathBuf = folder.components().collect();
        let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Ok(()) => self.made().push(folder.into()),
                // Made by another process, or named as `new/..`.
                Err(_) if folder.is_dir() => {}
                Err(_) if folder.is_symlink() => {
                    let text = format!("{} is a link to a missing folder", display_path(folder));
                    return Err(Problem::new(Exit::Local, text).advise("make that folder first"));
                }
                Err(error) => {
                    let text = format!("cannot create {}", display_path(folder));
                    return Err(Problem::local(text, &error));
                }
            }
        }
        Ok(())
    }

    /// Removes the folders that were made, for a run that is refused. One that is not empty is left:
    /// another process uses it.
    pub(super) fn remove_made_folders(&self) {
        for folder in self.made().drain(..).rev() {
            let _ = fs::remove_dir(folder);
        }
    }

    fn made(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a new file needs no further check, since its folder was checked for another one.
    pub(super) fn takes_new(&self, path: &Path, destination: &Destination) -> bool {
        !destination.receipt && self.folders.takes_new(path)
    }

    /// Checks that a file, and its receipt if it gets one, can be written at this path.
    pub(super) fn check_file(&self, path: &Path, destination: &Destination) -> Result<(), Problem> {
        let rule = rule_of(destination.if_exists);
        self.check(|folders| PartFile::check_with(folders, path, rule))?;
        if destination.receipt {
            // Its name may be too long where that of the file is not.
            let receipt = receipt::path_for(path);
            let rule = if rule == IfExists::Rename { rule } else { IfExists::Replace };
            self.check(|folders| PartFile::check_with(folders, &receipt, rule))?;
        }
        Ok(())
    }

    /// Checks that files can be written into a folder.
    pub(super) fn check_folder(&self, folder: &Path) -> Result<(), Problem> {
        self.check(|folders| folders.check(folder))
    }

    /// The longest name that the service may choose for a file in a folder, in **bytes**.
    pub(super) fn name_room(&self, folder: &Path) -> usize {
        self.folders.name_room(folder)
    }

    /// Warns of what could not be done for a file.
    pub(super) fn report(&self, fallbacks: impl IntoIterator<Item = Fallback>) {
        let Some(warn) = &self.warn else { return };
        for fallback in fallbacks {
            let text = fallback.to_string();
            let is_new =
                self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(fallback);
            if is_new {
                warn(text);
            }
        }
    }

    fn check(
        &self,
        check: impl FnOnce(&FolderChecks) -> io::Result<Vec<Fallback>>,
    ) -> Result<(), Problem> {
        self.report(check(&self.folders).map_err(|error| not_writable(&error))?);
        Ok(())
    }
}

impl fmt::Debug for FileChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileChecks").finish_non_exhaustive()
    }
}
