//! The exports of a report, from their records and their events.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::between;
use crate::event::{Event, Failure};
use crate::state::{RowEnd, RowStatus};
use crate::text::seconds;

/// What happened to one export.
pub(super) struct ReportRow {
    pub(super) number: u64,
    pub(super) subject: String,
    pub(super) status: RowStatus,
    pub(super) file: Option<String>,
    pub(super) failure: Option<Failure>,
    pub(super) bytes: u64,
    pub(super) requests: u64,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// The time of each phase, without that in which it was throttled.
    pub(super) times: [Duration; 4],
    phase: Phase,
    /// Since when the export is in its phase.
    since: Option<Timestamp>,
    /// Whether the last response was a 429.
    is_refused: bool,
}

/// What an export does: the index of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Submitted,
    Waiting,
    Downloading,
    Throttled,
}

/// The names of the phases.
pub(super) const PHASES: [(Phase, &str); 4] = [
    (Phase::Submitted, "submitted"),
    (Phase::Waiting, "waiting"),
    (Phase::Downloading, "downloading"),
    (Phase::Throttled, "throttled"),
];

impl ReportRow {
    pub(super) fn time(&self) -> Duration {
        self.times.iter().sum()
    }

    pub(super) const fn of(&self, phase: Phase) -> Duration {
        self.times[phase as usize]
    }

    /// Ends the phase, of which a part may have been a wait after a 429.
    fn enter(&mut self, phase: Phase, at: Timestamp) {
        if let Some(since) = self.since.replace(at) {
            self.times[self.phase as usize] += between(since, at);
        }
        self.phase = phase;
    }

    fn count(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Sending { .. } => {
                self.requests += 1;
                self.began.get_or_insert(at);
                self.since.get_or_insert(at);
            }
            Event::Response { status, .. } => self.is_refused = *status == 429,
            Event::Waiting { seconds: wait, .. } if self.is_refused => {
                self.is_refused = false;
                let wait = seconds(*wait);
                self.times[Phase::Throttled as usize] += wait;
                // The phase goes on after the wait.
                let ended = jiff::SignedDuration::try_from(wait).ok();
                let ended = ended.and_then(|wait| at.checked_add(wait).ok());
                let since = self.since;
                self.enter(self.phase, at);
                self.since = ended.or(since);
            }
            Event::Accepted { .. } => self.enter(Phase::Waiting, at),
            Event::Downloading { .. } => self.enter(Phase::Downloading, at),
            Event::Done { .. }
            | Event::Skipped { .. }
            | Event::Error(_)
            | Event::Interrupted { .. } => {
                if self.since.is_some() {
                    self.enter(self.phase, at);
                }
                self.since = None;
                self.ended = Some(at);
            }
            // An earlier run may have been killed.
            Event::Started { .. } => self.since = None,
            _ => {}
        }
        if let Event::Done { bytes, .. } = event {
            self.bytes = *bytes;
        }
    }
}

/// The exports by their numbers.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<u64, ReportRow>);

impl Rows {
    pub(super) fn add(&mut self, number: u64, subject: String, status: RowStatus) {
        let row = ReportRow {
            number,
            subject,
            status,
            file: None,
            failure: None,
            bytes: 0,
            requests: 0,
            began: None,
            ended: None,
            times: [Duration::ZERO; 4],
            phase: Phase::Submitted,
            since: None,
            is_refused: false,
        };
        self.0.insert(number, row);
    }

    /// Adds how an export ended.
    pub(super) fn conclude(&mut self, number: u64, end: &RowEnd) -> RowStatus {
        let (status, file, failure) = match end {
            RowEnd::Done { file, .. } => (RowStatus::Done, Some(file), None),
            RowEnd::Skipped { file } => (RowStatus::Skipped, Some(file), None),
            RowEnd::Failed { error } => (RowStatus::Failed, None, Some(error)),
        };
        if let Some(row) = self.0.get_mut(&number) {
            row.status = status;
            row.file = file.cloned();
            row.failure = failure.map(|failure| (**failure).clone());
        }
        status
    }

    /// Counts an event of an export. Events of the run count for none: they have no effect on it.
    pub(super) fn count(&mut self, number: u64, at: Timestamp, event: &Event) {
        if let Some(row) = self.0.get_mut(&number) {
            row.count(at, event);
        }
    }

    pub(super) fn into_vec(self) -> Vec<ReportRow> {
        self.0.into_values().collect()
    }
}
