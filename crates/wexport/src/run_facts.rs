//! What is remembered of a run for its hooks, counted from its events.

use crate::event::{EndCounts, Event, Record};
use crate::problem::Problem;
use crate::text::sanitize;

/// The facts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunFacts {
    /// The ID of the job or the batch, if state is kept.
    pub(crate) id: Option<String>,
    /// What is exported: a subject, or the list of a batch.
    pub(crate) what: Option<String>,
    pub(crate) is_batch: bool,
    /// The file of a single export.
    pub(crate) file: Option<String>,
    pub(crate) exports: u64,
    pub(crate) ended: EndCounts,
    /// The bytes of the files of this run.
    pub(crate) bytes: u64,
    /// The requests that were sent for jobs, and the responses with 429.
    pub(crate) requests: u64,
    pub(crate) throttled: u64,
    /// The failed exports of a batch, as lines for people.
    pub(crate) failures: Vec<String>,
    /// The problem of the run, as it is printed.
    pub(crate) problem: Option<Problem>,
}

/// The failures of which the lines are kept. The others are only counted: there may be a million.
const MAX_FAILURES: usize = 100;

impl RunFacts {
    /// The number of exports that have not ended.
    pub(crate) const fn left(&self) -> u64 {
        self.exports.saturating_sub(self.ended.total())
    }

    /// Counts an event.
    pub(crate) fn count(&mut self, record: &Record) {
        if let Some(job) = &record.job {
            // An export of a batch is named after it.
            self.id = job.split('/').next().map(String::from);
        }
        match &record.event {
            Event::Started { subject, .. } => {
                self.what = Some(subject.to_string());
                self.exports = 1;
            }
            Event::BatchStarted(start) => {
                self.is_batch = true;
                self.what = Some(start.source.clone());
                (self.exports, self.ended) = (start.exports, start.ended);
            }
            Event::Sending { .. } => self.requests += 1,
            Event::Response { status: 429, .. } => self.throttled += 1,
            Event::Done { file, bytes, .. } => {
                self.ended.done += 1;
                self.bytes += bytes;
                self.file = Some(file.clone());
            }
            Event::Skipped { file } => {
                // The file of a single export may exist before the export is begun.
                self.exports = self.exports.max(1);
                self.ended.skipped += 1;
                self.file = Some(file.clone());
            }
            Event::Error(failure) => match record.row {
                Some(row) => {
                    self.ended.failed += 1;
                    if self.failures.len() < MAX_FAILURES {
                        let subject = failure.subject.as_ref();
                        let subject =
                            subject.map(|subject| format!(" ({subject})")).unwrap_or_default();
                        let first = format!("row {row}{subject}: {}", failure.message);
                        let lines = std::iter::once(sanitize(&first).into_owned());
                        let lines: Vec<String> = lines.chain(failure.explanation()).collect();
                        self.failures.push(lines.join("\n"));
                    }
                }
                None if !self.is_batch && self.exports > 0 => self.ended.failed = 1,
                None => {}
            },
            _ => {}
        }
    }
}
