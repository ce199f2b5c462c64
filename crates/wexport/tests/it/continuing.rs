//! The same command again: it continues its own run.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};
use serde_json::Value;

use crate::world::{Ran, World, quick};

const FIRST: &str = "2026-11-30";

fn list(ids: &[&str]) -> String {
    let rows: String = ids.iter().map(|id| format!("document,{id},pdf\n")).collect();
    "kind,id,format\n".to_owned() + &rows
}

/// The command of a night.
fn night<'a>(date: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let line = ["batch", "list.csv", "-o", "{date}-{id}.pdf", "--date", date, "--continue"];
    [&line[..], &["--results", "results.jsonl", "--retries", "0"], flags].concat()
}

/// A world whose service fails at these polls.
fn world_that_fails(nth: Nth) -> World {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(nth);
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    world.write("list.csv", list(&["d1", "d2", "d3"]));
    world
}

fn state(world: &World) -> PathBuf {
    world.home().join(".local/state/wexport")
}

fn count(world: &World, kind: &str) -> usize {
    fs::read_dir(state(world).join(kind)).map_or(0, Iterator::count)
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

/// The rows of the results, with their status.
fn results(world: &World) -> Vec<(u64, String)> {
    results_in(world, "results.jsonl")
}

fn results_in(world: &World, file: &str) -> Vec<(u64, String)> {
    let text = String::from_utf8(world.read(file)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut rows: Vec<_> = lines
        .map(|line| (line["row"].as_u64().unwrap(), line["status"].as_str().unwrap().to_owned()))
        .collect();
    rows.sort();
    rows
}

fn all_done(rows: &[u64]) -> Vec<(u64, String)> {
    rows.iter().map(|row| (*row, "done".to_owned())).collect()
}

/// The first line that a command printed.
fn first(ran: &Ran) -> &str {
    ran.err.lines().next().unwrap_or_default()
}

/// Starts a command that does not end before its process is ended.
fn start_endless(world: &World, line: &[&str]) -> Child {
    world.start_until(line, |world| {
        world.requests().iter().any(|request| request.contains("/operations/"))
    })
}

fn endless() -> World {
    let world = World::with(quick().with_complete_after(Duration::from_secs(3600)));
    world.write("list.csv", list(&["d1", "d2", "d3"]));
    world
}

#[test]
fn failed_batch_is_continued_without_a_second_export() {
    let world = world_that_fails(Nth::Between(1, 2));
    let ran = world.run(&night(FIRST, &[]));
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert!(first(&ran).contains("nothing of list.csv for 2026-11-30 to continue"), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "batches")), (3, 1));

    let ran = world.run(&night(FIRST, &[]));
    done(&ran);
    assert!(first(&ran).contains("continuing batch "), "{}", ran.err);
    assert!(ran.err.contains("resuming 2 of 3 exports of list.csv"), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "batches")), (3, 1));
    assert_eq!(results(&world), all_done(&[2, 3, 4]));

    // Again: all is done.
    let requests = world.requests();
    done(&world.run(&night(FIRST, &[])));
    assert_eq!((world.requests(), count(&world, "batches")), (requests, 1));
    assert_eq!(results(&world), all_done(&[2, 3, 4]));

    // Another list or date is another batch, and so is one without the flag.
    world.write("other.csv", list(&["d1"]));
    let line = ["batch", "other.csv", "-o", "other/{id}.pdf", "--date", FIRST, "--continue"];
    let ran = world.run(&line);
    done(&ran);
    assert!(first(&ran).contains("nothing of other.csv for 2026-11-30"), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "batches")), (4, 2));
    done(&world.run(&night("2026-12-01", &[])));
    assert_eq!((world.submits(), count(&world, "batches")), (7, 3));
    done(&world.run(&["batch", "list.csv", "-o", "{date}-{id}.pdf", "--date", FIRST]));
    assert_eq!((world.submits(), count(&world, "batches")), (10, 4));
}

#[test]
fn batch_that_was_begun_without_the_flag_is_continued() {
    let world = world_that_fails(Nth::Between(1, 2));
    let line = ["batch", "list.csv", "-o", "{date}-{id}.pdf", "--retries", "0", "-q"];
    assert_eq!(world.run(&line).code, Some(8));
    done(&world.run(&[&line[..], &["--continue"]].concat()));
    assert_eq!((world.submits(), count(&world, "batches")), (3, 1));
}

#[test]
fn killed_batch_is_continued_from_a_state_that_has_moved() {
    let world = endless();
    let mut child = start_endless(&world, &night(FIRST, &[]));
    child.kill().unwrap();
    child.wait().unwrap();
    let submits = world.submits();
    fs::rename(state(&world), world.work().join("elsewhere")).unwrap();
    let mut child = world
        .spawn_until(world.command(&night(FIRST, &["--state", "elsewhere"])), |world| {
            world.submits() == 3
        });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!((1..=3).contains(&submits));
    assert_eq!(world.submits(), 3);
}

#[test]
fn second_process_is_told_which_one_runs() {
    let world = endless();
    let single = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--key", "report"];
    for line in [&night(FIRST, &[])[..], &single, &night("2026-12-01", &["--key", "report"])] {
        let before = world.requests().len();
        let mut child = world.start_until(line, |world| {
            world.requests()[before..].iter().any(|request| request.contains("/operations/"))
        });
        let ran = world.run(line);
        let pid = format!("process {} on ", child.id());
        assert_eq!(ran.code, Some(9), "{}", ran.err);
        assert!(ran.err.contains("running in another process"), "{}", ran.err);
        assert!(ran.err.contains(&pid), "{}", ran.err);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The first one waits for the rest of its list, so that it has no batch yet.
#[test]
fn second_process_is_told_while_the_first_reads_its_list() {
    let world = endless();
    let line = ["batch", "-", "-o", "{id}.pdf", "--key", "nightly"];
    let mut first = world.command(&line);
    first.stdin(Stdio::piped());
    let mut first = first.spawn().unwrap();
    let mut list = first.stdin.take().unwrap();
    list.write_all(b"kind,id,format\n").unwrap();
    let second = |key| {
        let mut command = world.command(&[&line[..4], &["--key", key]].concat());
        command.stdin(fs::File::open(world.work().join("list.csv")).unwrap());
        command
    };
    let names = state(&world).join("names");
    let is_claimed = || {
        let names = fs::read_dir(&names).into_iter().flatten();
        names.flatten().any(|name| name.path().join("running.json").exists())
    };
    let give_up_at = Instant::now() + Duration::from_secs(20);
    while !is_claimed() {
        assert!(Instant::now() < give_up_at, "the name is not claimed");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ran = world.ran(second("nightly").output().unwrap());
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    let told =
        format!("the run of nightly is running in another process: process {} on ", first.id());
    assert!(ran.err.contains(&told), "{}", ran.err);
    let run_until = |key, submits| {
        let mut child = world.spawn_until(second(key), |world| world.submits() == submits);
        child.kill().unwrap();
        child.wait().unwrap();
    };
    // Another name is free, and so is this one once its process is killed.
    run_until("weekly", 3);
    first.kill().unwrap();
    first.wait().unwrap();
    run_until("nightly", 6);
}

#[test]
fn files_that_are_gone_or_changed_are_exported_again() {
    let world = world_that_fails(Nth::Only(1000));
    done(&world.run(&night(FIRST, &[])));
    fs::remove_file(world.work().join("2026-11-30-d1.pdf")).unwrap();
    let mut changed = world.read("2026-11-30-d2.pdf");
    changed[0] ^= 1;
    world.write("2026-11-30-d2.pdf", &changed);
    let kept = world.read("2026-11-30-d3.pdf");
    let ran = world.run(&night(FIRST, &["-q"]));
    done(&ran);
    let told = |what: &str| assert!(ran.err.contains(what), "{}", ran.err);
    told("row 2: 2026-11-30-d1.pdf is gone: it is exported again");
    told("row 3: 2026-11-30-d2.pdf has changed: it is exported again");
    assert_eq!((world.submits(), count(&world, "batches")), (5, 1));
    assert!(world.read("2026-11-30-d2.pdf") != changed);
    assert_eq!(world.read("2026-11-30-d3.pdf"), kept);
    assert_eq!(results(&world), all_done(&[2, 3, 4]));
}

/// Tuesday's file has the name of Monday's.
#[test]
fn file_of_a_later_night_is_kept() {
    let world = world_that_fails(Nth::Only(1000));
    let line = |list: &'static str, date: &'static str| {
        ["batch", list, "-o", "{id}.pdf", "--date", date, "--continue", "-q"]
    };
    world.write("other.csv", list(&["d1", "d2", "d3"]).replace("document", "spreadsheet"));
    done(&world.run(&line("list.csv", FIRST)));
    done(&world.run(&line("other.csv", "2026-12-01")));
    let newer = world.read("d1.pdf");
    let ran = world.run(&line("list.csv", FIRST));
    done(&ran);
    assert!(ran.err.contains("row 2: not resumed: it is superseded by "), "{}", ran.err);
    assert!(!ran.err.contains("exported again"), "{}", ran.err);
    assert_eq!((world.submits(), world.read("d1.pdf")), (6, newer.clone()));

    for (date, code) in [(FIRST, 0), ("2026-12-01", 0), (FIRST, 1)] {
        let kind = if date == FIRST { "document" } else { "spreadsheet" };
        let single = [kind, "d1", "-f", "pdf", "-o", "a.pdf", "--date", date, "--key", "a"];
        let ran = world.run(&[&single[..], &["-q"]].concat());
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert_eq!(ran.err.contains("a later export has brought "), code == 1, "{}", ran.err);
    }
    assert_eq!(world.submits(), 8);
}

#[test]
fn changed_list_is_told_and_what_it_shares_is_taken_over() {
    let world = world_that_fails(Nth::Between(2, 3));
    assert_eq!(world.run(&night(FIRST, &["--max-in-flight", "1", "--keep-going"])).code, Some(8));
    assert_eq!(world.submits(), 3);
    world.write("list.csv", list(&["d0", "d1", "d2"]));
    let ran = world.run(&night(FIRST, &[]));
    done(&ran);
    let told = "in another batch, since the list or a flag has changed: \
                1 export new (row 2), 1 export gone (former row 4)";
    assert!(first(&ran).contains(told), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "batches")), (4, 2));
    assert_eq!(results(&world), all_done(&[2, 3, 4]));
    for id in ["d0", "d1", "d2"] {
        assert!(world.work().join(format!("2026-11-30-{id}.pdf")).exists(), "{id}");
    }

    // The batch to continue is now the second one. A rule for existing files is a flag that has changed.
    let requests = world.requests();
    done(&world.run(&night(FIRST, &[])));
    assert_eq!((world.requests(), count(&world, "batches")), (requests.clone(), 2));
    let ran = world.run(&night(FIRST, &["--if-exists", "skip"]));
    done(&ran);
    assert!(first(&ran).contains("has changed: 0 exports new, 0 exports gone"), "{}", ran.err);
    assert_eq!((world.requests(), count(&world, "batches")), (requests, 3));
}

#[test]
fn changed_list_repeats_what_is_gone_and_reads_receipts() {
    let world = world_that_fails(Nth::Only(1000));
    let line = |list: &'static str| {
        let line = ["batch", list, "-o", "{date}-{id}.pdf", "--date", FIRST, "--continue"];
        [&line[..], &["--receipt"]].concat()
    };
    world.write("other.csv", list(&["d4"]));
    done(&world.run(&line("list.csv")));
    done(&world.run(&line("other.csv")));
    assert_eq!(world.submits(), 4);
    fs::remove_file(world.work().join("2026-11-30-d2.pdf")).unwrap();
    world.write("list.csv", list(&["d1", "d2", "d4"]));
    let ran = world.run(&line("list.csv"));
    done(&ran);
    assert!(first(&ran).contains("0 exports new, 1 export gone (former row 4)"), "{}", ran.err);
    let again = "row 3: 2026-11-30-d2.pdf is gone: it is exported again";
    assert!(ran.err.contains(again), "{}", ran.err);
    assert_eq!(world.submits(), 5);
    assert!(world.work().join("2026-11-30-d2.pdf").exists());
}

/// Both exports have the same name.
#[test]
fn file_of_a_former_row_is_not_replaced() {
    let world = world_that_fails(Nth::Only(1000));
    let line = ["batch", "list.csv", "-o", "a/{kind}.{ext}", "--date", FIRST, "--continue"];
    world.write("list.csv", list(&["d1"]));
    done(&world.run(&line));
    let kept = world.read("a/document.pdf");
    world.write("list.csv", list(&["d2", "d1"]));
    done(&world.run(&line));
    assert_eq!((world.submits(), world.names("a").len()), (2, 2), "{:?}", world.names("a"));
    assert_eq!(world.read("a/document.pdf"), kept);
}

#[test]
fn results_go_where_the_earlier_or_the_new_command_says() {
    let world = world_that_fails(Nth::Between(1, 2));
    assert_eq!(world.run(&night(FIRST, &[])).code, Some(8));
    let line = ["batch", "list.csv", "-o", "{date}-{id}.pdf", "--date", FIRST, "--continue"];
    fs::remove_file(world.work().join("results.jsonl")).unwrap();
    done(&world.run(&line));
    assert_eq!(results(&world), all_done(&[2, 3, 4]));
    done(&world.run(&[&line[..], &["--results", "other.jsonl"]].concat()));
    assert_eq!(results_in(&world, "other.jsonl"), all_done(&[2, 3, 4]));
}

/// Of two nights that failed, each can be continued.
#[test]
fn later_night_without_a_file_does_not_supersede() {
    let world = world_that_fails(Nth::Between(1, 6));
    let line = |date: &'static str| {
        ["batch", "list.csv", "-o", "{id}.pdf", "--date", date, "--continue", "--retries", "0"]
    };
    for date in [FIRST, "2026-12-01"] {
        assert_eq!(world.run(&line(date)).code, Some(8));
    }
    done(&world.run(&line(FIRST)));
    assert_eq!((world.submits(), world.names("").contains(&"d3.pdf".to_owned())), (6, true));
}

#[test]
fn job_that_failed_is_not_continued_over_a_later_file() {
    let world = world_that_fails(Nth::Only(1));
    for (date, code) in [(FIRST, 75), ("2026-12-01", 0), (FIRST, 1)] {
        let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--key", "a", "--retries", "0"];
        let ran = world.run(&[&line[..], &["--date", date]].concat());
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert_eq!(ran.err.contains("a later export has brought "), code == 1, "{}", ran.err);
    }
    assert_eq!(world.submits(), 2);
}

#[test]
fn skipped_file_that_is_gone_is_exported() {
    let world = world_that_fails(Nth::Only(1000));
    let flags = ["--if-exists", "skip"];
    world.write("2026-11-30-d2.pdf", "x");
    done(&world.run(&night(FIRST, &flags)));
    assert_eq!(world.submits(), 2);
    fs::remove_file(world.work().join("2026-11-30-d2.pdf")).unwrap();
    let ran = world.run(&night(FIRST, &flags));
    done(&ran);
    assert!(
        ran.err.contains("row 3: 2026-11-30-d2.pdf is gone: it is exported again"),
        "{}",
        ran.err
    );
    assert_eq!(world.submits(), 3);
}

#[test]
fn receipts_tell_what_is_done_without_a_state() {
    let world = world_that_fails(Nth::Only(1000));
    for output in ["a/{date}-{id}.pdf", "b/", "c/{date}-{name}.{ext}"] {
        let line = |date: &'static str| {
            let batch = ["batch", "list.csv", "-o", output, "--receipt", "--continue"];
            [&batch[..], &["--date", date, "--results", "results.jsonl"]].concat()
        };
        let before = world.submits();
        done(&world.run(&line(FIRST)));
        fs::remove_dir_all(state(&world)).unwrap();
        fs::remove_file(world.work().join("results.jsonl")).unwrap();
        let requests = world.requests();
        let ran = world.run(&line(FIRST));
        done(&ran);
        assert!(first(&ran).contains("; 3 of 3 exports are there"), "{}", ran.err);
        assert_eq!((world.submits(), world.requests()), (before + 3, requests), "{output}");
        assert_eq!(results(&world), all_done(&[2, 3, 4]));
        // Of another date, or of a file that is another by now, they tell nothing.
        fs::remove_dir_all(state(&world)).unwrap();
        let (folder, _) = output.split_once('/').unwrap();
        let names = world.names(folder);
        let changed = names.iter().find(|name| name.ends_with(".pdf")).unwrap();
        world.write(&format!("{folder}/{changed}"), "x");
        done(&world.run(&line(FIRST)));
        assert_eq!(world.submits(), before + 4, "{output}");
        done(&world.run(&line("2026-12-01")));
        assert_eq!(world.submits(), before + 7, "{output}");
        fs::remove_dir_all(state(&world)).unwrap();
    }
}

/// The receipt of another request, service or client is not that of the export.
#[test]
fn receipts_of_other_requests_tell_nothing() {
    let world = World::with(quick().with_client("other-id", "a-secret"));
    let other = World::new();
    let other_url = other.server.url().to_string();
    let twice = list(&["d1", "d1"]);
    let with_option = "kind,id,format,include-comments\ndocument,d1,pdf,yes\n";
    let receipt = ["--receipt"];
    for (text, output, flags, variables) in [
        (list(&["d1"]).as_str(), "a/{id}-x.pdf", &receipt[..], None),
        (with_option, "a/{id}.pdf", &receipt, None),
        // The file of one export is not that of another.
        (&twice, "a/", &receipt, None),
        // One that asks for no receipt has none.
        (&list(&["d1"]), "a/{id}.pdf", &[], None),
        (&list(&["d1"]), "a/{id}.pdf", &["--receipt", "--api-version", "2022-01-01"], None),
        (&list(&["d1"]), "a/{id}.pdf", &receipt, Some(("WORKIVA_CLIENT_ID", "other-id"))),
        (&list(&["d1"]), "a/{id}.pdf", &receipt, Some(("WEXPORT_BASE_URL", &*other_url))),
    ] {
        let _ = fs::remove_dir_all(world.work().join("a"));
        let line = |output| ["batch", "list.csv", "-o", output, "--date", FIRST, "--continue"];
        world.write("list.csv", list(&["d1"]));
        let first_output = if output == "a/" { output } else { "a/{id}.pdf" };
        done(&world.run(&[&line(first_output)[..], &receipt].concat()));
        fs::remove_dir_all(state(&world)).unwrap();
        world.write("list.csv", text);
        let before = world.submits() + other.submits();
        let variables: Vec<_> = variables.into_iter().collect();
        done(&world.run_with(&variables, &[&line(output)[..], flags].concat()));
        assert_eq!(world.submits() + other.submits(), before + 1, "{output} {flags:?}");
        fs::remove_dir_all(state(&world)).unwrap();
    }
}

#[test]
fn single_export_with_a_key_is_continued() {
    let world = world_that_fails(Nth::Only(1));
    let line = |flags: &[&'static str]| {
        let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--key", "report"];
        [&line[..], &["--retries", "0"], flags].concat()
    };
    assert_eq!(world.run(&line(&[])).code, Some(75));
    let ran = world.run(&line(&[]));
    done(&ran);
    assert!(first(&ran).contains("continuing job "), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "jobs")), (1, 1));
    let requests = world.requests();
    let ran = world.run(&line(&[]));
    done(&ran);
    assert!(first(&ran).contains(" is done"), "{}", ran.err);
    assert_eq!(world.requests(), requests);
    world.write("a.pdf", "x");
    let ran = world.run(&line(&[]));
    done(&ran);
    assert!(first(&ran).contains(" is done, but a.pdf has 1 bytes, and had "), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "jobs")), (2, 2));
    // The later job is the one to continue.
    let requests = world.requests();
    done(&world.run(&line(&[])));
    assert_eq!(world.requests(), requests);
    // Another request under the same name.
    let other = ["document", "d2", "-f", "pdf", "-o", "b.pdf", "--key", "report"];
    let ran = world.run(&other);
    done(&ran);
    assert!(ran.err.contains("not continuing job "), "{}", ran.err);
    let requests = world.requests();
    done(&world.run(&other));
    assert_eq!(world.requests(), requests);
    // Without a state, the receipt tells.
    done(&world.run(&line(&["--receipt", "--no-state"])));
    let requests = world.requests();
    done(&world.run(&line(&["--receipt", "--no-state"])));
    assert_eq!(world.requests(), requests);
}

/// One that stalled in its download has its operation recorded.
#[test]
fn list_from_stdin_is_continued_by_its_key() {
    let stall = Fault::Stall { at: Moment::BeforeHead, time: None };
    let rule = Rule::new(Endpoint::Download, stall).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    world.write("list.csv", list(&["d1"]));
    let run = |flags: &[&str]| {
        let line = ["batch", "-", "-o", "{id}.pdf"];
        let mut command = world.command(&[&line[..], flags].concat());
        command.stdin(fs::File::open(world.work().join("list.csv")).unwrap());
        command
    };
    let ran = world.ran(run(&["--continue"]).output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--key NAME"), "{}", ran.err);
    let key = ["--key", "nightly"];
    let mut child = world.spawn_until(run(&key), |world| {
        world.requests().iter().any(|request| request.starts_with("GET /download"))
            || world.server.requests().iter().any(|it| it.endpoint() == Endpoint::Download)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    done(&world.ran(run(&key).output().unwrap()));
    assert_eq!(world.submits(), 1);
    let ran = world.run(&["document", "d1", "-f", "pdf", "-o", "-", "--key", "a"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn run_of_another_client_or_service_is_not_continued() {
    let world = World::with(quick().with_client("other-id", "a-secret"));
    world.write("list.csv", list(&["d1"]));
    done(&world.run(&night(FIRST, &[])));
    let ran = world.run_with(&[("WORKIVA_CLIENT_ID", "other-id")], &night(FIRST, &[]));
    done(&ran);
    assert!(ran.err.contains("nothing of list.csv"), "{}", ran.err);
    assert_eq!((world.submits(), count(&world, "batches")), (2, 2));
    done(&world.run(&night(FIRST, &[])));
    assert_eq!(world.submits(), 2);
    let other = World::new();
    let other_url = other.server.url().to_string();
    for (variable, value) in
        [("WEXPORT_BASE_URL", &*other_url), ("WEXPORT_API_VERSION", "2022-01-01")]
    {
        let ran = world.run_with(&[(variable, value)], &night(FIRST, &[]));
        done(&ran);
        assert!(first(&ran).contains("nothing of list.csv"), "{}", ran.err);
    }
    assert_eq!((world.submits(), other.submits(), count(&world, "batches")), (3, 1, 4));
}
