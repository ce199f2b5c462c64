//! Runs that are killed between two records of one fact.

use std::fs;
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::process::Command;
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};
use rusqlite::Connection;
use serde_json::Value;

use crate::world::{World, quick};

const SINGLE: [&str; 6] = ["document", "d1", "-f", "pdf", "-o", "a.pdf"];
const BATCH: [&str; 6] = ["batch", "list.csv", "-o", "a.pdf", "--results", "results.jsonl"];
const LIST: &str = "kind,id,format\ndocument,d1,pdf\n";

/// The ID of the only job or batch.
fn id(world: &World) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    listed.split(' ').next().unwrap().to_owned()
}

/// The folder of the only job, or of the only batch.
fn state(world: &World, kind: &str) -> PathBuf {
    let runs = world.home().join(".local/state/wexport").join(kind);
    fs::read_dir(runs).unwrap().next().unwrap().unwrap().path()
}

/// Starts a command, and kills it when its file has appeared; false if it had ended by then.
fn kill_when_in_place(world: &World, line: &[&str], file: &str) -> bool {
    let mut child = world.command(line).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !world.work().join(file).exists() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    !world.done(&["jobs", "list", "--failed"]).out.is_empty()
}

/// The digest of the file is made after it is in place, and takes a while.
fn world_killed_after_placing(line: &[&str], rule: &str) -> World {
    let line = [line, &["--if-exists", rule, "-q"]].concat();
    for size in (25..).map(|exponent| 1 << exponent) {
        let world = World::with(quick().with_artifact_size(size));
        world.write("list.csv", LIST);
        if rule == "rename" {
            world.write("a.pdf", "old");
        }
        let file = if rule == "rename" { "a (2).pdf" } else { "a.pdf" };
        if kill_when_in_place(&world, &line, file) {
            return world;
        }
    }
    unreachable!("the sizes have no end")
}

#[test]
fn file_that_is_in_place_ends_a_resumed_run() {
    let single = [&SINGLE[..], &["--receipt"]].concat();
    for (line, is_batch) in [(&single[..], false), (&BATCH, true)] {
        for rule in ["replace", "rename", "skip", "error"] {
            let world = world_killed_after_placing(line, rule);
            let submits = world.submits();
            let ran = world.done(&["jobs", "resume", "--failed"]);
            assert!(!ran.err.contains("exists"), "{rule}: {}", ran.err);
            let downloads = |world: &World| {
                let requests = world.server.requests();
                requests.iter().filter(|request| request.endpoint() == Endpoint::Download).count()
            };
            assert_eq!((world.submits(), submits, downloads(&world)), (1, 1, 1), "{rule}");
            let file = if rule == "rename" { "a (2).pdf" } else { "a.pdf" };
            assert!(world.read(file) == world.exported(), "{rule}");
            // The file, the one that was there before, and a receipt; not what a kill has left of a rename.
            let files = world.names("").iter().filter(|it| it.contains("pdf")).count();
            let others = usize::from(rule == "rename") + usize::from(!is_batch);
            assert_eq!(files, 1 + others, "{rule}");
            assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
            if is_batch {
                let results = String::from_utf8(world.read("results.jsonl")).unwrap();
                let result: Value = serde_json::from_str(results.trim()).unwrap();
                assert_eq!(result["status"], "done", "{rule}");
                assert_eq!(result["receipt"]["file"], file);
            } else {
                world.done(&["verify", file]);
            }
        }
    }
}

/// The calls that change files, by groups that are counted together.
#[cfg(target_os = "linux")]
const CALLS: [&str; 5] = [
    "?link,?linkat",
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
    "fsync,fdatasync",
    "pwrite64",
];

/// Runs a command that is killed at its nth call of a group; false if it has fewer.
#[cfg(target_os = "linux")]
fn is_killed_at(world: &World, line: &[&str], calls: &str, nth: usize) -> bool {
    use std::os::unix::process::ExitStatusExt;

    let program = world.command(line);
    let mut command = Command::new("strace");
    command.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
    command.arg(format!("inject={calls}:signal=KILL:when={nth}"));
    command.arg(program.get_program()).args(program.get_args());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(world.work()).output().unwrap();
    let is_killed = output.status.signal() == Some(9);
    assert!(is_killed || output.status.success(), "{}", world.ran(output).err);
    is_killed
}

/// Resumes a killed run, or starts it again if it was not stored, until it is done.
#[cfg(target_os = "linux")]
fn complete(world: &World, line: &[&str]) {
    loop {
        let listed = world.done(&["jobs", "list", "--json"]).out;
        if listed.contains(r#""status":"done""#) {
            return assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
        }
        let ran = match listed.is_empty() {
            true => world.run(line),
            false => world.run(&["jobs", "resume", "--failed", "-q"]),
        };
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn run_killed_at_any_change_of_a_file_is_completed() {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return eprintln!("skipped: strace is not installed, or not permitted");
    }
    let single = [&SINGLE[..], &["--receipt"]].concat();
    std::thread::scope(|scope| {
        for (line, is_batch) in [(&single[..], false), (&BATCH, true)] {
            for (rule, groups) in [("error", 5), ("rename", 4), ("skip", 2), ("replace", 2)] {
                let line = [line, &["--if-exists", rule, "-q"]].concat();
                scope.spawn(move || {
                    for calls in &CALLS[..groups] {
                        kill_at_each(&line, is_batch, rule, calls);
                    }
                });
            }
        }
    });
}

#[cfg(target_os = "linux")]
fn kill_at_each(line: &[&str], is_batch: bool, rule: &str, calls: &str) {
    for nth in 1.. {
        let world = World::with(quick().with_artifact_size(100_000));
        world.write("list.csv", LIST);
        if rule == "rename" {
            world.write("a.pdf", "old");
        }
        let is_killed = is_killed_at(&world, line, calls, nth);
        complete(&world, line);
        let case = format!("{rule}, {calls} {nth}");
        let mut names = world.names("");
        names.retain(|name| name.contains(".pdf") && !name.ends_with(".receipt.json"));
        let file = if rule == "rename" { "a (2).pdf" } else { "a.pdf" };
        let old: &[&str] = if rule == "rename" { &["a.pdf"] } else { &[] };
        assert_eq!(names, [&[file][..], old].concat(), "{case}");
        assert_eq!(world.read(file).len(), 100_000, "{case}");
        if is_batch {
            let results = String::from_utf8(world.read("results.jsonl")).unwrap();
            let result: Value = serde_json::from_str(results.trim()).unwrap();
            assert_eq!(result["status"], "done", "{case}");
        } else {
            world.done(&["verify", file]);
        }
        if !is_killed {
            return assert!(nth > 1 || calls.contains("link") || !is_batch, "{case}");
        }
    }
}

#[test]
fn file_whose_end_is_not_recorded_is_done_when_resumed() {
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_secs(1)) };
    let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Download, stall));
    let world = World::with(quick().with_scenario(scenario));
    let is_requested = |world: &World| {
        world.server.requests().iter().any(|request| request.endpoint() == Endpoint::Download)
    };
    let line = [&SINGLE[..], &["--if-exists", "error"]].concat();
    let child = world.start_until(&line, is_requested);
    let (record, kept) = (state(&world, "jobs").join("job.json"), world.work().join("kept"));
    fs::rename(&record, &kept).unwrap();
    fs::create_dir(&record).unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("was not recorded"), "{}", ran.err);
    fs::remove_dir(&record).unwrap();
    fs::rename(&kept, &record).unwrap();
    let requests = world.requests().len();
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
    assert_eq!(world.requests().len(), requests);
}

#[test]
fn receipt_that_cannot_be_written_is_all_that_is_repeated() {
    let world = World::new();
    let receipt = world.work().join("a.pdf.receipt.json");
    // Something appears where the receipt is to go, after it was checked.
    let in_the_way = receipt.clone();
    let server = test_servers::service(move |_, _| {
        fs::create_dir(&in_the_way).unwrap();
        test_servers::whole()
    });
    let variables = [
        ("WEXPORT_BASE_URL", server.url()),
        ("WEXPORT_API_VERSION", "2022-01-01".into()),
        ("WORKIVA_TOKEN", "a-token".into()),
        ("WORKIVA_CLIENT_SECRET", String::new()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ran =
        world.run_with(&variables, &[&SINGLE[..], &["--receipt", "--if-exists", "error"]].concat());
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    fs::remove_dir(&receipt).unwrap();
    let requests = server.requests().len();
    let ran = world.run_with(&variables, &["jobs", "resume", &id(&world)]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(server.requests().len(), requests);
    world.done(&["verify", "a.pdf"]);
}

#[test]
fn batch_killed_after_its_last_row_is_completed() {
    let world = World::new();
    world.write("list.csv", LIST);
    world.done(&BATCH);
    let (results, requests) = (world.read("results.jsonl"), world.requests());
    // The end of the run and the last line of the results are missing.
    let db = Connection::open(state(&world, "batches").join("batch.sqlite")).unwrap();
    let remove = "UPDATE note SET value = json_remove(value, '$.end') WHERE name = 'description'";
    assert_eq!(db.execute(remove, []).unwrap(), 1);
    drop(db);
    world.write("results.jsonl", "");
    assert!(world.done(&["jobs", "list", "--failed"]).out.contains("interrupted"));
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
    assert_eq!(world.read("results.jsonl"), results);
    assert_eq!(world.requests(), requests);
}

/// A world with a job that was accepted, and failed.
fn world_with_accepted_job() -> World {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    assert_eq!(world.run(&[&SINGLE[..], &["--retries", "0"]].concat()).code, Some(75));
    world
}

#[test]
fn checkpoint_of_a_job_that_is_done_is_not_resumed() {
    let world = world_with_accepted_job();
    let checkpoint = state(&world, "jobs").join("checkpoint.json");
    let kept = fs::read(&checkpoint).unwrap();
    world.done(&["jobs", "resume", &id(&world)]);
    let requests = world.requests();
    fs::write(&checkpoint, kept).unwrap();
    let ran = world.run(&["jobs", "resume", &id(&world)]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("is done"), "{}", ran.err);
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.requests(), requests);
}

#[test]
fn job_without_checkpoint_names_what_was_sent() {
    let world = world_with_accepted_job();
    let folder = state(&world, "jobs");
    fs::remove_file(folder.join("checkpoint.json")).unwrap();
    let ran = world.run(&["jobs", "resume", &id(&world)]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("get its file: wexport fetch http"), "{}", ran.err);
    assert!(!ran.err.contains("nothing was sent"), "{}", ran.err);
    fs::remove_file(folder.join("job.json")).unwrap();
    let listed = world.done(&["jobs", "list"]).out;
    assert!(listed.contains("unreadable"), "{listed}");
    assert_eq!(world.run(&["jobs", "resume", &id(&world)]).code, Some(7));
    let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
    assert!(ran.err.contains("not resumed: job "), "{}", ran.err);
}

#[test]
fn batch_without_database_may_have_sent_something() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    world.write("list.csv", LIST);
    assert_eq!(world.run(&[&BATCH[..], &["--retries", "0"]].concat()).code, Some(8));
    let (id, folder) = (id(&world), state(&world, "batches"));
    for damage in ["", "no database"] {
        fs::write(folder.join("batch.sqlite"), damage).unwrap();
        let listed = world.done(&["jobs", "list"]).out;
        assert!(listed.contains("unreadable") && !listed.contains("nothing"), "{listed}");
        let ran = world.run(&["jobs", "resume", &id]);
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("wexport fetch"), "{}", ran.err);
        let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
        assert!(ran.err.contains("not resumed: the database of batch"), "{}", ran.err);
    }
    assert_eq!(world.submits(), 1);
}

#[test]
fn run_killed_while_it_was_stored_has_sent_nothing() {
    let world = World::new();
    for kind in ["jobs", "batches"] {
        let folder = world.home().join(".local/state/wexport").join(kind);
        fs::create_dir_all(folder.join("20261125-021500-7f3a")).unwrap();
        let listed = world.done(&["jobs", "list"]).out;
        assert_eq!(listed, "20261125-021500-7f3a  incomplete  nothing was sent\n");
        assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
        let ran = world.run(&["jobs", "resume", "7f3a"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("before it was stored: nothing was sent"), "{}", ran.err);
        fs::remove_dir_all(folder).unwrap();
    }
}
