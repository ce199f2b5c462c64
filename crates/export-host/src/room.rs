//! The space that a file system has left.

use std::io;
use std::path::Path;

/// The space that a download leaves free, in **bytes**: 64 MiB. Other programs fail on a full disk,
/// and so does the state of the job that has filled it.
const RESERVE: u64 = 64 << 20;

/// Checks that a file system has room for this number of bytes more. The last 64 MiB, or the last
/// twentieth of a smaller file system, do not count.
///
/// # Errors
///
/// Fails if it does not. A file system that does not know its size has room.
pub fn check_room(folder: &Path, bytes: u64) -> io::Result<()> {
    let Ok(stats) = fs4::statvfs(folder) else { return Ok(()) };
    check(stats.available_space(), stats.total_space(), bytes).map_err(|(kind, text)| {
        io::Error::new(kind, format!("the disk of {} {text}", folder.display()))
    })
}

/// Looks at the free space now and then while a file is written.
#[derive(Debug, Default)]
pub struct RoomWatch {
    /// The bytes that were written since the last look.
    unchecked: u64,
}

/// How many bytes are written between two looks.
const WATCH_EVERY: u64 = 16 << 20;

impl RoomWatch {
    /// Counts bytes that are about to be written in a folder.
    ///
    /// # Errors
    ///
    /// Fails if the disk is [full](check_room).
    pub fn on_write(&mut self, folder: &Path, bytes: usize) -> io::Result<()> {
        self.unchecked = self.unchecked.saturating_add(bytes as u64);
        if self.unchecked < WATCH_EVERY {
            return Ok(());
        }
        self.unchecked = 0;
        check_room(folder, 0)
    }
}

fn check(available: u64, total: u64, bytes: u64) -> Result<(), (io::ErrorKind, String)> {
    let room = available.saturating_sub(RESERVE.min(total / 20));
    match (total, bytes) {
        (0, _) => Ok(()),
        (_, 0) if room == 0 => {
            let text = format!("is full: {available} bytes are left");
            Err((io::ErrorKind::StorageFull, text))
        }
        (_, bytes) if bytes > room => {
            let text = format!("has room for {room} bytes, and the file needs {bytes}");
            Err((io::ErrorKind::FileTooLarge, text))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_reserve_stays_free() {
        let kind =
            |available, total, bytes| check(available, total, bytes).err().map(|(kind, _)| kind);
        assert_eq!(kind(GIB, 100 * GIB, GIB - RESERVE), None);
        assert_eq!(kind(GIB, 100 * GIB, GIB - RESERVE + 1), Some(io::ErrorKind::FileTooLarge));
        assert_eq!(kind(RESERVE + 1, 100 * GIB, 0), None);
        assert_eq!(kind(RESERVE, 100 * GIB, 0), Some(io::ErrorKind::StorageFull));
        // A file system in memory, and one that does not tell its size.
        assert_eq!(kind(1 << 20, 1 << 20, 900_000), None);
        assert_eq!(kind(0, 0, u64::MAX), None);
    }

    #[test]
    fn a_folder_has_no_room_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        check_room(folder.path(), 1).unwrap();
        let error = check_room(folder.path(), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        check_room(&folder.path().join("missing"), 1).unwrap();
    }
}
