//! Files that go into an object store, against a server that speaks S3.

mod cut;
mod many;
mod trust;

use std::fs;
use std::net::SocketAddr;

use export_sim::Config;
use serde_json::Value;

use crate::moto::moto;
use crate::relay::{Act, Relay};
use crate::world::{World, quick};

const PDF: [&str; 4] = ["document", "d1", "-f", "pdf"];

/// Three parts.
const LARGE: u64 = 20_000_000;

/// A world whose commands find the store at this address.
fn world(config: Config, store: SocketAddr) -> World {
    let mut world = World::with(config);
    world.set("AWS_ACCESS_KEY_ID", "an-aws-key");
    world.set("AWS_SECRET_ACCESS_KEY", "an-aws-secret");
    world.set("AWS_REGION", "us-east-1");
    world.set("AWS_ENDPOINT_URL", format!("http://{store}"));
    world.set("AWS_ALLOW_HTTP", "true");
    world
}

fn large() -> Config {
    quick().with_artifact_size(LARGE)
}

/// Exports to a place, which may be followed by more words.
fn line<'a>(place: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&PDF[..], &["-o", place], more].concat()
}

/// All that the program has written down of its jobs.
fn state(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![world.home()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files
}

/// Whether a file waits for its upload on this machine.
fn waits(world: &World) -> bool {
    state(world).iter().any(|(name, _)| name == "file" || name == "upload.json")
}

/// Lets everything pass but the bytes after so many.
fn only(first: usize, act: Act) -> impl Fn(&[u8], usize) -> Act + Send + Sync + 'static {
    move |bytes, before| {
        let crosses = before < first && before + bytes.len() >= first;
        if crosses { act } else { Act::Pass }
    }
}

#[test]
fn a_file_is_put_there_with_its_type_and_where_it_came_from() {
    for config in [quick(), large()] {
        let (world, bucket) = (world(config, moto().address), moto().bucket());
        let place = format!("s3://{bucket}/reports/a b.pdf");
        let ran = world.done(&line(&place, &[]));
        assert_eq!(ran.out, format!("{place}\n"));
        assert!(ran.err.contains("uploading"), "{}", ran.err);
        let object = moto().object(&bucket, "reports/a%20b.pdf").unwrap();
        assert!(object.body == world.exported());
        assert_eq!(object.header("content-type"), Some("application/pdf"));
        let told = |name: &str| object.header(&format!("x-amz-meta-{name}")).map(String::from);
        assert_eq!(told("bytes"), Some(object.body.len().to_string()));
        assert_eq!(told("submits").as_deref(), Some("1"));
        assert!(told("operation").unwrap().starts_with(world.server.url()));
        for name in ["originalrequest", "created", "updated", "wexport"] {
            assert!(told(name).is_some(), "{name}");
        }
        // The same file on a disk has a receipt with the same digest.
        world.done(&line("b.pdf", &["--receipt"]));
        let receipt: Value = serde_json::from_slice(&world.read("b.pdf.receipt.json")).unwrap();
        if object.body.len() < 1_000_000 {
            assert_eq!(receipt["sha256"].as_str(), told("sha256").as_deref());
        }
        assert_eq!(told("sha256").unwrap().len(), 64);
        assert_eq!(moto().keys(&bucket), ["reports/a b.pdf"]);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
        assert!(!waits(&world));
    }
}

#[test]
fn a_folder_and_a_template_name_the_object() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.done(&line(&format!("s3://{bucket}"), &[]));
    world.done(&line(&format!("s3://{bucket}/in/"), &[]));
    world.done(&line(&format!("S3://{bucket}/{{kind}}/{{id}}-{{name}}.{{ext}}"), &[]));
    assert_eq!(moto().keys(&bucket), ["d1.pdf", "document/d1-d1.pdf", "in/d1.pdf"]);
}

#[test]
fn a_receipt_lies_beside_the_object() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &["--receipt"]));
    let receipt = moto().object(&bucket, "a.pdf.receipt.json").unwrap();
    assert_eq!(receipt.header("content-type"), Some("application/json"));
    // With it, a copy can be checked.
    fs::write(world.work().join("a.pdf.receipt.json"), &receipt.body).unwrap();
    fs::write(world.work().join("a.pdf"), moto().object(&bucket, "a.pdf").unwrap().body).unwrap();
    world.done(&["verify", "a.pdf"]);
}

#[test]
fn places_that_make_no_sense_are_refused_before_anything_is_sent() {
    let world = world(quick(), moto().address);
    let refused = |place: &str| {
        let ran = world.run(&line(place, &[]));
        assert_eq!(ran.code, Some(2), "{place}: {}", ran.err);
        ran.err
    };
    for place in ["s3://", "s3:///a.pdf", "s3://b/a//b.pdf", "s3://b/../a.pdf", "s3://b/{nmae}"] {
        refused(place);
    }
    if cfg!(not(feature = "gs")) {
        assert!(refused("gs://b/a.pdf").contains("the cargo feature `gs`"));
    }
    if cfg!(not(feature = "az")) {
        assert!(refused("az://b/a.pdf").contains("the cargo feature `az`"));
    }
    assert!(world.requests().is_empty());
}

#[test]
fn yesterday_s_object_is_replaced_left_kept_beside_or_an_error() {
    for config in [quick(), large()] {
        let (world, bucket) = (world(config, moto().address), moto().bucket());
        let place = format!("s3://{bucket}/a.pdf");
        moto().ask("PUT", &format!("/{bucket}/a.pdf"), b"yesterday");
        let ran = world.done(&line(&place, &["--if-exists", "skip"]));
        assert!(ran.err.contains("skipped"), "{}", ran.err);
        let ran = world.run(&line(&place, &["--if-exists", "error"]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("a.pdf exists"), "{}", ran.err);
        assert!(world.requests().is_empty());
        // The same where the service chooses the name.
        moto().ask("PUT", &format!("/{bucket}/d1.pdf"), b"yesterday");
        let ran = world.done(&line(&format!("s3://{bucket}"), &["--if-exists", "skip"]));
        assert!(ran.err.contains("skipped"), "{}", ran.err);

        let ran = world.done(&line(&place, &["--if-exists", "rename"]));
        assert!(ran.out.trim_end().ends_with("/a (2).pdf"), "{}", ran.out);
        for key in ["a.pdf", "d1.pdf"] {
            assert_eq!(moto().object(&bucket, key).unwrap().body, b"yesterday");
        }
        world.done(&line(&place, &[]));
        assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
        assert_eq!(moto().keys(&bucket), ["a (2).pdf", "a.pdf", "d1.pdf"]);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
    }
}

#[test]
fn an_object_that_comes_at_the_last_moment_is_not_replaced_unless_it_is_to_be() {
    for (config, moment) in [(quick(), "PUT /"), (large(), "POST /BUCKET/a.pdf?uploadId=")] {
        for (rule, code) in [("error", 7), ("skip", 0), ("rename", 0)] {
            let bucket = moto().bucket();
            let (moment, rival) = (moment.replace("BUCKET", &bucket), format!("/{bucket}/a.pdf"));
            let relay = Relay::start(moto().address, move |bytes, _| {
                if bytes.starts_with(moment.as_bytes())
                    && moto().ask("HEAD", &rival, b"").status == 404
                {
                    moto().ask("PUT", &rival, b"somebody's");
                }
                Act::Pass
            });
            let world = world(config.clone(), relay.address);
            let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--if-exists", rule]));
            assert_eq!(ran.code, Some(code), "{rule}: {}", ran.err);
            assert_eq!(moto().object(&bucket, "a.pdf").unwrap().body, b"somebody's", "{rule}");
            let second = moto().object(&bucket, "a%20(2).pdf");
            assert_eq!(
                second.is_some_and(|found| found.body == world.exported()),
                rule == "rename"
            );
            assert_eq!(moto().uploads(&bucket), [""; 0], "{rule}");
        }
    }
}

#[test]
fn without_state_a_file_waits_elsewhere_and_nothing_stays() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, only(10_000_000, Act::Close));
    let mut world = world(large(), relay.address);
    let temporary = world.work().join("tmp");
    fs::create_dir(&temporary).unwrap();
    world.set("TMPDIR", temporary.display().to_string());
    let place = format!("s3://{bucket}/a.pdf");
    let ran = world.run(&line(&place, &["--no-state", "--retries", "0"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("wexport fetch"), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    world.done(&line(&place, &["--no-state"]));
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(world.names("tmp"), [""; 0]);
}
