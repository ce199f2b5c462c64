use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};

use crate::random::Random;

/// Bytes that depend on their position alone: any part can be made without the rest, and at no cost.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    magic: &'static [u8],
    shift: u64,
}

/// No power of two and no multiple of a usual chunk: a chunk that is missing, doubled or out of place shows.
const PERIOD: u64 = (1 << 20) + 7919;

/// So few bytes may be copied, where a piece that is too short would be a nuisance.
const FEW: usize = 64 * 1024;

/// What every pattern is cut from.
static BLOCK: LazyLock<Bytes> = LazyLock::new(|| {
    let mut random = Random::new(0);
    let words = PERIOD.div_ceil(8);
    let mut block: Vec<u8> = (0..words).flat_map(|_| random.next().to_le_bytes()).collect();
    block.truncate(PERIOD as usize);
    block.into()
});

impl Pattern {
    /// A pattern of its own for each seed, behind the first bytes of a format.
    pub(crate) fn new(magic: &'static [u8], seed: u64) -> Self {
        Self { magic, shift: seed % PERIOD }
    }

    /// Some of the `limit` bytes at `offset`: all if they are few, and at least one if any is wanted.
    pub(crate) fn read_at(&self, offset: u64, limit: usize) -> Bytes {
        let first = self.piece_at(offset, limit);
        if first.len() == limit || limit > FEW {
            return first;
        }
        let mut all = BytesMut::from(first);
        while all.len() < limit {
            let at = offset.saturating_add(all.len() as u64);
            all.extend_from_slice(&self.piece_at(at, limit - all.len()));
        }
        all.freeze()
    }

    /// As much of it as needs no copy.
    fn piece_at(&self, offset: u64, limit: usize) -> Bytes {
        if let Some(magic) = usize::try_from(offset).ok().and_then(|at| self.magic.get(at..))
            && !magic.is_empty()
        {
            return Bytes::from_static(&magic[..limit.min(magic.len())]);
        }
        let start = ((offset % PERIOD + self.shift) % PERIOD) as usize;
        let end = BLOCK.len().min(start.saturating_add(limit));
        BLOCK.slice(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &Pattern, from: u64, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend_from_slice(&pattern.read_at(from + bytes.len() as u64, len - bytes.len()));
        }
        bytes
    }

    #[test]
    fn any_part_equals_that_part_of_the_whole() {
        let pattern = Pattern::new(b"%PDF-1.7\n", 99);
        let whole = read(&pattern, 0, 3 * PERIOD as usize);
        assert!(whole.starts_with(b"%PDF-1.7\n"));
        for (from, len) in
            [(0, 20), (5, 100), (PERIOD - 1, 3), (PERIOD * 2 - 50, 100), (1 << 20, 1)]
        {
            assert_eq!(read(&pattern, from, len), whole[from as usize..from as usize + len]);
        }
    }

    #[test]
    fn the_last_offset_there_is_can_be_read() {
        assert_eq!(Pattern::new(b"", u64::MAX).read_at(u64::MAX, 1).len(), 1);
    }

    #[test]
    fn patterns_of_two_seeds_differ() {
        assert_ne!(Pattern::new(b"", 1).read_at(0, 64), Pattern::new(b"", 2).read_at(0, 64));
    }
}
