//! Jobs: the state of a run, and resuming it.

use std::fs;

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};

use crate::world::{World, quick};

const PDF: [&str; 6] = ["document", "d1", "-f", "pdf", "-o", "a.pdf"];

fn id(world: &World) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    listed.lines().last().unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_run_is_listed_and_shown() {
    let world = World::new();
    world.done(&PDF);
    let list = world.done(&["jobs", "list"]).out;
    insta::assert_snapshot!(world.masked(&list));
    let show = world.done(&["jobs", "show", &id(&world)]).out;
    insta::assert_snapshot!(world.masked(&show));
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
}

#[test]
fn state_holds_no_secret() {
    let world = World::with(quick().with_downloads(export_sim::Downloads::Signed));
    world.done(&PDF);
    let folder = world.home().join(".local/state/wexport/jobs").join(id(&world));
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("a-secret") && !text.contains("Bearer"), "{text}");
        for signature in text.split("signature=").skip(1) {
            assert!(signature.starts_with("***"), "{text}");
        }
        files += 1;
    }
    assert!(files >= 3);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.done(&[&PDF[..], &["--state", "kept"]].concat());
    for folder in ["kept", "kept/jobs"] {
        let mode = fs::metadata(world.work().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn a_failed_job_is_resumed_by_its_id_only() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Between(1, 2));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    let ran = world.run(&[&PDF[..], &["--retries", "1"]].concat());
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    let id = id(&world);
    assert!(ran.err.contains(&format!("wexport jobs resume {id}")), "{}", ran.err);
    assert!(world.done(&["jobs", "list", "--failed"]).out.contains("failed"));

    // The same command again starts another export.
    world.done(&PDF);
    assert_eq!(world.submits(), 2);
    world.done(&["jobs", "resume", &id[id.len() - 4..]]);
    assert_eq!(world.submits(), 2);
    assert!(world.read("a.pdf").starts_with(b"%PDF-"));

    let ran = world.run(&["jobs", "resume", &id]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("is done"), "{}", ran.err);
}

#[test]
fn failed_jobs_are_resumed_together() {
    let broken = Rule::new(Endpoint::Download, Fault::Close { at: Moment::Byte(10) });
    let rule = broken.on(Nth::Between(1, 2));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    for name in ["a.pdf", "b.pdf"] {
        let line = ["document", "d1", "-f", "pdf", "-o", name, "--retries", "0", "-q"];
        assert_eq!(world.run(&line).code, Some(75));
    }
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.names(""), ["a.pdf", "b.pdf"]);
    assert_eq!(world.submits(), 2);
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
}

#[test]
fn a_resumed_job_keeps_its_destination() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    assert_eq!(world.run(&[&PDF[..], &["--retries", "0"]].concat()).code, Some(75));
    let mut command = world.command(&["jobs", "resume", &id(&world)]);
    assert!(command.current_dir(world.home()).status().unwrap().success());
    assert_eq!(world.names(""), ["a.pdf"]);
}

#[test]
fn a_repeated_command_replaces_the_file() {
    let world = World::new();
    for run in 1..=2 {
        world.done(&[&PDF[..], &["--quiet"]].concat());
        assert_eq!(world.submits(), run);
    }
    assert_eq!(world.names(""), ["a.pdf"]);
    assert_eq!(world.done(&["jobs", "list"]).out.lines().count(), 2);
    world.done(&["jobs", "clean", "--older-than", "1d"]);
    assert_eq!(world.done(&["jobs", "list"]).out.lines().count(), 2);
    assert_eq!(world.done(&["jobs", "clean", "--older-than", "0s"]).out, "removed 2 jobs\n");
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn without_state_fetch_is_suggested() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    let ran = world.run(&[&PDF[..], &["--retries", "0", "--no-state"]].concat());
    assert_eq!(ran.code, Some(75));
    assert!(ran.err.contains("wexport fetch"), "{}", ran.err);
    assert!(fs::read_dir(world.home()).unwrap().next().is_none());
}

#[test]
fn an_unusable_state_folder_is_reported() {
    let world = World::new();
    let blocked = world.home().join(".local");
    fs::write(&blocked, "a file").unwrap();
    let ran = world.run(&PDF);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("cannot store state in"), "{}", ran.err);
    assert!(ran.err.contains("--no-state"), "{}", ran.err);
    assert!(world.requests().is_empty());
    world.done(&[&PDF[..], &["--state", "elsewhere"]].concat());
}

#[test]
fn an_unknown_job_is_reported() {
    let world = World::new();
    for command in [["jobs", "show", "nonsense"], ["jobs", "resume", "nonsense"]] {
        let ran = world.run(&command);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("no job has the id"), "{}", ran.err);
    }
}
