//! What the core allocates, whatever it is sent: the bytes are counted.
//!
//! What an answer takes where it comes from, in the transport, is not the core's; but a part of it
//! that the core holds on to is.

use allocation_counter::{measure, opt_out};
use export_core::{
    Config, DocumentExport, ExportJob, ExportSpec, Limits, Phase, Region, Reply, Step, Timestamp,
    Token, TokenNeed, TokenSource, TokenStep,
};
use http::Response;

/// The longest head that a transport hands over: both adapters stop there.
const HEAD: usize = 65_536;

/// While an answer is read: its longest text as JSON unescapes it, and again while a buffer grows.
/// With a head: a file's name, decoded and made safe.
const MOST_AT_ONCE: usize = 4;

/// What stays of however many bodies: an error of 100 texts of 1,000 characters, and the rest of
/// the job.
const KEPT_OF_BODIES: usize = 100 * 4_000 + 32_768;

/// What stays of however many heads: URLs of 8,000 bytes, of five redirects and of where they began,
/// and the rest of the job.
const KEPT_OF_HEADS: usize = 6 * 8_000 + 32_768;

type Answer = Response<Vec<u8>>;

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(body.into()).unwrap()
}

/// Bodies of exactly as many bytes as may be sent, of the kinds that make readers allocate.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let limit = Limits::default().body;
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
        ("blanks", filled("", " ", "")),
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
        ("no text at all", vec![0xff; limit]),
    ];
    for (name, body) in &kinds {
        assert_eq!(body.len(), limit, "{name}");
    }
    kinds
}

/// Heads that are as long as a transport lets them be.
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

/// The answers that bring a job to a phase.
fn way_to(phase: Phase) -> Vec<Answer> {
    let accepted = answer(202, &[("location", "/operations/op1")], "");
    let completed = answer(200, &[], r#"{"status":"completed","resourceUrl":"/f"}"#);
    match phase {
        Phase::Submit => vec![],
        Phase::Poll => vec![accepted],
        Phase::Fetch => vec![accepted, completed],
    }
}

/// Hands in one answer; `false` once the job is over.
fn play(job: &mut ExportJob, now: &mut Timestamp, token: &Token, answer: &Answer) -> bool {
    loop {
        match job.step(*now) {
            Step::Done(_) => return false,
            Step::Wait(wait) => *now = wait.until,
            Step::Transmit(transmit) => {
                let (_, in_flight) = transmit.start(*now, Some(token), 0);
                match in_flight.handle_head(*now, answer) {
                    Reply::Collect(collect) => collect.handle_body(*now, answer.body()),
                    Reply::Stream(mut stream) => {
                        if stream.check(answer.body()).is_continue() {
                            stream.advance(answer.body().len() as u64);
                        }
                        stream.finish(*now);
                    }
                }
                return true;
            }
        }
    }
}

/// The most bytes at once, and the bytes that are kept, of the core alone.
struct Used {
    at_once: u64,
    kept: i64,
}

/// Hands in an answer a number of times, or until the job is over. Nobody listens to the events.
fn used(phase: Phase, times: usize, hostile: impl Fn() -> Answer) -> Used {
    let token = Token::fixed("t").unwrap();
    let start = Timestamp::from_date(2026, 3, 1);
    let prepared = || {
        let (mut job, mut now) = (job(), start);
        for answer in way_to(phase) {
            assert!(play(&mut job, &mut now, &token, &answer));
        }
        assert_eq!(job.phase(), phase);
        (job, now)
    };

    let (mut job, mut now) = prepared();
    let answer = hostile();
    let at_once = measure(|| {
        let mut left = times;
        while left > 0 && play(&mut job, &mut now, &token, &answer) {
            left -= 1;
        }
        drop(job.checkpoint());
    })
    .bytes_max;

    let (mut job, mut now) = prepared();
    let mut checkpoint = None;
    let kept = measure(|| {
        let mut left = times;
        // Made anew each time and dropped: what is left of it, the core holds.
        while left > 0 && play(&mut job, &mut now, &token, &hostile()) {
            left -= 1;
        }
        checkpoint = Some(job.checkpoint());
    })
    .bytes_current;
    opt_out(|| drop((job, checkpoint)));
    Used { at_once, kept }
}

fn assert_bounded(name: &str, used: &Used, sent: usize, most_kept: usize) {
    let most = MOST_AT_ONCE * sent + most_kept;
    let Used { at_once, kept } = used;
    assert!(*at_once <= most as u64, "{name}: {at_once} bytes at once, of {sent} that were sent");
    assert!(*kept <= most_kept as i64, "{name}: {kept} bytes are kept");
}

#[test]
fn no_body_makes_the_core_allocate_more_than_a_small_multiple_of_the_limit() {
    let limit = Limits::default().body;
    for (kind, body) in bodies() {
        for (phase, status) in [
            (Phase::Submit, 202),
            (Phase::Submit, 503),
            (Phase::Poll, 200),
            (Phase::Poll, 400),
            (Phase::Fetch, 403),
        ] {
            let json = [("content-type", "application/json")];
            let used = used(phase, 2, || answer(status, &json, &*body));
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
fn no_head_makes_the_core_allocate_more_than_a_small_multiple_of_its_length() {
    for (kind, headers) in heads() {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        for phase in [Phase::Submit, Phase::Poll, Phase::Fetch] {
            for status in [200, 202, 206, 302, 401, 404, 416, 429, 503] {
                let is_file = phase == Phase::Fetch;
                let body = if is_file { "%PDF-1.7" } else { r#"{"status":"started"}"# };
                let used = used(phase, 20, || answer(status, &headers, body));
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
fn no_answer_of_a_token_endpoint_makes_the_source_allocate_more_than_its_limit() {
    for (kind, body) in bodies() {
        for status in [200, 400, 503] {
            let config = Config::for_region(Region::Us);
            let mut source = TokenSource::client_credentials("i", "s", &config);
            let now = Timestamp::from_date(2026, 3, 1);
            let TokenStep::Transmit(_, ticket) = source.step(now, TokenNeed::any()) else {
                panic!("nothing is waited for")
            };
            let limit = ticket.limit();
            let hostile = answer(status, &[("content-type", "application/json")], &body[..limit]);
            let info = measure(|| source.handle_response(now, ticket, &hostile, hostile.body()));
            let used = Used { at_once: info.bytes_max, kept: info.bytes_current };
            assert_bounded(
                &format!("{kind} as {status} to a token request"),
                &used,
                limit,
                KEPT_OF_BODIES,
            );
        }
    }
}
