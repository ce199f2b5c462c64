//! What people do now: every export for itself.
//!
//! Nobody starts a thousand loops in the same millisecond: each begins at some time within the
//! first two seconds, and backs off by a little more or less than the others. In step, they would
//! fare far worse.

use std::time::Duration;

use export_core::{ExportJob, Phase, Step, Timestamp};
use fastrand::Rng;
use http::Request;

use super::events::Events;
use super::exchange::{Exchanged, exchange};
use super::flight::{Flight, Log};
use super::service::{API, Service, config, job, token};
use super::{Fleet, MOST_REQUESTS};

/// More patience than anybody has: what is compared is when they are done.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);

/// Each job waits as long as it was asked to, and backs off when it is refused.
pub(super) fn fly(fleet: &Fleet) -> Flight {
    let config = config(PATIENCE);
    let token = token();
    let mut service = Service::new(fleet);
    let mut log = Log::new(fleet);
    let mut events: Events<ExportJob> = Events::new();
    let mut random = Rng::with_seed(fleet.seed);
    for number in 0..fleet.exports {
        let own = config.clone().with_jitter(number as u64);
        events.push(starts(fleet, &mut random), job(number, &own));
    }
    while let Some((now, mut job)) = events.pop().filter(|_| is_worth_it(&service)) {
        let before = job.phase();
        let now = match exchange(&mut job, now, now, &token, &mut service) {
            Exchanged::Heard(at, _) => at,
            Exchanged::Nothing => now,
        };
        if before == Phase::Poll && job.phase() == Phase::Fetch {
            log.found(now, &job);
        }
        let until = match job.step(now) {
            Step::Done(outcome) => {
                log.over(now, outcome.is_ok());
                continue;
            }
            Step::Wait(wait) => wait.until,
            Step::Transmit(_) => now,
        };
        events.push(until, job);
    }
    log.close(fleet, &service)
}

fn is_worth_it(service: &Service) -> bool {
    service.tally.requests < MOST_REQUESTS
}

const EVERY: Duration = Duration::from_secs(2);

/// When an export begins.
fn starts(fleet: &Fleet, random: &mut Rng) -> Timestamp {
    fleet.start + Duration::from_millis(random.u64(..2_000))
}

/// As a script does it: submit, ask every two seconds whatever is answered, load.
pub(super) fn fly_every_two_seconds(fleet: &Fleet) -> Flight {
    let mut service = Service::new(fleet);
    let mut log = Log::new(fleet);
    let mut events: Events<(usize, Option<Box<str>>)> = Events::new();
    let mut random = Rng::with_seed(fleet.seed);
    for number in 0..fleet.exports {
        events.push(starts(fleet, &mut random), (number, None));
    }
    while let Some((now, (number, operation))) = events.pop().filter(|_| is_worth_it(&service)) {
        let operation = match operation {
            None => submit(now, number, &mut service),
            Some(operation) if is_completed(now, &operation, &mut service) => {
                log.over(now, true);
                continue;
            }
            operation => operation,
        };
        events.push(now + EVERY, (number, operation));
    }
    log.close(fleet, &service)
}

fn submit(now: Timestamp, number: usize, service: &mut Service) -> Option<Box<str>> {
    let request = request("POST", &format!("{API}/documents/{number:032x}/export"));
    let request = request.header("content-type", "application/json");
    let request = request.body(br#"{"format":"pdf"}"#.to_vec()).expect("all of it is legal");
    let answer = service.answer(now, request).answer.ok()?;
    answer.headers().get("location")?.to_str().ok().map(Into::into)
}

fn is_completed(now: Timestamp, operation: &str, service: &mut Service) -> bool {
    let request = request("GET", operation).body(Vec::new()).expect("all of it is legal");
    let heard = service.answer(now, request);
    heard.answer.is_ok_and(|answer| answer.body().windows(11).any(|word| word == b"\"completed\""))
}

fn request(method: &str, url: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(url).header("x-version", "2026-01-01");
    request.header("authorization", "Bearer fleet")
}
