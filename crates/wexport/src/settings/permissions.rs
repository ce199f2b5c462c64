//! Who may read a secret's file.

use std::fs::File;
use std::io;

/// Whether others than its owner may read this file. Where there are no such permissions, nobody.
#[cfg(unix)]
pub(super) fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Whether others than its owner may read this file. Where there are no such permissions, nobody.
#[cfg(not(unix))]
pub(super) fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}
