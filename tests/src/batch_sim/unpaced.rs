//! Runs the exports without a pacer, for comparison.
//!
//! The exports start at random times within the first two seconds, and have different jitter. If
//! they started at the same time, the results would be much worse than in practice.

use std::time::Duration;

use export_core::driver::Step;
use export_core::{ExportJob, Phase, Timestamp};
use fastrand::Rng;
use http::Request;

use super::event_queue::EventQueue;
use super::exchange::{Exchanged, exchange};
use super::report::{BatchReport, ReportBuilder};
use super::service::{API, Service, config, job, token};
use super::{BatchSim, MAX_REQUESTS};

/// The time budget of a job. It is so long that all jobs complete, so that their times can be
/// compared.
const BUDGET: Duration = Duration::from_secs(30 * 86_400);

/// Runs independent jobs: each honours `Retry-After` and backs off on errors by itself.
pub(super) fn run_independent(sim: &BatchSim) -> BatchReport {
    let config = config(BUDGET);
    let token = token();
    let mut service = Service::new(sim);
    let mut report = ReportBuilder::new(sim);
    let mut queue: EventQueue<ExportJob> = EventQueue::new();
    let mut random = Rng::with_seed(sim.seed);
    for number in 0..sim.exports {
        let own = config.clone().with_jitter(number as u64);
        queue.push(start_time(sim, &mut random), job(number, &own));
    }
    while let Some((now, mut job)) = queue.pop().filter(|_| is_within_limit(&service)) {
        let before = job.phase();
        let now = match exchange(&mut job, now, now, &token, &mut service) {
            Exchanged::Response(at, _) => at,
            Exchanged::Nothing => now,
        };
        if before == Phase::Poll && job.phase() == Phase::Fetch {
            report.completion_found(now, &job);
        }
        let until = match job.step(now) {
            Step::Done(outcome) => {
                report.export_ended(now, outcome.is_ok());
                continue;
            }
            Step::Wait(wait) => wait.until,
            Step::Transmit(_) | Step::Inline(_) | Step::Complete(_) => now,
        };
        queue.push(until, job);
    }
    report.finish(sim, &service)
}

fn is_within_limit(service: &Service) -> bool {
    service.counters.requests < MAX_REQUESTS
}

const INTERVAL: Duration = Duration::from_secs(2);

/// A random start time of an export.
fn start_time(sim: &BatchSim, random: &mut Rng) -> Timestamp {
    sim.start + Duration::from_millis(random.u64(..2_000))
}

/// Runs simple polling loops, as in a script: submit, poll every two seconds regardless of the
/// responses, download.
pub(super) fn run_fixed_interval(sim: &BatchSim) -> BatchReport {
    let mut service = Service::new(sim);
    let mut report = ReportBuilder::new(sim);
    let mut queue: EventQueue<(usize, Option<Box<str>>)> = EventQueue::new();
    let mut random = Rng::with_seed(sim.seed);
    for number in 0..sim.exports {
        queue.push(start_time(sim, &mut random), (number, None));
    }
    while let Some((now, (number, operation))) = queue.pop().filter(|_| is_within_limit(&service)) {
        let operation = match operation {
            None => submit(now, number, &mut service),
            Some(operation) if is_completed(now, &operation, &mut service) => {
                report.export_ended(now, true);
                continue;
            }
            operation => operation,
        };
        queue.push(now + INTERVAL, (number, operation));
    }
    report.finish(sim, &service)
}

fn submit(now: Timestamp, number: usize, service: &mut Service) -> Option<Box<str>> {
    let request = request("POST", &format!("{API}/documents/{number:032x}/export"));
    let request = request.header("content-type", "application/json");
    let request = request.body(br#"{"format":"pdf"}"#.to_vec()).expect("the request is valid");
    let response = service.handle(now, request).response.ok()?;
    response.headers().get("location")?.to_str().ok().map(Into::into)
}

fn is_completed(now: Timestamp, operation: &str, service: &mut Service) -> bool {
    let request = request("GET", operation).body(Vec::new()).expect("the request is valid");
    let response = service.handle(now, request).response;
    response.is_ok_and(|it| it.body().windows(11).any(|word| word == b"\"completed\""))
}

fn request(method: &str, url: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(url).header("x-version", "2026-01-01");
    request.header("authorization", "Bearer sim")
}
