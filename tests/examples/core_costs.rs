//! What the core costs: time, allocations, memory. Run by `cargo xtask bench core`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use export_core::{
    Config, DocumentExport, ExportJob, ExportSpec, Region, Reply, Step, Timestamp, Token,
};
use http::{Request, Response};

/// A body as the service sends it, of 560 bytes.
fn operation(status: &str, resource: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"5b0ef0c1f4d44d1d9ae2bc1b2b54e5f5","status":"{status}","resourceUrl":{resource},
            "details":null,"originalRequest":"11111111-2222-3333-4444-555555555555",
            "created":{{"dateTime":"2026-03-01T00:00:00Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4NjIzNzk2MjD"}}}},
            "updated":{{"dateTime":"2026-03-01T00:00:05Z","user":{{"id":"V1ZVd2VyFzU3NiQ1NDA4NjIzNzk2MjD"}}}}}}"#
    )
    .into_bytes()
}

/// Answers as an HTTP library hands them over: built once, so that only the core is measured.
struct Answers {
    submit: Response<Vec<u8>>,
    pending: Response<Vec<u8>>,
    completed: Response<Vec<u8>>,
    file: Response<Vec<u8>>,
}

impl Answers {
    fn new() -> Self {
        let answer = |status: u16, headers: &[(&str, &str)], body: Vec<u8>| {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(*name, *value);
            }
            answer.body(body).expect("all of these are legal")
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
            submit: answer(202, &[json, date, id, location, ("retry-after", "5")], vec![]),
            pending: answer(
                200,
                &[json, date, id, ("retry-after", "1")],
                operation("started", "null"),
            ),
            completed: answer(200, &[json, date, id], operation("completed", file)),
            file: answer(
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
    ExportJob::new(spec, config).expect("the spec is legal")
}

/// Submit, ten polls, fetch.
fn whole_export(config: &Config, token: &Token, answers: &Answers) {
    let mut job = job(config);
    let mut now = Timestamp::from_date(2026, 3, 1);
    let mut sent = 0;
    loop {
        while job.next_event().is_some() {}
        match job.step(now) {
            Step::Done(outcome) => return assert!(black_box(outcome).is_ok()),
            Step::Wait(wait) => now = wait.until,
            Step::Transmit(transmit) => {
                let (request, in_flight) = transmit.start(now, Some(token), 0);
                black_box(request);
                let answer = match sent {
                    0 => &answers.submit,
                    1..=9 => &answers.pending,
                    10 => &answers.completed,
                    _ => &answers.file,
                };
                sent += 1;
                match in_flight.handle_head(now, answer) {
                    Reply::Collect(collect) => collect.handle_body(now, answer.body()),
                    Reply::Stream(mut stream) => {
                        assert!(stream.check(answer.body()).is_continue());
                        stream.advance(answer.body().len() as u64);
                        stream.finish(now);
                    }
                }
            }
        }
    }
}

/// What a script does by hand, without a rule: the same requests, the bodies as generic JSON.
fn by_hand(answers: &Answers) {
    let request = |method: &str, url: &str, body: &[u8]| {
        black_box(
            Request::builder()
                .method(method)
                .uri(url)
                .header("authorization", format!("Bearer {}", "x".repeat(900)))
                .header("x-version", "2022-01-01")
                .header("accept", "application/json")
                .body(body.to_vec())
                .expect("all of these are legal"),
        );
    };
    let url =
        "https://api.app.wdesk.com/platform/v1/documents/124efa2a142f472ba1ceab34ed18915f/export";
    request("POST", url, br#"{"format":"pdf"}"#);
    let location = answers.submit.headers()["location"].to_str().expect("it is ASCII").to_owned();
    let mut resource = None;
    for poll in 0..10 {
        request("GET", &location, b"");
        let answer = if poll < 9 { &answers.pending } else { &answers.completed };
        let operation: serde_json::Value =
            serde_json::from_slice(answer.body()).expect("it is JSON");
        if operation["status"] == "completed" {
            resource = operation["resourceUrl"].as_str().map(String::from);
        }
    }
    request("GET", &resource.expect("it is completed"), b"");
}

fn median(mut run: impl FnMut()) -> Duration {
    const BATCH: u32 = 200;
    let mut times: Vec<Duration> = (0..101)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..BATCH {
                run();
            }
            started.elapsed() / BATCH
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let config = Config::for_region(Region::Us);
    let token = Token::fixed(&"x".repeat(900)).expect("it is ASCII");
    let answers = Answers::new();

    let whole = median(|| whole_export(&config, &token, &answers));
    let hand = median(|| by_hand(&answers));
    let count = measure(|| whole_export(&config, &token, &answers)).count_total;
    let count_by_hand = measure(|| by_hand(&answers)).count_total;
    println!("a whole export (submit, 10 polls, fetch): {whole:?}, {count} allocations");
    println!("the same by hand, without a rule:         {hand:?}, {count_by_hand} allocations");
    println!(
        "ratio of the times:                       {:.2}",
        whole.as_secs_f64() / hand.as_secs_f64()
    );

    let now = Timestamp::from_date(2026, 3, 1);
    let mut waiting = None;
    let held = measure(|| {
        let mut job = job(&config);
        start_waiting(&mut job, &token, &answers, now);
        waiting = Some(job);
    });
    let mut waiting = waiting.expect("it was just made");
    let step = median(|| {
        assert!(matches!(black_box(waiting.step(black_box(now))), Step::Wait(_)));
    });
    let steps = measure(|| {
        black_box(matches!(waiting.step(now), Step::Wait(_)));
    });
    println!(
        "a waiting step:                           {step:?}, {} allocations",
        steps.count_total
    );
    let bytes = held.bytes_current + size_of::<ExportJob>() as i64;
    println!("a waiting job holds:                      {bytes} bytes");
}

/// Submits, polls once, and is left waiting.
fn start_waiting(job: &mut ExportJob, token: &Token, answers: &Answers, now: Timestamp) {
    for answer in [&answers.submit, &answers.pending] {
        let mut at = now;
        if let Step::Wait(wait) = job.step(at) {
            at = wait.until;
        }
        if let Step::Transmit(transmit) = job.step(at) {
            let (_, in_flight) = transmit.start(at, Some(token), 0);
            if let Reply::Collect(collect) = in_flight.handle_head(at, answer) {
                collect.handle_body(at, answer.body());
            }
        }
        while job.next_event().is_some() {}
    }
}
