//! Separate processes that share the rate limit of the service.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use export_sim::Endpoint;
use fs4::FileExt;

use crate::world::{World, quick};

/// The files of paces in the state.
fn paces(world: &World) -> Vec<PathBuf> {
    let folder = world.home().join(".local/state/wexport/pace");
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn rate_of(world: &World, class: &str) -> (u64, bool) {
    let [file] = &*paces(world) else { panic!("{:?}", paces(world)) };
    let pace: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let rate = &pace["pacer"][class]["rate"];
    (rate["interval"].as_u64().unwrap(), rate["is_learned"].as_bool().unwrap())
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// One of them is killed and one frozen, while they wait for their turn.
#[cfg(unix)]
#[test]
fn processes_keep_the_limit_of_the_service_together() {
    const RATE: f64 = 5.0;
    let config = quick().with_operations_rate(RATE).with_complete_after(Duration::from_secs(1));
    let world = World::with(config);
    let mut processes: Vec<Child> = (0..12)
        .map(|number| {
            let (id, file) = (format!("d{number}"), format!("{number}.pdf"));
            let mut command = world.command(&["document", &id, "-o", &file, "-q"]);
            command.env("WEXPORT_POLL_RATE", format!("{RATE}/s"));
            // The service counts the requests of each token.
            command.env_remove("WORKIVA_CLIENT_ID").env_remove("WORKIVA_CLIENT_SECRET");
            command.env("WORKIVA_TOKEN", "a-token").spawn().unwrap()
        })
        .collect();
    let all_submitted = || world.submits() == processes.len();
    while !all_submitted() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (mut killed, mut frozen) = (processes.remove(11), processes.remove(10));
    killed.kill().unwrap();
    signal(&frozen, "-STOP");
    for process in processes {
        let ran = world.ran(process.wait_with_output().unwrap());
        assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    }
    signal(&frozen, "-CONT");
    assert!(frozen.wait().unwrap().success());
    killed.wait().unwrap();
    let requests = world.server.requests();
    let polls = || requests.iter().filter(|it| it.endpoint() == Endpoint::Operation);
    let refused = polls().filter(|it| it.status().is_some_and(|status| status == 429)).count();
    assert!(polls().count() >= 11, "{:?}", world.requests());
    assert!(refused <= 3, "{:?}", world.requests());
}

/// What one has learned holds for the next one, also of a single export.
#[test]
fn commands_of_one_client_share_a_file() {
    let world = World::new();
    world.done(&["document", "d1", "-o", "d1.pdf"]);
    world.write("list.csv", "kind,id,format\ndocument,d2,pdf\n");
    world.done(&["batch", "list.csv", "--poll-rate", "7/s"]);
    let operation =
        world.requests().into_iter().find(|line| line.contains("/operations/")).unwrap();
    let operation = operation.split('/').nth(2).unwrap().split(' ').next().unwrap().to_owned();
    world.done(&["fetch", &operation, "-o", "d3.pdf"]);
    world.done(&["status", &operation]);
    assert_eq!(paces(&world).len(), 1);
    // The variable of this world.
    assert_eq!(rate_of(&world, "operations"), (1_000, false));
}

/// The next turn is a minute after that of the first command, and after the deadline of the second.
#[test]
fn list_of_files_takes_its_turn() {
    let world = World::new();
    fs::create_dir_all(world.home().join(".local/state/wexport")).unwrap();
    let line = ["files", "--poll-rate", "1/m"];
    world.done(&line);
    let ran = world.run(&[&line[..], &["--timeout", "1s"]].concat());
    assert_eq!((ran.code, &*ran.out), (Some(75), ""), "{}", ran.err);
    let requests = world.server.requests();
    assert_eq!(requests.iter().filter(|it| it.endpoint() == Endpoint::Files).count(), 1);
}

#[test]
fn groups_and_clients_have_their_own_files() {
    let world = World::new();
    let line = ["document", "d1", "-o", "d1.pdf"];
    world.done(&line);
    world.done(&[&line[..], &["--pace-group", "exports"]].concat());
    assert_eq!(paces(&world).len(), 2);
    let named = world.run_with(&[("WEXPORT_PACE_GROUP", "exports")], &line);
    assert_eq!((named.code, paces(&world).len()), (Some(0), 2));
    // The client ID is the name of the group unless there is another one.
    world.done(&[&line[..], &["--pace-group", "an-id"]].concat());
    assert_eq!(paces(&world).len(), 2);
}

#[test]
fn without_a_state_nothing_is_shared() {
    let world = World::new();
    let ran = world.done(&["document", "d1", "-o", "d1.pdf", "--no-state", "-q"]);
    assert_eq!((&*ran.err, paces(&world).len()), ("", 0));
}

#[test]
fn damaged_file_of_a_pace_is_replaced() {
    let world = World::new();
    world.done(&["document", "d1", "-o", "d1.pdf"]);
    let [file] = &*paces(&world) else { panic!("{:?}", paces(&world)) };
    for text in ["", "{\"version\":1,", "{\"version\":99}"] {
        fs::write(file, text).unwrap();
        assert_eq!(world.done(&["document", "d1", "-o", "d1.pdf", "-q"]).err, "");
        assert_eq!(rate_of(&world, "submit"), (1_000, false));
    }
}

#[test]
fn pace_that_cannot_be_stored_is_reported_once() {
    let world = World::new();
    let folder = world.home().join(".local/state/wexport/pace");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "").unwrap();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\ndocument,d3,pdf\n");
    let ran = world.done(&["batch", "list.csv", "-q"]);
    let warning = "cannot share the rate limit with other commands in";
    assert_eq!(ran.err.matches(warning).count(), 1, "{}", ran.err);
}

/// A process was stopped in the moment in which it had the file locked.
#[test]
fn locked_pace_delays_a_command_by_seconds() {
    let world = World::new();
    world.done(&["document", "d1", "-o", "d1.pdf"]);
    let [file] = &*paces(&world) else { panic!("{:?}", paces(&world)) };
    let locked = OpenOptions::new().write(true).open(file).unwrap();
    FileExt::lock(&locked).unwrap();
    let ran = world.done(&["document", "d2", "-o", "d2.pdf", "-q"]);
    assert_eq!(ran.err.matches("another process has locked it").count(), 1, "{}", ran.err);
    FileExt::unlock(&locked).unwrap();
    assert_eq!(world.done(&["document", "d2", "-o", "d2.pdf", "-q"]).err, "");
}
