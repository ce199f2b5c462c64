//! The files of an export on a disk that can lose data.

use std::collections::HashMap;

/// The part files by their operations, and the file under its final name.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    parts: HashMap<String, Part>,
    file: Option<Vec<u8>>,
}

/// A file that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    bytes: Vec<u8>,
    /// The number of synced bytes, which a power loss does not change.
    synced: usize,
}

impl Disk {
    pub(super) fn part(&mut self, operation: &str) -> &mut Part {
        if !self.parts.contains_key(operation) {
            self.parts.insert(operation.to_owned(), Part::default());
        }
        self.parts.get_mut(operation).expect("the part was just inserted")
    }

    /// Renames a part to its final name.
    pub(super) fn rename(&mut self, operation: &str) {
        self.file = self.parts.remove(operation).map(|part| part.bytes);
    }

    pub(super) fn file(&self) -> Option<&[u8]> {
        self.file.as_deref()
    }

    /// Simulates a power loss: of each part, a picked number of unsynced bytes is kept, and the
    /// second half of those is overwritten with zeros.
    pub(super) fn lose_power(&mut self, mut pick: impl FnMut(u64) -> u64) {
        for part in self.parts.values_mut() {
            let unsynced = part.bytes.len() - part.synced;
            let kept = usize::try_from(pick(unsynced as u64 + 1)).unwrap_or_default();
            part.bytes.truncate(part.synced + kept);
            for byte in part.bytes.iter_mut().skip(part.synced + kept / 2) {
                *byte = 0;
            }
        }
    }
}

impl Part {
    pub(super) const fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Truncates the part to `offset`. Returns `false` if the part is shorter.
    pub(super) fn truncate(&mut self, offset: u64) -> bool {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let is_long_enough = offset <= self.bytes.len();
        self.bytes.truncate(offset);
        self.synced = self.synced.min(offset);
        is_long_enough
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Syncs the part and returns its length.
    pub(super) fn sync(&mut self) -> u64 {
        self.synced = self.bytes.len();
        self.len()
    }
}
