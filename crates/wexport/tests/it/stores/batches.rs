//! Batches whose files are uploaded to a store.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

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
    assert_eq!(world.submits(), submits + 3, "the service names the file");
    world.write(
        "list.csv",
        LIST.replace("format\n", "format,output\n")
            .replace("pdf\n", &format!("pdf,s3://{bucket}/in/d1.pdf\n")),
    );
    world.done(&["batch", "list.csv", "--if-exists", "skip"]);
    assert_eq!(world.submits(), submits + 3);
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
    world.done(&["jobs", "clean", "--older-than", "0s"]);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}

/// An HTTP server that sends the same response to each request, and keeps connections open. moto
/// closes them.
struct StubServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// The request lines.
    requests: Arc<Mutex<Vec<String>>>,
}

impl StubServer {
    /// Starts a server. The response has a `Content-Length`.
    fn start(response: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::default());
        let (accepted, received) = (Arc::clone(&connections), Arc::clone(&requests));
        thread::spawn(move || {
            for client in listener.incoming() {
                accepted.fetch_add(1, Ordering::Relaxed);
                let (client, received) = (client.unwrap(), Arc::clone(&received));
                thread::spawn(move || serve(&client, response, &received));
            }
        });
        Self { address, connections, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut client: &TcpStream, response: &str, received: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: u64 = length.map_or(0, |length| length.parse().unwrap());
        io::copy(&mut (&mut reader).take(length), &mut io::sink()).unwrap();
        received.lock().unwrap().push(head.lines().next().unwrap().into());
        client.write_all(response.as_bytes()).unwrap();
    }
}

/// The exports share the connections and the credentials of one client, and the CA bundle is read
/// before the first submit only.
#[test]
fn the_exports_of_a_batch_share_one_client() {
    const COUNT: usize = 20;
    let store = StubServer::start("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n");
    // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
    let credentials = StubServer::start(concat!(
        "HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n",
        r#"{"AccessKeyId": "an-aws-key", "SecretAccessKey": "an-aws-secret", "#,
        r#""Token": "a-token", "Expiration": "2099-01-01T00:00:00Z"}"#,
    ));
    let mut world = world(quick(), store.address);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    world.write("token", "a-container-token");
    let token = world.work().join("token").display().to_string();
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
    let url = format!("http://{}/", credentials.address);
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    world.write("ca.pem", fs::read(&moto().ca).unwrap());
    let rows = (1..=COUNT).map(|number| format!("document,d{number},pdf\n"));
    world.write("list.csv", format!("kind,id,format\n{}", rows.collect::<String>()));

    let command = ["batch", "list.csv", "-o", "s3://b/{id}.{ext}", "--ca-bundle", "ca.pem"];
    let child = world.start_until(&command, |world| world.submits() > 0);
    fs::remove_file(world.work().join("ca.pem")).unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (mut puts, mut expected) = (store.requests(), Vec::new());
    expected.extend((1..=COUNT).map(|number| format!("put /b/d{number}.pdf http/1.1")));
    puts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(puts, expected);
    assert_eq!(credentials.requests().len(), 1);
    // At most 16 files are uploaded at once.
    let connections = store.connections.load(Ordering::Relaxed);
    assert!(connections <= 16, "{connections} connections");
}
