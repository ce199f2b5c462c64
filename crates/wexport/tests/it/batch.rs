//! Many exports in one run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};
use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{Ran, World, quick};

/// A list with `count` documents.
fn list(count: usize) -> String {
    let mut list = String::from("kind,id,format\n");
    for number in 1..=count {
        list.push_str(&format!("document,d{number},pdf\n"));
    }
    list
}

fn world_with(rule: Rule) -> World {
    World::with(quick().with_scenario(Scenario::default().with_rule(rule)))
}

/// Runs a list with `count` documents.
fn batch(world: &World, count: usize, flags: &[&str]) -> Ran {
    world.write("list.csv", list(count));
    world.run(&[&["batch", "list.csv", "-o", "{id}.{ext}"], flags].concat())
}

/// The id of the only batch.
fn id(world: &World) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    listed.split(' ').next().unwrap().to_owned()
}

fn results(world: &World) -> Vec<Value> {
    let text = String::from_utf8(world.read("results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each file is the last one that the service produced for its document, and no part is left.
fn assert_complete(world: &World, count: usize) {
    let mut served = BTreeMap::new();
    for export in world.server.exports() {
        served.insert(export.source().to_owned(), export.content().to_bytes().unwrap());
    }
    for number in 1..=count {
        let file = world.read(format!("d{number}.pdf"));
        assert!(file == *served[&format!("d{number}")], "d{number}");
    }
    let parts: Vec<_> = world.names("").into_iter().filter(|it| it.ends_with(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

fn tokens(world: &World) -> usize {
    world.requests().iter().filter(|line| line.contains("oauth2")).count()
}

#[test]
fn each_export_gets_a_file_and_a_result() {
    let world = World::new();
    let ran = batch(&world, 12, &["--results", "results.jsonl", "--receipt", "-q"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_complete(&world, 12);
    assert_eq!((world.submits(), tokens(&world)), (12, 1));
    let mut rows: Vec<u64> = Vec::new();
    for result in results(&world) {
        assert_eq!((&result["v"], &result["status"]), (&1.into(), &"done".into()));
        let row = result["row"].as_u64().unwrap();
        assert_eq!(result["line"], row);
        let number = row - 1;
        assert_eq!(result["subject"]["id"], format!("d{number}"));
        let receipt = &result["receipt"];
        let beside = world.read(format!("d{number}.pdf.receipt.json"));
        assert_eq!(*receipt, serde_json::from_slice::<Value>(&beside).unwrap());
        rows.push(row);
    }
    rows.sort_unstable();
    assert!(rows.into_iter().eq(2..=13));
    world.done(&["verify", "d1.pdf", "d12.pdf"]);
}

#[test]
fn nothing_is_sent_if_a_line_is_invalid() {
    let world = World::new();
    world.write("list.csv", "kind,id,format,output\ndocument,d1,pdf,\ndocument,d2,docs,\n,,,x\n");
    let ran = world.run(&["batch", "list.csv"]);
    assert_eq!(ran.code, Some(2));
    assert_snapshot!(ran.err, @r#"
    error: list.csv is invalid, nothing was sent: 2 errors
      list.csv:3: column format: invalid value 'docs': expected one of pdf, docx, xhtml
      list.csv:4: the kind is missing
      what to do:       `wexport help batch-files` describes the format
    "#);
    world.write("list.csv", "kind,id,format,output\ndocument,d1,pdf,list.csv/in/a.pdf\n");
    let ran = world.run(&["batch", "list.csv"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("line 2: "), "{}", ran.err);
    assert!(world.requests().is_empty());
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn a_dry_run_prints_requests_and_stores_nothing() {
    let world = World::new();
    world.write("list.jsonl", "{\"kind\":\"document\",\"id\":\"d1\",\"format\":\"pdf\"}\n");
    let ran = world.done(&["batch", "list.jsonl", "--dry-run"]);
    assert!(ran.out.starts_with("# line 1: document d1 as pdf\nPOST /documents/d1/export"));
    assert!(world.requests().is_empty());
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

/// A script may run the commands as they are printed.
#[test]
fn a_dry_run_of_an_invalid_list_prints_nothing() {
    let world = World::new();
    let list = "kind,id,format\ndocument,d1,pdf\nnothing,d2,pdf\n";
    world.write("list.csv", list);
    let ran = world.run(&["batch", "list.csv", "--dry-run=curl"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    for list in [list, "kind,id,format\ndocument,d1,pdf\n"] {
        let mut child = world
            .command(&["batch", "-", "--dry-run=curl"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), list.as_bytes()).unwrap();
        let ran = world.ran(child.wait_with_output().unwrap());
        assert_eq!(ran.out.matches("# line ").count(), usize::from(ran.code == Some(0)));
        assert_eq!(ran.code == Some(2), list.contains("nothing"), "{}", ran.err);
    }
}

#[test]
fn more_exports_than_wait_at_once_are_all_run() {
    let world = World::with(quick().with_artifact_size(100));
    let ran = batch(&world, 1_050, &["--results", "results.jsonl", "-q"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!((world.submits(), results(&world).len()), (1_050, 1_050));

    let world = world_with(Rule::new(Endpoint::Token, Fault::status(401)));
    let ran = batch(&world, 1_050, &[]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    let not_submitted = ran.err.lines().find(|line| line.contains("are not submitted")).unwrap();
    let count = not_submitted.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap();
    let failed = ran.err.matches("failed: row ").count() as u64;
    assert_eq!(count + failed, 1_050, "{}", ran.err);
}

/// The errors of a list, and those of destinations.
#[test]
fn a_refused_batch_leaves_no_state_and_no_folder() {
    let world = World::new();
    world.write("old.pdf", "old");
    let rows = "kind,id,format,output,if-exists\ndocument,d1,pdf,new/{id}.pdf,\n";
    for (row, code) in [("document,d2,nothing,,\n", 2), ("document,d2,pdf,old.pdf,error\n", 7)] {
        world.write("list.csv", format!("{rows}{row}"));
        let ran = world.run(&["batch", "list.csv"]);
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert_eq!(world.done(&["jobs", "list"]).out, "");
        let batches = world.home().join(".local/state/wexport/batches");
        assert_eq!(std::fs::read_dir(batches).unwrap().count(), 0);
        assert!(!world.work().join("new").exists());
    }
    assert!(world.requests().is_empty());
}

#[test]
fn results_replace_no_file_of_the_user() {
    let world = World::new();
    let list = "kind,id,format,output,receipt\n\
        document,d1,pdf,x.pdf,yes\n\
        document,d2,pdf,new/../y.pdf,\n\
        document,d3,pdf,new/{id}.{format},yes\n";
    for (name, text) in
        [("list.csv", list), ("config.toml", ""), ("secret", "a-secret"), ("old.jsonl", "old")]
    {
        world.write(name, text);
    }
    let work = world.work();
    std::fs::create_dir(work.join("new")).unwrap();
    std::fs::hard_link(work.join("list.csv"), work.join("hard")).unwrap();
    #[cfg(unix)]
    for (to, link) in [("list.csv", "link"), ("y.pdf", "dangling"), (".", "here")] {
        std::os::unix::fs::symlink(to, work.join(link)).unwrap();
    }
    let spelt = work.join("new").join("..").join("list.csv").display().to_string();
    let state = world.home().join(".local/state/wexport");
    std::fs::create_dir_all(state.join("batches")).unwrap();
    let in_state = state.join("batches/results").display().to_string();
    let mut cases = vec![
        ("list.csv", "is the list"),
        (&spelt, "is the list"),
        ("config.toml", "is the config file"),
        ("secret", "is the file of a secret"),
        (&in_state, "is in the folder of the state"),
        ("x.pdf", "line 2: --results "),
        ("X.pdf", "line 2: --results "),
        ("x.pdf.receipt.json", "is the receipt of this export"),
        ("y.pdf", "line 3: --results "),
        ("new/d3.pdf", "line 4: --results "),
        ("new/d3.pdf.receipt.json", "is the receipt of this export"),
    ];
    if cfg!(unix) {
        cases.extend([
            ("link", "is the list"),
            ("hard", "is the list"),
            ("here/list.csv", "is the list"),
            ("here/y.pdf", "line 3: --results "),
            ("dangling", "line 3: --results "),
        ]);
    }
    let flags = ["--config", "config.toml", "--client-secret-file", "secret", "-q"];
    for (results, message) in cases {
        let ran = world.run(&[&["batch", "list.csv", "--results", results][..], &flags].concat());
        assert_eq!(ran.code, Some(2), "{results}: {}", ran.err);
        assert!(ran.err.contains(message), "{results}: {}", ran.err);
        assert!(ran.err.contains("name another file with --results"), "{}", ran.err);
        assert_eq!(world.done(&["jobs", "list"]).out, "");
    }
    assert!(world.requests().is_empty());
    assert_eq!(world.read("list.csv"), list.as_bytes());
    // What is not replaced may be named twice.
    #[cfg(unix)]
    {
        let line = ["batch", "list.csv", "--results", "/dev/null", "-q"];
        let ran = world.run_with(&[("WEXPORT_CONFIG", "/dev/null")], &line);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    // Results of an earlier run are replaced.
    let ran = world.run(&[&["batch", "list.csv", "--results", "old.jsonl"][..], &flags].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!world.read("old.jsonl").starts_with(b"old"));
}

#[test]
fn file_that_the_service_names_does_not_replace_results() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "--results", "d1.pdf", "-q"]);
    assert!(world.read("d1.pdf").starts_with(b"{"));
    assert!(world.read("d1 (2).pdf").starts_with(b"%PDF-"));

    let results = "d1.pdf.receipt.json";
    let line = ["batch", "list.csv", "-o", "{name}.{ext}", "--results", results, "--receipt", "-q"];
    let world = World::with(quick().with_file_name("d1"));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    world.done(&line);
    assert_eq!(world.read(results).iter().filter(|byte| **byte == b'\n').count(), 1);
    world.done(&["verify", "d1 (2).pdf"]);
}

#[test]
fn exports_replace_no_file_that_the_run_reads() {
    let world = World::new();
    let files = [
        ("list.csv", "kind,id,format,output,body\ndocument,d1,,out.pdf,@body.txt\n"),
        ("config.toml", ""),
        ("secret", "a-secret"),
        ("body.txt", r#"{"format": "pdf"}"#),
        ("one.csv", "kind,id,format\nspreadsheet,d1,csv\n"),
    ];
    for (name, text) in files {
        world.write(name, text);
    }
    world.write("c.pem", test_servers::Authority::new("a CA").pem());
    let work = world.work();
    std::fs::hard_link(work.join("secret"), work.join("hard")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("config.toml", work.join("link")).unwrap();
    let setup = ["--config", "config.toml", "--client-secret-file", "secret", "--ca-bundle"];
    let setup = [&setup[..], &["c.pem", "-q"]].concat();
    let document: &[&str] = &["document", "d1", "-f", "pdf", "-o"];
    let body: &[&str] = &["document", "d1", "--body", "@body.txt", "-o"];
    let batch: &[&str] = &["batch", "one.csv", "-o"];
    let mut cases = vec![
        (document, "config.toml", "the config file (--config)"),
        (document, "./secret", "the file of a secret (--client-secret-file)"),
        (document, "c.pem", "a CA bundle (--ca-bundle)"),
        (document, "{id}/../{kind}/../secret", "the file of a secret"),
        (body, "body.txt", "the file of --body"),
        (batch, "one.csv", "the list"),
        (batch, "SECRET", "the file of a secret"),
        (&["fetch", "op1", "-o"], "secret", "the file of a secret"),
        (&["batch", "list.csv", "--results"], "body.txt", "is the file of --body"),
    ];
    if cfg!(unix) {
        cases.extend([(document, "link", "the config file"), (document, "hard", "of a secret")]);
    }
    for (command, file, message) in cases {
        for more in [&[][..], &["--if-exists", "rename"]] {
            let ran = world.run(&[command, &[file], &setup, more].concat());
            assert_eq!(ran.code, Some(2), "{file}: {}", ran.err);
            assert!(ran.err.contains(message) && ran.err.contains("name another"), "{}", ran.err);
        }
    }
    // The receipt of a file counts as well.
    std::fs::rename(work.join("config.toml"), work.join("a.pdf.receipt.json")).unwrap();
    for output in ["a.pdf", "a.{format}"] {
        let receipt = ["--receipt", "--config", "a.pdf.receipt.json"];
        let ran = world.run(&[document, &[output], &receipt].concat());
        assert_eq!(ran.code, Some(2), "{output}: {}", ran.err);
        assert!(
            ran.err.contains("-o: the receipt of this export, a.pdf.receipt.json"),
            "{}",
            ran.err
        );
    }
    assert!(world.requests().is_empty());
    assert_eq!(world.done(&["jobs", "list"]).out, "");
    for (name, text) in files.into_iter().filter(|(name, _)| *name != "config.toml") {
        assert_eq!(world.read(name), text.as_bytes(), "{name}");
    }
}

#[test]
fn file_that_the_service_names_does_not_replace_what_is_read() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let config = quick().with_file_name("list");
    let world = World::with(config.with_scenario(Scenario::default().with_rule(broken)));
    let list = "kind,id,format\ndocument,d1,pdf\n";
    world.write("list.pdf", list);
    let ran = world.run(&["batch", "list.pdf", "--retries", "0", "-q"]);
    assert_ne!(ran.code, Some(0), "{}", ran.err);
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.names(""), ["list (2).pdf", "list.pdf"]);
    assert_eq!(world.read("list.pdf"), list.as_bytes());
}

#[test]
fn resumed_jobs_replace_no_file_that_is_read_today() {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let world = world_with(broken);
    world.run(&["document", "d1", "-f", "pdf", "-o", "a.pdf", "--retries", "0"]);
    world.write("a.pdf", "a-secret");
    let sent = world.requests().len();
    let ran = world.run(&["jobs", "resume", "--failed", "--client-secret-file", "a.pdf"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("is the file of a secret (--client-secret-file)"), "{}", ran.err);
    assert_eq!((world.requests().len(), world.read("a.pdf")), (sent, b"a-secret".to_vec()));
}

/// `--timeout` of a single export includes its wait for a turn.
#[test]
fn single_export_does_not_wait_for_a_turn_beyond_its_time() {
    let busy = Rule::new(Endpoint::Submit, Fault::status(429)).on(Nth::Every);
    let world = world_with(busy);
    let began = Instant::now();
    let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--timeout", "4s", "-q"];
    let ran = world.run(&[&line[..], &["--submit-rate", "3/m"]].concat());
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("the next request is allowed at"), "{}", ran.err);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_failed_export_does_not_stop_the_others() {
    let failed = serde_json::from_str(r#"{"fault": "end_operation"}"#).unwrap();
    let scenario = Scenario::default()
        .with_rule(Rule::new(Endpoint::Operation, failed).on(Nth::Only(3)))
        .with_rule(Rule::new(Endpoint::Submit, Fault::status(404)).on(Nth::Only(5)));
    let world = World::with(quick().with_scenario(scenario));
    let ran = batch(&world, 10, &["--results", "results.jsonl"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    let (submits, done) = (world.submits(), |result: &Value| result["status"] == "done");
    assert_eq!((submits, results(&world).iter().filter(|it| done(it)).count()), (10, 8));
    let errors: Vec<Value> = results(&world).into_iter().filter(|it| !done(it)).collect();
    let mut codes: Vec<&Value> = errors.iter().map(|it| &it["error"]["exit_code"]).collect();
    codes.sort_by_key(|code| code.as_u64());
    assert_eq!(codes, [3, 5]);
    let shown = world.masked(&world.done(&["jobs", "show", &id(&world)]).out);
    assert!(shown.contains("done           8\n"), "{shown}");
    assert!(shown.contains(" as pdf: submit was refused with 404"), "{shown}");

    // The two failures are final: they are started again only by name.
    let id = id(&world);
    let ran = world.done(&["jobs", "resume", "--failed"]);
    let left = format!("not resumed: batch {id}: 2 exports that the service refused or ended");
    assert!(ran.err.contains(&left), "{}", ran.err);
    assert_eq!(world.run(&["jobs", "resume", &id, "--failed"]).code, Some(8));
    assert_eq!(world.submits(), submits);
    let ran = world.done(&["jobs", "resume", &id]);
    assert_eq!(world.submits(), submits + 2, "{}", ran.err);
    assert_complete(&world, 10);
    assert!(results(&world).iter().all(done));
    assert_eq!(results(&world).len(), 10);
    // Then there is nothing left to resume.
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.submits(), submits + 2);
}

#[test]
fn a_systemic_failure_stops_the_submits() {
    let refused = || world_with(Rule::new(Endpoint::Token, Fault::status(401)));
    let world = refused();
    let ran = batch(&world, 30, &[]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.err.contains("are not submitted"), "{}", ran.err);
    assert_eq!(world.submits(), 0);
    let id = id(&world);
    let shown = world.done(&["jobs", "list", "--failed"]).out;
    assert!(shown.contains(&id), "{shown}");

    let world = refused();
    let ran = batch(&world, 30, &["--keep-going", "-q"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(ran.err.matches("failed: row ").count(), 30, "{}", ran.err);
}

#[test]
fn a_skipped_export_sends_no_request() {
    let world = World::new();
    world.write("d2.pdf", "old");
    let list = "kind,id,format,output\n\
        document,d1,pdf,d1.pdf\n\
        document,d2,pdf,d2.pdf\n";
    world.write("list.csv", list);
    let ran =
        world.done(&["batch", "list.csv", "--if-exists", "skip", "--results", "results.jsonl"]);
    assert_eq!(world.submits(), 1, "{}", ran.err);
    assert_eq!(world.read("d2.pdf"), b"old");
    let skipped = results(&world).into_iter().find(|it| it["row"] == 3).unwrap();
    assert_eq!(skipped["status"], "skipped");
}

#[test]
fn a_file_created_during_a_batch_is_skipped() {
    for (endpoint, at) in
        [(Endpoint::Operation, Moment::BeforeHead), (Endpoint::Download, Moment::Byte(1_000_000))]
    {
        let stall = Fault::Stall { at, time: Some(Duration::from_secs(1)) };
        let scenario = Scenario::default().with_rule(Rule::new(endpoint, stall));
        let world = World::with(quick().with_artifact_size(3_000_000).with_scenario(scenario));
        let list = "kind,id,format,output\ndocument,d1,pdf,d1.pdf\ndocument,d2,pdf,d2.pdf\n";
        world.write("list.csv", list);
        let are_requested = |world: &World| {
            let requests = world.server.requests();
            requests.iter().filter(|request| request.endpoint() == endpoint).count() == 2
        };
        let flags = ["--if-exists", "skip", "--results", "results.jsonl"];
        let command = [&["batch", "list.csv"][..], &flags].concat();
        let child = world.start_until(&command, are_requested);
        world.write("d1.pdf", "other");
        let ran = world.ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{endpoint:?}: {}", ran.err);
        assert_eq!(world.read("d1.pdf"), b"other");
        assert!(world.read("d2.pdf").starts_with(b"%PDF-"));
        assert_eq!(world.names(""), ["d1.pdf", "d2.pdf", "list.csv", "results.jsonl"]);
        let mut statuses: Vec<_> =
            results(&world).iter().map(|it| (it["row"].clone(), it["status"].clone())).collect();
        statuses.sort_by_key(|(row, _)| row.as_u64());
        assert_eq!(statuses, [(2.into(), "skipped".into()), (3.into(), "done".into())]);
    }
}

#[test]
fn exports_with_the_same_name_get_two_files() {
    let world = World::new();
    let list = "kind,id,format,output\n\
        document,d1,pdf,same.pdf\n\
        document,d2,pdf,same.pdf\n\
        document,d3,pdf,{format}/x.{ext}\n\
        document,d4,pdf,{format}/X.{ext}\n";
    world.write("list.csv", list);
    world.done(&["batch", "list.csv", "-q"]);
    assert_eq!(world.names(""), ["list.csv", "pdf", "same (2).pdf", "same.pdf"]);
    assert_eq!(world.names("pdf").len(), 2);
}

#[test]
fn a_batch_needs_state() {
    let world = World::new();
    let ran = batch(&world, 1, &["--no-state"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--no-state cannot be used with `batch`"), "{}", ran.err);
}

#[test]
fn jobs_commands_handle_batches() {
    let world = World::new();
    batch(&world, 3, &["-q"]);
    let id = id(&world);
    let listed = world.masked(&world.done(&["jobs", "list"]).out);
    assert_snapshot!(listed);
    assert_snapshot!(world.masked(&world.done(&["jobs", "show", &id]).out));
    let row = world.done(&["jobs", "show", &format!("{id}/3")]).out;
    assert!(row.contains("document d2 as pdf"), "{row}");
    assert!(row.contains("fetch: 200"), "{row}");
    assert!(!row.contains("/documents/d1/"), "{row}");
    let ran = world.run(&["jobs", "resume", &format!("{id}/2")]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    world.done(&["jobs", "clean", "--older-than", "0s"]);
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

#[test]
fn json_has_the_events_of_each_export() {
    let world = World::new();
    let ran = batch(&world, 3, &["--json", "--log-level", "debug"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let events: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "batch_started");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["done"]), (&"batch_done".into(), &3.into()));
    let id = id(&world);
    for row in 2..=4 {
        let of_row = events.iter().filter(|event| event["row"] == row);
        let names: Vec<&Value> = of_row.map(|event| &event["event"]).collect();
        for wanted in ["sending", "accepted", "downloading", "done"] {
            assert!(names.contains(&&wanted.into()), "{wanted}: {names:?}");
        }
        let job = Value::from(format!("{id}/{row}"));
        assert!(events.iter().any(|event| event["job"] == job));
    }
}

/// A batch that is started and killed until it is complete.
#[cfg(unix)]
#[test]
fn a_batch_killed_repeatedly_submits_nothing_twice() {
    const COUNT: usize = 60;
    // No process lives that long: at least four are killed.
    let config = quick().with_complete_after(Duration::from_secs(1)).with_artifact_size(50_000);
    let world = World::with(config);
    world.write("list.csv", list(COUNT));
    let start = ["batch", "list.csv", "-o", "{id}.{ext}", "--results", "results.jsonl", "-q"];
    let mut line = &start[..];
    let (mut kills, started) = (0, Instant::now());
    loop {
        let mut child = world.command(line).spawn().unwrap();
        let until = Instant::now() + Duration::from_millis(150 + 40 * (kills % 7));
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(status) = child.try_wait().unwrap() {
            let ran = world.ran(child.wait_with_output().unwrap());
            assert_eq!(status.code(), Some(0), "{}", ran.err);
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(started.elapsed() < Duration::from_secs(120));
        // It may have been killed before the batch was stored.
        let listed = world.done(&["jobs", "list"]).out;
        let is_stored = listed.lines().any(|line| !line.contains(" incomplete "));
        // An export whose submit was interrupted too often is submitted again only on request.
        line = match is_stored {
            true => &["jobs", "resume", "--failed", "--resubmit", "always", "-q"],
            false => &start,
        };
    }
    assert!(kills >= 3, "{kills}");
    assert_complete(&world, COUNT);
    assert_eq!(results(&world).len(), COUNT);
    // Only a submit that was in flight when the process was killed may be sent again.
    let again = world.submits() - COUNT;
    assert!(again as u64 <= 8 * kills, "{again} after {kills} kills");
    let mut polled = BTreeMap::new();
    for request in world.server.requests() {
        if request.endpoint() == Endpoint::Operation {
            // An operation that was polled is known: its export is not submitted again.
            let operation = request.operation().unwrap().to_owned();
            *polled.entry(operation).or_insert(0) += 1;
        }
    }
    assert_eq!(polled.len(), COUNT, "operations that were polled");
}

#[cfg(unix)]
#[test]
fn a_stopped_batch_can_be_resumed() {
    let config = quick().with_complete_after(Duration::from_millis(400));
    let world = World::with(config);
    world.write("list.csv", list(20));
    let line = ["batch", "list.csv", "-o", "{id}.{ext}"];
    let child = world.start_until(&line, |world| world.submits() > 5);
    let pid = child.id().to_string();
    // No other process can run it meanwhile.
    let other = world.run(&["jobs", "resume", &id(&world)]);
    assert_eq!(other.code, Some(9), "{}", other.err);
    assert!(other.err.contains("is running in another process"), "{}", other.err);
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(143), "{}", ran.err);
    let advice = ran.err.lines().find(|line| line.contains("wexport jobs resume")).unwrap();
    world.done(&["jobs", "resume", advice.rsplit(' ').next().unwrap()]);
    assert_complete(&world, 20);
}

#[test]
fn limit_of_a_batch_applies_to_the_next_one() {
    let world = World::new();
    assert_eq!(batch(&world, 8, &["-q"]).code, Some(0));
    // A batch that knows no limit submits one export a second at first.
    let default_rates = [("WEXPORT_POLL_RATE", ""), ("WEXPORT_SUBMIT_RATE", "")];
    let ran = world.run_with(&default_rates, &["batch", "list.csv", "-o", "{id}.{ext}", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let requests = world.server.requests();
    let submits = requests.iter().filter(|it| it.endpoint() == Endpoint::Submit);
    let times: Vec<_> = submits.map(|it| it.at()).skip(8).collect();
    assert_eq!(times.len(), 8);
    assert!(times[7].since(times[0]) < Duration::from_secs(5), "{times:?}");
}

/// The export that is done first keeps its name when the other one is resumed.
#[test]
fn a_resumed_export_takes_no_name_of_another() {
    for list in [
        "kind,id,format,output\ndocument,d1,pdf,x.pdf\ndocument,d2,pdf,x.pdf\n",
        "kind,id,format,output\ndocument,d1,pdf,x.{ext}\ndocument,d2,pdf,x.{ext}\n",
    ] {
        for nth in [1, 2] {
            let refused = Rule::new(Endpoint::Download, Fault::status(400)).on(Nth::Only(nth));
            let world = world_with(refused);
            world.write("list.csv", list);
            assert_eq!(world.run(&["batch", "list.csv"]).code, Some(8));
            world.done(&["jobs", "resume", &id(&world)]);
            assert_eq!(world.names(""), ["list.csv", "x (2).pdf", "x.pdf"]);
            let mut served: Vec<Vec<u8>> = Vec::new();
            for export in world.server.exports() {
                served.push(export.content().to_bytes().unwrap().to_vec());
            }
            let files = [world.read("x.pdf"), world.read("x (2).pdf")];
            assert!(files[0] != files[1]);
            assert!(files.iter().all(|file| served.contains(file)));
        }
    }
}

/// No shell has replaced `~` in a list.
#[test]
fn paths_of_a_list_may_begin_at_the_home_folder() {
    let world = World::new();
    world.write(
        "list.csv",
        "kind,id,output\ndocument,d1,~/reports/{id}.pdf\ndocument,d2,~/d2.pdf\n",
    );
    world.done(&["batch", "list.csv"]);
    assert!(world.home().join("reports/d1.pdf").is_file());
    assert!(world.home().join("d2.pdf").is_file());
    assert!(!world.work().join("~").exists());
}
