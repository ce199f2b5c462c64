//! The events of `--json`.

use export_sim::{Endpoint, Fault, Nth, RetryAfter, Rule, Scenario};
use serde_json::Value;

use crate::world::{World, quick};

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn export_prints_events() {
    let busy = Fault::Status {
        status: http_status(429),
        retry_after: Some(RetryAfter::Seconds(0)),
        body: Default::default(),
    };
    let scenario =
        Scenario::default().with_rule(Rule::new(Endpoint::Operation, busy).on(Nth::Only(1)));
    // A file that arrives in one piece has one event of progress.
    let world = World::with(quick().with_artifact_size(1206).with_scenario(scenario));
    let ran = world.done(&["document", "d1", "-f", "pdf", "--json", "--poll-interval", "1ms"]);
    assert!(events(&ran.out).iter().all(|event| event["v"] == 1));
    assert_eq!(ran.err, "");
    // Back-offs have a random duration.
    insta::assert_snapshot!(world.masked(&without_waits(&ran.out)));
}

#[test]
fn error_is_an_event() {
    let refused = Rule::new(Endpoint::Submit, Fault::status(403));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    let ran = world.run(&["document", "d1", "-f", "pdf", "--json"]);
    assert_eq!(ran.code, Some(4));
    let last = ran.out.lines().last().unwrap();
    insta::assert_snapshot!(world.masked(last));
    assert!(ran.err.starts_with("error: "), "{}", ran.err);

    let ran = world.run(&["document", "d1", "-f", "pdf", "--json", "-o", ""]);
    let last = events(&ran.out).pop().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"error".into(), &2.into()));
}

#[test]
fn events_go_to_stderr_if_stdout_has_the_file() {
    let world = World::new();
    let output = world.command(&["document", "d1", "-f", "pdf", "--json", "-o", "-"]).output();
    let output = output.unwrap();
    assert_eq!(output.stdout, world.exported());
    let events = events(&String::from_utf8(output.stderr).unwrap());
    assert_eq!(events.last().unwrap()["event"], "done");

    let ran = world.run(&["document", "d1", "--body", "{", "--json", "-o", "-"]);
    assert_eq!(ran.out, "");
    assert_eq!(self::events(&ran.err).len(), 1);
}

/// The events without the durations of waits.
fn without_waits(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if let Some(seconds) = event.get_mut("seconds") {
            *seconds = "SECONDS".into();
        }
        lines.push(event.to_string());
    }
    lines.join("\n")
}

fn http_status(code: u16) -> http::StatusCode {
    http::StatusCode::from_u16(code).unwrap()
}

/// What a program reads has to be complete, or the exit code says that it is not.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_a_failure() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    world.done(&["document", "d1", "-f", "pdf", "-q"]);
    let operation = world.server.exports().pop().unwrap().operation().to_owned();
    let cases: [&[&str]; 9] = [
        &["document", "d1", "-f", "pdf", "--json"],
        &["document", "d1", "-f", "pdf"],
        &["batch", "list.csv", "--json"],
        &["batch", "list.csv", "--results", "/dev/stdout", "-q"],
        &["status", &operation, "--json"],
        &["status", &operation],
        &["doctor", "--json"],
        &["doctor"],
        &["jobs", "list", "--json"],
    ];
    for line in cases {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = world.ran(world.command(line).stdout(full).output().unwrap());
        assert_eq!(ran.code, Some(7), "{line:?}: {}", ran.err);
        assert_eq!(ran.err.matches("No space left on device").count(), 1, "{line:?}: {}", ran.err);
        // A reader that has gone away has what it wants.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = world.ran(world.command(line).stdout(writer).output().unwrap());
        assert_eq!(ran.code, Some(0), "{line:?}: {}", ran.err);
        assert!(!ran.err.contains("pipe"), "{line:?}: {}", ran.err);
    }
    // The exit code of a failure stands.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut refused = world.command(&["document", "d1", "-f", "pdf", "--json"]);
    refused.env("WORKIVA_CLIENT_SECRET", "no-secret").stdout(full);
    let ran = world.ran(refused.output().unwrap());
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.err.contains("No space left on device"), "{}", ran.err);
}

#[test]
fn results_are_a_file() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let ran = world.run(&["batch", "list.csv", "--results", "-"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("invalid value '-' for '--results'"), "{}", ran.err);
    assert_eq!((world.names("").len(), world.requests().len()), (1, 0));
}
