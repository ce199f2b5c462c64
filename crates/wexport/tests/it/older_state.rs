//! The state that an earlier version has left: it is read, and its runs are resumed.
//!
//! `samples/0.1` was written by version 0.1.0. It must not be changed: add a folder for a later version.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::world::{Ran, World};

const JOB: &str = "20261127-223928-cef4";
const BATCH: &str = "20261127-223927-bdd5";

/// With a token, as the runs of the sample were begun.
fn run(world: &World, line: &[&str]) -> Ran {
    let variables =
        [("WORKIVA_CLIENT_ID", ""), ("WORKIVA_CLIENT_SECRET", ""), ("WORKIVA_TOKEN", "a-token")];
    world.run_with(&variables, &[line, &["--state", "state"]].concat())
}

/// Puts the sample in place. The operations of its exports, which it has as `{d2}`, are new ones of the service.
fn world_with_sample() -> World {
    let world = World::new();
    let operation = |line: &[&str]| {
        let ran = run(&world, &[line, &["--no-wait", "--quiet"]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out.trim().to_owned()
    };
    let operations = [
        ("{d2}", operation(&["document", "d2", "-f", "pdf"])),
        ("{s1}", operation(&["spreadsheet", "s1", "-f", "xlsx"])),
        ("{p1}", operation(&["presentation", "p1", "-f", "pptx"])),
    ];
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/samples/0.1");
    let work = fs::canonicalize(world.work()).unwrap();
    let read = |name: &str| {
        let text = fs::read_to_string(sample.join(name)).unwrap();
        let text = text.replace("{API}", world.server.url());
        let text = text.replace("{WORK}", &work.to_string_lossy().replace('\\', "/"));
        operations.iter().fold(text, |text, (name, operation)| text.replace(name, operation))
    };
    let job = work.join("state/jobs").join(JOB);
    let batch = work.join("state/batches").join(BATCH);
    fs::create_dir_all(&job).unwrap();
    fs::create_dir_all(&batch).unwrap();
    for name in ["job.json", "fresh.json", "checkpoint.json"] {
        fs::write(job.join(name), read(&format!("job/{name}"))).unwrap();
    }
    let database = Connection::open(batch.join("batch.sqlite")).unwrap();
    database.execute_batch(&read("batch.sql")).unwrap();
    database.close().unwrap();
    world
}

#[test]
fn runs_of_an_earlier_version_are_listed_and_resumed() {
    let world = world_with_sample();
    let listed = run(&world, &["jobs", "list"]).out;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with(&format!("{BATCH}  failed      3 exports")), "{listed}");
    assert!(lines[1].starts_with(&format!("{JOB}  failed      document d2 as pdf")), "{listed}");
    let report = run(&world, &["report", BATCH]);
    assert!(report.out.contains("3 exports: 1 done, 2 failed"), "{}{}", report.out, report.err);

    let submits = world.submits();
    let ran = run(&world, &["jobs", "resume", JOB, "--quiet"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.read("d2.pdf").starts_with(b"%PDF-"));
    let ran = run(&world, &["jobs", "resume", BATCH, "--quiet"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.names("night").contains(&"p1.pptx".to_owned()));
    assert!(world.names("night").contains(&"s1.xlsx".to_owned()));
    // What the service had accepted was not requested again.
    assert_eq!(world.submits(), submits);
}

/// The list of the batch, as a file of that time.
#[test]
fn list_of_an_earlier_version_is_a_list() {
    let world = World::new();
    world.write(
        "list.csv",
        "kind,id,format,output,include-comments,if-exists,receipt,file-kind\n\
         document,124efa2a142f,pdf,night/{name}.{ext},yes,replace,yes,\n\
         spreadsheet,8a2c51d9,xlsx,,,,,\n\
         file,f1,,,,,,SupportingDocument\n",
    );
    let ran = world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "--quiet"]);
    assert_eq!(ran.err, "");
    assert_eq!(world.names("night").len(), 2);
}
