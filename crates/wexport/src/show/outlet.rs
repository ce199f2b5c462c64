//! Where records go: to the display, and into a log.

use std::time::Duration;

use export_hyper::Timestamp;

use super::record::{BatchStart, Happening, Record};
use super::sink::Display;
use crate::state::EventLog;
use crate::sunset;

/// The display and the log of a run.
pub(super) struct Outlet {
    display: Box<dyn Display>,
    /// The run, if its state is kept.
    job: Option<String>,
    log: Option<EventLog>,
    /// The generation of the API, and whether its end was told.
    api_version: String,
    sunset_told: bool,
}

impl Outlet {
    pub(super) fn new(display: Box<dyn Display>) -> Self {
        let (job, log, api_version, sunset_told) = (None, None, String::new(), false);
        Self { display, job, log, api_version, sunset_told }
    }

    /// From now on, records are those of this job and are kept in its log.
    pub(super) fn attend(&mut self, job: String, log: EventLog) {
        self.job = Some(job);
        self.log = Some(log);
    }

    /// A record of the run.
    pub(super) fn record(&self, at: Timestamp, what: Happening) -> Record {
        Record::new(at, self.job.clone(), what)
    }

    /// A record of an export, if the run is a batch.
    pub(super) fn record_of_row(&self, at: Timestamp, row: u64, what: Happening) -> Record {
        Record::of_row(at, self.job.as_deref(), row, what)
    }

    /// How often the display hears how far something is.
    pub(super) fn progress_every(&self) -> Duration {
        self.display.progress_every()
    }

    /// Shows a record and keeps it. The warning of an endpoint's end follows it, once a run.
    pub(super) fn pass_on(&mut self, record: &Record) {
        if let Happening::Started { api_version, .. }
        | Happening::BatchStarted(BatchStart { api_version, .. }) = &record.what
        {
            self.api_version.clone_from(api_version);
        }
        self.show(record);
        self.keep(record);
        if let Some(message) = self.sunset(&record.what) {
            let (at, job) = (record.at.clone(), self.job.clone());
            let what = Happening::Warning { message };
            let warning = Record { v: record.v, at, job, row: None, what };
            self.show(&warning);
            self.keep(&warning);
        }
    }

    /// Shows a record.
    pub(super) fn show(&mut self, record: &Record) {
        self.display.show(record);
    }

    /// Keeps a record.
    pub(super) fn keep(&mut self, record: &Record) {
        if let Some(log) = &mut self.log {
            log.append(record);
        }
    }

    /// The warning of an endpoint's end: one a run.
    fn sunset(&mut self, what: &Happening) -> Option<String> {
        let warning = match what {
            Happening::Sunset { endpoint, date, days_left, .. } => {
                sunset::warning(date, *days_left, endpoint, &self.api_version)?
            }
            Happening::Deprecated => sunset::DEPRECATED.into(),
            _ => return None,
        };
        let is_first = !std::mem::replace(&mut self.sunset_told, true);
        is_first.then_some(warning)
    }
}
