//! The live display, on a pseudo-terminal.
#![cfg(unix)]

mod pty;
mod recording;

use std::process::Command;
use std::time::{Duration, Instant};

use export_sim::{Config, Endpoint, Fault, Rule, Scenario};

use self::pty::Screens;
pub(crate) use self::pty::Terminal;
use crate::pages::mask_numbers;
use crate::world::{World, quick};

const PDF: [&str; 6] = ["document", "124efa2a142f", "-f", "pdf", "-o", "report.pdf"];

/// A slow export with a 429, a status, and a download that breaks off.
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

/// A service whose operations always have this status.
fn always(status: &str) -> Config {
    let set = [("status".to_owned(), status.into()), ("resourceUrl".to_owned(), None::<()>.into())];
    let fault = Fault::Json { set: set.into(), remove: Vec::new() };
    quick()
        .with_retry_after(2)
        .with_scenario(Scenario::default().with_rule(Rule::new(Endpoint::Operation, fault)))
}

/// Checks what has to hold for each screen.
fn assert_clean(screens: &Screens) {
    assert_eq!(screens.wrapped, [""; 0]);
    assert!(!screens.hid_cursor);
    for screen in &screens.texts {
        let names = screen.lines().filter(|line| line.starts_with("document 1")).count();
        assert!(names <= 1, "{screen}");
    }
    let rows = screens.last().lines().count();
    assert_eq!(usize::from(screens.cursor().0), rows, "{}", screens.last());
    assert_eq!(screens.cursor().1, 0);
}

#[test]
fn a_narrow_terminal_shows_the_essentials() {
    let world = World::with(eventful());
    let terminal = Terminal::start(world.command(&PDF), 24, 40);
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(0), "{}", screens.last());
    assert_clean(&screens);
    screens.in_order(&[
        "document 1...  queued",
        "throttled for 2 s (429)\n",
        "document 1...  throttled for 2 s (429)",
        "resuming the download at 1.9 of 4.8 MiB",
        " left",
        "\ndone: report.pdf, 4.8 MiB in",
    ]);
}

#[test]
fn lines_fit_a_resized_window() {
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

/// The shell goes on when the program is stopped, and continues it in the background.
#[test]
fn nothing_is_drawn_in_the_background() {
    let world = World::with(always("started"));
    let script = "set -m; \"$@\"; bg; echo the prompt; read key; fg";
    let wexport = world.command(&PDF);
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(wexport.get_program()).args(wexport.get_args());
    command.current_dir(world.work()).env_clear();
    for (name, value) in wexport.get_envs() {
        command.env(name, value.unwrap());
    }
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("started, next poll in");
    terminal.press(b"\x1a");
    terminal.wait_for("the prompt");
    let (frames, polls) = (terminal.frames(), world.requests().len());
    wait_until(|| world.requests().len() > polls + 1);
    assert_eq!(terminal.frames(), frames);
    terminal.press(b"\n");
    wait_until(|| terminal.frames() > frames);
    terminal.press(b"\x03");
    let (_, screens) = terminal.end();
    assert!(screens.last().contains("error: stopped by Ctrl-C"), "{}", screens.last());
}

fn wait_until(is_reached: impl Fn() -> bool) {
    let give_up_at = Instant::now() + Duration::from_secs(30);
    while !is_reached() {
        assert!(Instant::now() < give_up_at, "it is not reached within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_leaves_a_clean_screen() {
    let moments = ["accepted, next poll", "queued", "throttled for 1 s", "% ", "retrying"];
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
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(130), "{moment}: {}", screens.last());
    assert_clean(&screens);
    let rows: Vec<&str> = screens.last().lines().rev().take(4).collect();
    assert!(rows[3].starts_with("document 124efa2a142f  stopped after"), "{}", screens.last());
    assert_eq!(rows[2], "error: stopped by Ctrl-C");
    assert!(rows[1].starts_with("  operation: "), "{}", screens.last());
    let (_, job) = rows[0].split_once("try again:        yes: wexport jobs resume ").unwrap();
    world.done(&["jobs", "resume", job]);
    assert!(world.read("report.pdf") == world.exported());
}

#[test]
fn an_error_is_printed_below_the_final_line() {
    let refused = Rule::new(Endpoint::Operation, Fault::status(403));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(refused)));
    let (code, screens) = Terminal::start(world.command(&PDF), 24, 100).end();
    assert_eq!(code, Some(4));
    assert_clean(&screens);
    insta::assert_snapshot!(mask_numbers(&world.masked(screens.last())));
}

#[test]
fn each_resumed_job_has_a_final_line() {
    let scenario = r#"{"rules": [{"match": {"endpoint": "operation", "nth": {"from": 1, "to": 4}},
        "then": {"fault": "status", "status": 503}}]}"#;
    let world = World::with(quick().with_scenario(Scenario::from_json(scenario).unwrap()));
    for id in ["1a", "1b"] {
        let output = format!("{id}.pdf");
        let ran = world.run(&["document", id, "-f", "pdf", "-o", &output, "--retries", "1"]);
        assert_eq!(ran.code, Some(75), "{}", ran.err);
    }
    let command = world.command(&["jobs", "resume", "--failed"]);
    let (code, screens) = Terminal::start(command, 24, 80).end();
    assert_eq!(code, Some(0), "{}", screens.last());
    assert_eq!((screens.wrapped.len(), screens.cursor().1), (0, 0));
    let mut last: Vec<&str> =
        screens.last().lines().filter(|line| line.contains("done: ")).collect();
    last.sort_unstable();
    assert!(last[0].starts_with("document 1a  done: 1a.pdf, "), "{}", screens.last());
    assert!(last[1].starts_with("document 1b  done: 1b.pdf, "), "{}", screens.last());
}

#[test]
fn a_status_cannot_control_the_terminal() {
    let world = World::with(always("\u{1b}[2J\u{1b}[31mred\r\nanother line\u{202e}"));
    let terminal = Terminal::start(world.command(&PDF), 24, 80);
    terminal.wait_for("[2J [31mred  another ...");
    terminal.press(b"\x03");
    let (_, screens) = terminal.end();
    assert!(!String::from_utf8_lossy(&screens.bytes).contains("\u{1b}[2J"));
    assert!(!String::from_utf8_lossy(&screens.bytes).contains("\u{1b}[31mred"));
}

#[test]
fn colours_can_be_disabled() {
    let busy = r#"{"rules": [{"match": {"endpoint": "operation", "nth": 1},
        "then": {"fault": "status", "status": 429, "retry_after": 1}}]}"#;
    let bytes = |variable: &str, value: &str| {
        let world = World::with(quick().with_scenario(Scenario::from_json(busy).unwrap()));
        let mut command = world.command(&PDF);
        command.env(variable, value);
        let (code, screens) = Terminal::start(command, 24, 80).end();
        assert_eq!(code, Some(0));
        assert!(screens.last().contains("throttled for 1 s (429)"), "{}", screens.last());
        String::from_utf8(screens.bytes).unwrap()
    };
    assert!(bytes("NO_COLOR", "").contains("\u{1b}[33m"));
    let plain = bytes("NO_COLOR", "1");
    assert!(plain.contains("\u{1b}[J") && !plain.contains("\u{1b}[33m"), "{plain:?}");
    assert!(!bytes("TERM", "dumb").contains('\u{1b}'));
}

#[test]
fn quiet_and_json_disable_the_live_display() {
    let world = World::new();
    let (code, screens) =
        Terminal::start(world.command(&[&PDF[..], &["-q"]].concat()), 24, 80).end();
    assert_eq!((code, screens.last()), (Some(0), ""));
    let command = world.command(&[&PDF[..], &["--json"]].concat());
    let (_, screens) = Terminal::start(command, 24, 80).end();
    let text = String::from_utf8(screens.bytes).unwrap();
    let is_event = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(text.lines().all(is_event), "{text}");
}

/// A list of twenty exports, of which the service refuses one and completes the others after this time.
fn twenty_exports(complete_after: Duration) -> World {
    let refused = Rule::new(Endpoint::Submit, Fault::status(404)).of("d2");
    let config = quick().with_scenario(Scenario::default().with_rule(refused));
    let world = World::with(config.with_complete_after(complete_after));
    let mut list = String::from("kind,id,format\n");
    for number in 1..=20 {
        list.push_str(&format!("document,d{number},pdf\n"));
    }
    world.write("list.csv", list);
    world
}

fn batch_command(world: &World) -> Command {
    let mut command = world.command(&["batch", "list.csv", "-o", "{id}.{ext}"]);
    command.env("WEXPORT_SUBMIT_RATE", "10/s");
    command
}

/// The bar when all exports but the refused one are in flight.
fn in_flight_bar(failed: usize, in_flight: usize) -> String {
    format!("[{}{}]", "x".repeat(failed), "-".repeat(in_flight))
}

#[test]
fn the_bar_of_a_batch_fits_the_window() {
    let world = twenty_exports(Duration::from_secs(3600));
    let terminal = Terminal::start(batch_command(&world), 24, 80);
    terminal.wait_for(&in_flight_bar(3, 57));
    terminal.resize(24, 40);
    terminal.wait_for(&format!("{}\n0 of 20 done, 1 failed  0:", in_flight_bar(1, 36)));
    terminal.resize(24, 80);
    terminal.wait_for(&in_flight_bar(3, 57));
    terminal.press(b"\x03");
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(130), "{}", screens.last());
    assert_eq!(screens.wrapped, [""; 0]);
    assert!(!screens.last().contains("x-"), "{}", screens.last());
}

#[test]
fn the_bar_is_readable_without_colours() {
    let bytes = |variable: &str, value: &str| {
        let world = twenty_exports(Duration::from_secs(1));
        let mut command = batch_command(&world);
        command.env(variable, value);
        let (code, screens) = Terminal::start(command, 24, 80).end();
        assert_eq!(code, Some(8), "{}", screens.last());
        String::from_utf8(screens.bytes).unwrap()
    };
    let coloured = bytes("NO_COLOR", "");
    assert!(coloured.contains("\u{1b}[31mxxx\u{1b}[0m\u{1b}[36m---"), "{coloured:?}");
    let plain = bytes("NO_COLOR", "1");
    assert!(plain.contains("xxx---") && !plain.contains("\u{1b}[3"), "{plain:?}");
    let dumb = bytes("TERM", "dumb");
    assert!(dumb.contains("failed: row 3") && !dumb.contains("xxx"), "{dumb:?}");
}

#[test]
fn a_batch_has_two_lines_below_its_failures() {
    let world = twenty_exports(Duration::from_secs(1));
    for (keys, code) in [(None, Some(8)), (Some(b"\x03"), Some(130))] {
        let terminal = Terminal::start(batch_command(&world), 24, 80);
        if let Some(keys) = keys {
            terminal.wait_for("waiting");
            terminal.press(keys);
        }
        let (actual, screens) = terminal.end();
        assert_eq!(actual, code, "{}", screens.last());
        assert_eq!(screens.wrapped, [""; 0]);
        assert!(!screens.hid_cursor);
        if code == Some(8) {
            screens.in_order(&[
                "failed: row ",
                " of 20 done, 1 failed  ",
                "error: some exports failed",
            ]);
            assert!(screens.last().contains("wexport jobs resume "), "{}", screens.last());
        } else {
            screens.in_order(&[" of 20 done  ", "error: stopped by Ctrl-C"]);
        }
    }
}
