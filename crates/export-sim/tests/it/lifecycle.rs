//! The lifecycle of an export, in virtual time.

use std::time::Duration;

use export_sim::{Completion, Downloads, Endpoint, Origin};
use serde_json::Value;

use crate::fixture::{config, fixture, get, header, json, post, with};

/// All submit endpoints, with a valid body and the media type of the exported file.
pub(crate) const EXPORTS: &[(&str, &str, &str)] = &[
    ("/prototype/platform/files/f1/export", r#"{"kind":"SupportingDocument"}"#, "application/pdf"),
    (
        "/prototype/platform/files/export",
        r#"{"kind":"Workiva","workivaFileExportOptions":{"sourceId":"c1","includeXBRL":true}}"#,
        "application/gzip",
    ),
    ("/platform/v1/documents/d1/export", r#"{"format":"pdf"}"#, "application/pdf"),
    (
        "/platform/v1/spreadsheets/s1/export",
        r#"{"format":"xlsx"}"#,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "/platform/v1/presentations/p1/export",
        r#"{"format":"pptx"}"#,
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("/files/f1/export", r#"{"kind":"Folder","folderExport":{}}"#, "application/gzip"),
    (
        "/files/f1/export",
        r#"{"kind":"Document","documentExport":{"format":"xhtml"}}"#,
        "application/xhtml+xml",
    ),
    (
        "/documents/d1/export",
        r#"{"format":"docx","docxOptions":{"includeLeaderDots":true}}"#,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("/spreadsheets/s1/export", r#"{"format":"csv"}"#, "application/zip"),
    ("/spreadsheets/s1/export", r#"{"format":"csv","sheets":["a"]}"#, "text/csv; charset=utf-8"),
    ("/presentations/p1/export", r#"{"format":"pdf"}"#, "application/pdf"),
    ("/content/styleGuides/g1/export", "", "application/gzip"),
    ("/graph/reports/r1/export", r#"{"format":"csv"}"#, "text/csv; charset=utf-8"),
    (
        "/testForms/t1/export",
        r#"{"format":"xlsx"}"#,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("/testForms/t1/testPhases/u1/attachments/a1/export", r#"{"format":"pdf"}"#, "application/pdf"),
    (
        "/testForms/t1/testPhases/u1/matrices/m1/attachments/a1/export",
        r#"{"format":"pdf"}"#,
        "application/pdf",
    ),
    (
        "/testForms/t1/testPhases/u1/matrices/m1/samples/s1/attachments/a1/export",
        r#"{"format":"pdf"}"#,
        "application/pdf",
    ),
    ("/testForms/t1/testPhases/u1/attachments/a1/download", "", DOCX),
    ("/testForms/t1/testPhases/u1/matrices/m1/attachments/a1/download", "", DOCX),
    ("/testForms/t1/testPhases/u1/matrices/m1/samples/s1/attachments/a1/download", "", DOCX),
    ("/platform/v1/graph/reports/r1/export", r#"{"format":"csv"}"#, "text/csv; charset=utf-8"),
    ("/platform/v1/testForms/t1/testPhases/u1/attachments/a1/export", "{}", "application/pdf"),
    ("/platform/v1/testForms/t1/testPhases/u1/attachments/a1/download", "", DOCX),
];

/// The media type of a Word document, which an attachment of the simulator is.
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

#[test]
fn every_endpoint_exports_its_media_type() {
    let mut fixture = fixture(config());
    for (path, body, media_type) in EXPORTS {
        let file = fixture.export(path, body);
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(header(&file, "content-type"), *media_type, "{path}");
        assert_eq!(header(&file, "content-length"), file.body().len().to_string(), "{path}");
    }
    let endpoints: Vec<_> =
        fixture.service.requests().iter().map(|request| request.endpoint()).take(3).collect();
    assert_eq!(endpoints, [Endpoint::Submit, Endpoint::Operation, Endpoint::Download]);
}

#[test]
fn submit_returns_location_and_retry_after() {
    let mut fixture = fixture(config());
    for (path, prefix) in [
        ("/prototype/platform/files/f1/export", "/prototype/platform/operations/"),
        ("/platform/v1/documents/d1/export", "/platform/v1/operations/"),
        ("/files/f1/export", "/operations/"),
    ] {
        let body =
            if path.contains("files") { r#"{"kind":"Folder"}"# } else { r#"{"format":"pdf"}"# };
        let response = fixture.send(post(path, body));
        assert_eq!(response.status(), 202);
        assert_eq!(header(&response, "retry-after"), "5");
        let location = header(&response, "location");
        assert!(location.starts_with(&format!("http://127.0.0.1:8080{prefix}")), "{location}");
        assert_eq!(json(&response)["operationLocation"], location);
        assert_eq!(header(&response, "x-request-id").len(), 36);
    }
}

#[test]
fn operation_passes_through_its_statuses() {
    let mut fixture = fixture(config().with_complete_after(Duration::from_secs(10)));
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let mut log = Vec::new();
    for _ in 0..6 {
        let response = fixture.get(&operation);
        assert_eq!(header(&response, "retry-after"), "1", "even if completed");
        log.push(json(&response)["status"].as_str().unwrap().to_owned());
        fixture.wait(2000);
    }
    assert_eq!(log, ["acknowledged", "queued", "started", "started", "started", "completed"]);
}

#[test]
fn operation_has_all_documented_members() {
    let mut fixture = fixture(config().with_complete_after(Duration::from_secs(10)));
    let submit = fixture.send(post("/documents/d1/export", r#"{"format":"pdf"}"#));
    let operation = header(&submit, "location").to_owned();
    fixture.wait(1500);
    let running = json(&fixture.get(&operation));
    assert_eq!(running["resourceUrl"], Value::Null);
    assert_eq!(running["details"], Value::Null);
    assert_eq!(running["originalRequest"], header(&submit, "x-request-id"));
    assert_eq!(running["created"]["dateTime"], "2026-01-01T12:00:00.000Z");
    assert_eq!(running["updated"]["dateTime"], "2026-01-01T12:00:01.500Z");
    fixture.wait(60_000);
    let done = json(&fixture.get(&operation));
    assert_eq!(done["updated"]["dateTime"], "2026-01-01T12:00:10.000Z");
    assert!(operation.ends_with(done["id"].as_str().unwrap()));
    assert!(done["resourceUrl"].is_string());
}

#[test]
fn operation_is_found_at_all_paths() {
    let mut fixture = fixture(config());
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let id = operation.rsplit('/').next().unwrap();
    for path in ["/operations/", "/platform/v1/operations/", "/prototype/platform/operations/"] {
        assert_eq!(fixture.get(&format!("{path}{id}")).status(), 200, "{path}");
    }
}

#[test]
fn operations_are_rate_limited_per_token() {
    let mut fixture = fixture(config().with_token("other").with_operations_rate(1));
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    assert_eq!(fixture.get(&operation).status(), 200);
    fixture.wait(999);
    let refused = fixture.get(&operation);
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(json(&refused)["code"], "429TooManyRequests");
    let other = with(get(&operation), "authorization", "Bearer other");
    assert_eq!(fixture.send(other).status(), 200, "each token has its own limit");
    fixture.wait(1);
    assert_eq!(fixture.get(&operation).status(), 200);
}

#[test]
fn completion_time_depends_on_seed() {
    let times = |seed| {
        let uniform = Completion::Uniform(Duration::from_secs(1), Duration::from_secs(9));
        let mut fixture = fixture(config().with_completion(uniform).with_seed(seed));
        let mut time = || {
            let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
            let mut waited = 0;
            while json(&fixture.get(&operation))["status"] != "completed" {
                fixture.wait(100);
                waited += 100;
            }
            waited
        };
        [time(), time(), time()]
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
    assert!(times(1).iter().all(|time| (1000..=9000).contains(time)), "{:?}", times(1));
}

#[test]
fn download_before_completion_is_404() {
    let mut fixture = fixture(config().with_complete_after(Duration::from_secs(10)));
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let id = operation.rsplit('/').next().unwrap().to_owned();
    let early = fixture.get(&format!("http://127.0.0.1:8080/exports/{id}/content"));
    assert_eq!(early.status(), 404);
}

#[test]
fn requests_and_responses_are_recorded() {
    let mut fixture = fixture(config().with_downloads(Downloads::Redirect(303)));
    let operation = fixture.submit("/files/f%201/export?a=b", r#"{"kind":"Folder"}"#);
    let url = fixture.resource(&operation);
    let redirect = fixture.get(&url);
    let signed = header(&redirect, "location").to_owned();
    fixture.get(&signed);
    let requests = fixture.service.requests();
    let log: Vec<_> = requests
        .iter()
        .map(|it| (it.origin(), it.endpoint(), it.status().map(|status| status.as_u16())))
        .collect();
    assert_eq!(
        log,
        [
            (Origin::Api, Endpoint::Submit, Some(202)),
            (Origin::Api, Endpoint::Operation, Some(200)),
            (Origin::Api, Endpoint::Download, Some(303)),
            (Origin::Storage, Endpoint::Storage, Some(200)),
        ]
    );
    assert_eq!(requests[0].target(), "/files/f%201/export?a=b");
    assert_eq!(requests[0].body(), r#"{"kind":"Folder"}"#);
    assert_eq!(requests[0].header("authorization"), Some("Bearer good"));
    let exports = fixture.service.exports();
    assert_eq!(exports.len(), 1);
    assert_eq!(exports[0].source(), "f 1");
    assert!(requests.iter().all(|it| it.operation() == Some(exports[0].operation())));
}

#[test]
fn record_drops_oldest_and_cuts_large_bodies() {
    let mut fixture = fixture(config().with_record_limit(2));
    for path in ["/a", "/b", "/c"] {
        fixture.send(post(path, &"x".repeat(100_000)));
    }
    let requests = fixture.service.requests();
    let targets: Vec<_> = requests.iter().map(|it| it.target()).collect();
    assert_eq!(targets, ["/b", "/c"]);
    assert_eq!((requests[0].body().len(), requests[0].body_len()), (65_536, 100_000));
}

#[test]
fn email_option_is_recorded() {
    let mut fixture = fixture(config());
    fixture
        .submit("/files/f1/export", r#"{"kind":"Folder","folderExport":{"emailOnComplete":true}}"#);
    fixture.submit(
        "/files/f1/export",
        r#"{"kind":"Folder","folderExport":{"emailOnComplete":false}}"#,
    );
    let mails: Vec<_> = fixture.service.exports().iter().map(|it| it.mails()).collect();
    assert_eq!(mails, [true, false]);
}
