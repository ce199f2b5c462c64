//! The log of a job: one event a line.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use crate::event::Record;
use crate::text::json;

/// A log that is open for writing.
pub(crate) struct EventLog {
    sink: Sink,
}

enum Sink {
    File(File),
    #[cfg(feature = "postgres")]
    Remote(Box<dyn FnMut(String) + Send>),
}

impl EventLog {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { sink: Sink::File(options.open(path)?) })
    }

    /// A log whose lines `append` stores elsewhere.
    #[cfg(feature = "postgres")]
    pub(super) fn remote(append: impl FnMut(String) + Send + 'static) -> Self {
        Self { sink: Sink::Remote(Box::new(append)) }
    }

    /// Appends an event. Errors are ignored: a job is resumed from its checkpoint, not from its log.
    pub(crate) fn append(&mut self, record: &Record) {
        if let Ok(mut line) = json(record) {
            match &mut self.sink {
                Sink::File(file) => {
                    line.push('\n');
                    let _ = file.write_all(line.as_bytes());
                }
                #[cfg(feature = "postgres")]
                Sink::Remote(append) => append(line),
            }
        }
    }

    /// The events in a log: all of them, or those of one job. Lines that cannot be parsed are
    /// skipped: a crash may have truncated one, a later release may have added a kind of event.
    pub(crate) fn read(
        path: &Path,
        job: Option<&str>,
    ) -> io::Result<impl Iterator<Item = io::Result<Record>> + use<>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(BufReader::new(file?)),
        };
        // Searching for the name is much cheaper than parsing a million lines of other exports.
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

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventLog")
    }
}
