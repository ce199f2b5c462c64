//! What came of a fleet.

use std::fs;
use std::time::{Duration, Instant};

use export_core::{ExportJob, Timestamp};

use super::Fleet;
use super::bound::{self, Ended};
use super::service::Service;

/// What came of a fleet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Flight {
    /// Files that are there.
    pub files: usize,
    /// Exports that ended without one.
    pub failed: usize,
    /// From the first request to the last file; none if it was not played to its end.
    pub makespan: Option<Duration>,
    /// The least makespan for whoever knows when each export is completed.
    pub known_bound: Duration,
    /// The least makespan to be expected for whoever has to ask.
    pub bound: Duration,
    /// How long after its completion an export was found completed, on average.
    pub lateness: Duration,
    /// The least such time for whoever knows when each export is completed.
    pub least_lateness: Duration,
    /// Requests of all kinds.
    pub requests: u64,
    /// Requests for operations.
    pub polls: u64,
    /// Answers with 429.
    pub refused: u64,
    /// When the last of those was.
    pub last_refused: Option<Duration>,
    /// The processor's time that went into the exports, without the service.
    pub work: Duration,
    /// The processor's time that went into the service.
    pub service: Duration,
}

/// Keeps the book of a flight.
#[derive(Debug)]
pub(super) struct Log {
    began: Instant,
    cpu: Duration,
    start: Timestamp,
    ended: Vec<Ended>,
    /// The sum of all times from a completion to its discovery, in milliseconds.
    late: u64,
    files: usize,
    failed: usize,
    last_file: Timestamp,
}

impl Log {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let (began, cpu, start) = (Instant::now(), cpu_time(), fleet.start);
        let ended = Vec::new();
        Self { began, cpu, start, ended, late: 0, files: 0, failed: 0, last_file: start }
    }

    /// A job was found completed.
    pub(super) fn found(&mut self, now: Timestamp, job: &ExportJob) {
        let facts = job.facts();
        let stamp = |text: Option<&str>| text.and_then(millis_of_day);
        let created = stamp(facts.and_then(|facts| facts.created.as_deref()));
        let updated = stamp(facts.and_then(|facts| facts.updated.as_deref()));
        let (Some(created), Some(updated)) = (created, updated) else { return };
        // The stamps tell the time of day, and an export takes less than one; a lateness, too.
        let takes = (updated + DAY - created) % DAY;
        let late = (now.as_millis() % DAY + DAY - updated) % DAY;
        self.late += late;
        self.ended
            .push(Ended { takes, completed: now.since(self.start).as_millis() as u64 - late });
    }

    pub(super) fn over(&mut self, now: Timestamp, has_file: bool) {
        if has_file {
            self.files += 1;
            self.last_file = self.last_file.max(now);
        } else {
            self.failed += 1;
        }
    }

    pub(super) const fn is_over(&self, fleet: &Fleet) -> bool {
        self.files + self.failed == fleet.exports
    }

    pub(super) fn close(mut self, fleet: &Fleet, service: &Service) -> Flight {
        let (took, cpu) = (self.began.elapsed(), cpu_time().saturating_sub(self.cpu));
        // What the service took of the time, it took of the processor's.
        let share = service.tally.busy.as_secs_f64() / took.as_secs_f64().max(1e-9);
        let in_service = cpu.mul_f64(share.min(1.0));
        let is_over = self.is_over(fleet);
        let found = self.ended.len().max(1) as u64;
        let tally = service.tally;
        let known_bound = bound::knowing(fleet, &mut self.ended);
        Flight {
            files: self.files,
            failed: self.failed,
            makespan: is_over.then(|| self.last_file.since(self.start)),
            known_bound,
            bound: known_bound.max(bound::asking(fleet)),
            lateness: Duration::from_millis(self.late / found),
            least_lateness: bound::lateness(fleet, &mut self.ended),
            requests: tally.requests,
            polls: tally.polls,
            refused: tally.refused,
            last_refused: tally.last_refused.map(|last| last.since(self.start)),
            work: cpu.saturating_sub(in_service),
            service: in_service,
        }
    }
}

/// The processor's time that this thread has used; none where the system does not tell.
fn cpu_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

const DAY: u64 = 86_400_000;

/// The time of day of `2026-01-05T12:34:56.789Z`, in milliseconds.
fn millis_of_day(stamp: &str) -> Option<u64> {
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<u64>().ok();
    let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    Some(seconds * 1_000 + number(20, 23)?)
}
