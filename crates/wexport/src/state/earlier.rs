//! The files that earlier runs have left, for `--if-exists skip` where the service names the file.

use std::collections::HashMap;

use export_hyper::Checkpoint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::db::BatchDb;
use super::dir::StateDir;
use super::run::{RowEnd, RowStatus};
use crate::output::Destination;
use crate::problem::Problem;
use crate::receipt::hex;
use crate::subject::Subject;

/// The files that earlier runs have left. A later one replaces those of the same export.
#[derive(Debug, Default)]
pub(crate) struct EarlierFiles {
    files: HashMap<String, FoundIn>,
    batches: Vec<BatchDb>,
}

#[derive(Debug)]
enum FoundIn {
    /// A job, with this file.
    Job(String),
    /// A batch, and the number of its export: there may be a million.
    Batch(usize, u64),
}

impl EarlierFiles {
    /// Reads all runs. Those that cannot be read have left no file.
    pub(crate) fn read(state: &StateDir) -> Result<Self, Problem> {
        let mut earlier = Self::default();
        let (mut jobs, batches) = (state.jobs()?.into_iter().peekable(), state.batches()?);
        for batch in batches {
            while let Some(job) = jobs.next_if(|job| job.id() < batch.id()) {
                earlier.add_job(job.record().ok().and_then(|record| record.left));
            }
            if let Ok(db) = BatchDb::open(&batch) {
                let _ = earlier.add_batch(db);
            }
        }
        for job in jobs {
            earlier.add_job(job.record().ok().and_then(|record| record.left));
        }
        Ok(earlier)
    }

    /// The file of an export, which may exist no more.
    pub(crate) fn find(&self, export: &str) -> Option<String> {
        match self.files.get(export)? {
            FoundIn::Job(file) => Some(file.clone()),
            FoundIn::Batch(index, number) => {
                let result = self.batches.get(*index)?.result(*number).ok()??;
                match result.end {
                    RowEnd::Done { file, .. } | RowEnd::Skipped { file } => Some(file),
                    RowEnd::Failed { .. } => None,
                }
            }
        }
    }

    fn add_job(&mut self, left: Option<LeftFile>) {
        if let Some(LeftFile { export, file: Some(file) }) = left {
            self.files.insert(export, FoundIn::Job(file));
        }
    }

    /// What is read before an error counts.
    fn add_batch(&mut self, db: BatchDb) -> Result<(), Problem> {
        let (base_url, index) = (db.description()?.base_url, self.batches.len());
        self.batches.push(db);
        let db = &self.batches[index];
        for row in [RowStatus::Done, RowStatus::Skipped].into_iter().flat_map(|it| db.rows(it, 0)) {
            let row = row?;
            let export = fingerprint(&base_url, &row.subject, &row.destination, &row.checkpoint);
            self.files.extend(export.map(|export| (export, FoundIn::Batch(index, row.number))));
        }
        Ok(())
    }
}

/// What a job records of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftFile {
    /// The [fingerprint] of the export.
    pub(super) export: String,
    /// A path, or the URL of an object, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
}

/// Identifies an export: the service, what is exported and how, and where the file goes, with the date
/// in its name. `None` if it goes to standard output.
pub(crate) fn fingerprint(
    base_url: &str,
    subject: &Subject,
    destination: &Destination,
    checkpoint: &Checkpoint,
) -> Option<String> {
    let place = destination.place()?;
    Some(digest([base_url, &subject.to_string(), &place, checkpoint.spec()]))
}

/// Identifies a row of a list by what was asked for: also if a time in the name of its file, or the
/// folder that it goes to, is another by now.
pub(crate) fn request_fingerprint(
    subject: &Subject,
    destination: &Destination,
    checkpoint: &Checkpoint,
) -> String {
    digest([&subject.to_string(), &destination.as_given(), checkpoint.spec()])
}

/// The SHA-256 of some texts.
pub(super) fn digest<const N: usize>(texts: [&str; N]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hex(hash)
}
