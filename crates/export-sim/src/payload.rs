use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::documents::Pattern;

/// The body of a response: in memory, in a file, or generated on the fly. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Payload {
    source: Source,
    range: Range<u64>,
}

#[derive(Clone, Debug)]
enum Source {
    Bytes(Bytes),
    File(Arc<Mutex<File>>),
    Pattern(Pattern),
    /// These bytes, followed by spaces.
    Padded(&'static [u8]),
}

static SPACES: [u8; 64 * 1024] = [b' '; 64 * 1024];

impl Payload {
    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of the payload; a range beyond the end is cut off.
    #[must_use]
    pub fn part(&self, part: Range<u64>) -> Self {
        let start = self.range.start.saturating_add(part.start).min(self.range.end);
        let end = self.range.start.saturating_add(part.end).clamp(start, self.range.end);
        Self { source: self.source.clone(), range: start..end }
    }

    /// Reads at most `limit` bytes from `offset`. The result is empty only at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or was truncated.
    pub fn read_at(&self, offset: u64, limit: usize) -> io::Result<Bytes> {
        let rest = self.part(offset..offset.saturating_add(limit as u64));
        let (start, len) = (rest.range.start, rest.len() as usize);
        if len == 0 {
            return Ok(Bytes::new());
        }
        match &self.source {
            Source::Bytes(bytes) => Ok(bytes.slice(start as usize..start as usize + len)),
            Source::Pattern(pattern) => Ok(pattern.read_at(start, len)),
            Source::Padded(text) => {
                let rest = usize::try_from(start).ok().and_then(|start| text.get(start..));
                let piece = rest.filter(|rest| !rest.is_empty()).unwrap_or(&SPACES);
                Ok(Bytes::from_static(&piece[..piece.len().min(len)]))
            }
            Source::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let mut buffer = vec![0; len];
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut buffer)?;
                Ok(buffer.into())
            }
        }
    }

    /// Reads the whole payload into memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or was truncated.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        if let Source::Bytes(_) = self.source {
            return self.read_at(0, usize::MAX);
        }
        let mut all = Vec::new();
        while (all.len() as u64) < self.len() {
            all.extend_from_slice(&self.read_at(all.len() as u64, 1 << 20)?);
        }
        Ok(all.into())
    }

    /// The content of a file, with its current length.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { source: Source::File(Arc::new(Mutex::new(file))), range: 0..length })
    }

    /// `length` bytes that start with `text` and continue with spaces.
    pub(crate) fn padded(text: &'static str, length: u64) -> Self {
        Self { source: Source::Padded(text.as_bytes()), range: 0..length }
    }

    pub(crate) fn pattern(pattern: Pattern, length: u64) -> Self {
        Self { source: Source::Pattern(pattern), range: 0..length }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl<B: Into<Bytes>> From<B> for Payload {
    fn from(bytes: B) -> Self {
        let bytes = bytes.into();
        let range = 0..bytes.len() as u64;
        Self { source: Source::Bytes(bytes), range }
    }
}
