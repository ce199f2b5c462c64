//! A batch for workers, for a process that follows it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Cause;
use super::link::query;
use super::read::{number, read_result, results, some_rows, status, totals};
use super::{PgBook, json, no_batch};
use crate::event::EndCounts;
use crate::problem::Problem;
use crate::state::db::Reopen;
use crate::state::pages::key;
use crate::state::run::{Items, Row, RowResult, RowStatus, RunDescription, StatusCounts};

/// A batch for workers, which this process reads.
#[derive(Debug)]
pub(crate) struct FollowedBatch {
    book: PgBook,
    id: String,
    known: Mutex<Known>,
}

/// What this process knows of the ends of exports.
#[derive(Debug, Default)]
struct Known {
    /// The exports that have ended, and how many in which way.
    ended: HashSet<u64>,
    counts: StatusCounts,
    /// The latest time at which one has, in microseconds.
    latest: i64,
}

/// How long after the time that it records an end may appear, in microseconds: a statement takes less.
const OVERLAP: i64 = 60_000_000;

impl PgBook {
    /// The batch for workers with this ID.
    pub(crate) fn follow(&self, id: &str) -> FollowedBatch {
        FollowedBatch { book: self.clone(), id: id.into(), known: Mutex::default() }
    }

    /// Lets workers run the exports again that have failed.
    pub(crate) fn resume_for_workers(&self, id: &str, which: Reopen) -> Result<(), Problem> {
        let found = self.find("batch.id = $1", id.to_owned())?.ok_or_else(|| no_batch(id))?;
        // One that has not ended is only followed.
        if found.description(&self.link)?.end.is_some() {
            drop(self.resume(id, which)?);
        }
        Ok(())
    }
}

impl Known {
    /// Adds an export; false if it is known.
    fn add(&mut self, number: u64, status: RowStatus) -> bool {
        let is_new = self.ended.insert(number);
        *self.counts.count_mut(status) += u64::from(is_new);
        is_new
    }
}

impl FollowedBatch {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn description(&self) -> Result<RunDescription, Problem> {
        let (link, sql) = (&self.book.link, "SELECT description FROM wexport.batch WHERE id = $1");
        let rows = link.call(query!(sql, self.id.clone()))?;
        let row = rows.first().ok_or_else(|| link.error(Cause::Removed(self.id.clone())))?;
        Ok(json(link, row, 0)?)
    }

    pub(crate) fn totals(&self) -> Result<StatusCounts, Problem> {
        Ok(totals(&self.book.link, &self.id)?)
    }

    pub(crate) fn all_rows(&self) -> Items<'_, Row> {
        some_rows(&self.book.link, &self.id, "")
    }

    /// Whether a worker has given a sign of life that may drive its exports: one at least, or one that
    /// has an earlier batch to end.
    pub(crate) fn has_worker(&self, description: &RunDescription) -> Result<bool, Problem> {
        self.book.has_worker(description)
    }

    /// How exports have ended so far. They are known then.
    pub(crate) fn ended(&self) -> Result<Items<'_, RowResult>, Problem> {
        let sql = "SELECT coalesce(max((extract(epoch FROM ended) * 1000000)::BIGINT), 0) \
                   FROM wexport.export WHERE batch = $1";
        let rows = self.book.link.call(query!(sql, self.id.clone()))?;
        self.known().latest = rows.first().map_or(0, |row| row.get(0));
        Ok(Box::new(results(&self.book.link, &self.id, "").inspect(|result| {
            if let Ok(RowResult { row, end, .. }) = result {
                self.known().add(*row, end.status());
            }
        })))
    }

    /// How many of them have ended in which way, of those that are known.
    pub(crate) fn end_counts(&self) -> EndCounts {
        (&self.known().counts).into()
    }

    /// How exports have ended that are not known.
    pub(crate) fn newly_ended(&self) -> Result<Vec<RowResult>, Problem> {
        let link = &self.book.link;
        let sql = "SELECT number, (extract(epoch FROM ended) * 1000000)::BIGINT, status \
                   FROM wexport.export \
                   WHERE batch = $1 AND ended >= to_timestamp($2::BIGINT / 1000000)";
        let mut known = self.known();
        let after = (known.latest - OVERLAP).max(0);
        let mut unknown = Vec::new();
        for row in link.call(query!(sql, self.id.clone(), after))? {
            let number = number(link, &row, 0)?;
            known.latest = known.latest.max(row.get(1));
            if known.add(number, status(link, &row, 2)?) {
                unknown.push(key(number));
            }
        }
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT number, line, subject, outcome FROM wexport.export \
                   WHERE batch = $1 AND number = ANY($2) AND outcome IS NOT NULL ORDER BY ended";
        let rows = link.call(query!(sql, self.id.clone(), unknown))?;
        Ok(rows.iter().map(|row| read_result(link, row)).collect::<Result<_, _>>()?)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
