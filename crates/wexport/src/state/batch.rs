//! One batch on disk: the folder around its book.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use export_hyper::Timestamp;
use serde::{Deserialize, Serialize};

use super::book::{Book, BookError, HeldBook};
use super::job::{Ending, Standing};
use super::lock::Lock;
use super::log::EventLog;
use crate::show::Record;

/// A batch's folder.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    id: String,
    path: PathBuf,
}

/// What another process must know of a batch as a whole to go on with it. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchDescription {
    pub(crate) began: Timestamp,
    pub(crate) base_url: String,
    pub(crate) api_version: String,
    /// The file in which the exports stand, as it was named.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) options: BatchOptions,
    /// How the last run ended; `None` while it runs, and if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<Ending>,
}

/// How a batch is to be run, unless somebody says otherwise when going on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchOptions {
    /// Whether to go on after a failure that would befall every export.
    #[serde(default)]
    pub(crate) keep_going: bool,
    /// How many exports may be in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_in_flight: Option<usize>,
    /// The file that gets a line for each export that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<PathBuf>,
}

impl Batch {
    pub(super) const fn at(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What one of its exports is called, in events and on the command line.
    pub(crate) fn row_name(&self, number: u64) -> String {
        format!("{}/{number}", self.id)
    }

    /// What stands in its book. Only whoever [takes](Self::take) it may write.
    pub(crate) fn read(&self) -> Result<Book, BookError> {
        Book::open(self)
    }

    /// Takes the batch for this process. It fails if another one runs it.
    pub(crate) fn take(&self) -> Result<HeldBook, BookError> {
        HeldBook::open(self)
    }

    /// Where its book is.
    pub(super) fn book(&self) -> PathBuf {
        self.path.join("batch.sqlite")
    }

    /// The right to run it, or to forget it; `None` if somebody has it.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        Lock::take(&self.path.join("lock"))
    }

    /// How it stands.
    pub(crate) fn standing(&self, description: &BatchDescription) -> Standing {
        if Lock::is_held(&self.path.join("lock")) {
            Standing::Running
        } else {
            Ending::standing(description.ending.as_ref())
        }
    }

    /// The place in which the file of one export waits for its upload: a folder, if it is there.
    #[cfg(feature = "store")]
    pub(crate) fn spool(&self, number: u64) -> PathBuf {
        self.spools().join(number.to_string())
    }

    /// Where these places are.
    #[cfg(feature = "store")]
    fn spools(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The exports that have such a place.
    #[cfg(feature = "store")]
    pub(crate) fn spooled(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.spools()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn log(&self) -> io::Result<EventLog> {
        EventLog::open(&self.path.join("events.ndjson"))
    }

    /// Its events, or those of one of its exports, one by one: there may be very many.
    pub(crate) fn events(
        &self,
        number: Option<u64>,
    ) -> io::Result<impl Iterator<Item = io::Result<Record>>> {
        let job = number.map(|number| self.row_name(number));
        EventLog::events(&self.path.join("events.ndjson"), job.as_deref())
    }

    /// Forgets it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}
