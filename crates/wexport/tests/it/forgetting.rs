//! Which jobs are forgotten: by `jobs clean`, and by themselves.

use std::fs;
use std::path::PathBuf;

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};

use crate::world::{World, quick};

const LIST: &str = "kind,id,format\ndocument,d1,pdf\n";

/// A world in which these requests fail.
fn world_with(rules: impl IntoIterator<Item = Rule>) -> World {
    let scenario = rules.into_iter().fold(Scenario::default(), Scenario::with_rule);
    let world = World::with(quick().with_scenario(scenario));
    world.write("list.csv", LIST);
    world
}

fn listed(world: &World) -> String {
    world.done(&["jobs", "list"]).out
}

/// Exports to this path, by itself or as a batch.
fn export(batch: bool, output: &str) -> Vec<&str> {
    let command: &[&str] =
        if batch { &["batch", "list.csv", "-o"] } else { &["document", "d1", "-f", "pdf", "-o"] };
    [command, &[output, "--retries", "0", "-q"]].concat()
}

/// Makes all jobs and batches as old as their new IDs.
fn make_old(world: &World) {
    for folder in folders(world) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        fs::rename(&folder, folder.with_file_name(format!("20200101{}", &name[8..]))).unwrap();
    }
}

fn folders(world: &World) -> Vec<PathBuf> {
    let state = world.home().join(".local/state/wexport");
    let kinds = ["jobs", "batches"].map(|kind| fs::read_dir(state.join(kind)).unwrap());
    kinds.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn clean_keeps_what_can_be_resumed() {
    for batch in [false, true] {
        let gives_up = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
        let refused = Rule::new(Endpoint::Submit, Fault::status(400)).on(Nth::Only(2));
        let superseded = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(2));
        let world = world_with([gives_up, refused, superseded]);
        for (output, is_done) in
            [("gave-up.pdf", false), ("refused.pdf", false), ("a.pdf", false), ("a.pdf", true)]
        {
            let ran = world.run(&export(batch, output));
            assert_eq!(ran.code == Some(0), is_done, "{output}: {}", ran.err);
        }
        let removed = world.done(&["jobs", "clean", "--older-than", "0s"]).out;
        let wanted = match batch {
            true => "removed 0 jobs and 3 batches\n",
            false => "removed 3 jobs\n",
        };
        let kept = "kept 1 that can be resumed (--resumable removes it too)\n";
        assert_eq!(removed, format!("{wanted}{kept}"));
        assert_eq!(listed(&world).lines().count(), 1);
        world.done(&["jobs", "resume", "--failed"]);
        assert!(world.work().join("gave-up.pdf").exists());
    }
}

#[cfg(unix)]
#[test]
fn clean_removes_interrupted_jobs_only_if_told() {
    for batch in [false, true] {
        let stall = Fault::Stall { at: Moment::BeforeHead, time: None };
        let world = world_with([Rule::new(Endpoint::Operation, stall).on(Nth::Between(1, 2))]);
        for signal in ["-KILL", "-INT"] {
            let before = world.submits();
            let output = format!("{}.pdf", &signal[1..]);
            let line = export(batch, &output);
            let is_polled = |world: &World| {
                world.submits() > before
                    && world.requests().last().unwrap().contains("/operations/")
            };
            let child = world.start_until(&line, is_polled);
            let pid = child.id().to_string();
            // It is not removed while it runs, whatever is asked for.
            world.done(&["jobs", "clean", "--older-than", "0s", "--resumable"]);
            assert!(listed(&world).contains("running"), "{}", listed(&world));
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
            child.wait_with_output().unwrap();
            let kept = world.done(&["jobs", "clean", "--older-than", "0s"]).out;
            assert!(kept.contains("kept 1 that can be resumed"), "{kept}");
            world.done(&["jobs", "clean", "--older-than", "0s", "--resumable"]);
            assert_eq!(listed(&world), "");
        }
    }
}

#[test]
fn old_done_jobs_are_forgotten_by_the_next_run() {
    for batch in [false, true] {
        let gives_up = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
        let superseded = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(2));
        let world = world_with([gives_up, superseded]);
        world.run(&export(batch, "gave-up.pdf"));
        world.run(&export(batch, "a.pdf"));
        world.done(&export(batch, "a.pdf"));
        world.done(&export(!batch, "b.pdf"));
        assert_eq!(listed(&world).lines().count(), 4);
        make_old(&world);
        // A run of which nothing is stored forgets nothing.
        world.done(&[&export(false, "c.pdf")[..], &["--no-state"]].concat());
        assert_eq!(listed(&world).lines().count(), 4);
        // Nor does one that is to keep them for longer.
        world.write("config.toml", "keep_done_for = \"9999d\"\n");
        world.done(&[&export(batch, "c.pdf")[..], &["--config", "config.toml"]].concat());
        assert_eq!(listed(&world).lines().count(), 5);
        world.done(&export(batch, "c.pdf"));
        let left = listed(&world);
        assert_eq!(left.lines().count(), 3, "{left}");
        assert!(world.work().join("a.pdf").exists() && world.work().join("b.pdf").exists());
        world.done(&["jobs", "resume", "--failed"]);
        assert!(world.work().join("gave-up.pdf").exists());
    }
}

#[test]
fn config_file_says_what_is_kept() {
    let world = world_with([]);
    for (config, left) in
        [("keep_done = 2\n", 3), ("keep_done = 0\n", 1), ("keep_done_for = \"1d\"\n", 5)]
    {
        world.write("config.toml", config);
        for number in 0..5 {
            let output = format!("{number}.pdf");
            let line =
                [&export(number % 2 == 0, &output)[..], &["--config", "config.toml"]].concat();
            world.done(&line);
        }
        assert_eq!(listed(&world).lines().count(), left, "{config}: {}", listed(&world));
        world.done(&["jobs", "clean", "--older-than", "0s"]);
    }
    world.write("config.toml", "keep_done = \"all\"\n");
    let ran = world.run(&[&export(false, "a.pdf")[..], &["--config", "config.toml"]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let doctor = world.run(&["doctor"]).out;
    assert!(doctor.contains("keep done for") && doctor.contains("30d"), "{doctor}");
}

/// Each run forgets those that are done, while others start and run beside it.
#[test]
fn runs_beside_each_other_are_not_forgotten() {
    let world = world_with([]);
    world.write("config.toml", "keep_done = 0\n");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let world = &world;
            scope.spawn(move || {
                for number in 0..6 {
                    let output = format!("{thread}-{number}.pdf");
                    let line = export(number % 2 == 0, &output);
                    let ran = world.run(&[&line[..], &["--config", "config.toml"]].concat());
                    assert_eq!(ran.code, Some(0), "{}", ran.err);
                }
            });
        }
    });
    assert!(!listed(&world).contains("unreadable"));
}
