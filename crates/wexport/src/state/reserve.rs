//! Disk space that is kept for the records of a run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A file whose space is released when the disk is full, so that what the service has accepted can
/// be recorded. It is removed at the end of the process, and reused after a kill.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u64,
    is_short: bool,
}

/// The space that is released at once: other writers of the same disk may take it.
const STEP: u64 = 65_536;

impl Reserve {
    /// Takes this space, in **bytes**.
    pub(super) fn take(path: PathBuf, bytes: u64) -> io::Result<Self> {
        let reserve = Self { path, state: Mutex::new(State { left: bytes, is_short: false }) };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&reserve.path)?;
        fill(&mut file, bytes)?;
        Ok(reserve)
    }

    /// Releases some of the space; false if none is left.
    pub(super) fn release(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_short = true;
        if state.left == 0 {
            return false;
        }
        state.left = state.left.saturating_sub(STEP);
        let file = OpenOptions::new().write(true).open(&self.path);
        file.and_then(|file| file.set_len(state.left)).is_ok()
    }

    /// Whether some of the space was needed.
    pub(super) fn is_short(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_short
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes zeros, since a file that is only extended may take no space.
fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), file)?;
    file.flush()?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_released_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let length = || fs::metadata(&path).unwrap().len();
        fs::write(&path, "left by a process that was killed").unwrap();
        let reserve = Reserve::take(path.clone(), 2 * STEP + 1).unwrap();
        assert_eq!((length(), reserve.is_short()), (2 * STEP + 1, false));
        for left in [STEP + 1, 1, 0] {
            assert!(reserve.release());
            assert_eq!((length(), reserve.is_short()), (left, true));
        }
        assert!(!reserve.release());
        drop(reserve);
        assert!(!path.exists());
    }
}
