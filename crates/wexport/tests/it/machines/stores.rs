//! Batches of several machines whose files go to an object store.

use std::process::Command;

use super::{Machines, kill, shared};
use crate::moto::moto;
use crate::relay::{Action, Relay};
use crate::stores::{act_at, large, world};

/// Commands on a machine that is killed in the middle of a multipart upload, and its name in a bucket.
fn killed_in_an_upload() -> Option<(Machines, String)> {
    let postgres = shared()?;
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Hold));
    let machines = Machines::with(postgres, 1, world(large(), relay.address));
    let output = format!("s3://{bucket}/{{id}}.{{ext}}");
    let command = machines.command(&["batch", "list.csv", "-o", &output, "--key", "night"]);
    machines.done(&["jobs", "list"]);
    let is_recorded = "SELECT count(*) FROM wexport.note WHERE name = 'upload 2'";
    let holder = machines.world.spawn_until(command, |_| machines.sql(is_recorded) == "1");
    kill(holder);
    assert_eq!(moto().uploads(&bucket).len(), 1);
    Some((machines, bucket))
}

/// What another machine runs, from which the store can be reached.
fn elsewhere(machines: &Machines, line: &[&str]) -> Command {
    let mut command = machines.command(line);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    command
}

#[test]
fn upload_of_a_killed_holder_is_aborted_by_the_next_one() {
    let Some((machines, bucket)) = killed_in_an_upload() else { return };
    let output = format!("s3://{bucket}/{{id}}.{{ext}}");
    let line = ["batch", "list.csv", "-o", &output, "--key", "night"];
    let ran = machines.world.ran(elsewhere(&machines, &line).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("continuing batch"), "{}", ran.err);
    assert!(moto().object(&bucket, "d0.pdf").unwrap().body == machines.world.exported());
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert_eq!(
        (machines.world.submits(), machines.sql("SELECT * FROM wexport.note")),
        (1, String::new())
    );
}

#[test]
fn upload_of_a_killed_holder_is_aborted_when_its_batch_is_removed() {
    let Some((machines, bucket)) = killed_in_an_upload() else { return };
    machines.sql("SELECT pg_sleep_until(held_until) FROM wexport.batch");
    let line = ["jobs", "clean", "--older-than", "0s", "--resumable"];
    let ran = machines.world.ran(elsewhere(&machines, &line).output().unwrap());
    assert_eq!((ran.code, &*ran.out), (Some(0), "removed 0 jobs and 1 batch\n"), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}
