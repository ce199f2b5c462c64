//! The file of an export, and what a crash may do to it.

use std::collections::HashMap;

/// The part files by their operations, and the file under its final name.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    parts: HashMap<String, Part>,
    file: Option<Vec<u8>>,
}

/// A file that grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    bytes: Vec<u8>,
    /// No crash changes the bytes before this offset.
    safe: usize,
}

impl Disk {
    pub(super) fn part(&mut self, operation: &str) -> &mut Part {
        if !self.parts.contains_key(operation) {
            self.parts.insert(operation.to_owned(), Part::default());
        }
        self.parts.get_mut(operation).expect("it was put there just now")
    }

    /// Gives a part its final name.
    pub(super) fn name(&mut self, operation: &str) {
        self.file = self.parts.remove(operation).map(|part| part.bytes);
    }

    pub(super) fn file(&self) -> Option<&[u8]> {
        self.file.as_deref()
    }

    /// The machine lost its power: of each part, `kept` bytes beyond the safe ones are still
    /// there, and half of those are not what was written.
    pub(super) fn lose_power(&mut self, mut pick: impl FnMut(u64) -> u64) {
        for part in self.parts.values_mut() {
            let unsafe_bytes = part.bytes.len() - part.safe;
            let kept = usize::try_from(pick(unsafe_bytes as u64 + 1)).unwrap_or_default();
            part.bytes.truncate(part.safe + kept);
            for byte in part.bytes.iter_mut().skip(part.safe + kept / 2) {
                *byte = 0;
            }
        }
    }
}

impl Part {
    pub(super) const fn have(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Cuts it to `offset`; says whether that leaves no hole.
    pub(super) fn cut(&mut self, offset: u64) -> bool {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let is_there = offset <= self.bytes.len();
        self.bytes.truncate(offset);
        self.safe = self.safe.min(offset);
        is_there
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn sync(&mut self) -> u64 {
        self.safe = self.bytes.len();
        self.have()
    }
}
