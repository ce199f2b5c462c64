//! The SHA-256 of a file.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// As much as is read at once.
const PIECE: usize = 256 * 1024;

/// The length of a file, and its SHA-256 in hexadecimal digits.
pub(crate) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut length) = (File::open(path)?, 0);
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(piece.get(..read).unwrap_or_default());
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok((length, text))
}
