//! A copy of the batches in a state folder, for the commands that read.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;

use export_hyper::Checkpoint;
use tempfile::TempDir;

use super::link::query;
#[cfg(feature = "store")]
use super::read::uploads;
use super::read::{results, some_rows, totals};
use super::{FoundBatch, Holder, PgBook, no_batch};
use crate::problem::Problem;
use crate::state::batch_dir::BatchDir;
use crate::state::db::{BatchDb, BatchDraft};
use crate::state::dir::{StateDir, Wanted};
use crate::state::lock::Lock;
use crate::state::presence::RunningProcess;
use crate::state::run::{NewRow, RowStatus, StatusCounts};

/// A copy of what a command reads of the batches of a database. It is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    state: StateDir,
    /// The totals of batches, whose exports are not all copied.
    totals: HashMap<String, StatusCounts>,
    /// The locks of the batches that are running.
    running: Vec<Lock>,
    _folder: TempDir,
}

/// What is copied of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Unfinished,
    Exports,
    /// The exports and the events.
    All,
}

impl Part {
    /// The condition of its exports.
    const fn condition(self) -> &'static str {
        match self {
            Self::Unfinished => "AND status IN ('waiting', 'open', 'failed')",
            Self::Exports | Self::All => "",
        }
    }
}

impl Snapshot {
    /// Copies what is wanted. A batch without a file of each export may be superseded, so that the exports of
    /// later ones are copied too.
    pub(crate) fn take(book: &PgBook, wanted: Wanted<'_>) -> Result<Self, Problem> {
        let mut copy = Self::empty()?;
        let batches = book.all()?;
        let (chosen, earlier) = match wanted {
            Wanted::Ids | Wanted::Unfinished => (None, None),
            Wanted::Run(name) => (choose(&batches, name), None),
            Wanted::Report(name) => {
                let chosen = match name {
                    Some(name) => choose(&batches, name),
                    None => batches.len().checked_sub(1),
                };
                (chosen, chosen.and_then(|chosen| before(&batches, chosen)))
            }
        };
        if wanted == Wanted::Unfinished {
            copy.totals = book.totals()?;
        }
        let mut is_unfinished = false;
        for (index, found) in batches.iter().enumerate() {
            let part = if chosen == Some(index) || earlier == Some(index) {
                Some(Part::All)
            } else if is_unfinished {
                Some(Part::Exports)
            } else {
                (wanted == Wanted::Unfinished).then_some(Part::Unfinished)
            };
            match part {
                Some(part) => copy.add(book, found, part)?,
                None => copy.state.copy_name(&found.id)?,
            };
            if chosen == Some(index) {
                copy.totals.insert(found.id.clone(), totals(&book.link, &found.id)?);
            }
            let counts = copy.totals.get(&found.id).copied().unwrap_or_default();
            is_unfinished |= !found.is_held && counts.waiting + counts.open + counts.failed > 0;
        }
        Ok(copy)
    }

    /// Copies the exports of one batch.
    pub(crate) fn of_batch(book: &PgBook, id: &str) -> Result<(Self, BatchDb), Problem> {
        let found = book.find("batch.id = $1", id.to_owned())?.ok_or_else(|| no_batch(id))?;
        let mut copy = Self::empty()?;
        let batch = copy.add(book, &found, Part::Exports)?;
        Ok((copy, BatchDb::open(&batch)?))
    }

    fn empty() -> Result<Self, Problem> {
        let unusable = |error| Problem::local("cannot copy the batches", &error);
        let folder = tempfile::tempdir().map_err(unusable)?;
        let (state, running) = (StateDir::open(folder.path())?, Vec::new());
        Ok(Self { state, totals: HashMap::new(), running, _folder: folder })
    }

    pub(crate) fn state(&self) -> &StateDir {
        &self.state
    }

    /// The totals of a batch.
    pub(crate) fn totals(&self, id: &str) -> Option<StatusCounts> {
        self.totals.get(id).copied()
    }

    /// Copies a batch.
    fn add(&mut self, book: &PgBook, found: &FoundBatch, part: Part) -> Result<BatchDir, Problem> {
        let unusable = |error| Problem::local("cannot copy a batch", &error);
        let (mut draft, batch) = self.state.begin_copy(&found.id)?;
        let mut begun = Vec::new();
        for row in some_rows(&book.link, &found.id, part.condition()) {
            let row = row?;
            if row.status != RowStatus::Waiting {
                begun.push((row.number, row.checkpoint.clone()));
            }
            let (line, subject, destination) = (row.line, row.subject, row.destination);
            draft.add(NewRow { line, subject, destination, fresh: row.checkpoint })?;
            if begun.len() == CHUNK {
                flush(&mut draft, &mut begun)?;
            }
        }
        flush(&mut draft, &mut begun)?;
        for result in results(&book.link, &found.id, part.condition()) {
            let result = result?;
            draft.take_over(result.row, &result.end)?;
        }
        drop(draft.commit(&found.description(&book.link)?)?);
        if part == Part::All {
            write_events(book, &found.id, &batch.path().join("events.ndjson"))?;
        }
        #[cfg(feature = "store")]
        write_uploads(book, &batch)?;
        if found.is_held {
            if let Some(Holder { pid, host, .. }) = &found.holder {
                let process = RunningProcess::silent_for(found.silence, *pid, host.clone());
                process.write(batch.path()).map_err(unusable)?;
            }
            self.running.extend(batch.lock().map_err(unusable)?);
        }
        Ok(batch)
    }
}

/// The batch with this name: its ID, or a prefix or a suffix that no other has. `/17` after it is one of its
/// exports.
fn choose(batches: &[FoundBatch], name: &str) -> Option<usize> {
    let name = name.split('/').next().unwrap_or_default();
    let exact = batches.iter().position(|batch| batch.id == name);
    let is_part = |batch: &FoundBatch| batch.id.starts_with(name) || batch.id.ends_with(name);
    let mut like = (0..batches.len()).filter(|index| is_part(&batches[*index]));
    exact.or_else(|| like.next().filter(|_| like.next().is_none()))
}

/// The batch of the same list before another one.
fn before(batches: &[FoundBatch], chosen: usize) -> Option<usize> {
    let list = |index: usize| batches[index].list();
    (0..chosen).rev().find(|index| list(*index) == list(chosen))
}

/// The most checkpoints that are in memory.
const CHUNK: usize = 1_000;

/// Inserts the exports that were added, and the checkpoints of those that were begun.
fn flush(draft: &mut BatchDraft, begun: &mut Vec<(u64, Checkpoint)>) -> Result<(), Problem> {
    draft.flush()?;
    begun
        .drain(..)
        .try_for_each(|(number, checkpoint)| draft.take_over_checkpoint(number, &checkpoint))
}

/// Copies the events of a batch, one page at a time.
fn write_events(book: &PgBook, id: &str, path: &Path) -> Result<(), Problem> {
    let unusable = |error: io::Error| Problem::local("cannot copy the events of a batch", &error);
    let mut file = io::BufWriter::new(File::create(path).map_err(unusable)?);
    let mut after = 0;
    loop {
        let sql = "SELECT number, event FROM wexport.event WHERE batch = $1 AND number > $2 \
                   ORDER BY number LIMIT 10000";
        let rows = book.link.call(query!(sql, id.to_owned(), after))?;
        let Some(last) = rows.last() else { break };
        after = last.get::<_, i64>(0);
        for row in &rows {
            writeln!(file, "{}", row.get::<_, &str>(1)).map_err(unusable)?;
        }
    }
    file.flush().map_err(unusable)
}

/// Copies which multipart uploads were started, so that they can be aborted.
#[cfg(feature = "store")]
fn write_uploads(book: &PgBook, batch: &BatchDir) -> Result<(), Problem> {
    let unusable = |error| Problem::local("cannot copy the uploads of a batch", &error);
    for (number, pending) in uploads(&book.link, batch.id())? {
        let dir = batch.upload_dir(number);
        dir.create().and_then(|()| dir.store(&pending)).map_err(unusable)?;
    }
    Ok(())
}
