//! `wexport files`: the list of the files of the workspace.

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario, WorkspaceFile};
use serde_json::Value;

#[cfg(unix)]
use crate::terminal::Terminal;
use crate::world::{World, quick};

#[test]
fn files_are_listed_with_their_ids() {
    let world = World::new();
    let ran = world.done(&["files"]);
    insta::assert_snapshot!(ran.out, @r"
    124efa2a142f472ba1ceab34ed18915f  Document            2026-11-02  Annual report 2026
    e91b3d5f7a0c4e2680b4d6f8a1c3e579  SupportingDocument  2026-11-02  Auditor's letter.docx
    77b0d4e6f8a24c1e9b3d5f7a0c2e4b68  Presentation        2026-11-02  Q4 board meeting
    8a2c51d9e0f34b7c96d1a5e8b2c4f607  Spreadsheet         2026-11-02  Q4 figures
    3c7b9a1d5e2f48608b4d6f0a2c8e1b35  Document            2026-11-02  Q4 report
    5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b  Folder              2026-11-02  Reports 2026
    ");
    assert_eq!(ran.err, "");
    // `file:read` is enough, and no job is stored.
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn files_are_selected_and_sorted() {
    let world = World::new();
    let folder = "5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b";
    for (flags, expected) in [
        (&["q4"][..], &["Q4 board meeting", "Q4 figures", "Q4 report"][..]),
        (&["Q4", "--kind", "document"], &["Q4 report"]),
        (&["--kind", "Script"], &[]),
        (&["--in", folder], &["Q4 figures", "Q4 report"]),
        (&["--trashed"], &["Q4 report (old)"]),
        (&["Q4 r", "--all"], &["Q4 report", "Q4 report (old)"]),
        (&["Q4", "--sort", "kind"], &["Q4 report", "Q4 board meeting", "Q4 figures"]),
        (&["Q4", "--api-version", "2022-01-01"], &["Q4 board meeting", "Q4 figures", "Q4 report"]),
    ] {
        let ran = world.done(&[&["files", "--json"], flags].concat());
        let files: Vec<Value> =
            ran.out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        let files = files.iter().filter(|event| event["event"] == "file");
        let names: Vec<_> = files.map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{flags:?}");
    }
}

#[test]
fn listed_files_are_a_list_for_batch() {
    let world = World::new();
    let list = world.done(&["files", "--csv", "Q4", "--kind", "Document", "--format", "PDF"]);
    assert_eq!(
        list.out,
        "kind,id,file-kind,format\ndocument,3c7b9a1d5e2f48608b4d6f0a2c8e1b35,,pdf\n"
    );
    world.write("list.csv", &list.out);
    world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "--quiet"]);
    assert!(world.read("3c7b9a1d5e2f48608b4d6f0a2c8e1b35.pdf") == world.exported());

    // All kinds, with what a list cannot have.
    let ran = world.done(&["files", "--csv", "--format", "pdf"]);
    assert_eq!(ran.err, "");
    world.write("all.csv", &ran.out);
    world.done(&["batch", "all.csv", "-o", "all/{id}.{ext}", "--quiet"]);
    assert_eq!(std::fs::read_dir(world.work().join("all")).unwrap().count(), 6);
    let ran = world.done(&["files", "--csv", "--format", "docx"]);
    assert!(
        ran.err.contains("without a format, which an export needs: spreadsheet (1)"),
        "{}",
        ran.err
    );
    let ran = world.run(&["files", "--csv", "--format", "gif"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("invalid value 'gif' for '--format'"), "{}", ran.err);
}

#[test]
fn what_cannot_be_exported_is_left_out_of_a_list() {
    let script = WorkspaceFile::new("s1", "Nightly", "Script");
    let world = World::with(quick().with_workspace([script]));
    assert!(world.done(&["files", "Q4"]).err.contains("no file matches"));
    let ran = world.done(&["files", "--csv"]);
    assert_eq!(ran.out, "kind,id,file-kind,format\n");
    assert!(ran.err.contains("cannot be exported by its kind: Script (1)"), "{}", ran.err);
}

#[test]
fn names_cannot_control_the_terminal() {
    let evil = WorkspaceFile::new("a\u{1b}[2J", "b\u{1b}]0;x\u{7}\u{202e}c\nd", "K\rL");
    let world = World::with(quick().with_workspace([evil]));
    let ran = world.done(&["files"]);
    assert_eq!(ran.out, "a?[2J  K?L  2026-11-02  b?]0;x??c?d\n");
    let ran = world.done(&["files", "--json"]);
    assert!(ran.out.chars().all(|c| c == '\n' || !c.is_control()), "{}", ran.out);
    // Nor in what a shell is offered.
    let mut command = world.command(&["--", "wexport", "file", ""]);
    let offered = command.env("WEXPORT_COMPLETE", "fish").output().unwrap();
    let offered = String::from_utf8(offered.stdout).unwrap();
    assert!(offered.contains("b?]0;x??c?d"), "{offered:?}");
}

#[test]
fn missing_scope_is_named() {
    let world = World::with(quick().with_scopes(["file:write"]));
    let ran = world.run(&["files"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""));
    insta::assert_snapshot!(world.masked(&ran.err));
}

#[test]
fn pages_are_retried_and_the_origin_rule_holds() {
    let fault = |fault, nth| Rule::new(Endpoint::Files, fault).on(Nth::Only(nth));
    let scenario = Scenario::default()
        .with_rule(fault(Fault::status(503), 1))
        .with_rule(fault(Fault::status(401), 2));
    let world = World::with(quick().with_scenario(scenario));
    let ran = world.done(&["files"]);
    assert_eq!(ran.out.lines().count(), 6);
    assert!(ran.err.contains("poll failed with 503"), "{}", ran.err);

    let next = Fault::Json {
        set: [("@nextLink".to_owned(), "https://evil.example/files?$next=s3cret".into())].into(),
        remove: vec![],
    };
    let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Files, next));
    let world = World::with(quick().with_scenario(scenario));
    let ran = world.run(&["files"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), ""));
    insta::assert_snapshot!(world.masked(&ran.err));
}

#[test]
fn older_generation_is_announced() {
    let world = World::new();
    let ran = world.run(&["files", "--api-version", "2022-01-01", "--deny-deprecated"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("GET /platform/v1/files is switched off on 2029-01-31"),
        "{}",
        ran.err
    );
    assert!(world.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn narrow_terminal_has_whole_ids() {
    let world = World::new();
    for (columns, lines) in [(40, 18), (100, 6)] {
        let (code, screens) = Terminal::start(world.command(&["files"]), 24, columns).end();
        assert_eq!(code, Some(0));
        let screen = screens.last();
        assert_eq!(screen.lines().count(), lines, "{screen}");
        let fits = |line: &str| line.chars().count() <= usize::from(columns);
        assert!(screen.lines().all(fits), "{screen}");
        assert!(screen.contains("3c7b9a1d5e2f48608b4d6f0a2c8e1b35"), "{screen}");
    }
}
