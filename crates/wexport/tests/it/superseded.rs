//! Resumed exports and files that are newer than they are.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{World, quick};

/// A world in which the first exports give up at their first poll.
fn world_that_fails(times: u64) -> World {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Between(1, times));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    fs::create_dir(world.work().join("in")).unwrap();
    world
}

/// The command of an export, and of a batch with one.
const COMMANDS: [&[&str]; 2] =
    [&["document", "d1", "-f", "pdf", "-o"], &["batch", "list.csv", "-o"]];

/// Runs a command that gives up. Returns the ID of its job or batch.
fn fail(world: &World, command: &[&str], output: &str) -> String {
    let ran = world.run(&[command, &[output, "--retries", "0", "-q"]].concat());
    assert!(matches!(ran.code, Some(8 | 75)), "{}", ran.err);
    last_id(world)
}

fn last_id(world: &World) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    let mut ids: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    ids.sort_unstable();
    ids.last().unwrap().to_string()
}

/// The content of the nth export of the service.
fn content(world: &World, nth: usize) -> Vec<u8> {
    world.server.exports()[nth].content().to_bytes().unwrap().to_vec()
}

/// Sets the time at which a file was last changed.
fn set_time(world: &World, file: &str, time: SystemTime) {
    let file = File::options().write(true).open(world.work().join(file)).unwrap();
    file.set_modified(time).unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn later_file_supersedes_a_failed_run() {
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for (output, file) in [
            ("a.pdf", "a.pdf"),
            ("./a.pdf", "a.pdf"),
            ("in/{name}.{ext}", "in/d1.pdf"),
            ("in/", "in/d1.pdf"),
        ] {
            let world = world_that_fails(1);
            let old = fail(&world, COMMANDS[first], output);
            let output = if output == "./a.pdf" { "a.pdf" } else { output };
            world.done(&[COMMANDS[second], &[output, "-q"]].concat());
            let listed = world.done(&["jobs", "list"]).out;
            let line = listed.lines().find(|line| line.starts_with(&old)).unwrap();
            assert!(line.contains("superseded "), "{listed}");
            assert!(line.contains("(superseded by "), "{listed}");
            assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "", "{output}");
            let json = world.done(&["jobs", "list", "--json"]).out;
            assert!(json.contains("\"status\":\"superseded\",\"superseded_by\":"), "{json}");
            assert!(world.done(&["jobs", "show", &old]).out.contains("superseded by "));

            let requests = world.requests();
            let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
            let kind = ["job", "batch"][first];
            let wanted = format!("not resumed: {kind} {old} is superseded by ");
            assert!(ran.err.contains(&wanted), "{}", ran.err);
            let ran = world.run(&["jobs", "resume", &old]);
            assert_eq!(ran.code, Some(1), "{}", ran.err);
            let advice = format!("wexport jobs resume {old} --overwrite-newer");
            assert!(ran.err.contains(&advice), "{}", ran.err);
            assert_eq!(world.requests(), requests);
            assert!(world.read(file) == content(&world, 1), "{output}");

            world.done(&["jobs", "resume", &old, "--overwrite-newer"]);
            assert!(world.read(file) == content(&world, 0), "{output}");
        }
    }
}

#[test]
fn later_files_of_another_name_supersede_nothing() {
    for command in COMMANDS {
        let world = world_that_fails(1);
        fail(&world, command, "in/{time}-{operation}.pdf");
        world.done(&[command, &["b.pdf", "-q"]].concat());
        world.done(&[command, &["in/{time}-{operation}.pdf", "-q"]].concat());
        world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(world.names("in").len(), 2);
        assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
    }
}

/// One row has a later file, the other has none.
#[test]
fn rows_with_a_later_file_are_skipped() {
    let world = world_that_fails(2);
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n");
    let old = fail(&world, COMMANDS[1], "{id}.pdf");
    world.done(&["document", "d2", "-f", "pdf", "-o", "d2.pdf"]);
    let newer = world.exported();
    let ran = world.done(&["jobs", "resume", "--failed"]);
    assert!(ran.err.contains("warning: row 3: not resumed: it is superseded by "), "{}", ran.err);
    assert!(world.read("d2.pdf") == newer);
    assert!(world.work().join("d1.pdf").exists());
    assert_eq!(world.submits(), 3);
    let shown = world.done(&["jobs", "show", &old]).out;
    assert!(shown.contains("skipped        1") && shown.contains("done           1"), "{shown}");
}

/// Monday and Tuesday have failed: Monday's file must not follow Tuesday's.
#[test]
fn of_two_failed_runs_the_later_is_resumed() {
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let world = world_that_fails(2);
        let old = fail(&world, COMMANDS[first], "a.pdf");
        let new = fail(&world, COMMANDS[second], "a.pdf");
        let ran = world.run(&["jobs", "resume", "--failed"]);
        assert_eq!(ran.code, Some(if first == 0 { 0 } else { 8 }), "{}", ran.err);
        assert!(ran.err.contains(&new), "{}", ran.err);
        assert!(ran.err.contains("is later, has the same destination"), "{}", ran.err);
        assert!(world.read("a.pdf") == content(&world, 1));
        assert!(world.done(&["jobs", "list"]).out.contains(&format!("{old}  superseded")));
        let ran = world.done(&["jobs", "resume", "--failed"]);
        assert!(ran.err.contains("superseded"), "{}", ran.err);
        assert!(world.read("a.pdf") == content(&world, 1));
    }
}

#[test]
fn newer_file_is_not_replaced_by_a_resume() {
    let outputs = ["a.pdf", "{id}.pdf", "{name}.{ext}", "in/"];
    for (command, output) in COMMANDS.into_iter().flat_map(|it| outputs.map(|output| (it, output)))
    {
        let file = match output {
            "a.pdf" => "a.pdf",
            "in/" => "in/d1.pdf",
            _ => "d1.pdf",
        };
        let world = world_that_fails(1);
        let id = fail(&world, command, output);
        world.write(file, "newer");
        set_time(&world, file, SystemTime::now() + HOUR);
        for line in [&["jobs", "resume", &id][..], &["jobs", "resume", "--failed"]] {
            let ran = world.run(line);
            assert!(matches!(ran.code, Some(7 | 8)), "{output}: {}", ran.err);
            let wanted = format!("{file} is newer than this export, and is kept");
            assert!(ran.err.contains(&wanted), "{output}: {}", ran.err);
            assert_eq!(world.read(file), b"newer");
        }
        assert!(world.done(&["jobs", "show", &id]).out.contains("is newer than"), "{output}");
        world.done(&["jobs", "resume", "--failed", "--overwrite-newer"]);
        assert!(world.read(file) == world.exported(), "{output}");
        assert_eq!(world.submits(), 1, "{output}");
    }
}

#[test]
fn file_that_the_export_did_not_know_is_not_replaced() {
    for (command, output) in [(0, "a.pdf"), (1, "a.pdf"), (0, "{id}.pdf"), (1, "{id}.pdf")] {
        let file = if output == "a.pdf" { "a.pdf" } else { "d1.pdf" };
        for before in [None, Some("before")] {
            let world = world_that_fails(1);
            let old = SystemTime::now() - 2 * HOUR;
            if let Some(before) = before {
                world.write(file, before);
                set_time(&world, file, old);
            }
            let id = fail(&world, COMMANDS[command], output);
            // Moved here, with its time.
            world.write(file, "other!");
            set_time(&world, file, old - HOUR);
            let ran = world.run(&["jobs", "resume", &id]);
            assert!(matches!(ran.code, Some(7 | 8)), "{}", ran.err);
            assert!(ran.err.contains("is not the file that was there"), "{}", ran.err);
            assert_eq!(world.read(file), b"other!");
            match before {
                Some(before) => {
                    world.write(file, before);
                    set_time(&world, file, old);
                }
                None => fs::remove_file(world.work().join(file)).unwrap(),
            }
            world.done(&["jobs", "resume", &id]);
            assert!(world.read(file) == world.exported());
        }
    }
}

/// What cannot be read is listed as such, and hides nothing of the others.
#[test]
fn damaged_batch_does_not_hide_a_superseded_job() {
    let world = world_that_fails(1);
    let old = fail(&world, COMMANDS[0], "a.pdf");
    world.done(&[COMMANDS[1], &["b.pdf", "-q"]].concat());
    let batches = world.home().join(".local/state/wexport/batches");
    let folder = fs::read_dir(batches).unwrap().next().unwrap().unwrap().path();
    world.done(&[COMMANDS[0], &["a.pdf", "-q"]].concat());
    let db = rusqlite::Connection::open(folder.join("batch.sqlite")).unwrap();
    db.execute("UPDATE export SET destination = '{', subject = '{'", []).unwrap();
    drop(db);
    let listed = world.done(&["jobs", "list"]).out;
    assert!(listed.contains(&format!("{old}  superseded")), "{listed}");
    assert_eq!(listed.lines().count(), 3, "{listed}");
}
