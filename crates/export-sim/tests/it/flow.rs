//! The life of an export in virtual time.

use std::time::Duration;

use export_sim::{Completion, Downloads, Endpoint, Origin};
use serde_json::Value;

use crate::world::{config, get, header, json, post, with, world};

/// Every endpoint, with a body that it takes and the media type of its file.
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
];

#[test]
fn every_endpoint_exports_a_file_of_its_type() {
    let mut world = world(config());
    for (path, body, media_type) in EXPORTS {
        let file = world.export(path, body);
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(header(&file, "content-type"), *media_type, "{path}");
        assert_eq!(header(&file, "content-length"), file.body().len().to_string(), "{path}");
    }
    let endpoints: Vec<_> =
        world.service.requests().iter().map(|request| request.endpoint()).take(3).collect();
    assert_eq!(endpoints, [Endpoint::Submit, Endpoint::Operation, Endpoint::Download]);
}

#[test]
fn the_answer_to_a_submit_says_where_and_when_to_ask() {
    let mut world = world(config());
    for (path, prefix) in [
        ("/prototype/platform/files/f1/export", "/prototype/platform/operations/"),
        ("/platform/v1/documents/d1/export", "/platform/v1/operations/"),
        ("/files/f1/export", "/operations/"),
    ] {
        let body =
            if path.contains("files") { r#"{"kind":"Folder"}"# } else { r#"{"format":"pdf"}"# };
        let answer = world.send(post(path, body));
        assert_eq!(answer.status(), 202);
        assert_eq!(header(&answer, "retry-after"), "5");
        let location = header(&answer, "location");
        assert!(location.starts_with(&format!("http://127.0.0.1:8080{prefix}")), "{location}");
        assert_eq!(json(&answer)["operationLocation"], location);
        assert_eq!(header(&answer, "x-request-id").len(), 36);
    }
}

#[test]
fn an_operation_passes_through_its_statuses() {
    let mut world = world(config().with_complete_after(Duration::from_secs(10)));
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let mut log = Vec::new();
    for _ in 0..6 {
        let answer = world.get(&operation);
        assert_eq!(header(&answer, "retry-after"), "1", "also when completed");
        log.push(json(&answer)["status"].as_str().unwrap().to_owned());
        world.wait(2000);
    }
    assert_eq!(log, ["acknowledged", "queued", "started", "started", "started", "completed"]);
}

#[test]
fn an_operation_has_every_documented_member() {
    let mut world = world(config().with_complete_after(Duration::from_secs(10)));
    let submit = world.send(post("/documents/d1/export", r#"{"format":"pdf"}"#));
    let operation = header(&submit, "location").to_owned();
    world.wait(1500);
    let running = json(&world.get(&operation));
    assert_eq!(running["resourceUrl"], Value::Null);
    assert_eq!(running["details"], Value::Null);
    assert_eq!(running["originalRequest"], header(&submit, "x-request-id"));
    assert_eq!(running["created"]["dateTime"], "2026-01-01T12:00:00.000Z");
    assert_eq!(running["updated"]["dateTime"], "2026-01-01T12:00:01.500Z");
    world.wait(60_000);
    let done = json(&world.get(&operation));
    assert_eq!(done["updated"]["dateTime"], "2026-01-01T12:00:10.000Z");
    assert!(operation.ends_with(done["id"].as_str().unwrap()));
    assert!(done["resourceUrl"].is_string());
}

#[test]
fn operations_answer_under_both_old_paths_and_the_new_one() {
    let mut world = world(config());
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let id = operation.rsplit('/').next().unwrap();
    for path in ["/operations/", "/platform/v1/operations/", "/prototype/platform/operations/"] {
        assert_eq!(world.get(&format!("{path}{id}")).status(), 200, "{path}");
    }
}

#[test]
fn operations_are_limited_per_token() {
    let mut world = world(config().with_token("other").with_operations_rate(1));
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    assert_eq!(world.get(&operation).status(), 200);
    world.wait(999);
    let refused = world.get(&operation);
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(json(&refused)["code"], "429TooManyRequests");
    let other = with(get(&operation), "authorization", "Bearer other");
    assert_eq!(world.send(other).status(), 200, "another token has its own");
    world.wait(1);
    assert_eq!(world.get(&operation).status(), 200);
}

#[test]
fn the_time_to_complete_follows_the_seed() {
    let times = |seed| {
        let uniform = Completion::Uniform(Duration::from_secs(1), Duration::from_secs(9));
        let mut world = world(config().with_completion(uniform).with_seed(seed));
        let mut time = || {
            let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
            let mut waited = 0;
            while json(&world.get(&operation))["status"] != "completed" {
                world.wait(100);
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
fn a_file_is_not_there_before_the_operation_is_completed() {
    let mut world = world(config().with_complete_after(Duration::from_secs(10)));
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let id = operation.rsplit('/').next().unwrap().to_owned();
    let early = world.get(&format!("http://127.0.0.1:8080/exports/{id}/content"));
    assert_eq!(early.status(), 404);
}

#[test]
fn the_record_holds_what_was_sent_and_what_was_answered() {
    let mut world = world(config().with_downloads(Downloads::Redirect(303)));
    let operation = world.submit("/files/f%201/export?a=b", r#"{"kind":"Folder"}"#);
    let url = world.resource(&operation);
    let redirect = world.get(&url);
    let signed = header(&redirect, "location").to_owned();
    world.get(&signed);
    let requests = world.service.requests();
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
    let exports = world.service.exports();
    assert_eq!(exports.len(), 1);
    assert_eq!(exports[0].source(), "f 1");
    assert!(requests.iter().all(|it| it.operation() == Some(exports[0].operation())));
}

#[test]
fn the_record_forgets_the_oldest_and_cuts_large_bodies() {
    let mut world = world(config().with_record_limit(2));
    for path in ["/a", "/b", "/c"] {
        world.send(post(path, &"x".repeat(100_000)));
    }
    let requests = world.service.requests();
    let targets: Vec<_> = requests.iter().map(|it| it.target()).collect();
    assert_eq!(targets, ["/b", "/c"]);
    assert_eq!((requests[0].body().len(), requests[0].body_len()), (65_536, 100_000));
}

#[test]
fn an_export_that_mails_somebody_is_known_as_such() {
    let mut world = world(config());
    world
        .submit("/files/f1/export", r#"{"kind":"Folder","folderExport":{"emailOnComplete":true}}"#);
    world.submit(
        "/files/f1/export",
        r#"{"kind":"Folder","folderExport":{"emailOnComplete":false}}"#,
    );
    let mails: Vec<_> = world.service.exports().iter().map(|it| it.mails()).collect();
    assert_eq!(mails, [true, false]);
}
