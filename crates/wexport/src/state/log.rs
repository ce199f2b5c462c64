//! What happened to a job, one event a line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use crate::show::Record;

/// A log that is written to.
#[derive(Debug)]
pub(crate) struct EventLog {
    file: File,
}

impl EventLog {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: options.open(path)? })
    }

    /// Adds a line. A log that cannot be written stops no export: what must not be lost is in the
    /// checkpoint.
    pub(crate) fn append(&mut self, record: &Record) {
        if let Ok(mut line) = serde_json::to_string(record) {
            line.push('\n');
            let _ = self.file.write_all(line.as_bytes());
        }
    }

    /// All events.
    pub(super) fn read(path: &Path) -> io::Result<Vec<Record>> {
        Self::events(path, None)?.collect()
    }

    /// The events, one by one: all of them, or those of one job. Lines that cannot be read are left
    /// out: a crash may have cut one, a later release may have added another kind.
    pub(super) fn events(
        path: &Path,
        job: Option<&str>,
    ) -> io::Result<impl Iterator<Item = io::Result<Record>> + use<>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(BufReader::new(file?)),
        };
        // To look for the name first is quicker than to understand a million lines of others.
        let quoted = job.map(|job| format!("{job:?}"));
        let wanted = job.map(String::from);
        let lines = file.into_iter().flat_map(|file| file.split(b'\n'));
        Ok(lines.filter_map(move |line| {
            let line = match line {
                Ok(line) => String::from_utf8(line).ok()?,
                Err(error) => return Some(Err(error)),
            };
            if quoted.as_ref().is_some_and(|quoted| !line.contains(quoted)) {
                return None;
            }
            let record: Record = serde_json::from_str(&line).ok()?;
            let is_wanted = wanted.is_none() || record.job == wanted;
            is_wanted.then_some(Ok(record))
        }))
    }
}
