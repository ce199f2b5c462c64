//! Whatever comes in: an answer, never a 5xx, never a panic.

use bytes::Bytes;
use export_sim::{Config, Scenario};
use http::{HeaderValue, Request};
use serde_json::Value;

use crate::flow::EXPORTS;
use crate::world::{config, get, post, world};

/// Small seeded dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const METHODS: &[&str] = &["GET", "GET", "POST", "POST", "POST", "PUT", "HEAD", "BREW"];
const PATHS: &[&str] = &[
    "/",
    "//",
    "*",
    "/files/f1/export",
    "/files/%00/export",
    "/files/%ff%fe/export",
    "/files/%2e%2e%2fx/export?q=%",
    "/documents/d1/export",
    "/spreadsheets/s/export",
    "/presentations/%F0%9F%98%80/export",
    "/prototype/platform/files/export",
    "/content/styleGuides/g/export",
    "/graph/reports/r/export",
    "/testForms/a/testPhases/b/matrices/c/samples/d/attachments/e/export",
    "/oauth2/token",
    "/iam/v1/oauth2/token",
    "/operations/o",
    "/exports/o/content",
    "http://127.0.0.1:8081/artifacts/o/f.pdf?expires=99999999999999999999&signature=",
];
const HEADERS: &[(&str, &[&[u8]])] = &[
    (
        "authorization",
        &[
            b"Bearer good",
            b"Bearer good",
            b"Bearer good",
            b"Basic aWQ6c2VjcmV0",
            b"Basic ====",
            b"\xff",
        ],
    ),
    ("x-version", &[b"2026-01-01", b"2026-01-01", b"2022-01-01", b"", b"\xff"]),
    (
        "content-type",
        &[
            b"application/json",
            b"application/json",
            b"application/x-www-form-urlencoded",
            b";",
            b"\xff",
        ],
    ),
    ("range", &[b"bytes=0-", b"bytes=5-1", b"bytes=-", b"bytes=18446744073709551615-", b"\xff"]),
    ("if-range", &[b"\"a\"", b"\xff"]),
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "1e308",
    "3.5",
    "\"\"",
    "\"pdf\"",
    "\"csv\"",
    "\"docx\"",
    "\"pptx\"",
    "\"xhtml\"",
    "\"xlsx\"",
    "\"Workiva\"",
    "\"Folder\"",
    "\"Document\"",
    "\"\\u0000\\ud83d\\ude00\"",
    "[]",
    "[\"a\"]",
    "[\"a\",\"\\u0001/\"]",
    "[[[[]]]]",
    "{}",
];
const NAMES: &[&str] = &[
    "format",
    "format",
    "kind",
    "sheets",
    "sections",
    "slides",
    "pdfOptions",
    "documentExport",
    "sourceId",
    "workivaFileExportOptions",
    "pageWidth",
    "includeComments",
    "",
    "__proto__",
];

fn body(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => String::new(),
        1 => "grant_type=client_credentials&client_id=id&client_secret=secret&scope=%".to_owned(),
        2 => "[".repeat(100_000),
        3 => (*dice.pick(VALUES)).to_owned(),
        _ => object(dice, 3),
    }
}

fn object(dice: &mut Dice, depth: usize) -> String {
    let members: Vec<_> = (0..dice.below(4))
        .map(|_| {
            let nested = depth > 0 && dice.below(3) == 0;
            let name = *dice.pick(NAMES);
            let value =
                if nested { object(dice, depth - 1) } else { (*dice.pick(VALUES)).to_owned() };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Anything at all, or something right in which one thing may be wrong.
fn request(dice: &mut Dice, operation: &str) -> Request<Bytes> {
    let mut request = match dice.below(4) {
        0 => get(operation),
        1 => {
            let (path, body, _) = *dice.pick(EXPORTS);
            post(path, body)
        }
        _ => return strange_request(dice),
    };
    let strange = strange_request(dice).into_parts();
    match dice.below(6) {
        0 => *request.method_mut() = strange.0.method,
        1 => *request.uri_mut() = strange.0.uri,
        2 => *request.headers_mut() = strange.0.headers,
        3 => *request.body_mut() = strange.1,
        _ => {}
    }
    request
}

fn strange_request(dice: &mut Dice) -> Request<Bytes> {
    let mut request = Request::builder().method(*dice.pick(METHODS)).uri(*dice.pick(PATHS));
    for (name, values) in HEADERS {
        for _ in 0..*dice.pick(&[0, 1, 1, 1, 1, 1, 2]) {
            let value: &[u8] = values[dice.below(values.len())];
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
    }
    request.body(body(dice).into()).unwrap()
}

fn run(config: Config, seed: u64, check: impl Fn(u16, &Value)) {
    let mut world = world(config);
    let mut dice = Dice(seed);
    let mut operation = "/operations/o".to_owned();
    for _ in 0..4000 {
        let request = request(&mut dice, &operation);
        let what = format!("{request:?}");
        let answer = world.handle(request);
        if let Some(location) = answer.headers().get("location") {
            operation = location.to_str().unwrap_or("/").to_owned();
        }
        if answer.headers().get("content-type").is_some_and(|it| it == "application/json")
            && !answer.payload().is_empty()
        {
            let body = serde_json::from_slice(&answer.payload().to_bytes().unwrap());
            check(
                answer.status().as_u16(),
                &body.unwrap_or_else(|error| panic!("{error}: {what}")),
            );
        }
        assert!(answer.status().as_u16() < 500, "{what}");
        answer.play().unwrap();
        world.wait(dice.below(2000) as u64);
    }
    // The cases are worth something only if some get through.
    let statuses: Vec<_> = world.service.requests().iter().filter_map(|it| it.status()).collect();
    for wanted in [200, 202, 400, 401, 404, 405, 415] {
        assert!(statuses.iter().any(|status| status.as_u16() == wanted), "no {wanted}");
    }
}

#[test]
fn no_request_gets_a_server_error() {
    for seed in 0..4 {
        run(config(), seed, |status, body| {
            let is_error = body.get("code").is_some() || body.get("error").is_some();
            assert_eq!(is_error, status >= 400, "{status}: {body}");
        });
    }
}

#[test]
fn no_request_and_no_fault_make_it_panic() {
    let scenario = Scenario::random(3, 0.5);
    let mut world = world(config().with_scenario(scenario));
    let mut dice = Dice(9);
    for _ in 0..4000 {
        let request = request(&mut dice, "/operations/o");
        world.handle(request).play().unwrap();
    }
}

#[test]
fn no_document_is_too_strange_to_be_written() {
    let names =
        ["\u{0}\u{1}\u{fffe}", "]]>&<\"'", "Ünï 😀", &"x".repeat(10_000), "/../..\\", "   "];
    let list = serde_json::to_string(&names).unwrap();
    for (family, part, formats) in [
        ("documents", "sections", &["pdf", "docx", "xhtml"][..]),
        ("spreadsheets", "sheets", &["pdf", "xlsx"]),
        ("presentations", "slides", &["pdf", "pptx"]),
    ] {
        for format in formats {
            let mut world = world(config());
            let body = format!(r#"{{"format":"{format}","{part}":{list}}}"#);
            let file = world.export(&format!("/{family}/%00%3C%F0%9F%98%80%2F..%22/export"), &body);
            assert_eq!(file.status(), 200, "{family} {format}");
        }
    }
}
