//! The results of a simulation.

use std::fs;
use std::time::{Duration, Instant};

use export_core::{ExportJob, Timestamp};

use super::BatchSim;
use super::bound::{self, CompletedExport};
use super::service::Service;

/// The results of a simulation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchReport {
    /// The number of exports that succeeded.
    pub files: usize,
    /// The number of exports that failed.
    pub failed: usize,
    /// The time from the start to the last file. `None` if the simulation was aborted.
    pub makespan: Option<Duration>,
    /// A lower bound of the makespan for a client that knows the completion times in advance.
    pub clairvoyant_bound: Duration,
    /// A lower bound of the expected makespan for a client that has to poll.
    pub bound: Duration,
    /// The mean time from the completion of an export to the poll that finds it completed.
    pub lateness: Duration,
    /// A lower bound of `lateness` for a client that knows the completion times in advance.
    pub min_lateness: Duration,
    /// The number of requests.
    pub requests: u64,
    /// The number of polls.
    pub polls: u64,
    /// The number of responses with 429.
    pub throttled: u64,
    /// The time of the last response with 429, from the start.
    pub last_throttled: Option<Duration>,
    /// The CPU time of the client.
    pub client_cpu: Duration,
    /// The CPU time of the service.
    pub service_cpu: Duration,
}

/// Collects the results during a simulation.
#[derive(Debug)]
pub(super) struct ReportBuilder {
    began: Instant,
    cpu: Duration,
    start: Timestamp,
    completed: Vec<CompletedExport>,
    /// The sum of the times from a completion to the poll that finds it, in milliseconds.
    lateness: u64,
    files: usize,
    failed: usize,
    last_file: Timestamp,
}

impl ReportBuilder {
    pub(super) fn new(sim: &BatchSim) -> Self {
        let (began, cpu, start) = (Instant::now(), cpu_time(), sim.start);
        let completed = Vec::new();
        Self { began, cpu, start, completed, lateness: 0, files: 0, failed: 0, last_file: start }
    }

    /// Records that a poll found the export completed.
    pub(super) fn completion_found(&mut self, now: Timestamp, job: &ExportJob) {
        let facts = job.facts();
        let parse = |text: Option<&str>| text.and_then(millis_of_day);
        let created = parse(facts.and_then(|facts| facts.created.as_deref()));
        let updated = parse(facts.and_then(|facts| facts.updated.as_deref()));
        let (Some(created), Some(updated)) = (created, updated) else { return };
        // Only the time of day is parsed, which is enough for differences of less than a day.
        let duration = (updated + DAY - created) % DAY;
        let lateness = (now.as_millis() % DAY + DAY - updated) % DAY;
        self.lateness += lateness;
        let completed_at = now.since(self.start).as_millis() as u64 - lateness;
        self.completed.push(CompletedExport { duration, completed_at });
    }

    /// Records the end of an export.
    pub(super) fn export_ended(&mut self, now: Timestamp, has_file: bool) {
        if has_file {
            self.files += 1;
            self.last_file = self.last_file.max(now);
        } else {
            self.failed += 1;
        }
    }

    pub(super) fn finish(mut self, sim: &BatchSim, service: &Service) -> BatchReport {
        let (elapsed, cpu) = (self.began.elapsed(), cpu_time().saturating_sub(self.cpu));
        // Assumes that the service used the same share of the CPU time as of the elapsed time.
        let share = service.counters.busy.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        let service_cpu = cpu.mul_f64(share.min(1.0));
        let have_all_ended = self.files + self.failed == sim.exports;
        let found = self.completed.len().max(1) as u64;
        let counters = service.counters;
        let clairvoyant_bound = bound::clairvoyant(sim, &mut self.completed);
        BatchReport {
            files: self.files,
            failed: self.failed,
            makespan: have_all_ended.then(|| self.last_file.since(self.start)),
            clairvoyant_bound,
            bound: clairvoyant_bound.max(bound::polling(sim)),
            lateness: Duration::from_millis(self.lateness / found),
            min_lateness: bound::lateness(sim, &mut self.completed),
            requests: counters.requests,
            polls: counters.polls,
            throttled: counters.throttled,
            last_throttled: counters.last_throttled.map(|last| last.since(self.start)),
            client_cpu: cpu.saturating_sub(service_cpu),
            service_cpu,
        }
    }
}

/// The CPU time of this thread; zero if the system does not provide it.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

const DAY: u64 = 86_400_000;

/// The time of day of a timestamp such as `2026-01-05T12:34:56.789Z`, in milliseconds.
fn millis_of_day(timestamp: &str) -> Option<u64> {
    let number = |from: usize, to: usize| timestamp.get(from..to)?.parse::<u64>().ok();
    let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    Some(seconds * 1_000 + number(20, 23)?)
}
