//! Validation of requests, and the error responses.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

use crate::fixture::{config, fixture, get, header, json, post, with, without};
use crate::lifecycle::EXPORTS;

fn assert_flat(error: &Value, code: &str) {
    assert_eq!(error["code"], code, "{error}");
    for member in ["code", "message", "details", "documentationUrl", "version"] {
        assert!(error.get(member).is_some_and(|it| !it.is_null()), "{member} in {error}");
    }
    // The schema has no null.
    assert!(error.get("target").is_none_or(Value::is_string), "{error}");
}

/// The status and the target of the error.
fn rejection(path: &str, body: &str) -> (u16, String) {
    let response = fixture(config()).send(post(path, body));
    let error = json(&response);
    (response.status().as_u16(), error["target"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn schema_violation_names_the_target() {
    let check = |path: &str, body: &str, target: &str| {
        assert_eq!(rejection(path, body), (400, target.to_owned()), "{body}");
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
fn schema_limits_are_inclusive() {
    let mut fixture = fixture(config());
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
        fixture.submit(path, body);
    }
}

#[test]
fn optional_members_may_be_null_or_omitted() {
    let mut fixture = fixture(config());
    for (path, body) in [
        ("/documents/d1/export", r#"{"format":"pdf","sections":null,"pdfOptions":null}"#),
        ("/documents/d1/export", r#"{"format":"pdf","pdfOptions":{"includeComments":null}}"#),
        ("/documents/d1/export", r#"{"format":"docx","docxOptions":{}}"#),
        (
            "/files/f1/export",
            r#"{"kind":"Document","documentExport":null,"spreadsheetExport":null,"folderExport":null}"#,
        ),
        ("/content/styleGuides/g1/export", "{}"),
        ("/content/styleGuides/g1/export", "null"),
        ("/content/styleGuides/g1/export", r#"{"revision":null}"#),
        ("/testForms/t1/export", "{}"),
        ("/testForms/t1/export", r#"{"format":null}"#),
        ("/testForms/t1/testPhases/p1/attachments/a1/export", "{}"),
    ] {
        fixture.submit(path, body);
    }
    let formats: Vec<_> =
        fixture.service.exports().iter().map(|it| it.format().extension()).collect();
    assert_eq!(formats[formats.len() - 3..], ["xlsx", "xlsx", "pdf"]);
}

#[test]
fn errors_have_the_version_of_the_path() {
    let mut fixture = fixture(config());
    for (path, version) in [
        ("/platform/v1/documents/d1/export", "2022-01-01"),
        ("/prototype/platform/files/f1/export", "2022-01-01"),
        ("/documents/d1/export", "2026-01-01"),
        ("/documents/d1/nothing", "2026-01-01"),
    ] {
        let response = fixture.send(post(path, "{}"));
        assert!(response.status().is_client_error());
        assert_eq!(json(&response)["version"], version, "{path}");
    }
}

#[test]
fn empty_body_is_rejected_with_flat_error() {
    let response = fixture(config()).send(post("/prototype/platform/files/f1/export", ""));
    assert_eq!(response.status(), 400);
    assert_flat(&json(&response), "400BadRequest");
}

#[test]
fn path_requires_matching_version() {
    let mut fixture = fixture(config());
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
            let status = fixture.send(request).status();
            assert_eq!(status.as_u16(), if exists { 202 } else { 404 }, "{path} {version:?}");
        }
    }
}

#[test]
fn unknown_path_is_404() {
    let mut fixture = fixture(config());
    for path in ["/", "/file", "/files/f1", "/files/f1/export/", "//", "/operations/none"] {
        let response = fixture.get(path);
        assert_eq!(response.status(), 404, "{path}");
        assert_flat(&json(&response), "404NotFound");
    }
}

#[test]
fn wrong_method_is_405_with_allow() {
    let mut fixture = fixture(config());
    for (path, allowed) in [
        ("/documents/d1/export", "POST"),
        ("/oauth2/token", "POST"),
        ("/operations/o1", "GET"),
        ("/exports/o1/content", "GET, HEAD"),
    ] {
        let mut request = get(path);
        *request.method_mut() = Method::DELETE;
        let response = fixture.send(request);
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(header(&response, "allow"), allowed, "{path}");
        assert_flat(&json(&response), "405MethodNotAllowed");
    }
}

#[test]
fn wrong_media_type_is_415() {
    let mut fixture = fixture(config());
    let request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    let response = fixture.send(with(request.clone(), "content-type", "text/plain"));
    assert_eq!(response.status(), 415);
    assert_flat(&json(&response), "415UnsupportedMediaType");
    assert_eq!(fixture.send(without(request.clone(), "content-type")).status(), 415);
    let charset = with(request, "content-type", "Application/JSON; charset=utf-8");
    assert_eq!(fixture.send(charset).status(), 202);
}

#[test]
fn body_over_limit_is_413() {
    let body = |len: usize| {
        let body = r#"{"format":"pdf"}"#;
        format!("{}{body}", " ".repeat(len - body.len()))
    };
    let mut fixture = fixture(config());
    let status = |len, fixture: &mut crate::fixture::Fixture| {
        fixture.send(post("/documents/d1/export", &body(len))).status().as_u16()
    };
    assert_eq!(status(10_485_760, &mut fixture), 202);
    assert_eq!(status(10_485_761, &mut fixture), 413);
}

#[test]
fn missing_or_unknown_token_is_401() {
    let mut fixture = fixture(config());
    let request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    let bare = without(request.clone(), "authorization");
    let mut twice = request.clone();
    twice.headers_mut().append("authorization", "Bearer good".parse().unwrap());
    let mut wrong = vec![bare, twice];
    for value in ["Bearer bad", "Bearer", "good", "Basic good", "Bearer good good"] {
        wrong.push(with(request.clone(), "authorization", value));
    }
    for request in wrong {
        let response = fixture.send(request);
        assert_eq!(response.status(), 401);
        assert_flat(&json(&response), "401Unauthorized");
    }
    assert_eq!(fixture.send(with(request, "authorization", "bearer good")).status(), 202);
}

#[test]
fn missing_scope_is_403_and_named() {
    let mut fixture = fixture(config().with_scopes(["file:read"]));
    for (path, body, _) in EXPORTS {
        let scope = match path {
            path if path.contains("files") => Some("file:write"),
            path if path.contains("graph") || path.contains("testForms") => Some("graph:read"),
            _ => None,
        };
        let response = fixture.send(post(path, body));
        match scope {
            Some(scope) => {
                assert_eq!(response.status(), 403, "{path}");
                let error = json(&response);
                assert_flat(&error, "403Forbidden");
                assert!(error["message"].as_str().unwrap().contains(scope), "{error}");
            }
            None => assert_eq!(response.status(), 202, "{path}"),
        }
    }
}

#[test]
fn duplicate_version_header_is_404() {
    let mut request = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    request.headers_mut().append("x-version", "2026-01-01".parse().unwrap());
    assert_eq!(fixture(config()).send(request).status(), 404);
}

#[test]
fn error_lists_all_violations() {
    let response = fixture(config()).send(post("/documents/d1/export", r#"{"a":1,"b":2}"#));
    let error = json(&response);
    let targets: Vec<_> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["a", "b", "format"]);
}

#[test]
fn unknown_storage_path_is_xml_404() {
    let request = Request::get("http://127.0.0.1:8081/nothing").body(Bytes::new()).unwrap();
    let response = fixture(config()).send(request);
    assert_eq!(response.status(), 404);
    assert_eq!(header(&response, "content-type"), "application/xml");
}
