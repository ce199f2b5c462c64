//! Jobs: the state of a run, and resuming it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario, Server};

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
    world.done(&["document", "d1", "-f", "pdf", "-o", "b.pdf"]);
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

/// A world with a job, or a batch, whose first poll failed.
fn world_with_failed_run(line: &[&str]) -> (World, String) {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let ran = world.run(&[line, &["--retries", "0", "-q"]].concat());
    assert!(matches!(ran.code, Some(8 | 75)), "{}", ran.err);
    let id = id(&world);
    (world, id)
}

const RUNS: [&[&str]; 2] = [&PDF, &["batch", "list.csv", "-o", "a.pdf"]];

#[test]
fn resume_sends_no_credentials_to_another_service() {
    for run in RUNS {
        let (world, id) = world_with_failed_run(run);
        let production = Server::start_blocking(quick()).unwrap();
        let (test, requests) = (world.server.url(), world.requests());
        let variables = [("WEXPORT_BASE_URL", production.url())];
        let listed = world.done(&["jobs", "list"]).out;
        let resume = ["jobs", "resume", &id];
        for line in [&resume[..], &["jobs", "resume", &id, "--failed"]] {
            let ran = world.run_with(&variables, line);
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            let message = format!(
                "{id} belongs to {test}, but the service is {} (WEXPORT_BASE_URL)",
                production.url()
            );
            assert!(ran.err.contains(&message), "{}", ran.err);
            let advice = format!("wexport jobs resume {id} --base-url {test}");
            assert!(ran.err.contains(&advice), "{}", ran.err);
        }
        let named = world.run(&[&resume[..], &["--base-url", production.url()]].concat());
        assert_eq!(named.code, Some(2), "{}", named.err);
        // A run that is not named is left out.
        let ran = world.run_with(&variables, &["jobs", "resume", "--failed", "-q"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains(&format!("not resumed: {id} belongs to {test}")), "{}", ran.err);
        assert_eq!((world.requests(), production.requests().len()), (requests, 0));
        assert_eq!(world.done(&["jobs", "list"]).out, listed);

        // The flag names the service of the run. Its spelling does not matter.
        let flag = format!("{}/", test.replace("http://", "HTTP://"));
        let ran = world.run_with(&variables, &[&resume[..], &["--base-url", &flag]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(production.requests().len(), 0);
        assert!(world.read("a.pdf").starts_with(b"%PDF-"));
    }
}

#[test]
fn paths_of_one_origin_are_different_services() {
    for run in RUNS {
        let (world, id) = world_with_failed_run(run);
        let requests = world.requests();
        let elsewhere = format!("{}/production", world.server.url());
        let ran = world.run(&["jobs", "resume", &id, "--base-url", &elsewhere]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("belongs to"), "{}", ran.err);
        assert_eq!(world.requests(), requests);
    }
}

#[test]
fn resume_sends_no_credentials_of_another_client() {
    for run in RUNS {
        let (world, id) = world_with_failed_run(run);
        let requests = world.requests();
        world.write(
            "config.toml",
            "credential_command = [\"echo\", '{\"client_id\": \"other-id\", \"client_secret\": \"s\"}']\n",
        );
        let by_command = [("WORKIVA_CLIENT_SECRET", ""), ("WEXPORT_CONFIG", "config.toml")];
        for variables in [&[("WORKIVA_CLIENT_ID", "other-id")][..], &by_command] {
            let ran = world.run_with(variables, &["jobs", "resume", &id]);
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            let message = format!("{id} was begun with the client ID an-id, not with other-id");
            assert!(ran.err.contains(&message), "{}", ran.err);
            let ran = world.run_with(variables, &["jobs", "resume", "--failed"]);
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            assert!(ran.err.contains(&format!("not resumed: {id} was begun")), "{}", ran.err);
        }
        assert_eq!(world.requests(), requests);
        // Whose a token is cannot be told.
        let token = [("WORKIVA_CLIENT_SECRET", ""), ("WORKIVA_TOKEN", "a-token")];
        let ran = world.run_with(&token, &["jobs", "resume", &id]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
}

#[test]
fn resume_advice_names_the_service_of_a_flag() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    for run in RUNS {
        let scenario = Scenario::default().with_rule(broken.clone());
        let world = World::with(quick().with_scenario(scenario));
        world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
        let flags = ["--retries", "0", "--base-url", world.server.url()];
        let elsewhere = [("WEXPORT_BASE_URL", "https://api.example.com")];
        let ran = world.run_with(&elsewhere, &[run, &flags].concat());
        let advice = format!("resume {} --base-url {}", id(&world), world.server.url());
        assert!(ran.err.contains(&advice), "{}", ran.err);
    }
}

#[test]
fn operation_of_another_origin_is_sent_nothing() {
    let (world, elsewhere) = (World::new(), Server::start_blocking(quick()).unwrap());
    let operation = format!("{}/operations/1", elsewhere.url());
    for line in [&["status", &operation][..], &["fetch", &operation, "-o", "a.pdf"]] {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("on the host of --region or --base-url"), "{}", ran.err);
    }
    assert_eq!((world.requests().len(), elsewhere.requests().len()), (0, 0));
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn refused_run_leaves_no_state() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    world.write("empty.pem", "");
    let no_secret = [("WORKIVA_CLIENT_SECRET", "")];
    let no_roots = [("WEXPORT_CA_BUNDLE", "empty.pem")];
    for run in RUNS {
        for variables in [&no_secret, &no_roots] {
            let ran = world.run_with(variables, run);
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            assert_eq!(world.done(&["jobs", "list"]).out, "");
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn clean_removes_no_run_that_starts() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let ran = world.run(&["jobs", "clean", "--older-than", "0s"]);
                assert_eq!(ran.code, Some(0), "{}", ran.err);
                assert!(!world.done(&["jobs", "list"]).out.contains("unreadable"));
            }
        });
        let runs = (0..24).map(|number| world.run(RUNS[number % 2]));
        let failed = runs.into_iter().find(|ran| ran.code != Some(0));
        is_done.store(true, Ordering::Relaxed);
        assert!(failed.is_none(), "{failed:?}");
    });
    world.done(&["jobs", "clean", "--older-than", "0s"]);
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn clean_removes_what_was_never_stored() {
    let world = World::new();
    let state = world.home().join(".local/state/wexport");
    for kind in ["jobs", "batches"] {
        fs::create_dir_all(state.join(kind).join("20261125-021500-7f3a")).unwrap();
        let removed = world.done(&["jobs", "clean", "--older-than", "0s"]).out;
        assert!(removed.contains(if kind == "jobs" { "1 job" } else { "1 batch" }), "{removed}");
        assert_eq!(world.done(&["jobs", "list"]).out, "");
    }
}
