//! Bounds of the memory that the core allocates for hostile responses, with counted allocations.
//!
//! The response itself belongs to the transport and is not counted, except for parts that the core keeps.

use allocation_counter::{measure, opt_out};
use export_core::driver::{Reply, Step};
use export_core::token::{Token, TokenNeed, TokenSource, TokenStep};
use export_core::workiva::{DocumentExport, ExportSpec, Region};
use export_core::{Config, ExportJob, Limits, Phase, Timestamp};
use http::Response;
use std::ops::ControlFlow;

/// The longest head in **bytes** that both adapters accept.
const HEAD: usize = 65_536;

/// The peak allocation while a response is read, as a multiple of its length. For a body, that is its
/// longest text after JSON unescaping, twice while a buffer grows. For a head, it is a file name,
/// decoded and made safe.
const PEAK_FACTOR: usize = 4;

/// The most **bytes** kept after any number of bodies: an error with 100 texts of 1,000 characters, and
/// the rest of the job.
const KEPT_OF_BODIES: usize = 100 * 4_000 + 32_768;

/// The most **bytes** kept after any number of heads: the URLs of 8,000 bytes of a request and of five
/// redirects, and the rest of the job.
const KEPT_OF_HEADS: usize = 6 * 8_000 + 32_768;

type BufferedResponse = Response<Vec<u8>>;

fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> BufferedResponse {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// Bodies of exactly the longest allowed length that make parsers allocate.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let limit = Limits::default().max_body_bytes;
    let filled = |front: &str, filling: &str, back: &str| {
        let room = limit - front.len() - back.len();
        let mut body = String::with_capacity(limit) + front;
        body += &filling.repeat(room / filling.len());
        body += &" ".repeat(room % filling.len());
        (body + back).into_bytes()
    };
    let sixteenth = limit / 16 - 32;
    let details = |word: &str, each: usize| {
        let item = format!(r#"{{"code":"c","message":"{}"}},"#, word.repeat(each / word.len()));
        filled(&format!(r#"{{"status":"failed","code":"{word}","details":["#), &item, "{}]}")
    };
    let long = "\u{1d11e}".repeat(2_000);
    let item = format!(r#"{{"code":"{long}","message":"{long}","target":"{long}"}},"#);
    let front = format!(r#"{{"status":"failed","code":"c","message":"{long}","details":["#);
    let long_details = filled(&front, &item, "{}]}");
    let kinds = vec![
        ("spaces", filled("", " ", "")),
        ("[[[[", filled("", "[", "")),
        ("an object, then [[[[", filled(r#"{"status":"#, "[", "")),
        ("objects in objects", filled("", r#"{"error":"#, "")),
        ("lists in an object", filled(r#"{"details":"#, "[", "")),
        ("a long status", filled(r#"{"status":""#, "a", r#""}"#)),
        ("a long status with escapes", filled(r#"{"status":""#, r"\n\u0041", r#""}"#)),
        ("a long message", filled(r#"{"code":"c","message":""#, r"\u00fc", r#""}"#)),
        ("a long resource", filled(r#"{"status":"completed","resourceUrl":""#, r"\/x", r#""}"#)),
        (
            "a resource of clusters",
            filled(
                r#"{"status":"completed","resourceUrl":"https://api."#,
                "${WORKIVA_CLUSTER_DOMAIN}",
                r#""}"#,
            ),
        ),
        ("a long operation", filled(r#"{"operationLocation":"/"#, r"\u002f", r#""}"#)),
        ("many details", details("x", 1)),
        ("many empty details", filled(r#"{"code":"c","details":["#, "{},", "{}]}")),
        ("details of many bytes", details(r"\u00fc", sixteenth)),
        ("details of long texts", long_details),
        ("many fields", filled("{", r#""a":1,"#, r#""b":2}"#)),
        ("a long name of a field", filled("{\"", r"\n", r#"":1}"#)),
        ("a long number", filled(r#"{"status":"#, "9", "}")),
        ("a page", filled("<html><title>", "a", "</title>")),
        ("a page of tags", filled("<html>", "<title", "")),
        ("an error of a store", filled("<?xml?><Error><Code>", "a", "</Code>")),
        ("plain text", filled("", "ü", "")),
        ("not UTF-8", vec![0xff; limit]),
    ];
    for (name, body) in &kinds {
        assert_eq!(body.len(), limit, "{name}");
    }
    kinds
}

/// Heads of the longest allowed length.
fn heads() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let long = "a".repeat(HEAD);
    let names = ["location", "retry-after", "content-type", "etag", "sunset", "date"];
    let mut heads: Vec<_> = names.map(|name| (name, vec![(name, long.clone())])).into();
    let of = |name, value: String| (name, vec![(name, value)]);
    heads.extend([
        of("x-request-id", long.clone()),
        of("content-length", "9".repeat(HEAD)),
        of("content-length", u64::MAX.to_string()),
        of("content-range", format!("bytes 8-{}/{}", u64::MAX - 1, u64::MAX)),
        of("content-disposition", format!("a; filename=\"{long}\"")),
        of("content-disposition", "filename=\"..\";".repeat(HEAD / 14)),
        of("content-disposition", "filename*=utf-8''%ff;".repeat(HEAD / 21)),
        of("content-disposition", format!("a; filename={}", "_vti_".repeat(HEAD / 5))),
        of("content-encoding", long.clone()),
        of("location", format!("/{}", "ü".repeat(3_999))),
        of("location", format!("https://store.example/{}", "|".repeat(7_900))),
        ("many headers", vec![("x-filler", "a".into()); HEAD / 16]),
    ]);
    heads
}

fn job() -> ExportJob {
    let spec = ExportSpec::document("d1", DocumentExport::pdf());
    ExportJob::new(spec, &Config::for_region(Region::Us)).unwrap()
}

/// The responses that bring a job to a phase.
fn responses_before(phase: Phase) -> Vec<BufferedResponse> {
    let accepted = response(202, &[("location", "/operations/op1")], "");
    let completed = response(200, &[], r#"{"status":"completed","resourceUrl":"/f"}"#);
    match phase {
        Phase::Submit => vec![],
        Phase::Poll => vec![accepted],
        _ => vec![accepted, completed],
    }
}

/// Handles one response. Returns `false` if the job has ended.
fn play(
    job: &mut ExportJob,
    now: &mut Timestamp,
    token: &Token,
    response: &BufferedResponse,
) -> bool {
    loop {
        match job.step(*now) {
            Step::Done(_) => return false,
            Step::Wait(wait) => *now = wait.until,
            Step::Inline(_) | Step::Complete(_) => unreachable!("Workiva sends one file"),
            Step::Transmit(transmit) => {
                let (_, in_flight) = transmit.start(*now, Some(token), 0);
                match in_flight.handle_head(*now, response) {
                    Reply::Collect(collect) => collect.handle_body(*now, response.body()),
                    Reply::Stream(mut stream) => {
                        if let ControlFlow::Continue(checked) = stream.check(*now, response.body())
                        {
                            stream.advance(*now, checked);
                        }
                        let have = stream.position();
                        stream.finish(*now, have);
                    }
                }
                return true;
            }
        }
    }
}

/// The allocations of the core: the peak, and what it keeps.
struct Used {
    peak: u64,
    kept: i64,
}

/// Handles a response a number of times, or until the job has ended. No events are taken.
fn used(phase: Phase, times: usize, hostile: impl Fn() -> BufferedResponse) -> Used {
    let token = Token::fixed("t").unwrap();
    let start = Timestamp::from_date(2026, 3, 1);
    let prepared = || {
        let (mut job, mut now) = (job(), start);
        for response in responses_before(phase) {
            assert!(play(&mut job, &mut now, &token, &response));
        }
        assert_eq!(job.phase(), phase);
        (job, now)
    };

    let (mut job, mut now) = prepared();
    let response = hostile();
    let peak = measure(|| {
        let mut left = times;
        while left > 0 && play(&mut job, &mut now, &token, &response) {
            left -= 1;
        }
        drop(job.checkpoint());
    })
    .bytes_max;

    let (mut job, mut now) = prepared();
    let mut checkpoint = None;
    let kept = measure(|| {
        let mut left = times;
        // The response is created and dropped each time. What remains is kept by the core.
        while left > 0 && play(&mut job, &mut now, &token, &hostile()) {
            left -= 1;
        }
        checkpoint = Some(job.checkpoint());
    })
    .bytes_current;
    opt_out(|| drop((job, checkpoint)));
    Used { peak, kept }
}

fn assert_bounded(name: &str, used: &Used, sent: usize, max_kept: usize) {
    let max_peak = PEAK_FACTOR * sent + max_kept;
    let Used { peak, kept } = used;
    assert!(*peak <= max_peak as u64, "{name}: a peak of {peak} bytes for {sent} bytes");
    assert!(*kept <= max_kept as i64, "{name}: {kept} bytes are kept");
}

#[test]
fn memory_for_any_body_is_bounded() {
    let limit = Limits::default().max_body_bytes;
    for (kind, body) in bodies() {
        for (phase, status) in [
            (Phase::Submit, 202),
            (Phase::Submit, 503),
            (Phase::Poll, 200),
            (Phase::Poll, 400),
            (Phase::Fetch, 403),
        ] {
            let json = [("content-type", "application/json")];
            let used = used(phase, 2, || response(status, &json, &*body));
            assert_bounded(
                &format!("{kind} as {status} to a {phase}"),
                &used,
                limit,
                KEPT_OF_BODIES,
            );
        }
    }
}

#[test]
fn memory_for_any_head_is_bounded() {
    for (kind, headers) in heads() {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        for phase in [Phase::Submit, Phase::Poll, Phase::Fetch] {
            for status in [200, 202, 206, 302, 401, 404, 416, 429, 503] {
                let is_file = phase == Phase::Fetch;
                let body = if is_file { "%PDF-1.7" } else { r#"{"status":"started"}"# };
                let used = used(phase, 20, || response(status, &headers, body));
                assert_bounded(
                    &format!("{kind} in a {status} to a {phase}"),
                    &used,
                    HEAD,
                    KEPT_OF_HEADS,
                );
            }
        }
    }
}

#[test]
fn memory_for_any_token_response_is_bounded() {
    for (kind, body) in bodies() {
        for status in [200, 400, 503] {
            let config = Config::for_region(Region::Us);
            let mut source = TokenSource::client_credentials("i", "s", &config);
            let now = Timestamp::from_date(2026, 3, 1);
            let TokenStep::Transmit(_, ticket) = source.step(now, TokenNeed::any()) else {
                panic!("the source does not send")
            };
            let limit = ticket.limit();
            let hostile = response(status, &[("content-type", "application/json")], &body[..limit]);
            let info = measure(|| source.handle_response(now, ticket, &hostile, hostile.body()));
            let used = Used { peak: info.bytes_max, kept: info.bytes_current };
            assert_bounded(
                &format!("{kind} as {status} to a token request"),
                &used,
                limit,
                KEPT_OF_BODIES,
            );
        }
    }
}
