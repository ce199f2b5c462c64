//! The length of file names, and names that are derived from others.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The longest file name of common file systems, in **bytes**.
const LONGEST_NAME: usize = 255;

/// What may be added to a name: ` (9999)`, and the suffix of a file about it, such as
/// `.receipt.json`.
const RESERVED: usize = 20;

/// The longest name in this folder that leaves room for a number and a suffix, in **bytes**.
///
/// Names that a service chooses are [shortened](shortened_name) to it.
#[must_use]
pub fn name_room(folder: &Path) -> usize {
    room_in(longest_name(folder))
}

/// The same, where the longest name is known.
pub(crate) const fn room_in(longest: usize) -> usize {
    longest - RESERVED
}

/// Shortens a name to `max` bytes, if it is longer, before its extension.
///
/// ```
/// use export_host::shortened_name;
///
/// assert_eq!(shortened_name("annual-report.tar.gz", 13), "annual.tar.gz");
/// assert_eq!(shortened_name("Übersicht", 1), "");
/// ```
#[must_use]
pub fn shortened_name(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.into();
    }
    let (stem, extension) = split(name);
    match max.checked_sub(extension.len()) {
        Some(room @ 1..) => {
            let stem = cut(stem, room).trim_end_matches(|c: char| c == '.' || c.is_whitespace());
            format!("{stem}{extension}")
        }
        _ => cut(name, max).into(),
    }
}

/// Inserts a number before the extension of a name; `.tar.gz` counts as one extension.
///
/// ```
/// use std::path::Path;
///
/// let second = export_host::numbered(Path::new("out/report.tar.gz"), 2);
/// assert_eq!(second, Path::new("out/report (2).tar.gz"));
/// ```
#[must_use]
pub fn numbered(path: &Path, number: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = split(&name);
    path.with_file_name(format!("{stem} ({number}){extension}"))
}

/// The longest name in a folder that need not exist yet, in **bytes**. eCryptfs has 143.
pub(crate) fn longest_name(folder: &Path) -> usize {
    let limit = folder.ancestors().find_map(limit_of).unwrap_or(LONGEST_NAME);
    limit.clamp(RESERVED + 1, LONGEST_NAME)
}

#[cfg(unix)]
fn limit_of(folder: &Path) -> Option<usize> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let found = rustix::fs::statvfs(folder).ok()?;
    usize::try_from(found.f_namemax).ok().filter(|limit| *limit > 0)
}

#[cfg(not(unix))]
const fn limit_of(_folder: &Path) -> Option<usize> {
    None
}

/// The start of a text with at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Splits a name before its extension.
fn split(name: &str) -> (&str, &str) {
    let stem = Path::new(name).file_stem().and_then(OsStr::to_str).unwrap_or(name);
    let stem = stem.strip_suffix(".tar").filter(|stem| !stem.is_empty()).unwrap_or(stem);
    (stem, name.strip_prefix(stem).unwrap_or_default())
}
