//! Batches whose files go into a store.

use serde_json::Value;

use super::{large, only, waits, world};
use crate::moto::moto;
use crate::relay::{Act, Relay};
use crate::world::{World, quick};

const LIST: &str = "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\ndocument,d3,pdf\n";

fn assert_all_there(world: &World, bucket: &str) {
    for export in world.server.exports() {
        let object = moto().object(bucket, &format!("in/{}.pdf", export.source())).unwrap();
        assert!(object.body == *export.content().to_bytes().unwrap(), "{}", export.source());
    }
    assert_eq!(moto().uploads(bucket), [""; 0]);
    assert!(!waits(world));
}

#[test]
fn each_file_of_a_batch_is_put_there() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.write("list.csv", LIST);
    let place = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let line = ["batch", "list.csv", "-o", &place, "--receipt", "--results", "results.jsonl"];
    world.done(&line);
    assert_all_there(&world, &bucket);
    assert_eq!(moto().keys(&bucket).len(), 6);
    let results = String::from_utf8(world.read("results.jsonl")).unwrap();
    let mut files: Vec<String> = results
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["file"].as_str().unwrap().into())
        .collect();
    files.sort();
    let url = |id| format!("s3://{bucket}/in/{id}.pdf");
    assert_eq!(files, [url("d1"), url("d2"), url("d3")]);

    // Those that are there cost nothing on another night.
    let asked = world.submits();
    world.done(&["batch", "list.csv", "-o", &place, "--if-exists", "skip"]);
    assert_eq!(world.submits(), asked + 3, "a name that depends on the service is known late");
    world.write(
        "list.csv",
        LIST.replace("format\n", "format,output\n")
            .replace("pdf\n", &format!("pdf,s3://{bucket}/in/d1.pdf\n")),
    );
    world.done(&["batch", "list.csv", "--if-exists", "skip"]);
    assert_eq!(world.submits(), asked + 3);
}

#[test]
fn an_upload_of_a_batch_that_fails_is_repeated_without_the_service() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, only(10_000_000, Act::Close));
    let world = world(large(), relay.address);
    world.write("list.csv", LIST);
    let place = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let ran = world.run(&["batch", "list.csv", "-o", &place, "--retries", "0"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert!(waits(&world));
    let asked = world.requests().len();
    let mut runs = 0;
    while world.run(&["jobs", "resume", "--failed", "--retries", "0"]).code != Some(0) {
        runs += 1;
        assert!(runs < 10);
    }
    assert_eq!(world.requests().len(), asked);
    assert_all_there(&world, &bucket);
}

#[test]
fn what_a_batch_has_left_in_a_store_is_taken_back_when_it_is_forgotten() {
    let bucket = moto().bucket();
    // From some byte on, the store is gone.
    let gone = |_: &[u8], before| if before < 10_000_000 { Act::Pass } else { Act::Close };
    let relay = Relay::start(moto().address, gone);
    let mut world = world(large(), relay.address);
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let place = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let ran = world.run(&["batch", "list.csv", "-o", &place, "--retries", "0"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket).len(), 1);

    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    world.done(&["jobs", "clean", "--older-than", "0s"]);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}
