//! The events of `--json`.

use export_sim::{Endpoint, Fault, Nth, RetryAfter, Rule, Scenario};
use serde_json::Value;

use crate::world::{World, quick, without_time};

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
    let ran = world.done(&["document", "d1", "-f", "pdf", "--json", "--log-level", "debug"]);
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
    assert_eq!(ran.err, "");

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

/// An error of each kind of command, before and behind the command line's syntax.
#[test]
fn errors_are_events_and_nothing_else_is_printed() {
    let world = World::new();
    world.write("list.csv", "kind,id\nnothing,d1\n");
    for (line, code, message) in [
        (
            &["document", "--json"][..],
            2,
            "the following required arguments were not provided: <ID>",
        ),
        (&["document", "d1", "--json", "--nope"], 2, "unexpected argument '--nope' found"),
        (&["document", "d1", "--json", "--quiet"], 2, "cannot be used with"),
        (&["document", "d1", "-f", "nope", "--json"], 2, "invalid value 'nope' for '--format"),
        (&["document", "d1", "--timeout", "soon", "--json"], 2, "expected a duration"),
        (&["document", "d1", "--json"], 2, "format"),
        (&["document", "d1", "-f", "pdf", "--json", "--dry-run"], 2, "--dry-run"),
        (&["batch", "list.csv", "--json", "--dry-run"], 2, "--dry-run"),
        (&["batch", "list.csv", "--json"], 2, "list.csv is invalid"),
        (&["batch", "none.csv", "--json"], 7, "none.csv"),
        (&["fetch", "a b", "--json"], 2, "a b"),
        (&["status", "a b", "--json"], 2, "a b"),
        (&["jobs", "show", "none", "--json"], 1, "no job has the id"),
        (&["jobs", "list", "--json", "--no-state"], 2, "--no-state"),
        (&["jobs", "resume", "none", "--json"], 1, "no job has the id"),
    ] {
        let ran = world.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""), "{line:?}");
        let [event] = &events(&ran.out)[..] else { panic!("{line:?}: {}", ran.out) };
        assert_eq!((&event["event"], &event["exit_code"]), (&"error".into(), &code.into()));
        assert!(event["message"].as_str().unwrap().contains(message), "{line:?}: {event}");
    }
    // Where the file goes to standard output.
    let ran = world.run(&["document", "d1", "--json", "-o", "-", "--nope"]);
    assert_eq!((ran.code, ran.out.as_str(), events(&ran.err).len()), (Some(2), "", 1));
    // Help is help.
    assert!(world.done(&["document", "--json", "--help"]).out.starts_with("Export a document"));
    assert!(world.requests().is_empty());
}

#[test]
fn a_batch_that_fails_prints_only_events() {
    let refused = Rule::new(Endpoint::Submit, Fault::status(403)).on(Nth::Only(2));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n");
    let line = ["batch", "list.csv", "--json", "--keep-going", "--results", "results.jsonl"];
    let ran = world.run(&line);
    assert_eq!((ran.code, ran.err.as_str()), (Some(8), ""), "{}", ran.out);
    let last = events(&ran.out).pop().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"batch_done".into(), &8.into()));
    let listed = events(&world.done(&["jobs", "list", "--json"]).out);
    assert_eq!((listed.len(), &listed[0]["exports"]["failed"]), (1, &1.into()));
    let shown = world.done(&["jobs", "show", listed[0]["job"].as_str().unwrap(), "--json"]).out;
    assert!(events(&shown).len() > 5, "{shown}");
}

#[test]
fn jobs_are_listed_with_the_schema() {
    let world = World::new();
    world.done(&["document", "d1", "-f", "pdf", "-o", "a.pdf", "-q"]);
    let listed = events(&world.done(&["jobs", "list", "--json"]).out);
    let [job] = &listed[..] else { panic!("{listed:?}") };
    for (member, value) in [("status", "done"), ("output", "a.pdf"), ("client_id", "an-id")] {
        assert_eq!(job[member], value, "{member}");
    }
    assert_eq!((&job["v"], &job["exit_code"]), (&1.into(), &0.into()));
    assert!(job["result"].as_str().unwrap().ends_with("/a.pdf"), "{job}");
    // One whose record is damaged is listed as JSON too.
    let folder = world.home().join(".local/state/wexport/jobs").join(job["job"].as_str().unwrap());
    std::fs::write(folder.join("job.json"), "{").unwrap();
    let listed = events(&world.done(&["jobs", "list", "--json"]).out);
    assert_eq!(listed[0]["status"], "unreadable");
}

/// The number of lines of a batch, as JSON and as text, at each level.
#[test]
fn levels_have_fewer_lines() {
    const COUNT: usize = 20;
    let refused = Rule::new(Endpoint::Submit, Fault::status(404)).on(Nth::Only(2));
    let scenario = Scenario::default().with_rule(refused);
    let mut list = String::from("kind,id,file-kind,format\n");
    for number in 1..=COUNT {
        list.push_str(&format!("file,d{number},Document,pdf\n"));
    }
    let lines = |json: bool, level: &[&str]| {
        // The second submit of each run is refused.
        let world = World::with(quick().with_scenario(scenario.clone()));
        world.write("list.csv", &list);
        let json = if json { &["--json"][..] } else { &[] };
        // The end of an endpoint is a warning.
        let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--api-version", "2022-01-01"];
        let ran = world.run(&[&line[..], json, level].concat());
        assert_eq!(ran.code, Some(8), "{}{}", ran.out, ran.err);
        if json.is_empty() { ran.err } else { ran.out }
    };
    let names = |text: &str| -> Vec<String> {
        let mut names: Vec<String> =
            events(text).iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&lines(true, &["--log-level", "errors"])), ["error"]);
    let warnings = names(&lines(true, &["--log-level", "warnings"]));
    assert_eq!(warnings, ["error", "warning"]);
    let info = names(&lines(true, &[]));
    let count = |names: &[String], name: &str| names.iter().filter(|it| *it == name).count();
    assert_eq!((count(&info, "done"), count(&info, "error")), (COUNT - 1, 1), "{info:?}");
    assert!(info.len() <= COUNT + 10, "{info:?}");
    let debug = names(&lines(true, &["--log-level", "debug"]));
    for name in ["sending", "response", "accepted", "downloading"] {
        assert!(count(&debug, name) >= COUNT - 1, "{name}: {debug:?}");
        assert_eq!(count(&info, name), 0, "{name}");
    }

    let table = "error: some exports failed";
    let errors = lines(false, &["--log-level", "errors"]);
    assert!(errors.starts_with("failed: row ") && errors.contains(table), "{errors}");
    assert!(!errors.contains("warning: "), "{errors}");
    let warnings = lines(false, &["--log-level", "warnings"]);
    assert!(warnings.contains("warning: ") && !warnings.contains("done: "), "{warnings}");
    assert_eq!(warnings.lines().count(), lines(false, &["--quiet"]).lines().count());
    let info = lines(false, &["--log-level", "info"]);
    assert!(
        info.matches("\ndone: ").count() == COUNT - 1 && !info.contains("submit: POST"),
        "{info}"
    );
    let debug = lines(false, &["--log-level", "debug"]);
    assert!(debug.matches("submit: POST http").count() >= COUNT, "{debug}");
    assert!(debug.matches(": accepted: http").count() == COUNT - 1, "{debug}");
}

#[test]
fn lines_of_a_log_have_their_time() {
    let refused = Rule::new(Endpoint::Submit, Fault::status(403));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    for flags in [&[][..], &["--quiet"]] {
        let line = [
            &["file", "d1", "--kind", "Document", "-f", "pdf", "--api-version", "2022-01-01"],
            flags,
        ]
        .concat();
        let output = world.command(&line).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("Z warning: ") && text.contains("Z error: "), "{text}");
        // What follows an error is a table.
        for line in text.lines().filter(|line| !line.starts_with("  ")) {
            assert_ne!(without_time(line), line, "{text}");
        }
    }
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
        if line.contains(&"--json") {
            assert_eq!(events(&ran.err)[0]["event"], "error", "{line:?}");
        }
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
    // So does what is said of jobs that are left.
    let refused = Rule::new(Endpoint::Submit, Fault::status(404));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    assert_eq!(world.run(&["document", "d1", "-f", "pdf", "-q"]).code, Some(3));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut resume = world.command(&["jobs", "resume", "--failed", "--json"]);
    let ran = world.ran(resume.stdout(full).output().unwrap());
    assert_eq!((ran.code, events(&ran.err).len()), (Some(7), 1), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn incomplete_results_are_an_event() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let ran = world.run(&["batch", "list.csv", "--json", "--results", "/dev/full"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(7), ""), "{}", ran.out);
    let events = events(&ran.out);
    let [.., error, end] = &events[..] else { panic!("{events:?}") };
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("the results in /dev/full are incomplete"), "{error}");
    assert_eq!((&end["event"], &end["exit_code"]), (&"batch_done".into(), &7.into()));
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
