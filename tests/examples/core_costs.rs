//! Measures the time, allocations and memory of the core. Run by `cargo xtask bench core`. Fails if an
//! export allocates more often than it should: unlike times, counts are the same on each machine.

use std::cmp::Ordering;
use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::workiva::{DocumentExport, ExportSpec, Region};
use export_core::{Config, ExportJob, Timestamp};
use http::{Request, Response};

/// An operation as the service sends it, about 560 bytes.
fn operation(status: &str, resource: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"5b0ef0c1f4d44d1d9ae2bc1b2b54e5f5","status":"{status}","resourceUrl":{resource},
            "details":null,"originalRequest":"11111111-2222-3333-4444-555555555555",
            "created":{{"dateTime":"2026-03-01T00:00:00Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4NjIzNzk2MjD"}}}},
            "updated":{{"dateTime":"2026-03-01T00:00:05Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4NjIzNzk2MjD"}}}}}}"#
    )
    .into_bytes()
}

/// The responses, built once, so that only the core is measured.
struct Responses {
    submit: Response<Vec<u8>>,
    pending: Response<Vec<u8>>,
    completed: Response<Vec<u8>>,
    file: Response<Vec<u8>>,
}

impl Responses {
    fn new() -> Self {
        let response = |status: u16, headers: &[(&str, &str)], body: Vec<u8>| {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(body).expect("the response is valid")
        };
        let json = ("content-type", "application/json");
        let date = ("date", "Sun, 01 Mar 2026 00:00:00 GMT");
        let id = ("x-request-id", "0af7651916cd43dd8448eb211c80319c");
        let location = (
            "location",
            "https://api.app.wdesk.com/platform/v1/operations/5b0ef0c1f4d44d1d9ae2bc1b2b54e5f5",
        );
        let file =
            "\"https://api.app.wdesk.com/platform/v1/downloads/5b0ef0c1f4d44d1d9ae2bc1b2b54e5f5\"";
        Self {
            submit: response(202, &[json, date, id, location, ("retry-after", "5")], vec![]),
            pending: response(
                200,
                &[json, date, id, ("retry-after", "1")],
                operation("started", "null"),
            ),
            completed: response(200, &[json, date, id], operation("completed", file)),
            file: response(
                200,
                &[
                    ("content-type", "application/pdf"),
                    ("content-length", "8"),
                    ("etag", "\"v1\""),
                    ("content-disposition", "attachment; filename=\"Annual Report.pdf\""),
                    date,
                    id,
                ],
                b"%PDF-1.7".to_vec(),
            ),
        }
    }
}

fn job(config: &Config) -> ExportJob {
    let spec = ExportSpec::document("124efa2a142f472ba1ceab34ed18915f", DocumentExport::pdf());
    ExportJob::new(spec, config).expect("the spec is valid")
}

/// Runs a whole export: submit, ten polls, fetch.
fn whole_export(config: &Config, token: &Token, responses: &Responses) {
    let mut job = job(config);
    let mut now = Timestamp::from_date(2026, 3, 1);
    let mut sent = 0;
    loop {
        while job.next_event().is_some() {}
        match job.step(now) {
            Step::Done(outcome) => return assert!(black_box(outcome).is_ok()),
            Step::Wait(wait) => now = wait.until,
            Step::Inline(_) | Step::Complete(_) => unreachable!("Workiva sends one file"),
            Step::Transmit(transmit) => {
                let (request, in_flight) = transmit.start(now, Some(token), 0);
                black_box(request);
                let response = match sent {
                    0 => &responses.submit,
                    1..=9 => &responses.pending,
                    10 => &responses.completed,
                    _ => &responses.file,
                };
                sent += 1;
                match in_flight.handle_head(now, response) {
                    Reply::Collect(collect) => collect.handle_body(now, response.body()),
                    Reply::Stream(mut stream) => {
                        let checked = stream.check(now, response.body()).continue_value();
                        stream.advance(now, checked.expect("it is the file"));
                        stream.finish(now, response.body().len() as u64);
                    }
                }
            }
        }
    }
}

/// Does the minimum without the core, for comparison: builds the same requests, and parses the
/// bodies as generic JSON.
fn baseline(responses: &Responses) {
    let request = |method: &str, url: &str, body: &[u8]| {
        black_box(
            Request::builder()
                .method(method)
                .uri(url)
                .header("authorization", format!("Bearer {}", "x".repeat(900)))
                .header("x-version", "2022-01-01")
                .header("accept", "application/json")
                .body(body.to_vec())
                .expect("the request is valid"),
        );
    };
    let url =
        "https://api.app.wdesk.com/platform/v1/documents/124efa2a142f472ba1ceab34ed18915f/export";
    request("POST", url, br#"{"format":"pdf"}"#);
    let location =
        responses.submit.headers()["location"].to_str().expect("the URL is ASCII").to_owned();
    let mut resource = None;
    for poll in 0..10 {
        request("GET", &location, b"");
        let response = if poll < 9 { &responses.pending } else { &responses.completed };
        let operation: serde_json::Value =
            serde_json::from_slice(response.body()).expect("the body is JSON");
        if operation["status"] == "completed" {
            resource = operation["resourceUrl"].as_str().map(String::from);
        }
    }
    request("GET", &resource.expect("the operation is completed"), b"");
}

/// How often each run is timed.
const ROUNDS: u32 = 501;

/// The time of a run, of some that follow each other.
fn time(run: &mut impl FnMut()) -> Duration {
    const RUNS: u32 = 50;
    let started = Instant::now();
    for _ in 0..RUNS {
        run();
    }
    started.elapsed() / RUNS
}

fn median<T: Copy>(values: impl Iterator<Item = T>, order: fn(&T, &T) -> Ordering) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable_by(order);
    values[values.len() / 2]
}

/// The most allocations of an export: about eight a request.
const MAX_ALLOCATIONS: u64 = 99;

fn main() {
    let config = Config::for_region(Region::Us);
    let token = Token::fixed(&"x".repeat(900)).expect("the token is ASCII");
    let responses = Responses::new();

    // They alternate, so that what disturbs the machine meets both.
    let (mut whole, mut base) =
        (|| whole_export(&config, &token, &responses), || baseline(&responses));
    let times: Vec<_> = (0..ROUNDS).map(|_| (time(&mut whole), time(&mut base))).collect();
    let ratios = times.iter().map(|(whole, base)| whole.as_secs_f64() / base.as_secs_f64());
    let ratio = median(ratios, f64::total_cmp);
    let whole = median(times.iter().map(|(whole, _)| *whole), Duration::cmp);
    let base = median(times.iter().map(|(_, base)| *base), Duration::cmp);
    let count = measure(|| whole_export(&config, &token, &responses)).count_total;
    let base_count = measure(|| baseline(&responses)).count_total;
    println!("export (submit, 10 polls, fetch):  {whole:?}, {count} allocations");
    println!("the same without the core:         {base:?}, {base_count} allocations");
    assert!(count <= MAX_ALLOCATIONS, "an export allocates {count} times");
    println!("ratio of the times:                {ratio:.2}");

    let now = Timestamp::from_date(2026, 3, 1);
    let mut waiting = None;
    let held = measure(|| {
        let mut job = job(&config);
        start_waiting(&mut job, &token, &responses, now);
        waiting = Some(job);
    });
    let mut waiting = waiting.expect("the closure was called");
    let mut step = || assert!(matches!(black_box(waiting.step(black_box(now))), Step::Wait(_)));
    let step = median((0..ROUNDS).map(|_| time(&mut step)), Duration::cmp);
    let steps = measure(|| {
        black_box(matches!(waiting.step(now), Step::Wait(_)));
    });
    println!("step of a waiting job:             {step:?}, {} allocations", steps.count_total);
    let bytes = held.bytes_current + size_of::<ExportJob>() as i64;
    println!("memory of a waiting job:           {bytes} bytes");
}

/// Submits and polls once, after which the job waits.
fn start_waiting(job: &mut ExportJob, token: &Token, responses: &Responses, now: Timestamp) {
    for response in [&responses.submit, &responses.pending] {
        let mut at = now;
        if let Step::Wait(wait) = job.step(at) {
            at = wait.until;
        }
        if let Step::Transmit(transmit) = job.step(at) {
            let (_, in_flight) = transmit.start(at, Some(token), 0);
            if let Reply::Collect(collect) = in_flight.handle_head(at, response) {
                collect.handle_body(at, response.body());
            }
        }
        while job.next_event().is_some() {}
    }
}
