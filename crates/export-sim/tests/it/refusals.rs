//! What the service does not take, and how it says so.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

use crate::flow::EXPORTS;
use crate::world::{config, get, header, json, post, with, without, world};

fn assert_flat(error: &Value, code: &str) {
    assert_eq!(error["code"], code, "{error}");
    for member in ["code", "message", "target", "details", "documentationUrl", "version"] {
        assert!(error.get(member).is_some(), "{member} in {error}");
    }
}

/// The status, and the target of the error.
fn refusal(path: &str, body: &str) -> (u16, String) {
    let answer = world(config()).send(post(path, body));
    let error = json(&answer);
    (answer.status().as_u16(), error["target"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_body_that_breaks_the_schema_is_refused_by_name() {
    let check = |path: &str, body: &str, target: &str| {
        assert_eq!(refusal(path, body), (400, target.to_owned()), "{body}");
    };
    let document = "/documents/d1/export";
    check(document, "", "body");
    check(document, "{", "body");
    check(document, "[]", "body");
    check(document, "{}", "format");
    check(document, r#"{"format":"xlsx"}"#, "format");
    check(document, r#"{"format":7}"#, "format");
    check(document, r#"{"format":"pdf","sheets":[]}"#, "sheets");
    check(document, r#"{"format":"pdf","sections":[1]}"#, "sections");
    check(document, r#"{"format":"pdf","pdfOptions":true}"#, "pdfOptions");
    check(
        document,
        r#"{"format":"pdf","pdfOptions":{"includeComments":"yes"}}"#,
        "pdfOptions.includeComments",
    );
    check(document, r#"{"format":"pdf","pdfOptions":{"pageWidth":8}}"#, "pdfOptions.pageWidth");
    check(
        document,
        r#"{"format":"xhtml","xhtmlOptions":{"editableXhtml":true,"includeHeadersAndFooters":true}}"#,
        "xhtmlOptions",
    );
    check(
        document,
        r#"{"format":"xhtml","xhtmlOptions":{"editableXhtml":true,"editableSimple":true}}"#,
        "xhtmlOptions",
    );
    let sheet = "/spreadsheets/s1/export";
    check(sheet, r#"{"format":"csv","sheets":["a","b"]}"#, "sheets");
    check(sheet, r#"{"format":"pdf","pdfOptions":{"pageHeight":2.9}}"#, "pdfOptions.pageHeight");
    check(sheet, r#"{"format":"pdf","pdfOptions":{"pageWidth":100.1}}"#, "pdfOptions.pageWidth");
    check(
        sheet,
        r#"{"format":"xlsx","xlsxOptions":{"exportPrecision":"exact"}}"#,
        "xlsxOptions.exportPrecision",
    );
    let file = "/files/f1/export";
    check(file, "", "body");
    check(file, r#"{"kind":"Sheet"}"#, "kind");
    check(file, r#"{"kind":"Folder","documentExport":{"format":"pdf"}}"#, "documentExport");
    check(file, r#"{"kind":"Document","documentExport":{}}"#, "documentExport.format");
    check(
        file,
        r#"{"kind":"Spreadsheet","spreadsheetExport":{"format":"csv","sheets":["a","b"]}}"#,
        "spreadsheetExport.sheets",
    );
    check(
        file,
        r#"{"kind":"Workiva","workivaFileExport":{"workivaFileExportOptions":{"emailOnComplete":1}}}"#,
        "workivaFileExport.workivaFileExportOptions.emailOnComplete",
    );
    let old = "/prototype/platform/files/export";
    check(old, r#"{"kind":"Workiva"}"#, "workivaFileExportOptions");
    check(
        old,
        r#"{"kind":"Workiva","workivaFileExportOptions":{}}"#,
        "workivaFileExportOptions.sourceId",
    );
    check("/graph/reports/r1/export", "", "body");
    check("/graph/reports/r1/export", r#"{"format":"pdf"}"#, "format");
    check("/content/styleGuides/g1/export", r#"{"revision":4}"#, "revision");
}

#[test]
fn bodies_at_the_edge_of_the_schema_are_taken() {
    let mut world = world(config());
    for (path, body) in [
        (
            "/spreadsheets/s1/export",
            r#"{"format":"pdf","pdfOptions":{"pageHeight":3,"pageWidth":100}}"#,
        ),
        ("/spreadsheets/s1/export", r#"{"format":"xlsx","sheets":["a","b"]}"#),
        (
            "/documents/d1/export",
            r#"{"format":"xhtml","xhtmlOptions":{"editableXhtml":true,"editableSimple":false}}"#,
        ),
        (
            "/documents/d1/export",
            r#"{"format":"xhtml","xhtmlOptions":{"includeHeadersAndFooters":true,"includeExternalHyperlinks":true}}"#,
        ),
        ("/content/styleGuides/g1/export", r#"{"revision":"4"}"#),
        (
            "/files/f1/export",
            r#"{"kind":"Workiva","workivaFileExport":{"workivaFileExportOptions":{"removeLinks":true}}}"#,
        ),
    ] {
        world.submit(path, body);
    }
}

#[test]
fn an_empty_body_gets_the_documented_flat_error() {
    let answer = world(config()).send(post("/prototype/platform/files/f1/export", ""));
    assert_eq!(answer.status(), 400);
    assert_flat(&json(&answer), "400BadRequest");
}

#[test]
fn a_path_and_a_version_that_do_not_belong_together_do_not_exist() {
    let mut world = world(config());
    for (path, body, _) in EXPORTS {
        let request = without(post(path, body), "x-version");
        let old = path.contains("/platform/");
        let cases = [
            (None, old),
            (Some("2022-01-01"), old),
            (Some("2026-01-01"), !old),
            (Some("2024-01-01"), false),
        ];
        for (version, exists) in cases {
            let mut request = request.clone();
            if let Some(version) = version {
                request = with(request, "x-version", version);
            }
            let status = world.send(request).status();
            assert_eq!(status.as_u16(), if exists { 202 } else { 404 }, "{path} {version:?}");
        }
    }
}

#[test]
fn unknown_paths_do_not_exist() {
    let mut world = world(config());
    for path in ["/", "/files", "/files/f1", "/files/f1/export/", "//", "/operations/none"] {
        let answer = world.get(path);
        assert_eq!(answer.status(), 404, "{path}");
        assert_flat(&json(&answer), "404NotFound");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let mut world = world(config());
    for (path, allowed) in [
        ("/documents/d1/export", "POST"),
        ("/oauth2/token", "POST"),
        ("/operations/o1", "GET"),
        ("/exports/o1/content", "GET, HEAD"),
    ] {
        let mut request = get(path);
        *request.method_mut() = Method::DELETE;
        let answer = world.send(request);
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(header(&answer, "allow"), allowed, "{path}");
        assert_flat(&json(&answer), "405MethodNotAllowed");
    }
}

#[test]
fn another_media_type_is_refused_and_a_parameter_is_not() {
    let mut world = world(config());
    let request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    let answer = world.send(with(request.clone(), "content-type", "text/plain"));
    assert_eq!(answer.status(), 415);
    assert_flat(&json(&answer), "415UnsupportedMediaType");
    assert_eq!(world.send(without(request.clone(), "content-type")).status(), 415);
    let charset = with(request, "content-type", "Application/JSON; charset=utf-8");
    assert_eq!(world.send(charset).status(), 202);
}

#[test]
fn a_body_may_be_as_large_as_documented_and_no_larger() {
    let body = |len: usize| {
        let body = r#"{"format":"pdf"}"#;
        format!("{}{body}", " ".repeat(len - body.len()))
    };
    let mut world = world(config());
    let status = |len, world: &mut crate::world::World| {
        world.send(post("/documents/d1/export", &body(len))).status().as_u16()
    };
    assert_eq!(status(10_485_760, &mut world), 202);
    assert_eq!(status(10_485_761, &mut world), 413);
}

#[test]
fn a_missing_or_unknown_token_is_refused() {
    let mut world = world(config());
    let request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    let bare = without(request.clone(), "authorization");
    let mut twice = request.clone();
    twice.headers_mut().append("authorization", "Bearer good".parse().unwrap());
    let mut wrong = vec![bare, twice];
    for value in ["Bearer bad", "Bearer", "good", "Basic good", "Bearer good good"] {
        wrong.push(with(request.clone(), "authorization", value));
    }
    for request in wrong {
        let answer = world.send(request);
        assert_eq!(answer.status(), 401);
        assert_flat(&json(&answer), "401Unauthorized");
    }
    assert_eq!(world.send(with(request, "authorization", "bearer good")).status(), 202);
}

#[test]
fn a_missing_scope_is_named() {
    let mut world = world(config().with_scopes(["file:read"]));
    for (path, body, _) in EXPORTS {
        let scope = match path {
            path if path.contains("files") => Some("file:write"),
            path if path.contains("graph") || path.contains("testForms") => Some("graph:read"),
            _ => None,
        };
        let answer = world.send(post(path, body));
        match scope {
            Some(scope) => {
                assert_eq!(answer.status(), 403, "{path}");
                let error = json(&answer);
                assert_flat(&error, "403Forbidden");
                assert!(error["message"].as_str().unwrap().contains(scope), "{error}");
            }
            None => assert_eq!(answer.status(), 202, "{path}"),
        }
    }
}

#[test]
fn two_versions_at_once_are_none() {
    let mut request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    request.headers_mut().append("x-version", "2026-01-01".parse().unwrap());
    assert_eq!(world(config()).send(request).status(), 404);
}

#[test]
fn an_error_lists_all_that_is_wrong() {
    let answer = world(config()).send(post("/documents/d1/export", r#"{"a":1,"b":2}"#));
    let error = json(&answer);
    let targets: Vec<_> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["a", "b", "format"]);
}

#[test]
fn what_the_storage_origin_does_not_know_it_says_in_xml() {
    let request = Request::get("http://127.0.0.1:8081/nothing").body(Bytes::new()).unwrap();
    let answer = world(config()).send(request);
    assert_eq!(answer.status(), 404);
    assert_eq!(header(&answer, "content-type"), "application/xml");
}
