//! The state that the line of a single export shows. Events update it; `line.rs` renders it.

use std::collections::VecDeque;
use std::time::Duration;

use export_hyper::Timestamp;

use crate::event::Event;
use crate::text::{sanitize, seconds};
use crate::ui::messages::RequestFailure;

/// The state of an export.
#[derive(Clone, Debug)]
pub(in crate::ui) struct ExportView {
    /// The kind and the id: `document d1`.
    pub(super) name: String,
    pub(super) began: Timestamp,
    pub(super) activity: Activity,
    pub(super) pause: Option<Pause>,
    /// The failure of the last request, until its wait is known.
    failure: Option<RequestFailure>,
}

/// What an export is doing, in the order of its life.
#[derive(Clone, Debug)]
pub(super) enum Activity {
    Submitting,
    /// The service produces the file. `status` is the service's own word; `polling` is true while a
    /// poll is in flight.
    Exporting {
        status: String,
        polling: bool,
    },
    /// The request for the file is in flight.
    Fetching,
    Transferring {
        is_upload: bool,
        bytes: u64,
        length: Option<u64>,
        rate: TransferRate,
    },
}

/// A wait before the next request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pause {
    pub(super) until: Timestamp,
    pub(super) reason: PauseReason,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum PauseReason {
    /// The interval between two polls.
    PollInterval,
    /// A 429.
    Throttled,
    /// A failure, after which the request is repeated.
    Retry { reason: String },
}

impl ExportView {
    pub(super) fn new(now: Timestamp, name: &str) -> Self {
        let name = sanitize(name).into_owned();
        Self { name, began: now, activity: Activity::Submitting, pause: None, failure: None }
    }

    pub(super) fn update(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Sending { phase, .. } => {
                self.pause = None;
                match (phase.as_str(), &mut self.activity) {
                    ("submit", activity) => *activity = Activity::Submitting,
                    ("poll", Activity::Exporting { polling, .. }) => *polling = true,
                    // A job that is resumed has no status yet.
                    ("poll", activity) => *activity = exporting("accepted", true),
                    (_, Activity::Transferring { .. }) => {}
                    (_, activity) => *activity = Activity::Fetching,
                }
            }
            Event::Response { .. } | Event::NoResponse { .. } => {
                self.failure = RequestFailure::new(event);
            }
            Event::Accepted { .. } => self.activity = exporting("accepted", false),
            Event::Status { status } => self.activity = exporting(status, false),
            Event::Waiting { seconds: wait, .. } => {
                let reason = match self.failure.take() {
                    None => PauseReason::PollInterval,
                    Some(failure) if failure.is_throttling() => PauseReason::Throttled,
                    Some(failure) => PauseReason::Retry { reason: failure.reason },
                };
                self.pause = Some(Pause { until: now + seconds(*wait), reason });
            }
            Event::Downloading { offset, length } => self.transfer(now, false, *offset, *length),
            Event::Uploading { length, .. } => self.transfer(now, true, 0, Some(*length)),
            Event::Progress { bytes, length } => match self.activity {
                Activity::Transferring { is_upload: true, length, .. } => {
                    self.transfer(now, true, *bytes, length);
                }
                _ => self.transfer(now, false, *bytes, *length),
            },
            _ => {}
        }
    }

    fn transfer(&mut self, now: Timestamp, uploads: bool, at: u64, of: Option<u64>) {
        self.pause = None;
        match &mut self.activity {
            Activity::Transferring { is_upload, bytes, length, rate }
                if *is_upload == uploads && *bytes <= at =>
            {
                (*bytes, *length) = (at, of);
                rate.sample(now, at);
            }
            // The transfer begins, or starts over.
            activity => {
                let mut rate = TransferRate::default();
                rate.sample(now, at);
                *activity =
                    Activity::Transferring { is_upload: uploads, bytes: at, length: of, rate };
            }
        }
    }
}

fn exporting(status: &str, polling: bool) -> Activity {
    Activity::Exporting { status: sanitize(status).into_owned(), polling }
}

/// The time over which a rate is measured: it is an estimate for the next seconds, not an average of
/// the whole transfer.
const WINDOW: Duration = Duration::from_secs(5);

/// The shortest time over which a rate is measured.
const MIN_TIME: Duration = Duration::from_millis(500);

/// The rate of a transfer. indicatif has one too, but reads the system's clock for it: its lines
/// could not be tested.
#[derive(Clone, Debug, Default)]
pub(super) struct TransferRate {
    samples: VecDeque<(Timestamp, u64)>,
}

impl TransferRate {
    /// Adds a sample: the number of bytes that are transferred by now.
    pub(super) fn sample(&mut self, now: Timestamp, bytes: u64) {
        self.samples.push_back((now, bytes));
        // The last sample before the window is kept: the rate is measured from it.
        while self.samples.get(1).is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; `None` until there are enough samples.
    pub(super) fn per_second(&self, now: Timestamp) -> Option<u64> {
        let (since, before) = *self.samples.front()?;
        let (_, bytes) = *self.samples.back()?;
        let time = now.since(since);
        if time < MIN_TIME {
            return None;
        }
        Some((bytes.saturating_sub(before) as f64 / time.as_secs_f64()) as u64)
    }

    /// How long these bytes will take; `None` without a rate.
    pub(super) fn time_for(&self, now: Timestamp, bytes: u64) -> Option<Duration> {
        let rate = self.per_second(now).filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(bytes.div_ceil(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn rate_is_that_of_the_last_seconds() {
        let mut rate = TransferRate::default();
        rate.sample(at(0), 0);
        assert_eq!(rate.per_second(at(499)), None);
        for second in 1..=10 {
            rate.sample(at(1000 * second), 1000 * second);
        }
        assert_eq!(rate.per_second(at(10_000)), Some(1000));
        for second in 11..=20 {
            rate.sample(at(1000 * second), 10_000 + (second - 10) * 100);
        }
        assert_eq!(rate.per_second(at(20_000)), Some(100));
        assert_eq!(rate.time_for(at(20_000), 1000), Some(Duration::from_secs(10)));
        assert!(rate.samples.len() < 8);
    }

    #[test]
    fn rate_falls_during_a_stall() {
        let mut rate = TransferRate::default();
        rate.sample(at(0), 0);
        rate.sample(at(1000), 1000);
        assert_eq!(rate.per_second(at(1000)), Some(1000));
        assert_eq!(rate.per_second(at(10_000)), Some(100));
        assert_eq!(TransferRate::default().time_for(at(1000), 1), None);
    }
}
