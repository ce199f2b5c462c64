//! Files in an object store, against an S3 server.

mod batches;
mod interruptions;
mod refusals;
mod trust;
mod variables;

use std::fs;
use std::net::SocketAddr;

use export_sim::Config;
use serde_json::Value;

use crate::moto::moto;
use crate::relay::{Action, Relay};
use crate::world::{World, quick};

const PDF: [&str; 4] = ["document", "d1", "-f", "pdf"];

/// The length of a file that is uploaded in three parts.
const LARGE: u64 = 20_000_000;

/// A world whose commands use the store at this address.
pub(crate) fn world(config: Config, store: SocketAddr) -> World {
    let mut world = World::with(config);
    world.set("AWS_ACCESS_KEY_ID", "an-aws-key");
    world.set("AWS_SECRET_ACCESS_KEY", "an-aws-secret");
    world.set("AWS_REGION", "us-east-1");
    world.set("AWS_ENDPOINT_URL", format!("http://{store}"));
    world.set("AWS_ALLOW_HTTP", "true");
    world
}

pub(crate) fn large() -> Config {
    quick().with_artifact_size(LARGE)
}

/// The command that exports to a URL, with more flags.
fn line<'a>(url: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    [&PDF[..], &["-o", url], flags].concat()
}

/// The files of the state: names and contents.
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

/// Whether a downloaded file is waiting for its upload.
fn has_pending_upload(world: &World) -> bool {
    state(world).iter().any(|(name, _)| name == "file" || name == "upload.json")
}

/// Passes everything, but acts once on the bytes at an offset.
pub(crate) fn act_at(
    offset: usize,
    act: Action,
) -> impl Fn(&[u8], usize) -> Action + Send + Sync + 'static {
    move |bytes, before| {
        let crosses = before < offset && before + bytes.len() >= offset;
        if crosses { act } else { Action::Pass }
    }
}

#[test]
fn objects_have_a_type_and_metadata() {
    for config in [quick(), large()] {
        let (world, bucket) = (world(config, moto().address), moto().bucket());
        let url = format!("s3://{bucket}/reports/a b.pdf");
        let ran = world.done(&line(&url, &[]));
        assert_eq!(ran.out, format!("{url}\n"));
        assert!(ran.err.contains("uploading"), "{}", ran.err);
        let object = moto().object(&bucket, "reports/a%20b.pdf").unwrap();
        assert!(object.body == world.exported());
        assert_eq!(object.header("content-type"), Some("application/pdf"));
        let metadata = |name: &str| object.header(&format!("x-amz-meta-{name}")).map(String::from);
        assert_eq!(metadata("bytes"), Some(object.body.len().to_string()));
        assert_eq!(metadata("submits").as_deref(), Some("1"));
        assert!(metadata("operation").unwrap().starts_with(world.server.url()));
        for name in ["originalrequest", "created", "updated", "wexport"] {
            assert!(metadata(name).is_some(), "{name}");
        }
        // The receipt of the same file on disk has the same digest.
        world.done(&line("b.pdf", &["--receipt"]));
        let receipt: Value = serde_json::from_slice(&world.read("b.pdf.receipt.json")).unwrap();
        if object.body.len() < 1_000_000 {
            assert_eq!(receipt["sha256"].as_str(), metadata("sha256").as_deref());
        }
        assert_eq!(metadata("sha256").unwrap().len(), 64);
        assert_eq!(moto().keys(&bucket), ["reports/a b.pdf"]);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
        assert!(!has_pending_upload(&world));
    }
}

#[test]
fn prefixes_and_templates_name_the_object() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.done(&line(&format!("s3://{bucket}"), &[]));
    world.done(&line(&format!("s3://{bucket}/in/"), &[]));
    world.done(&line(&format!("S3://{bucket}/{{kind}}/{{id}}-{{name}}.{{ext}}"), &[]));
    assert_eq!(moto().keys(&bucket), ["d1.pdf", "document/d1-d1.pdf", "in/d1.pdf"]);
}

#[test]
fn a_receipt_is_written_beside_the_object() {
    let (world, bucket) = (world(quick(), moto().address), moto().bucket());
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &["--receipt"]));
    let receipt = moto().object(&bucket, "a.pdf.receipt.json").unwrap();
    assert_eq!(receipt.header("content-type"), Some("application/json"));
    // `verify` checks a copy against it.
    fs::write(world.work().join("a.pdf.receipt.json"), &receipt.body).unwrap();
    fs::write(world.work().join("a.pdf"), moto().object(&bucket, "a.pdf").unwrap().body).unwrap();
    world.done(&["verify", "a.pdf"]);
}

#[test]
fn invalid_addresses_are_refused() {
    let world = world(quick(), moto().address);
    let refused = |url: &str| {
        let ran = world.run(&line(url, &[]));
        assert_eq!(ran.code, Some(2), "{url}: {}", ran.err);
        ran.err
    };
    for url in ["s3://", "s3:///a.pdf", "s3://b/a//b.pdf", "s3://b/../a.pdf", "s3://b/{nmae}"] {
        refused(url);
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
fn if_exists_applies_to_objects() {
    for config in [quick(), large()] {
        let (world, bucket) = (world(config, moto().address), moto().bucket());
        let url = format!("s3://{bucket}/a.pdf");
        moto().request("PUT", &format!("/{bucket}/a.pdf"), b"old");
        let ran = world.done(&line(&url, &["--if-exists", "skip"]));
        assert!(ran.err.contains("skipped"), "{}", ran.err);
        let ran = world.run(&line(&url, &["--if-exists", "error"]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("a.pdf exists"), "{}", ran.err);
        assert!(world.requests().is_empty());
        // The same for a name of the service.
        moto().request("PUT", &format!("/{bucket}/d1.pdf"), b"old");
        let ran = world.done(&line(&format!("s3://{bucket}"), &["--if-exists", "skip"]));
        assert!(ran.err.contains("skipped"), "{}", ran.err);

        let ran = world.done(&line(&url, &["--if-exists", "rename"]));
        assert!(ran.out.trim_end().ends_with("/a (2).pdf"), "{}", ran.out);
        for key in ["a.pdf", "d1.pdf"] {
            assert_eq!(moto().object(&bucket, key).unwrap().body, b"old");
        }
        world.done(&line(&url, &[]));
        assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
        assert_eq!(moto().keys(&bucket), ["a (2).pdf", "a.pdf", "d1.pdf"]);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
    }
}

#[test]
fn skip_finds_an_object_before_the_submit() {
    for template in ["{date}/{id}.{ext}", "{date}/{name}.{ext}", "in/"] {
        let (world, bucket) = (world(quick(), moto().address), moto().bucket());
        let url = format!("s3://{bucket}/{template}");
        let line = line(&url, &["--if-exists", "skip"]);
        world.done(&line);
        let sent = world.requests().len();
        let ran = world.done(&line);
        assert!(ran.err.contains("skipped"), "{}", ran.err);
        assert_eq!(world.requests().len(), sent, "{template}");
        assert_eq!(moto().keys(&bucket).len(), 1);
    }
}

#[test]
fn an_object_created_during_the_upload_is_kept() {
    for (config, moment) in [(quick(), "PUT /"), (large(), "POST /BUCKET/a.pdf?uploadId=")] {
        for (rule, code) in [("error", 7), ("skip", 0), ("rename", 0)] {
            let bucket = moto().bucket();
            let (moment, rival) = (moment.replace("BUCKET", &bucket), format!("/{bucket}/a.pdf"));
            let relay = Relay::start(moto().address, move |bytes, _| {
                if bytes.starts_with(moment.as_bytes())
                    && moto().request("HEAD", &rival, b"").status == 404
                {
                    moto().request("PUT", &rival, b"other");
                }
                Action::Pass
            });
            let world = world(config.clone(), relay.address);
            let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--if-exists", rule]));
            assert_eq!(ran.code, Some(code), "{rule}: {}", ran.err);
            assert_eq!(moto().object(&bucket, "a.pdf").unwrap().body, b"other", "{rule}");
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
fn without_state_temporary_files_are_removed() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Close));
    let mut world = world(large(), relay.address);
    let temporary = world.work().join("tmp");
    fs::create_dir(&temporary).unwrap();
    world.set("TMPDIR", temporary.display().to_string());
    let url = format!("s3://{bucket}/a.pdf");
    let ran = world.run(&line(&url, &["--no-state", "--retries", "0"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("wexport fetch"), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    world.done(&line(&url, &["--no-state"]));
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(world.names("tmp"), [""; 0]);
}
