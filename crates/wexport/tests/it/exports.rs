//! Exports of every kind, from the command line to the file.

use std::time::Duration;

use export_sim::{BodyKind, Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{World, quick};

/// Runs an export. Returns the target and the body of the request, and the name of the file.
fn export(line: &[&str]) -> String {
    let world = World::new();
    let ran = world.done(line);
    let is_submit = |r: &export_sim::RecordedRequest| r.endpoint() == Endpoint::Submit;
    let submit = world.server.requests().into_iter().find(is_submit);
    let submit = submit.unwrap();
    let name = ran.out.trim().rsplit('/').next().unwrap().to_owned();
    assert!(world.read(&name) == world.exported(), "{line:?}");
    let body = String::from_utf8(submit.body().to_vec()).unwrap();
    format!("{} {body} -> {name}", submit.target())
}

#[test]
fn each_command_requests_its_kind() {
    let lines: [&[&str]; 14] = [
        &["document", "d1", "--format", "pdf"],
        &["document", "d1", "-f", "docx", "--sections", "a,b", "--include-leader-dots"],
        &["document", "d1", "-f", "xhtml", "--editable-simple"],
        &["spreadsheet", "s1", "-f", "xlsx", "--export-precision", "rounded"],
        &["spreadsheet", "s1", "-f", "csv", "--sheets", "x"],
        &["presentation", "p1", "-f", "pptx", "--include-unused-layout-slides"],
        &["file", "f1", "--kind", "SupportingDocument"],
        &["file", "f1", "--kind", "document", "-f", "pdf", "--include-comments"],
        &["folder", "f1", "--include-attachments", "--remove-grc-links"],
        &["style-guide", "g1", "--revision", "r7"],
        &["graph-report", "r1"],
        &["test-form", "t1"],
        &["attachment", "a1", "--test-form", "t", "--test-phase", "p", "--matrix", "m"],
        &["attachment", "a1", "--test-form", "t", "--test-phase", "p", "--original"],
    ];
    let exports: Vec<String> = lines.into_iter().map(export).collect();
    insta::assert_snapshot!(exports.join("\n"));
}

#[test]
fn old_api_version_has_its_own_paths_and_a_warning() {
    let world = World::new();
    let line = ["file", "f1", "--kind", "Folder", "--api-version", "2022-01-01"];
    let ran = world.done(&line);
    assert!(ran.err.contains("switched off on 2027-01-31"), "{}", ran.err);
    assert!(ran.err.contains("--api-version 2026-01-01"), "{}", ran.err);
    assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
    assert_eq!(world.requests()[1], "POST /prototype/platform/files/f1/export 202");

    let ran = world.done(&["container", "c1", "--api-version", "2022-01-01", "--quiet"]);
    assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
    assert_eq!(ran.out, "");
}

/// A version of the service that is newer than this program.
#[test]
fn later_api_version_is_sent() {
    let world = World::new();
    let ran = world.done(&["graph-report", "r1", "--dry-run", "--api-version", "2028-07-01"]);
    assert!(ran.out.starts_with("POST /graph/reports/r1/export HTTP/1.1"), "{}", ran.out);
    assert!(ran.out.contains("x-version: 2028-07-01"), "{}", ran.out);
}

#[test]
fn deny_deprecated_sends_nothing() {
    let world = World::new();
    let ran = world.run(&[
        "file",
        "f1",
        "--kind",
        "Folder",
        "--api-version",
        "2022-01-01",
        "--deny-deprecated",
    ]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("is switched off on 2027-01-31"), "{}", ran.err);
    assert!(world.requests().is_empty());
}

#[test]
fn sunset_and_deprecation_headers_warn_once() {
    for (header, value, warning) in [
        ("sunset", "Sun, 31 Jan 2027 00:00:00 GMT", "the endpoint in use"),
        ("deprecation", "@1770854400", "marks this endpoint as deprecated"),
    ] {
        let headers = Fault::Headers {
            set: [(header.to_owned(), value.to_owned())].into(),
            remove: Vec::new(),
        };
        let rule = Rule::new(Endpoint::Submit, headers);
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
        let ran = world.done(&["document", "d1", "-f", "pdf", "--quiet"]);
        assert!(ran.err.contains(warning), "{header}: {}", ran.err);
        assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
    }
}

#[test]
fn known_sunset_with_a_new_date_warns_once() {
    let set = [("sunset".to_owned(), "Sat, 30 Jan 2027 00:00:00 GMT".to_owned())].into();
    let rule = Rule::new(Endpoint::Submit, Fault::Headers { set, remove: Vec::new() });
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    let line = ["file", "f1", "--kind", "Folder", "--api-version", "2022-01-01"];
    let ran = world.done(&line);
    assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
}

#[test]
fn dry_run_prints_the_request() {
    let world = World::new();
    let line = ["document", "d+1", "-f", "pdf", "--include-comments", "--dry-run"];
    insta::assert_snapshot!(world.masked(&world.done(&line).out));
    let line = ["document", "d1", "-f", "pdf", "--option", "note=it's", "--dry-run=curl"];
    insta::assert_snapshot!(world.masked(&world.done(&line).out));
    assert!(world.requests().is_empty());
}

#[test]
fn dry_run_needs_no_credentials() {
    let world = World::new();
    let mut command = world.command(&["test-form", "t1", "--dry-run"]);
    let output = command.env_remove("WORKIVA_CLIENT_SECRET").output().unwrap();
    assert!(output.status.success());
}

#[test]
fn body_is_sent_with_unknown_fields() {
    let world = World::new();
    std::fs::write(
        world.work().join("old.json"),
        r#"{"kind": "Document", "documentExport": {"format": "docx"}, "asOf": "today"}"#,
    )
    .unwrap();
    let line = ["file", "f1", "--body", "@old.json", "--option", "later.flag=true", "--dry-run"];
    let ran = world.done(&line);
    assert!(ran.err.contains("unknown field 'asOf' is sent unchanged"), "{}", ran.err);
    assert!(ran.err.contains("unknown field 'later' is sent unchanged"), "{}", ran.err);
    let (_, body) = ran.out.split_once("\n\n").unwrap();
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({
            "kind": "Document",
            "documentExport": {"format": "docx"},
            "asOf": "today",
            "later": {"flag": true}
        })
    );
}

#[test]
fn format_is_taken_from_the_file_extension() {
    let world = World::new();
    world.done(&["document", "d1", "-o", "report.DOCX"]);
    assert_eq!(world.server.requests()[1].body(), r#"{"format":"docx"}"#);
    assert!(world.read("report.DOCX").starts_with(b"PK"));
    world.done(&["file", "f1", "--kind", "Document", "-o", "report.pdf"]);
    assert!(world.read("report.pdf").starts_with(b"%PDF"));
    let ran = world.done(&["file", "f2", "--kind", "Spreadsheet", "-o", "cells.csv"]);
    assert!(ran.err.contains("cells.csv will be a zip"), "{}", ran.err);
    let ran = world.done(&["spreadsheet", "s1", "--sheets", "a", "-o", "cells.csv"]);
    assert!(!ran.err.contains("zip"), "{}", ran.err);
}

#[test]
fn status_and_fetch_use_an_existing_operation() {
    let world = World::new();
    world.done(&["document", "d1", "-f", "pdf", "-o", "one.pdf"]);
    let url = world.requests()[2].split(' ').nth(1).unwrap().to_owned();
    let id = url.rsplit('/').next().unwrap();
    for operation in [id, &format!("{}{url}", world.server.url())] {
        let status = world.done(&["status", operation]);
        assert!(status.out.contains("status            completed"), "{}", status.out);
        assert!(status.out.contains("file is ready     yes"), "{}", status.out);
        world.done(&["fetch", operation, "-o", "two.pdf"]);
        assert_eq!(world.read("one.pdf"), world.read("two.pdf"));
    }
    assert_eq!(world.submits(), 1);
}

/// The results of other operations are JSON, and no files.
#[test]
fn fetch_checks_the_type_of_the_file() {
    let json = Fault::Headers {
        set: [("content-type".to_owned(), "application/json".to_owned())].into(),
        remove: Vec::new(),
    };
    let body = Fault::Body { body: BodyKind::Text(r#"{"id": "f1", "name": "copy"}"#.into()) };
    let scenario = Scenario::default()
        .with_rule(Rule::new(Endpoint::Download, json).on(Nth::Between(2, 99)))
        .with_rule(Rule::new(Endpoint::Download, body).on(Nth::Between(2, 99)));
    let world = World::with(quick().with_scenario(scenario));
    world.done(&["document", "d1", "-f", "pdf", "-o", "one.pdf"]);
    let url = world.requests()[2].split(' ').nth(1).unwrap().to_owned();
    let operation = url.rsplit('/').next().unwrap();
    for output in ["two.pdf", "two.csv", "two", "out/{name}.{ext}"] {
        let ran = world.run(&["fetch", operation, "-o", output]);
        assert_eq!(ran.code, Some(5), "{output}: {}", ran.err);
        assert!(ran.err.contains("--any"), "{output}: {}", ran.err);
        assert!(!world.names("").iter().any(|name| name.starts_with("two")), "{output}");
    }
    world.done(&["fetch", operation, "-o", "two.pdf", "--any"]);
    world.done(&["fetch", operation, "-o", "two.json"]);
    assert!(world.read("two.json").starts_with(b"{"));
}

/// A resumed fetch still knows what it expects.
#[test]
fn resumed_fetch_checks_the_type_of_the_file() {
    let world = World::with(
        quick().with_scenario(
            Scenario::default()
                .with_rule(Rule::new(Endpoint::Download, Fault::status(503)).on(Nth::Only(2))),
        ),
    );
    world.done(&["document", "d1", "-f", "pdf", "-o", "one.pdf"]);
    let url = world.requests()[2].split(' ').nth(1).unwrap().to_owned();
    let operation = url.rsplit('/').next().unwrap();
    let ran = world.run(&["fetch", operation, "-o", "two.docx", "--retries", "0"]);
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    let ran = world.run(&["jobs", "resume", "--failed"]);
    assert!(ran.err.contains("expected a docx file"), "{}", ran.err);
}

#[cfg(feature = "demo")]
#[test]
fn demo_needs_no_settings_and_writes_real_files() {
    let world = World::new();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_wexport"))
        .arg("demo")
        .current_dir(world.work())
        .env_clear()
        .output()
        .unwrap();
    let ran = world.ran(output);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.err, "");
    assert_eq!(world.names("wexport-demo"), ["2022-01-01", "2026-01-01"]);
    assert_eq!(world.names("wexport-demo/2026-01-01").len(), 2 * 14);
    assert_eq!(world.names("wexport-demo/2022-01-01").len(), 2 * 14);
    world.done(&["verify", "wexport-demo/2026-01-01/annual-report.pdf"]);
    assert!(world.read("wexport-demo/2026-01-01/annual-report.pdf").starts_with(b"%PDF-"));
}

/// A server that sends a few bytes a second would hold the night's job for hours.
#[test]
fn downloads_have_a_least_speed_a_time_and_a_size() {
    let slow = Fault::Slow { bytes: 1, pause: Duration::from_millis(20) };
    let slow = Scenario::default().with_rule(Rule::new(Endpoint::Download, slow));
    for (flags, code, expected) in [
        (&["--stall-timeout", "1s", "--retries", "0"][..], 75, "slower than 1024 bytes per second"),
        (&["--max-time", "1s", "--min-speed", "0"], 75, "raise --max-time"),
        (&["--max-filesize", "1K"], 7, "raise --max-filesize"),
    ] {
        let world = World::with(quick().with_scenario(slow.clone()));
        let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf"];
        let ran = world.run(&[&line[..], flags].concat());
        assert_eq!(ran.code, Some(code), "{flags:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{flags:?}: {}", ran.err);
        assert!(ran.err.contains("jobs resume"), "{flags:?}: {}", ran.err);
        assert!(!world.work().join("a.pdf").exists());
    }
}

/// Another machine fetches the file.
#[test]
fn export_without_waiting_prints_its_operation() {
    let world = World::new();
    let line = ["document", "d1", "-f", "pdf", "--no-wait"];
    let ran = world.done(&line);
    let operation = ran.out.trim();
    assert!(operation.starts_with(world.server.url()), "{ran:?}");
    assert_eq!((ran.out.lines().count(), world.submits()), (1, 1));
    assert!(world.requests().iter().all(|line| !line.contains("GET")), "{:?}", world.requests());
    assert_eq!(world.done(&["jobs", "list"]).out.lines().count(), 0);
    world.done(&["fetch", operation, "-o", "d1.pdf"]);
    assert!(world.read("d1.pdf") == world.exported());

    let ran = world.done(&[&line[..], &["--json"]].concat());
    let last: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "accepted", "{}", ran.out);
    assert_eq!(world.submits(), 2);
    for (flag, value) in [("-o", "a.pdf"), ("--key", "nightly"), ("--dry-run=http", "-q")] {
        let ran = world.run(&[&line[..], &[flag, value]].concat());
        assert_eq!((ran.code, world.submits()), (Some(2), 2), "{}", ran.err);
    }
}

#[test]
fn export_without_waiting_that_is_refused_fails() {
    let refused = Rule::new(Endpoint::Submit, Fault::status(400)).on(Nth::Every);
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    let ran = world.run(&["document", "d1", "-f", "pdf", "--no-wait"]);
    assert_eq!((ran.code, &*ran.out), (Some(3), ""), "{}", ran.err);
}
