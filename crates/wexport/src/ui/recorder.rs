//! Passes events to the display and to the log.

use std::time::Duration;

use export_hyper::Timestamp;

use super::display::Display;
use crate::event::{BatchStart, Event, Record};
use crate::problem::Problem;
use crate::run_facts::RunFacts;
use crate::state::EventLog;
use crate::sunset;

/// The display and the log of a run.
pub(super) struct EventRecorder {
    display: Box<dyn Display>,
    /// The id of the run, if its state is kept.
    run: Option<String>,
    log: Option<EventLog>,
    /// Whether events name the export that they are about.
    names_exports: bool,
    /// The generation of the API, for the warning of an endpoint's end.
    api_version: String,
    has_warned_of_sunset: bool,
    facts: RunFacts,
}

impl EventRecorder {
    pub(super) fn new(display: Box<dyn Display>, names_exports: bool) -> Self {
        Self {
            display,
            run: None,
            log: None,
            names_exports,
            api_version: String::new(),
            has_warned_of_sunset: false,
            facts: RunFacts::default(),
        }
    }

    /// Names the run in all records from now on, and writes them to its log.
    pub(super) fn attach(&mut self, run: Option<String>, log: Option<EventLog>) {
        (self.run, self.log) = (run, log);
    }

    /// A record of the run, or of one of its exports.
    pub(super) fn record(&self, at: Timestamp, export: Option<u64>, event: Event) -> Record {
        match export.filter(|_| self.names_exports) {
            Some(export) => Record::of_row(at, self.run.as_deref(), export, event),
            None => Record::new(at, self.run.clone(), event),
        }
    }

    /// The facts of what was shown.
    pub(super) const fn facts(&mut self) -> &mut RunFacts {
        &mut self.facts
    }

    /// How often the display shows progress.
    pub(super) fn progress_interval(&self) -> Duration {
        self.display.progress_interval()
    }

    /// Why what programs read of the display is not complete.
    pub(super) fn failure(&self) -> Option<&Problem> {
        self.display.failure()
    }

    /// Shows and logs a record. The first sunset is followed by a warning.
    pub(super) fn pass(&mut self, record: &Record) {
        if let Event::Started { api_version, .. }
        | Event::BatchStarted(BatchStart { api_version, .. }) = &record.event
        {
            self.api_version.clone_from(api_version);
        }
        self.show(record);
        self.log(record);
        if let Some(message) = self.sunset_warning(&record.event) {
            let (at, job) = (record.at.clone(), self.run.clone());
            let event = Event::Warning { message };
            let warning = Record { v: record.v, at, job, row: None, event };
            self.show(&warning);
            self.log(&warning);
        }
    }

    /// Shows a record without logging it.
    pub(super) fn show(&mut self, record: &Record) {
        self.facts.count(record);
        self.display.show(record);
    }

    /// Logs a record without showing it.
    pub(super) fn log(&mut self, record: &Record) {
        if let Some(log) = &mut self.log {
            log.append(record);
        }
    }

    /// The warning that an endpoint ends, once a run.
    fn sunset_warning(&mut self, event: &Event) -> Option<String> {
        let warning = match event {
            Event::Sunset { endpoint, date, days_left, .. } => {
                sunset::warning(date, *days_left, endpoint, &self.api_version)?
            }
            Event::Deprecated => sunset::DEPRECATED.into(),
            _ => return None,
        };
        let is_first = !std::mem::replace(&mut self.has_warned_of_sunset, true);
        is_first.then_some(warning)
    }
}
