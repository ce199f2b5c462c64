//! The guide to scenarios and the ready ones say what is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use export_sim::{Endpoint, Fault, Rule, Scenario};
use serde_json::{Value, json};

use crate::world::{config, get, post, world};

const GUIDE: &str = include_str!("../../SCENARIOS.md");

/// The names of all faults, as the reader of scenarios knows them.
fn names() -> BTreeSet<String> {
    let error = serde_json::from_str::<Fault>(r#"{"fault": "?"}"#).unwrap_err().to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let names: BTreeSet<_> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 25, "{error}");
    names
}

/// The words in code on a line of the guide that begins like this.
fn words(line: &str) -> BTreeSet<String> {
    let line = GUIDE.split("\n- ").find(|it| it.starts_with(line)).unwrap();
    let line = line.split("\n\n").next().unwrap();
    let code: Vec<_> = line.split('`').skip(1).step_by(2).collect();
    code.iter().skip(1).map(|&it| it.to_owned()).collect()
}

#[test]
fn every_fault_is_in_the_guide_and_no_other() {
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), names());
}

#[test]
fn the_examples_have_each_fault_and_can_be_written_by_hand() {
    let examples = Fault::examples();
    let named: BTreeSet<_> = examples.iter().map(|fault| fault.name().to_owned()).collect();
    assert_eq!(named, names());
    for fault in examples {
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
    }
}

#[test]
fn what_the_guide_says_can_be_said() {
    let block = GUIDE.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    Scenario::from_json(block).unwrap();
    Scenario::from_json("{}").unwrap();
    let said = |line: &str, fault: &dyn Fn(Value) -> Value| {
        for word in words(line) {
            let Ok(value) = serde_json::from_str::<Value>(&word) else { continue };
            let fault = fault(value);
            serde_json::from_value::<Fault>(fault.clone())
                .unwrap_or_else(|e| panic!("{fault} {e}"));
        }
    };
    said("`at`:", &|at| json!({"fault": "close", "at": at}));
    said("`body`:", &|body| json!({"fault": "body", "body": body}));
    said("`retry_after`:", &|value| json!({"fault": "retry_after", "value": value}));
    said("`url`:", &|url| json!({"fault": "location", "url": url}));
    // And nothing is left out: the words are those that the reader knows.
    for (fault, line) in [
        (json!({"fault": "close", "at": "?"}), "`at`:"),
        (json!({"fault": "body", "body": "?"}), "`body`:"),
        (json!({"fault": "location", "url": "?"}), "`url`:"),
    ] {
        let error = serde_json::from_value::<Fault>(fault).unwrap_err().to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let line = words(line).into_iter().collect::<Vec<_>>().join(" ");
        for word in known.split('`').skip(1).step_by(2) {
            assert!(line.contains(&format!("\"{word}\"")), "the guide does not know {word}");
        }
    }
}

#[test]
fn the_ready_scenarios_can_be_read() {
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

/// What is not in the menu of chance, and why.
fn left_out(endpoint: Endpoint, fault: &str) -> Option<&'static str> {
    let of_polls = ["json", "resource_url", "expire_url"];
    let of_files = ["change_artifact", "ignore_range", "overlong"];
    let is_file = matches!(endpoint, Endpoint::Download | Endpoint::Storage);
    let is_read = is_file || endpoint == Endpoint::Operation;
    match fault {
        "end_operation" | "revoke_token" | "content_range" | "content_encoding" => {
            Some("ends the job")
        }
        "location" if endpoint != Endpoint::Submit => Some("has no location"),
        "early" if !is_read => Some("the service refuses a body that it has not read"),
        "redirect" if !is_read => Some("ends the job"),
        "truncate" if !is_read => Some("is as good as a close in the body"),
        "body" if !is_file => Some("ends the job"),
        "expire_url" if is_file => None,
        _ if of_polls.contains(&fault) && endpoint != Endpoint::Operation => Some("is of polls"),
        _ if of_files.contains(&fault) && !is_file => Some("is of files"),
        _ => None,
    }
}

#[test]
fn chance_has_every_fault_at_every_endpoint_where_it_makes_sense() {
    for (endpoint, url) in [
        (Endpoint::Token, "/oauth2/token"),
        (Endpoint::Submit, "/documents/d1/export"),
        (Endpoint::Operation, "/operations/1"),
        (Endpoint::Download, "/exports/1/content"),
        (Endpoint::Storage, "http://127.0.0.1:8081/artifacts/1/f.pdf"),
    ] {
        let mut world = world(config().with_scenario(Scenario::random(3, 1.0)));
        for _ in 0..2_000 {
            world.handle(if endpoint == Endpoint::Submit { post(url, "{}") } else { get(url) });
        }
        let requests = world.service.requests();
        assert!(requests.iter().all(|request| request.endpoint() == endpoint));
        let met: BTreeSet<_> = requests.iter().flat_map(|it| it.faults().to_vec()).collect();
        for name in names() {
            let left_out = left_out(endpoint, &name);
            assert_eq!(
                met.contains(&*name),
                left_out.is_none(),
                "{endpoint:?} {name} {left_out:?}"
            );
        }
    }
}

#[test]
fn no_example_makes_the_service_stumble() {
    for endpoint in [Endpoint::Submit, Endpoint::Operation, Endpoint::Download] {
        for fault in Fault::examples() {
            let scenario = Scenario::default().with_rule(Rule::new(endpoint, fault.clone()));
            let mut world = world(config().with_scenario(scenario));
            let _ = world.handle(post("/documents/d1/export", r#"{"format":"pdf"}"#)).play();
            let export = world.service.exports().first().map(|it| it.operation().to_owned());
            let id = export.unwrap_or_default();
            for url in [format!("/operations/{id}"), format!("/exports/{id}/content")] {
                let seen = world.handle(get(&url)).play().unwrap();
                assert!(seen.took() < std::time::Duration::from_secs(60), "{fault:?}");
            }
        }
    }
}
