//! Receipts, and `wexport verify`.

use std::fs;

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};
use serde_json::Value;

use crate::world::{World, quick};

const PDF: [&str; 7] = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--receipt"];

#[test]
fn a_receipt_describes_the_file_and_its_origin() {
    let world = World::new();
    world.done(&[&PDF[..], &["--sections", "s1", "--date", "2026-11-27"]].concat());
    let text = String::from_utf8(world.read("a.pdf.receipt.json")).unwrap();
    insta::assert_snapshot!(world.masked(&text));
    assert!(!text.contains("a-secret"));
    let ran = world.done(&["verify", "a.pdf", "a.pdf.receipt.json"]);
    assert_eq!(ran.out.matches("as exported, document d1 as pdf").count(), 2, "{}", ran.out);
}

#[test]
fn verify_detects_a_changed_file() {
    let world = World::new();
    world.done(&PDF);
    let whole = world.read("a.pdf");
    let mut longer = whole.clone();
    longer.push(b'x');
    let mut other = whole.clone();
    other[20] ^= 1;
    let length = format!("it has {} bytes", longer.len());
    for (bytes, expected) in [(longer, length.as_str()), (other, "its SHA-256 is")] {
        fs::write(world.work().join("a.pdf"), bytes).unwrap();
        let ran = world.run(&["verify", "a.pdf"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    fs::write(world.work().join("a.pdf"), whole).unwrap();
    world.done(&["verify", "a.pdf"]);
}

#[test]
fn verify_refuses_an_invalid_receipt() {
    let world = World::new();
    fs::write(world.work().join("a.pdf"), "x").unwrap();
    let ran = world.run(&["verify", "a.pdf"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    fs::write(world.work().join("a.pdf.receipt.json"), "{}").unwrap();
    let ran = world.run(&["verify", "a.pdf"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    let message = "a.pdf.receipt.json is not a receipt of wexport: see line 1\n";
    assert!(ran.err.ends_with(message), "{}", ran.err);
    let ran = world.run(&["verify", "other.pdf"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("export the file with --receipt"), "{}", ran.err);
}

/// A receipt may have come with the file, from anybody.
#[test]
fn texts_of_a_receipt_do_not_control_the_terminal() {
    let world = World::new();
    world.done(&PDF);
    let mut receipt: Value = serde_json::from_slice(&world.read("a.pdf.receipt.json")).unwrap();
    receipt["subject"]["id"] = "\u{1b}]0;own\u{7}\u{202e}d1\nall is well".into();
    receipt["finished"] = "\u{1b}[31mnow".into();
    fs::write(world.work().join("a.pdf.receipt.json"), receipt.to_string()).unwrap();
    let ran = world.done(&["verify", "a.pdf"]);
    assert!(ran.out.contains("?]0;own??d1?all is well"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 1);
    receipt["sha256"] = "\u{1b}[31mother".into();
    fs::write(world.work().join("a.pdf.receipt.json"), receipt.to_string()).unwrap();
    let ran = world.run(&["verify", "a.pdf"]);
    assert_eq!(ran.code, Some(1));
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    // It is none of the program's own.
    fs::remove_file(world.work().join("a.pdf.receipt.json")).unwrap();
}

#[test]
fn a_resumed_job_writes_its_receipt() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    assert_eq!(world.run(&[&PDF[..], &["--retries", "0"]].concat()).code, Some(75));
    assert_eq!(world.names(""), [""; 0]);
    world.done(&["jobs", "resume", "--failed"]);
    world.done(&["verify", "a.pdf"]);
    let receipt: Value = serde_json::from_slice(&world.read("a.pdf.receipt.json")).unwrap();
    assert_eq!(receipt["spec"]["submit"]["body"]["format"], "pdf");
    assert_eq!(receipt["client_id"], "an-id");
}

#[test]
fn a_receipt_is_refused_for_stdout() {
    let world = World::new();
    let ran = world.run(&["document", "d1", "-f", "pdf", "-o", "-", "--receipt"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(world.requests().is_empty());
}
