//! What is told of a failure: the same in JSON, in lines, and of a job.

use export_sim::Scenario;
use serde_json::Value;

use crate::world::{World, quick};

const TOO_LARGE: &str = "The spreadsheet has more than 250000 cells.";

/// A world in which each export fails.
fn world_with(endpoint: &str, fault: &str) -> World {
    let rules =
        format!(r#"{{"rules": [{{"match": {{"endpoint": "{endpoint}"}}, "then": {fault}}}]}}"#);
    let world = World::with(quick().with_scenario(Scenario::from_json(&rules).unwrap()));
    // The first line is no export, nor is the third.
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n\ndocument,d2,pdf\n");
    world
}

fn last_id(world: &World) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    listed.lines().last().unwrap().split(' ').next().unwrap().to_owned()
}

fn events(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// The texts of an error, without what it is about.
fn facts(error: &Value) -> Vec<String> {
    let members = error.as_object().unwrap().iter();
    // `ending` is the retry in one word.
    let others = ["at", "job", "event", "subject", "ending"];
    let told = members.filter(|(name, _)| !others.contains(&name.as_str()));
    let mut facts = Vec::new();
    for (_, value) in told {
        match value {
            Value::String(text) => facts.push(text.clone()),
            Value::Array(texts) => {
                facts.extend(texts.iter().map(|text| text.as_str().unwrap().to_owned()));
            }
            _ => {}
        }
    }
    facts
}

const FAULTS: [(&str, &str); 4] = [
    (
        "operation",
        r#"{"fault": "end_operation", "code": "TooLarge", "message": "The spreadsheet has more than 250000 cells."}"#,
    ),
    ("operation", r#"{"fault": "status", "status": 503}"#),
    ("submit", r#"{"fault": "status", "status": 400}"#),
    ("download", r#"{"fault": "status", "status": 404}"#),
];

#[test]
fn lines_tell_what_json_tells_of_a_failure() {
    let single = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--retries", "0"];
    let batch = ["batch", "list.csv", "-o", "{id}.pdf", "--retries", "0", "--keep-going"];
    for (endpoint, fault) in FAULTS {
        for line in [&single[..], &batch] {
            for flags in [&[][..], &["--quiet"]] {
                let world = world_with(endpoint, fault);
                let ran = world.run(&[line, flags].concat());
                let id = last_id(&world);
                let log = world.done(&["jobs", "show", &id, "--json"]).out;
                let shown = world.done(&["jobs", "show", &id]).out;
                let errors: Vec<Value> =
                    events(&log).filter(|event| event["event"] == "error").collect();
                assert_eq!(errors.len(), if line[0] == "batch" { 2 } else { 1 });
                for error in errors {
                    let facts = facts(&error);
                    assert!(facts.len() > 4, "{facts:?}");
                    for fact in facts {
                        assert!(ran.err.contains(&fact), "{fact}: {}", ran.err);
                        assert!(shown.contains(&fact), "{fact}: {shown}");
                        if let Some(row) = error["row"].as_u64() {
                            let export = format!("{id}/{row}");
                            let of_row = world.done(&["jobs", "show", &export]).out;
                            assert!(of_row.contains(&fact), "{fact}: {of_row}");
                        }
                    }
                }
                if fault.contains(TOO_LARGE) {
                    assert!(ran.err.contains(&format!("TooLarge: {TOO_LARGE}")), "{}", ran.err);
                }
            }
        }
    }
}

#[test]
fn rows_have_the_numbers_of_their_lines() {
    let (endpoint, fault) = FAULTS[0];
    let world = world_with(endpoint, fault);
    let ran = world.run(&["batch", "list.csv", "--results", "results.jsonl", "--json"]);
    let id = last_id(&world);
    let mut rows: Vec<u64> = Vec::new();
    for event in events(&ran.out).filter(|event| event["event"] == "error") {
        let row = event["row"].as_u64().unwrap();
        assert_eq!(event["job"], format!("{id}/{row}"));
        assert_eq!(event["subject"]["id"], if row == 2 { "d1" } else { "d2" });
        rows.push(row);
    }
    rows.sort_unstable();
    assert_eq!(rows, [2, 4]);
    for result in events(&String::from_utf8(world.read("results.jsonl")).unwrap()) {
        assert_eq!(result["row"], result["line"]);
        assert_eq!(result["subject"]["id"], if result["row"] == 2 { "d1" } else { "d2" });
    }
    let shown = world.done(&["jobs", "show", &id]).out;
    assert!(shown.contains(&format!("{id}/2  document d1 as pdf: ")), "{shown}");
    assert!(shown.contains(&format!("{id}/4  document d2 as pdf: ")), "{shown}");
    assert!(world.done(&["jobs", "show", &format!("{id}/4")]).out.contains("document d2 as pdf"));
    for other in ["1", "3", "5"] {
        let ran = world.run(&["jobs", "show", &format!("{id}/{other}")]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
    }
    // JSON lines begin with the first.
    world.write("list.jsonl", "{\"kind\":\"document\",\"id\":\"d1\",\"format\":\"pdf\"}\n");
    let ran = world.run(&["batch", "list.jsonl", "-q"]);
    assert!(ran.err.contains("failed: row 1 (document d1 as pdf): "), "{}", ran.err);
}

#[test]
fn details_of_a_completed_operation_are_told() {
    let details = r#"[{"code": "Partial", "message": "2 images are missing", "target": "s1"}]"#;
    let fault = format!(r#"{{"fault": "json", "set": {{"/details": {details}}}}}"#);
    let world = world_with("operation", &fault);
    let (line, told) =
        ("document d1 -f pdf --receipt -o a.pdf", "Partial: 2 images are missing: s1");
    let line: Vec<&str> = line.split(' ').collect();
    let ran = world.done(&line);
    assert!(ran.err.contains(&format!("; the service says: {told}")), "{}", ran.err);
    let receipt: Value = serde_json::from_slice(&world.read("a.pdf.receipt.json")).unwrap();
    assert_eq!(receipt["details"], Value::from(vec![told]));
    let ran = world.done(&[&line[..], &["--json"]].concat());
    let done = events(&ran.out).find(|event| event["event"] == "done").unwrap();
    assert_eq!(done["details"], Value::from(vec![told]));
    assert!(world.done(&["jobs", "show", &last_id(&world)]).out.contains(told));

    let ran = world.done(&["batch", "list.csv", "--results", "results.jsonl"]);
    assert!(ran.err.contains(told), "{}", ran.err);
    for result in events(&String::from_utf8(world.read("results.jsonl")).unwrap()) {
        assert_eq!(result["receipt"]["details"], Value::from(vec![told]));
    }
}
