//! docs/schema.json, and what the program prints and writes.
//!
//! Each line that a test reads, and each file that a run leaves, is checked against the schema. The
//! schema allows members that it does not know, since later releases may add some; the tests do not.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::world::World;

/// The kinds of objects, each with members by which it is told from the others.
const KINDS: [(&str, &[&str]); 4] =
    [("event", &["event"]), ("receipt", &["sha256"]), ("result", &["line"]), ("job", &["job"])];

/// Checks the JSON lines of a text. Other lines are ignored.
pub(crate) fn check_lines(text: &str) {
    for line in text.lines().filter(|line| line.starts_with('{')) {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            check(&value);
        }
    }
}

/// Checks the logs, the receipts and the results in a folder.
pub(crate) fn check_files(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            check_files(&path);
        } else if name == "events.ndjson" || name == "results.jsonl" {
            // A process that was killed leaves a part of a line.
            check_lines(&fs::read_to_string(&path).unwrap_or_default());
        } else if name.ends_with(".receipt.json")
            && let Ok(receipt) = serde_json::from_slice(&fs::read(&path).unwrap_or_default())
        {
            check(&receipt);
        }
    }
}

/// Checks an object, unless it has no version: the body of a request, for example.
fn check(value: &Value) {
    let Some(object) = value.as_object().filter(|object| object.contains_key("v")) else { return };
    let is_kind =
        |(_, members): &(&str, &[&str])| members.iter().all(|it| object.contains_key(*it));
    let position = KINDS.iter().position(is_kind);
    let position = position.unwrap_or_else(|| panic!("neither of {KINDS:?}: {value}"));
    if let Err(error) = validators()[position].validate(value) {
        panic!("{}: {error}, at '{}' of {value}", KINDS[position].0, error.instance_path());
    }
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The validators of the kinds, which refuse members that the schema does not have.
fn validators() -> &'static [Validator] {
    static VALIDATORS: OnceLock<Vec<Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let mut definitions = schema()["$defs"].take();
        for name in ["receipt", "subject"] {
            definitions[name]["unevaluatedProperties"] = false.into();
        }
        let error = &mut definitions["result"]["oneOf"][2]["properties"]["error"];
        error["unevaluatedProperties"] = false.into();
        for name in ["exports", "process"] {
            definitions["job"]["properties"][name]["unevaluatedProperties"] = false.into();
        }
        let strict = |(name, _): (&str, _)| {
            let mut schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/$defs/{name}"),
                "unevaluatedProperties": false,
            });
            schema["$defs"] = definitions.clone();
            jsonschema::validator_for(&schema).unwrap()
        };
        KINDS.into_iter().map(strict).collect()
    })
}

#[test]
fn the_schema_is_valid() {
    jsonschema::meta::validate(&schema()).unwrap();
    // As a whole, it is open for later releases.
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let event =
        json!({"v": 1, "at": "2026-11-27T08:15:31.081Z", "event": "deprecated", "later": 1});
    assert!(validator.is_valid(&event));
    assert!(!validator.is_valid(&json!({"v": 1, "event": "deprecated"})));
}

#[test]
fn the_schema_refuses_what_it_does_not_have() {
    let unknown = [
        r#"{"v":1,"at":"2026-11-27T08:15:31Z","event":"deprecated","later":1}"#,
        r#"{"v":1,"at":"2026-11-27T08:15:31Z","event":"later"}"#,
        r#"{"v":1,"at":"2026-11-27 08:15:31","event":"deprecated"}"#,
        r#"{"v":1,"job":"1","status":"done","later":1}"#,
        r#"{"v":1,"later":1}"#,
    ];
    for line in unknown {
        assert!(std::panic::catch_unwind(|| check_lines(line)).is_err(), "{line}");
    }
    check_lines(r#"{"format":"pdf"}"#);
}

/// The events of `wexport help json` are those of the schema, in their order.
#[test]
fn the_help_has_the_events_of_the_schema() {
    let help = World::new().done(&["help", "json"]).out;
    let names =
        |line: &str| line.strip_prefix("  ").map(|line| line.split(' ').next().map(String::from));
    let listed: Vec<String> =
        help.lines().filter_map(names).flatten().filter(|name| !name.is_empty()).collect();
    let schema = schema();
    let events = schema["$defs"]["event"]["oneOf"].as_array().unwrap();
    let mut known: Vec<&str> = events.iter().filter_map(|event| event["title"].as_str()).collect();
    let mut listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}
