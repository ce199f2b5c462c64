//! SCENARIOS.md and the example scenarios match the implementation.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use export_sim::{Endpoint, Fault, Rule, Scenario};
use serde_json::{Value, json};

use crate::fixture::{config, fixture, get, post};

const GUIDE: &str = include_str!("../../SCENARIOS.md");

/// The names of all faults, from the parser's error message.
fn names() -> BTreeSet<String> {
    let error = serde_json::from_str::<Fault>(r#"{"fault": "?"}"#).unwrap_err().to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let names: BTreeSet<_> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 25, "{error}");
    names
}

/// The code spans of the list item that starts with `line`.
fn words(line: &str) -> BTreeSet<String> {
    let line = GUIDE.split("\n- ").find(|it| it.starts_with(line)).unwrap();
    let line = line.split("\n\n").next().unwrap();
    let code: Vec<_> = line.split('`').skip(1).step_by(2).collect();
    code.iter().skip(1).map(|&it| it.to_owned()).collect()
}

#[test]
fn guide_lists_exactly_the_faults() {
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), names());
}

#[test]
fn examples_cover_all_faults_and_round_trip() {
    let examples = Fault::examples();
    let named: BTreeSet<_> = examples.iter().map(|fault| fault.name().to_owned()).collect();
    assert_eq!(named, names());
    for fault in examples {
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
    }
}

#[test]
fn guide_values_can_be_parsed() {
    let block = GUIDE.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    Scenario::from_json(block).unwrap();
    Scenario::from_json("{}").unwrap();
    let check = |line: &str, fault: &dyn Fn(Value) -> Value| {
        for word in words(line) {
            let Ok(value) = serde_json::from_str::<Value>(&word) else { continue };
            let fault = fault(value);
            serde_json::from_value::<Fault>(fault.clone())
                .unwrap_or_else(|e| panic!("{fault} {e}"));
        }
    };
    check("`at`:", &|at| json!({"fault": "close", "at": at}));
    check("`body`:", &|body| json!({"fault": "body", "body": body}));
    check("`retry_after`:", &|value| json!({"fault": "retry_after", "value": value}));
    check("`url`:", &|url| json!({"fault": "location", "url": url}));
    // The guide is complete: it has every value that the parser knows.
    for (fault, line) in [
        (json!({"fault": "close", "at": "?"}), "`at`:"),
        (json!({"fault": "body", "body": "?"}), "`body`:"),
        (json!({"fault": "location", "url": "?"}), "`url`:"),
    ] {
        let error = serde_json::from_value::<Fault>(fault).unwrap_err().to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let line = words(line).into_iter().collect::<Vec<_>>().join(" ");
        for word in known.split('`').skip(1).step_by(2) {
            assert!(line.contains(&format!("\"{word}\"")), "the guide lacks {word}");
        }
    }
}

#[test]
fn example_scenarios_can_be_parsed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        Scenario::from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        files += 1;
    }
    assert_eq!(files, 3);
}

/// Why a fault is not among the random faults of an endpoint; `None` if it is.
fn exclusion(endpoint: Endpoint, fault: &str) -> Option<&'static str> {
    let poll_only = ["json", "resource_url", "expire_url"];
    let file_only = ["change_artifact", "ignore_range", "overlong"];
    let is_file = matches!(endpoint, Endpoint::Download | Endpoint::Storage);
    let is_read = is_file || matches!(endpoint, Endpoint::Operation | Endpoint::Files);
    match fault {
        "end_operation" | "revoke_token" | "content_range" | "content_encoding" => {
            Some("ends the export")
        }
        "location" if endpoint != Endpoint::Submit => Some("the response has no location"),
        "early" if !is_read => Some("the service rejects the empty body"),
        "redirect" if !is_read => Some("ends the export"),
        "truncate" if !is_read => Some("has the same effect as closing in the body"),
        "body" if !is_file => Some("ends the export"),
        "expire_url" if is_file => None,
        _ if poll_only.contains(&fault) && endpoint != Endpoint::Operation => Some("polls only"),
        _ if file_only.contains(&fault) && !is_file => Some("downloads only"),
        _ => None,
    }
}

#[test]
fn random_faults_cover_each_endpoint() {
    for (endpoint, url) in [
        (Endpoint::Token, "/oauth2/token"),
        (Endpoint::Submit, "/documents/d1/export"),
        (Endpoint::Files, "/files"),
        (Endpoint::Operation, "/operations/1"),
        (Endpoint::Download, "/exports/1/content"),
        (Endpoint::Storage, "http://127.0.0.1:8081/artifacts/1/f.pdf"),
    ] {
        let mut fixture = fixture(config().with_scenario(Scenario::random(3, 1.0)));
        for _ in 0..2_000 {
            fixture.handle(if endpoint == Endpoint::Submit { post(url, "{}") } else { get(url) });
        }
        let requests = fixture.service.requests();
        assert!(requests.iter().all(|request| request.endpoint() == endpoint));
        let found: BTreeSet<_> = requests.iter().flat_map(|it| it.faults().to_vec()).collect();
        for name in names() {
            let exclusion = exclusion(endpoint, &name);
            assert_eq!(
                found.contains(&*name),
                exclusion.is_none(),
                "{endpoint:?} {name} {exclusion:?}"
            );
        }
    }
}

#[test]
fn example_faults_do_not_break_the_service() {
    for endpoint in [Endpoint::Submit, Endpoint::Operation, Endpoint::Download] {
        for fault in Fault::examples() {
            let scenario = Scenario::default().with_rule(Rule::new(endpoint, fault.clone()));
            let mut fixture = fixture(config().with_scenario(scenario));
            let _ = fixture.handle(post("/documents/d1/export", r#"{"format":"pdf"}"#)).deliver();
            let export = fixture.service.exports().first().map(|it| it.operation().to_owned());
            let id = export.unwrap_or_default();
            for url in [format!("/operations/{id}"), format!("/exports/{id}/content")] {
                let received = fixture.handle(get(&url)).deliver().unwrap();
                assert!(received.took() < std::time::Duration::from_secs(60), "{fault:?}");
            }
        }
    }
}
