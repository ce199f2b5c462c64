//! Flushes of a file while it is written.

use std::fs::File;
use std::io;
use std::thread::{self, JoinHandle};

/// Flushes a file on a thread while it is written, so that the flush at its end has little left to do.
#[derive(Debug, Default)]
pub(crate) struct EarlyFlush {
    /// The bytes that were written since the last flush began.
    written: u64,
    running: Option<JoinHandle<io::Result<()>>>,
}

/// How many bytes are written between two flushes. Smaller files are flushed once.
const FLUSH_EVERY: u64 = 32 << 20;

impl EarlyFlush {
    /// Counts bytes that were written, and starts a flush now and then.
    ///
    /// # Errors
    ///
    /// Fails if the last flush has failed.
    pub(crate) fn on_write(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        self.written = self.written.saturating_add(bytes as u64);
        let is_running = self.running.as_ref().is_some_and(|flush| !flush.is_finished());
        // On other systems, a flush empties the caches of the whole drive.
        if !cfg!(target_os = "linux") || self.written < FLUSH_EVERY || is_running {
            return Ok(());
        }
        self.wait()?;
        self.written = 0;
        // Without a handle or a thread, the flush at the end does it all.
        let Ok(file) = file.try_clone() else { return Ok(()) };
        let thread = thread::Builder::new().name("flush".into());
        self.running = thread.spawn(move || file.sync_data()).ok();
        Ok(())
    }

    /// Waits for the flush that runs.
    ///
    /// # Errors
    ///
    /// Fails if the flush has. The system reports an error of the disk to one flush only: without this, the file
    /// would pass for one that is on disk.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        let Some(flush) = self.running.take() else { return Ok(()) };
        flush.join().unwrap_or_else(|_| Err(io::Error::other("the flush has panicked")))
    }

    /// One that fails.
    #[cfg(test)]
    pub(crate) fn failing() -> Self {
        let running = thread::spawn(|| Err(io::Error::other("a bad sector")));
        Self { written: 0, running: Some(running) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_file_is_not_flushed_early() {
        let file = tempfile::tempfile().expect("a file");
        let mut flush = EarlyFlush::default();
        for _ in 0..31 {
            flush.on_write(&file, 1 << 20).expect("written");
        }
        assert!(flush.running.is_none());
        flush.on_write(&file, 1 << 20).expect("written");
        assert_eq!(flush.running.is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn error_of_an_early_flush_is_kept_until_the_next_one() {
        let mut flush = EarlyFlush::failing();
        assert_eq!(flush.wait().expect_err("it failed").to_string(), "a bad sector");
        flush.wait().expect("it was told");
    }
}
