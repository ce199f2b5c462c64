//! The live display, read from a terminal as a person reads it.
#![cfg(unix)]

mod pty;
mod recording;

use std::time::Duration;

use export_sim::{Config, Endpoint, Fault, Nth, Rule, Scenario};

use self::pty::{Seen, Terminal};
use crate::pages::without_numbers;
use crate::world::{World, quick};

const PDF: [&str; 6] = ["document", "124efa2a142f", "-f", "pdf", "-o", "report.pdf"];

/// An export that takes long enough to be watched, and meets what there is to meet.
fn eventful() -> Config {
    let scenario = r#"{"rules": [
        {"match": {"endpoint": "operation", "nth": 1},
         "then": {"fault": "json", "set": {"status": "queued", "resourceUrl": null}}},
        {"match": {"endpoint": "operation", "nth": 2},
         "then": {"fault": "status", "status": 429, "retry_after": 2}},
        {"match": {"endpoint": "operation", "nth": 3},
         "then": {"fault": "json", "set": {"status": "started", "resourceUrl": null}}},
        {"match": {"endpoint": "download", "nth": 1},
         "then": [{"fault": "slow", "bytes": 65536, "pause": "30ms"},
                  {"fault": "close", "at": {"byte": 2000000}}]},
        {"match": {"endpoint": "download", "nth": 2},
         "then": {"fault": "slow", "bytes": 65536, "pause": "30ms"}}
    ]}"#;
    let scenario = Scenario::from_json(scenario).unwrap();
    quick().with_retry_after(1).with_artifact_size(5_000_000).with_scenario(scenario)
}

/// A service whose operations are in this state for ever.
fn always(status: &str) -> Config {
    let set = [("status".to_owned(), status.into()), ("resourceUrl".to_owned(), None::<()>.into())];
    let fault = Fault::Json { set: set.into(), remove: Vec::new() };
    quick()
        .with_retry_after(2)
        .with_scenario(Scenario::default().with_rule(Rule::new(Endpoint::Operation, fault)))
}

/// What has to hold of every screen.
fn assert_clean(seen: &Seen) {
    assert_eq!(seen.wrapped, [""; 0]);
    assert!(!seen.hid_cursor);
    for screen in &seen.screens {
        let names = screen.lines().filter(|line| line.starts_with("document 1")).count();
        assert!(names <= 1, "{screen}");
    }
    let rows = seen.last().lines().count();
    assert_eq!(usize::from(seen.cursor().0), rows, "{}", seen.last());
    assert_eq!(seen.cursor().1, 0);
}

#[test]
fn a_narrow_terminal_sees_what_matters() {
    let world = World::with(eventful());
    let terminal = Terminal::start(world.command(&PDF), 24, 40);
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{}", seen.last());
    assert_clean(&seen);
    seen.in_order(&[
        "document 1...  queued",
        "the service asks to wait 2 s (429)",
        "document 1...  asked to wait 2 s (429)",
        "going on with the download at 1.9 of\n  4.8 MiB",
        " left",
        "\ndone: report.pdf, 4.8 MiB in",
    ]);
}

#[test]
fn a_window_that_gets_narrower_has_lines_that_fit() {
    let world = World::with(always("started"));
    let terminal = Terminal::start(world.command(&PDF), 24, 80);
    terminal.wait_for("document 124efa2a142f  started, next poll in 2 s");
    terminal.resize(24, 40);
    terminal.wait_for("document 1...  started");
    terminal.resize(24, 80);
    terminal.wait_for("document 124efa2a142f  started, next poll in");
    terminal.press(b"\x03");
    assert_eq!(terminal.end().0, Some(130));
}

#[test]
fn ctrl_c_leaves_a_clean_screen_and_the_way_to_go_on() {
    let moments = ["accepted, next poll", "queued", "asked to wait 1 s", "% ", "trying again"];
    std::thread::scope(|scope| {
        for moment in moments {
            scope.spawn(move || interrupted_at(moment));
        }
    });
}

fn interrupted_at(moment: &str) {
    let world = World::with(eventful());
    let terminal = Terminal::start(world.command(&PDF), 24, 120);
    terminal.wait_for(moment);
    terminal.press(b"\x03");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(130), "{moment}: {}", seen.last());
    assert_clean(&seen);
    let rows: Vec<&str> = seen.last().lines().rev().take(4).collect();
    assert!(rows[3].starts_with("document 124efa2a142f  stopped after"), "{}", seen.last());
    assert_eq!(rows[2], "error: stopped by Ctrl-C");
    assert!(rows[1].starts_with("  operation: "), "{}", seen.last());
    let (_, job) = rows[0].split_once("try again:        yes: wexport jobs resume ").unwrap();
    world.done(&["jobs", "resume", job]);
    assert!(world.read("report.pdf") == world.exported());
}

#[test]
fn an_error_stands_below_what_was_seen_of_the_export() {
    let refused = Rule::new(Endpoint::Operation, Fault::status(403));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    let (code, seen) = Terminal::start(world.command(&PDF), 24, 100).end();
    assert_eq!(code, Some(4));
    assert_clean(&seen);
    insta::assert_snapshot!(without_numbers(&world.masked(seen.last())));
}

#[test]
fn several_jobs_that_are_gone_on_with_have_their_last_lines_one_below_another() {
    let scenario = r#"{"rules": [{"match": {"endpoint": "operation", "nth": {"from": 1, "to": 4}},
        "then": {"fault": "status", "status": 503}}]}"#;
    let world = World::with(quick().with_scenario(Scenario::from_json(scenario).unwrap()));
    for id in ["1a", "1b"] {
        let output = format!("{id}.pdf");
        let ran = world.run(&["document", id, "-f", "pdf", "-o", &output, "--retries", "1"]);
        assert_eq!(ran.code, Some(75), "{}", ran.err);
    }
    let command = world.command(&["jobs", "resume", "--failed"]);
    let (code, seen) = Terminal::start(command, 24, 80).end();
    assert_eq!(code, Some(0), "{}", seen.last());
    assert_eq!((seen.wrapped.len(), seen.cursor().1), (0, 0));
    let mut last: Vec<&str> = seen.last().lines().filter(|line| line.contains("done: ")).collect();
    last.sort_unstable();
    assert!(last[0].starts_with("document 1a  done: 1a.pdf, 1.2 KiB in "), "{}", seen.last());
    assert!(last[1].starts_with("document 1b  done: 1b.pdf, 1.2 KiB in "), "{}", seen.last());
}

#[test]
fn a_state_from_elsewhere_moves_no_cursor() {
    let world = World::with(always("\u{1b}[2J\u{1b}[31mred\r\nanother line\u{202e}"));
    let terminal = Terminal::start(world.command(&PDF), 24, 80);
    terminal.wait_for("[2J [31mred  another ...");
    terminal.press(b"\x03");
    let (_, seen) = terminal.end();
    assert!(!String::from_utf8_lossy(&seen.bytes).contains("\u{1b}[2J"));
    assert!(!String::from_utf8_lossy(&seen.bytes).contains("\u{1b}[31mred"));
}

#[test]
fn colours_are_for_trouble_and_nobody_has_to_see_them() {
    let busy = r#"{"rules": [{"match": {"endpoint": "operation", "nth": 1},
        "then": {"fault": "status", "status": 429, "retry_after": 1}}]}"#;
    let bytes = |variable: &str, value: &str| {
        let world = World::with(quick().with_scenario(Scenario::from_json(busy).unwrap()));
        let mut command = world.command(&PDF);
        command.env(variable, value);
        let (code, seen) = Terminal::start(command, 24, 80).end();
        assert_eq!(code, Some(0));
        assert!(seen.last().contains("the service asks to wait 1 s (429)"), "{}", seen.last());
        String::from_utf8(seen.bytes).unwrap()
    };
    assert!(bytes("NO_COLOR", "").contains("\u{1b}[33m"));
    let plain = bytes("NO_COLOR", "1");
    assert!(plain.contains("\u{1b}[J") && !plain.contains("\u{1b}[33m"), "{plain:?}");
    assert!(!bytes("TERM", "dumb").contains('\u{1b}'));
}

#[test]
fn who_wants_quiet_or_json_gets_nothing_else_on_a_terminal() {
    let world = World::new();
    let (code, seen) = Terminal::start(world.command(&[&PDF[..], &["-q"]].concat()), 24, 80).end();
    assert_eq!((code, seen.last()), (Some(0), ""));
    let command = world.command(&[&PDF[..], &["--json"]].concat());
    let (_, seen) = Terminal::start(command, 24, 80).end();
    let text = String::from_utf8(seen.bytes).unwrap();
    let is_event = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(text.lines().all(is_event), "{text}");
}

/// Twenty exports, one of which the service refuses, and the last of which are stopped.
#[test]
fn a_batch_is_one_line_of_totals_with_its_failures_above() {
    let refused = Rule::new(Endpoint::Submit, Fault::status(404)).on(Nth::Only(2));
    let config = quick().with_scenario(Scenario::default().with_rule(refused));
    let world = World::with(config.with_complete_after(Duration::from_secs(1)));
    let mut list = String::from("kind,id,format\n");
    for number in 1..=20 {
        list.push_str(&format!("document,d{number},pdf\n"));
    }
    world.write("list.csv", list);
    for (ending, code) in [(None, Some(8)), (Some(b"\x03"), Some(130))] {
        let mut command = world.command(&["batch", "list.csv", "-o", "{id}.{ext}"]);
        command.env("WEXPORT_SUBMIT_RATE", "10/s");
        let terminal = Terminal::start(command, 24, 80);
        if let Some(keys) = ending {
            terminal.wait_for("waiting");
            terminal.press(keys);
        }
        let (ended, seen) = terminal.end();
        assert_eq!(ended, code, "{}", seen.last());
        assert_eq!(seen.wrapped, [""; 0]);
        assert!(!seen.hid_cursor);
        if ending.is_none() {
            seen.in_order(&[
                "failed: row ",
                " of 20 done, 1 failed  ",
                "error: some exports failed",
            ]);
            assert!(seen.last().contains("wexport jobs resume "), "{}", seen.last());
        } else {
            seen.in_order(&[" of 20 done  ", "error: stopped by Ctrl-C"]);
        }
    }
}
