//! Batches whose files are uploaded to a store.

use std::fs;

use serde_json::Value;
use test_servers::{Server, json, response};

use super::{act_at, has_pending_upload, large, world};
use crate::moto::moto;
use crate::relay::{Action, Relay};
use crate::world::{World, quick};

const LIST: &str = "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\ndocument,d3,pdf\n";

fn assert_uploaded(world: &World, bucket: &str) {
    for export in world.server.exports() {
        let object = moto().object(bucket, &format!("in/{}.pdf", export.source())).unwrap();
        assert!(object.body == *export.content().to_bytes().unwrap(), "{}", export.source());
    }
    assert_eq!(moto().uploads(bucket), [""; 0]);
    assert!(!has_pending_upload(world));
}

#[test]
fn each_file_of_a_batch_is_uploaded() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.write("list.csv", LIST);
    let output = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let line = ["batch", "list.csv", "-o", &output, "--receipt", "--results", "results.jsonl"];
    world.done(&line);
    assert_uploaded(&world, &bucket);
    assert_eq!(moto().keys(&bucket).len(), 6);
    let results = String::from_utf8(world.read("results.jsonl")).unwrap();
    let mut files: Vec<String> = results
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["file"].as_str().unwrap().into())
        .collect();
    files.sort();
    let url = |id| format!("s3://{bucket}/in/{id}.pdf");
    assert_eq!(files, [url("d1"), url("d2"), url("d3")]);

    // Objects that exist are skipped without an export, if their keys are known.
    let submits = world.submits();
    world.done(&["batch", "list.csv", "-o", &output, "--if-exists", "skip"]);
    assert_eq!(world.submits(), submits);
    world.write(
        "list.csv",
        LIST.replace("format\n", "format,output\n")
            .replace("pdf\n", &format!("pdf,s3://{bucket}/in/d1.pdf\n")),
    );
    world.done(&["batch", "list.csv", "--if-exists", "skip"]);
    assert_eq!(world.submits(), submits);
}

#[test]
fn a_failed_upload_is_repeated_without_the_service() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Close));
    let world = world(large(), relay.address);
    world.write("list.csv", LIST);
    let output = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let ran = world.run(&["batch", "list.csv", "-o", &output, "--retries", "0"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert!(has_pending_upload(&world));
    let requests = world.requests().len();
    let mut runs = 0;
    while world.run(&["jobs", "resume", "--failed", "--retries", "0"]).code != Some(0) {
        runs += 1;
        assert!(runs < 10);
    }
    assert_eq!(world.requests().len(), requests);
    assert_uploaded(&world, &bucket);
}

#[test]
fn removing_a_batch_aborts_its_uploads() {
    let bucket = moto().bucket();
    // The store is unreachable from some byte on.
    let lost = |_: &[u8], before| if before < 10_000_000 { Action::Pass } else { Action::Close };
    let relay = Relay::start(moto().address, lost);
    let mut world = world(large(), relay.address);
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let output = format!("s3://{bucket}/in/{{id}}.{{ext}}");
    let ran = world.run(&["batch", "list.csv", "-o", &output, "--retries", "0"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket).len(), 1);

    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    world.done(&["jobs", "clean", "--older-than", "0s", "--resumable"]);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

/// The exports share the connections and the credentials of one client, and the CA bundle is read
/// before the first submit only.
#[test]
fn the_exports_of_a_batch_share_one_client() {
    const COUNT: usize = 20;
    // moto would close the connections.
    let store =
        Server::start(|_, _| test_servers::Action::Send(response("200 OK", &["etag: \"e\""], "")));
    // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
    let credentials = r#"{"AccessKeyId": "an-aws-key", "SecretAccessKey": "an-aws-secret",
        "Token": "a-token", "Expiration": "2099-01-01T00:00:00Z"}"#;
    let credentials =
        Server::start(|_, _| test_servers::Action::Send(json("200 OK", &[], credentials)));
    let mut world = world(quick(), store.address());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    world.write("token", "a-container-token");
    let token = world.work().join("token").display().to_string();
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
    let url = format!("{}/", credentials.url());
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    world.write("ca.pem", fs::read(&moto().ca).unwrap());
    let rows = (1..=COUNT).map(|number| format!("document,d{number},pdf\n"));
    world.write("list.csv", format!("kind,id,format\n{}", rows.collect::<String>()));

    let command = ["batch", "list.csv", "-o", "s3://b/{id}.{ext}", "--ca-bundle", "ca.pem"];
    let child = world.start_until(&command, |world| world.submits() > 0);
    fs::remove_file(world.work().join("ca.pem")).unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (mut puts, mut expected) = (store.lines(), Vec::new());
    expected.extend((1..=COUNT).map(|number| format!("PUT /b/d{number}.pdf HTTP/1.1")));
    puts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(puts, expected);
    assert_eq!(credentials.lines().len(), 1);
    // At most 16 files are uploaded at once.
    assert!(store.connections() <= 16, "{} connections", store.connections());
}

/// The rows of a list share a client of the store, which looks up each object once.
#[test]
fn objects_are_looked_up_once_before_the_first_submit() {
    const COUNT: usize = 200;
    let store =
        Server::start(|_, _| test_servers::Action::Send(response("404 Not Found", &[], "")));
    let world = world(quick(), store.address());
    let rows = (1..=COUNT).map(|number| format!("document,d{number},pdf\n"));
    world.write("list.csv", format!("kind,id,format\n{}", rows.collect::<String>()));
    let command = ["batch", "list.csv", "-o", "s3://b/{id}.{ext}", "--if-exists", "error"];
    let mut child = world.start_until(&command, |world| world.submits() > 0);
    let (lines, clients) = (store.lines(), store.connections());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut heads: Vec<String> =
        lines.into_iter().filter(|line| line.starts_with("HEAD")).collect();
    let mut expected: Vec<String> =
        (1..=COUNT).map(|number| format!("HEAD /b/d{number}.pdf HTTP/1.1")).collect();
    heads.sort_unstable();
    expected.sort_unstable();
    assert_eq!(heads, expected);
    assert!(clients < COUNT / 2, "{clients}");
}
