//! Ctrl-C and SIGTERM in each phase, and resuming afterwards.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};

use crate::world::{Ran, World, quick};

const LENGTH: u64 = 3_000_000;

const PDF: [&str; 6] = ["document", "d1", "-f", "pdf", "-o", "a.pdf"];

fn signal(world: &World, child: Child, name: &str) -> Ran {
    let pid = child.id().to_string();
    let sent = Instant::now();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    let ran = world.ran(child.wait_with_output().unwrap());
    assert!(sent.elapsed() < Duration::from_secs(5));
    ran
}

/// A service whose first response of this kind stalls.
fn stalling(endpoint: Endpoint, at: Moment) -> World {
    let stall = Rule::new(endpoint, Fault::Stall { at, time: None }).on(Nth::Only(1));
    World::with(
        quick().with_artifact_size(LENGTH).with_scenario(Scenario::default().with_rule(stall)),
    )
}

/// There is no job to resume.
#[test]
fn stopped_submit_says_what_to_do() {
    for (name, endpoint, code, advice) in [
        ("-INT", Endpoint::Token, 130, "yes: the service had not accepted the export"),
        ("-TERM", Endpoint::Submit, 143, "yes, after a check in Workiva"),
    ] {
        let world = stalling(endpoint, Moment::BeforeHead);
        let is_requested = |world: &World| {
            world.server.requests().iter().any(|request| request.endpoint() == endpoint)
        };
        let child = world.start_until(&["document", "d1", "-f", "pdf", "--no-wait"], is_requested);
        let ran = signal(&world, child, name);
        assert_eq!((ran.code, &*ran.out), (Some(code), ""), "{endpoint:?}: {}", ran.err);
        assert!(ran.err.contains(advice), "{endpoint:?}: {}", ran.err);
    }
}

#[test]
fn an_export_stopped_in_any_phase_can_be_resumed() {
    for (name, endpoint, at, code) in [
        ("-INT", Endpoint::Token, Moment::BeforeHead, 130),
        ("-TERM", Endpoint::Submit, Moment::BeforeHead, 143),
        ("-INT", Endpoint::Operation, Moment::BeforeHead, 130),
        ("-TERM", Endpoint::Operation, Moment::AfterHead, 143),
        ("-INT", Endpoint::Download, Moment::Byte(1_500_000), 130),
        ("-TERM", Endpoint::Download, Moment::Byte(1_500_000), 143),
    ] {
        let world = stalling(endpoint, at);
        let is_requested = |world: &World| {
            world.server.requests().iter().any(|request| request.endpoint() == endpoint)
        };
        let child = world.start_until(&PDF, is_requested);
        let ran = signal(&world, child, name);
        assert_eq!(ran.code, Some(code), "{endpoint:?}: {}", ran.err);
        let advice = ran.err.lines().find(|line| line.contains("wexport jobs resume")).unwrap();
        let id = advice.rsplit(' ').next().unwrap();
        assert!(!world.work().join("a.pdf").exists());
        assert!(world.done(&["jobs", "list"]).out.contains("interrupted"), "{endpoint:?}");

        world.done(&["jobs", "resume", id]);
        assert!(world.read("a.pdf") == world.exported(), "{endpoint:?}");
        assert_eq!(world.names(""), ["a.pdf"], "{endpoint:?}");
        // A submit that may have been received is sent again: it has no side effect.
        let submits = if endpoint == Endpoint::Submit { 2 } else { 1 };
        assert_eq!(world.submits(), submits, "{endpoint:?}");
    }
}

/// Shells set SIGINT to be ignored for a background job of a script.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_the_parent_ignores_is_ignored() {
    for (trap, sent) in [("INT", "-INT"), ("TERM", "-TERM"), ("INT TERM", "-INT")] {
        let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_millis(500)) };
        let stall = Rule::new(Endpoint::Operation, stall).on(Nth::Only(1));
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(stall)));
        let program = world.command(&PDF);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("trap '' {trap}; exec \"$@\""), "sh"])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(world.work())
            .env_clear()
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let is_polled =
            |world: &World| world.requests().iter().any(|line| line.contains("/operations/"));
        let child = world.spawn_until(shell, is_polled);
        let ran = signal(&world, child, sent);
        assert_eq!(ran.code, Some(0), "{trap}: {}", ran.err);
        assert!(world.read("a.pdf") == world.exported());
    }
}

#[test]
fn a_killed_job_can_be_resumed() {
    let world = stalling(Endpoint::Download, Moment::Byte(1_500_000));
    let has_part = |world: &World| {
        world.names("").iter().any(|name| {
            std::fs::metadata(world.work().join(name)).is_ok_and(|part| part.len() > 1_000_000)
        })
    };
    let mut child = world.start_until(&PDF, has_part);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.done(&["jobs", "list", "--failed"]).out.contains("interrupted"));
    world.done(&["jobs", "resume", "--failed"]);
    assert!(world.read("a.pdf") == world.exported());
    assert_eq!(world.submits(), 1);
}

/// The job is stored before the credentials are read: a FIFO without a writer blocks the program
/// between the two.
#[test]
fn an_export_stopped_before_its_first_request_can_be_resumed() {
    for name in ["-KILL", "-TERM"] {
        let world = World::new();
        let secret = world.work().join("secret");
        assert!(Command::new("mkfifo").arg(&secret).status().unwrap().success());
        let command = [&PDF[..], &["--client-secret-file", "secret"]].concat();
        let is_stored = |world: &World| world.done(&["jobs", "list"]).out.contains("running");
        let child = world.start_until(&command, is_stored);
        let ran = signal(&world, child, name);
        assert_ne!(ran.code, Some(0), "{name}: {}", ran.err);
        assert!(world.requests().is_empty(), "{name}: {:?}", world.requests());
        let list = world.done(&["jobs", "list"]).out;
        assert!(list.contains("interrupted"), "{name}: {list}");

        world.done(&["jobs", "resume", list.split(' ').next().unwrap()]);
        assert!(world.read("a.pdf") == world.exported(), "{name}");
        assert_eq!(world.submits(), 1, "{name}");
    }
}

#[test]
fn a_running_job_cannot_be_resumed() {
    let world = stalling(Endpoint::Operation, Moment::BeforeHead);
    let is_polled =
        |world: &World| world.requests().iter().any(|line| line.contains("/operations/"));
    let child = world.start_until(&PDF, is_polled);
    let list = world.done(&["jobs", "list"]).out;
    assert!(list.contains("running"), "{list}");
    let ran = world.run(&["jobs", "resume", list.split(' ').next().unwrap()]);
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    assert!(ran.err.contains("is running in another process"), "{}", ran.err);
    assert_eq!(world.done(&["jobs", "clean", "--older-than", "0s"]).out, "removed 0 jobs\n");
    assert_eq!(signal(&world, child, "-INT").code, Some(130));
}

/// The file whose time is that of the last sign of life.
fn running(world: &World) -> std::path::PathBuf {
    let state = world.home().join(".local/state/wexport");
    let runs = ["jobs", "batches"].map(|kind| std::fs::read_dir(state.join(kind)).unwrap());
    let folder = runs.into_iter().flatten().next().unwrap().unwrap().path();
    folder.join("running.json")
}

fn set_heard(world: &World, ago: Duration) {
    let file = std::fs::File::options().write(true).open(running(world)).unwrap();
    file.set_modified(std::time::SystemTime::now() - ago).unwrap();
}

#[test]
fn stopped_process_is_listed_with_what_to_do() {
    let batch = ["batch", "list.csv", "-q"];
    for (line, kind) in [(&PDF[..], "job"), (&batch, "batch")] {
        let world = stalling(Endpoint::Operation, Moment::BeforeHead);
        world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
        let is_polled =
            |world: &World| world.requests().iter().any(|line| line.contains("/operations/"));
        let child = world.start_until(line, is_polled);
        let pid = child.id().to_string();
        let list = world.done(&["jobs", "list"]).out;
        assert!(list.contains(&format!("  process {pid} on ")), "{list}");
        assert!(list.contains(", heard of ") && !list.contains("not heard"), "{list}");
        let id = list.split(' ').next().unwrap();

        Command::new("kill").args(["-STOP", &pid]).status().unwrap();
        set_heard(&world, Duration::from_secs(310));
        let advice = format!("end it: kill {pid} on ");
        let then = format!("wexport jobs resume {id}");
        for command in [&["jobs", "list"][..], &["jobs", "show", id]] {
            let told = world.done(command).out;
            assert!(told.contains("running, not heard of for 5 min"), "{told}");
            assert!(told.contains(&advice) && told.contains(&then), "{told}");
        }
        let json = world.done(&["jobs", "list", "--json"]).out;
        assert!(json.contains(&format!("\"process\":{{\"pid\":{pid},\"host\":")), "{json}");
        let ran = world.run(&["jobs", "resume", id]);
        assert_eq!(ran.code, Some(9), "{}", ran.err);
        assert!(ran.err.contains(&format!("{kind} {id} is running in another")), "{}", ran.err);
        assert!(ran.err.contains(&advice) && ran.err.contains(&then), "{}", ran.err);
        let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
        assert!(ran.err.contains(&format!("not resumed: {kind} {id} is running")), "{}", ran.err);
        assert!(ran.err.contains(&advice), "{}", ran.err);

        assert_eq!(signal(&world, child, "-KILL").code, None);
        assert!(world.done(&["jobs", "list"]).out.contains("interrupted"));
        world.done(&["jobs", "resume", id]);
        assert!(!running(&world).exists());
    }
}

/// The process is announced, and then blocked by a FIFO, before its run begins.
#[test]
fn run_gives_a_sign_of_life() {
    let world = World::new();
    let secret = world.work().join("secret");
    assert!(Command::new("mkfifo").arg(&secret).status().unwrap().success());
    let command =
        [&PDF[..], &["--client-secret-file", "secret", "--poll-interval", "10s"]].concat();
    let is_stored = |world: &World| world.done(&["jobs", "list"]).out.contains("running");
    let child = world.start_until(&command, is_stored);
    set_heard(&world, Duration::from_secs(3600));
    assert!(world.done(&["jobs", "list"]).out.contains("not heard of for 1 h"));
    std::fs::write(&secret, "a-secret").unwrap();
    let give_up_at = Instant::now() + Duration::from_secs(20);
    while world.done(&["jobs", "list"]).out.contains("not heard of") {
        assert!(Instant::now() < give_up_at);
    }
    assert!(world.done(&["jobs", "list"]).out.contains("running"));
    assert_eq!(signal(&world, child, "-INT").code, Some(130));
}
