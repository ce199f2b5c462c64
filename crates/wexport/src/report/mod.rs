//! What a batch or a job did, from what is kept of it: its exports, and the log of its events.

mod html;
mod markdown;
mod rows;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use self::rows::{ReportRow, Rows};
use crate::event::{Event, Failure, Record};
use crate::problem::Problem;
use crate::state::{
    BatchDb, BatchDir, Found, Job, RowStatus, RunDescription, StateDir, StatusCounts,
};

/// What a run did.
pub(crate) struct Report {
    id: String,
    /// `batch ID of list.csv`, or `job ID`.
    title: String,
    status: String,
    is_done: bool,
    /// Between the first event and the last.
    began: Timestamp,
    ended: Timestamp,
    /// For how long it ran: without the pauses before it was resumed.
    time: Duration,
    rows: Vec<ReportRow>,
    counts: StatusCounts,
    bytes: u64,
    requests: u64,
    throttled: u64,
    warnings: Vec<String>,
    /// The batch of the same list before it.
    earlier: Option<Box<Self>>,
}

/// Failures with the same reason.
struct FailureGroup<'a> {
    reason: String,
    rows: Vec<u64>,
    failure: &'a Failure,
}

/// The most warnings that are repeated.
const MAX_WARNINGS: usize = 20;

/// The number of the slowest exports that are named.
const SLOWEST: usize = 5;

impl Report {
    /// Reads what is kept of a run, and of the same list's batch before it.
    pub(crate) fn read(state: &StateDir, found: &Found) -> Result<Self, Problem> {
        match found {
            Found::Job(job) => Self::of_job(job),
            Found::Batch(batch) => {
                let mut report = Self::of_batch(batch)?;
                report.earlier = earlier(state, batch)?.map(Box::new);
                Ok(report)
            }
            Found::Row(batch, _) => Err(Problem::usage("a report is of a whole batch")
                .advise(format!("wexport report {}", batch.id()))),
        }
    }

    fn of_batch(batch: &BatchDir) -> Result<Self, Problem> {
        let db = BatchDb::open(batch)?;
        let (description, counts) = (db.description()?, db.totals()?);
        let mut rows = Rows::default();
        for status in RowStatus::ALL {
            for row in db.rows(status, 0) {
                let row = row?;
                rows.add(row.number, row.subject.to_string(), status);
            }
        }
        for result in db.results() {
            let result = result?;
            rows.conclude(result.row, &result.end);
        }
        let fail = |error| Problem::local(format!("cannot read batch {}", batch.id()), &error);
        let mut report = Self::new(batch.id(), &description, counts);
        report.title =
            format!("batch {} of {}", batch.id(), description.source.as_deref().unwrap_or("-"));
        report.status = batch.status(&description).as_str().into();
        for record in batch.events(None).map_err(fail)? {
            report.count(&record.map_err(fail)?, &mut rows);
        }
        Ok(report.with_rows(rows))
    }

    fn of_job(job: &Job) -> Result<Self, Problem> {
        let fail = |error| Problem::local(format!("cannot read job {}", job.id()), &error);
        let record = job.record().map_err(fail)?;
        let mut counts = StatusCounts::default();
        let mut rows = Rows::default();
        rows.add(1, record.subject.to_string(), RowStatus::Open);
        let outcome = record.run.end.as_ref().and_then(|end| end.outcome.as_ref());
        match outcome.map(|end| rows.conclude(1, end)) {
            Some(RowStatus::Done) => counts.done = 1,
            Some(RowStatus::Skipped) => counts.skipped = 1,
            Some(RowStatus::Failed) => counts.failed = 1,
            _ => counts.open = 1,
        }
        let mut report = Self::new(job.id(), &record.run, counts);
        report.title = format!("job {}", job.id());
        report.status = job.status(&record).as_str().into();
        for record in job.events().map_err(fail)? {
            report.count(&record, &mut rows);
        }
        Ok(report.with_rows(rows))
    }

    fn new(id: &str, description: &RunDescription, counts: StatusCounts) -> Self {
        let began = parse(&description.began.to_string()).unwrap_or(Timestamp::UNIX_EPOCH);
        let is_done = counts.waiting + counts.open + counts.failed == 0;
        Self {
            id: id.into(),
            title: String::new(),
            status: String::new(),
            is_done,
            began,
            ended: began,
            time: Duration::ZERO,
            rows: Vec::new(),
            counts,
            bytes: 0,
            requests: 0,
            throttled: 0,
            warnings: Vec::new(),
            earlier: None,
        }
    }

    /// Counts an event.
    fn count(&mut self, record: &Record, rows: &mut Rows) {
        let Some(at) = parse(&record.at) else { return };
        // A resumed run begins after a pause, which does not count.
        if !matches!(record.event, Event::Started { resumed: true, .. } | Event::BatchStarted(_)) {
            self.time += between(self.ended, at);
        }
        self.ended = self.ended.max(at);
        match &record.event {
            Event::Sending { .. } => self.requests += 1,
            Event::Response { status: 429, .. } => self.throttled += 1,
            Event::Warning { message } if self.warnings.len() < MAX_WARNINGS => {
                let row = record.row.map(|row| format!("row {row}: ")).unwrap_or_default();
                self.warnings.push(format!("{row}{message}"));
            }
            _ => {}
        }
        rows.count(record.row.unwrap_or(1), at, &record.event);
    }

    fn with_rows(self, rows: Rows) -> Self {
        let rows = rows.into_vec();
        let bytes = rows.iter().map(|row| row.bytes).sum();
        Self { rows, bytes, ..self }
    }

    /// The failures by reason, the most frequent first.
    fn failures(&self) -> Vec<FailureGroup<'_>> {
        let mut groups: BTreeMap<String, FailureGroup<'_>> = BTreeMap::new();
        for row in &self.rows {
            let Some(failure) = &row.failure else { continue };
            let reason = reason(failure);
            let group = groups.entry(reason.clone());
            let group = group.or_insert(FailureGroup { reason, rows: Vec::new(), failure });
            group.rows.push(row.number);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows.len()));
        groups
    }

    /// The exports that took longest.
    fn slowest(&self) -> Vec<&ReportRow> {
        let mut rows: Vec<&ReportRow> =
            self.rows.iter().filter(|row| row.time() > Duration::ZERO).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.time()));
        rows.truncate(SLOWEST);
        rows
    }

    /// The exports that ended in each part of the time: those that are done, and those that failed.
    fn ends(&self, parts: usize) -> Vec<(u64, u64)> {
        let mut ends = vec![(0, 0); parts];
        let whole = between(self.began, self.ended).as_millis().max(1);
        for row in &self.rows {
            let Some(ended) = row.ended else { continue };
            let part = between(self.began, ended).as_millis() * parts as u128 / whole;
            let part = usize::try_from(part).unwrap_or(parts).min(parts - 1);
            match row.status {
                RowStatus::Failed => ends[part].1 += 1,
                RowStatus::Done => ends[part].0 += 1,
                _ => {}
            }
        }
        ends
    }

    /// How to go on; empty if there is nothing to do.
    fn advice(&self) -> Vec<String> {
        if self.is_done {
            return Vec::new();
        }
        let id = &self.id;
        let repeats = |failure: &Failure| failure.would_repeat();
        let refused = self.rows.iter().filter(|row| row.failure.as_ref().is_some_and(repeats));
        let mut advice = vec![format!("wexport jobs resume {id}")];
        match refused.count() {
            0 => {}
            count => advice.push(format!(
                "{count} of them would fail again unless their reason is gone: wexport jobs resume --failed leaves them out"
            )),
        }
        advice
    }
}

/// Why an export failed, with what the service said.
fn reason(failure: &Failure) -> String {
    let said = [failure.facts.code.as_deref(), failure.facts.service_message.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    match said.is_empty() {
        true => failure.message.clone(),
        false => format!("{} ({})", failure.message, said.join(": ")),
    }
}

/// The latest batch of the same list before this one.
fn earlier(state: &StateDir, batch: &BatchDir) -> Result<Option<Report>, Problem> {
    let list = |batch: &BatchDir| {
        let description = BatchDb::open(batch).ok()?.description().ok()?;
        Some((description.source, description.options.list))
    };
    let wanted = list(batch);
    let before = state.batches()?.into_iter().rev().filter(|other| other.id() < batch.id());
    let found = before.into_iter().find(|other| wanted.is_some() && list(other) == wanted);
    // One that cannot be read is no reason for a report to fail.
    Ok(found.and_then(|batch| Report::of_batch(&batch).ok()))
}

fn parse(at: &str) -> Option<Timestamp> {
    at.parse().ok()
}

/// The time from one moment to a later one.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
