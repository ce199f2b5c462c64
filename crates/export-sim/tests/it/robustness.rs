//! Every request gets a response: never a 5xx, never a panic.

use bytes::Bytes;
use export_sim::{Config, Scenario};
use http::{HeaderValue, Request};
use serde_json::Value;

use crate::fixture::{config, fixture, get, post};
use crate::lifecycle::EXPORTS;

/// A small seeded random number generator.
struct Rng(u64);

impl Rng {
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

fn body(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => String::new(),
        1 => "grant_type=client_credentials&client_id=id&client_secret=secret&scope=%".to_owned(),
        2 => "[".repeat(100_000),
        3 => (*rng.pick(VALUES)).to_owned(),
        _ => object(rng, 3),
    }
}

fn object(rng: &mut Rng, depth: usize) -> String {
    let members: Vec<_> = (0..rng.below(4))
        .map(|_| {
            let nested = depth > 0 && rng.below(3) == 0;
            let name = *rng.pick(NAMES);
            let value =
                if nested { object(rng, depth - 1) } else { (*rng.pick(VALUES)).to_owned() };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A random request, or a valid one with at most one invalid part.
fn request(rng: &mut Rng, operation: &str) -> Request<Bytes> {
    let mut request = match rng.below(4) {
        0 => get(operation),
        1 => {
            let (path, body, _) = *rng.pick(EXPORTS);
            post(path, body)
        }
        _ => return strange_request(rng),
    };
    let strange = strange_request(rng).into_parts();
    match rng.below(6) {
        0 => *request.method_mut() = strange.0.method,
        1 => *request.uri_mut() = strange.0.uri,
        2 => *request.headers_mut() = strange.0.headers,
        3 => *request.body_mut() = strange.1,
        _ => {}
    }
    request
}

fn strange_request(rng: &mut Rng) -> Request<Bytes> {
    let mut request = Request::builder().method(*rng.pick(METHODS)).uri(*rng.pick(PATHS));
    for (name, values) in HEADERS {
        for _ in 0..*rng.pick(&[0, 1, 1, 1, 1, 1, 2]) {
            let value: &[u8] = values[rng.below(values.len())];
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
    }
    request.body(body(rng).into()).unwrap()
}

fn run(config: Config, seed: u64, check: impl Fn(u16, &Value)) {
    let mut fixture = fixture(config);
    let mut rng = Rng(seed);
    let mut operation = "/operations/o".to_owned();
    for _ in 0..4000 {
        let request = request(&mut rng, &operation);
        let what = format!("{request:?}");
        let response = fixture.handle(request);
        if let Some(location) = response.headers().get("location") {
            operation = location.to_str().unwrap_or("/").to_owned();
        }
        if response.headers().get("content-type").is_some_and(|it| it == "application/json")
            && !response.payload().is_empty()
        {
            let body = serde_json::from_slice(&response.payload().to_bytes().unwrap());
            check(
                response.status().as_u16(),
                &body.unwrap_or_else(|error| panic!("{error}: {what}")),
            );
        }
        assert!(response.status().as_u16() < 500, "{what}");
        response.deliver().unwrap();
        fixture.wait(rng.below(2000) as u64);
    }
    // Ensures that the random requests include valid ones.
    let statuses: Vec<_> = fixture.service.requests().iter().filter_map(|it| it.status()).collect();
    for wanted in [200, 202, 400, 401, 404, 405, 415] {
        assert!(statuses.iter().any(|status| status.as_u16() == wanted), "no {wanted}");
    }
}

#[test]
fn no_request_causes_a_server_error() {
    for seed in 0..4 {
        run(config(), seed, |status, body| {
            let is_error = body.get("code").is_some() || body.get("error").is_some();
            assert_eq!(is_error, status >= 400, "{status}: {body}");
        });
    }
}

#[test]
fn no_request_or_fault_causes_a_panic() {
    let scenario = Scenario::random(3, 0.5);
    let mut fixture = fixture(config().with_scenario(scenario));
    let mut rng = Rng(9);
    for _ in 0..4000 {
        let request = request(&mut rng, "/operations/o");
        fixture.handle(request).deliver().unwrap();
    }
}

#[test]
fn unusual_names_can_be_written() {
    let names =
        ["\u{0}\u{1}\u{fffe}", "]]>&<\"'", "Ünï 😀", &"x".repeat(10_000), "/../..\\", "   "];
    let list = serde_json::to_string(&names).unwrap();
    for (family, part, formats) in [
        ("documents", "sections", &["pdf", "docx", "xhtml"][..]),
        ("spreadsheets", "sheets", &["pdf", "xlsx"]),
        ("presentations", "slides", &["pdf", "pptx"]),
    ] {
        for format in formats {
            let mut fixture = fixture(config());
            let body = format!(r#"{{"format":"{format}","{part}":{list}}}"#);
            let file =
                fixture.export(&format!("/{family}/%00%3C%F0%9F%98%80%2F..%22/export"), &body);
            assert_eq!(file.status(), 200, "{family} {format}");
        }
    }
}
