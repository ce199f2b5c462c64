//! Files that go into an object store, against a server that speaks S3.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use export_sim::{Config, Endpoint, Fault, Moment, Nth, Rule, Scenario};
use serde_json::Value;

use crate::moto::{Moto, elements, moto};
use crate::relay::{Act, Relay};
use crate::world::{Ran, World, quick};

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

fn signal(world: &World, child: Child, name: &str) -> Ran {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    world.ran(child.wait_with_output().unwrap())
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// Waits until the program says something.
fn assert_told(child: &mut Child, what: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(what)), "{what}");
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
fn an_upload_whose_connection_breaks_off_goes_on() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, only(10_000_000, Act::Close));
    let world = world(large(), relay.address);
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &[]));
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}

#[test]
fn an_upload_that_fails_leaves_nothing_and_is_repeated_without_the_service() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, only(10_000_000, Act::Close));
    let world = world(large(), relay.address);
    let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--retries", "0", "--receipt"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    for said in ["phase:            upload", "yes, only the upload: wexport jobs resume"] {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert_eq!(moto().keys(&bucket), [""; 0]);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert!(waits(&world));

    let asked = world.requests().len();
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.requests().len(), asked);
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(moto().keys(&bucket), ["a.pdf", "a.pdf.receipt.json"]);
    assert!(!waits(&world));
}

#[test]
fn what_cannot_be_taken_back_at_once_is_taken_back_later() {
    for words in [&["jobs", "resume", "--failed"][..], &["jobs", "clean", "--older-than", "0s"]] {
        let bucket = moto().bucket();
        // From some byte on, the store is gone.
        let gone = |_: &[u8], before| if before < 10_000_000 { Act::Pass } else { Act::Close };
        let relay = Relay::start(moto().address, gone);
        let mut world = world(large(), relay.address);
        let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--retries", "0"]));
        assert_eq!(ran.code, Some(75), "{}", ran.err);
        assert!(ran.err.contains("parts of it may be left there"), "{}", ran.err);
        assert_eq!(moto().uploads(&bucket).len(), 1);

        // Nobody forgets a job while the store cannot be told.
        let ran = world.run(&["jobs", "clean", "--older-than", "0s"]);
        assert_ne!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("is kept"), "{}", ran.err);
        world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
        world.done(words);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
        let there = moto().object(&bucket, "a.pdf");
        assert_eq!(there.is_some_and(|found| found.body == world.exported()), words[1] == "resume");
        assert!(!waits(&world));
    }
}

#[test]
fn stopped_while_it_uploads_it_takes_back_what_it_began() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let bucket = moto().bucket();
        let relay = Relay::start(moto().address, only(10_000_000, Act::Hold));
        let world = world(large(), relay.address);
        let child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), |_| {
            relay.seen().len() >= 10_000_000
        });
        let ran = signal(&world, child, name);
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert_eq!(moto().keys(&bucket), [""; 0]);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
        world.done(&["jobs", "resume", "--failed"]);
        assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
        assert_eq!((moto().uploads(&bucket).len(), world.submits()), (0, 1));
    }
}

#[test]
fn a_store_that_does_not_answer_keeps_nobody_who_stops_twice() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, only(1, Act::Hold));
    let world = world(large(), relay.address);
    let asked = |_: &World| !relay.seen().is_empty();
    let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), asked);
    let stopped = Instant::now();
    interrupt(&child);
    assert_told(&mut child, "stop again to leave it");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
}

#[test]
fn an_upload_whose_beginning_nobody_waited_for_is_taken_back() {
    let bucket = moto().bucket();
    let asked = format!("POST /{bucket}/a.pdf?uploads");
    // The store begins when the program has been told to stop.
    let (stopped, wait) = channel();
    let wait = Mutex::new(wait);
    let relay = Relay::start(moto().address, move |bytes, _| {
        if bytes.starts_with(asked.as_bytes()) {
            wait.lock().unwrap().recv().unwrap();
        }
        Act::Pass
    });
    let world = world(large(), relay.address);
    let asked = |_: &World| relay.seen().contains("?uploads");
    let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), asked);
    interrupt(&child);
    assert_told(&mut child, "taking back");
    stopped.send(()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(relay.seen().contains("DELETE /"), "it had begun");
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}

#[test]
fn killed_while_it_uploads_it_leaves_nothing_visible_and_is_gone_on_with() {
    for words in [&["jobs", "resume", "--failed"][..], &["jobs", "clean", "--older-than", "0s"]] {
        let bucket = moto().bucket();
        let relay = Relay::start(moto().address, only(10_000_000, Act::Hold));
        let world = world(large(), relay.address);
        let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), |_| {
            relay.seen().len() >= 10_000_000
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(moto().keys(&bucket), [""; 0]);
        assert_eq!(moto().uploads(&bucket).len(), 1);
        assert!(world.done(&["jobs", "list", "--failed"]).out.contains("interrupted"));
        world.done(words);
        let there = moto().object(&bucket, "a.pdf");
        assert_eq!(there.is_some_and(|found| found.body == world.exported()), words[1] == "resume");
        assert_eq!((moto().uploads(&bucket).len(), world.submits()), (0, 1));
        assert!(!waits(&world));
    }
}

#[test]
fn killed_while_it_downloads_it_goes_on_where_it_was_and_nothing_was_in_the_store() {
    let cut = Rule::new(Endpoint::Download, Fault::Close { at: Moment::Byte(15_000_000) });
    let stall = Fault::Stall { at: Moment::BeforeHead, time: None };
    let stall = Rule::new(Endpoint::Download, stall).on(Nth::Only(2));
    let scenario = Scenario::default().with_rule(cut.on(Nth::Only(1))).with_rule(stall);
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, |_, _| Act::Pass);
    let world = world(large().with_scenario(scenario), relay.address);
    let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), |world| {
        world.requests().iter().filter(|line| line.contains("/content")).count() == 2
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(relay.seen(), "");
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert!(world.requests().iter().any(|line| line.ends_with(" 206")), "{:?}", world.requests());
}

#[test]
fn an_answer_that_was_lost_is_no_reason_to_take_the_object_for_somebody_else_s() {
    for (config, moment) in [(quick(), "PUT /"), (large(), "POST /BUCKET/a.pdf?uploadId=")] {
        let bucket = moto().bucket();
        let moment = moment.replace("BUCKET", &bucket);
        let relay = Relay::start(moto().address, move |bytes, _| {
            if bytes.starts_with(moment.as_bytes()) { Act::LoseAnswer } else { Act::Pass }
        });
        let mut world = world(config, relay.address);
        let place = format!("s3://{bucket}/a.pdf");
        let words = ["--if-exists", "error", "--retries", "0", "--receipt"];
        let ran = world.run(&line(&place, &words));
        assert_eq!(ran.code, Some(75), "{}", ran.err);
        world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
        let ran = world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(ran.out, format!("{place}\n"));
        assert_eq!(moto().keys(&bucket), ["a.pdf", "a.pdf.receipt.json"]);
    }
}

#[test]
fn a_store_that_refuses_is_explained_and_asked_again_when_that_is_mended() {
    let mut world = world(quick(), moto().address);
    let bucket = moto().bucket();
    let ran = world.run(&line(&format!("s3://{bucket}-not-there/a.pdf"), &[]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    insta::assert_snapshot!(masked(&world, &ran.err, &bucket));
    moto().ask("PUT", &format!("/{bucket}-not-there"), b"");
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&format!("{bucket}-not-there"), "a.pdf").is_some());

    // Nobody listens, nobody may be believed, nobody is asking: before anything is sent.
    let sent = world.requests().len();
    let ask = |world: &World| {
        let place = format!("s3://{bucket}/a.pdf");
        let ran = world.run(&line(&place, &["--if-exists", "error", "--retries", "0"]));
        assert_eq!(world.requests().len(), sent, "{}", ran.err);
        format!("{}{}\n", masked(world, &ran.err, &bucket), ran.code.unwrap())
    };
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let mut told = ask(&world);
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    told += &ask(&world);
    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    world.set("AWS_ALLOW_HTTP", "false");
    told += &ask(&world);
    world.set("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    told += &ask(&world);
    insta::assert_snapshot!(told);
}

fn masked(world: &World, text: &str, bucket: &str) -> String {
    world.masked(text).replace(bucket, "BUCKET")
}

#[test]
fn the_store_checks_every_signature() {
    let moto = Moto::start();
    let bucket = moto.bucket();
    let iam = |form: &str| {
        moto.ask_service("iam", "POST", "/", format!("{form}&Version=2010-05-08").as_bytes())
    };
    iam("Action=CreateUser&UserName=me");
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22\
                  Allow%22%2C%22Action%22%3A%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D";
    iam(&format!("Action=PutUserPolicy&UserName=me&PolicyName=p&PolicyDocument={policy}"));
    let key = iam("Action=CreateAccessKey&UserName=me");
    let (id, secret) = (&elements(&key, "AccessKeyId")[0], &elements(&key, "SecretAccessKey")[0]);
    moto.ask("POST", "/moto-api/reset-auth", b"0");

    for config in [quick(), large()] {
        let mut world = world(config, moto.address);
        let place = format!("s3://{bucket}/a b+c~(ü).pdf");
        for (id, secret, code) in [
            (id.as_str(), secret.as_str(), 0),
            (id.as_str(), "another-aws-secret", 4),
            ("another-aws-key", "another-aws-secret", 4),
        ] {
            world.set("AWS_ACCESS_KEY_ID", id);
            world.set("AWS_SECRET_ACCESS_KEY", secret);
            for rule in ["replace", "rename"] {
                let ran = world.run(&line(&place, &["--if-exists", rule]));
                assert_eq!(ran.code, Some(code), "{rule}: {}", ran.err);
                assert!(!ran.err.contains(secret), "{}", ran.err);
                if code == 4 {
                    assert!(ran.err.contains("check the store's credentials"), "{}", ran.err);
                }
            }
        }
    }
}

#[test]
fn nobody_learns_a_secret_of_somebody_else() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, |_, _| Act::Pass);
    let mut world = world(large(), relay.address);
    world.set("AWS_SESSION_TOKEN", "an-aws-token");
    let place = format!("s3://{bucket}/a.pdf");
    let mut told = String::new();
    for words in [&["--receipt"][..], &["--json"], &["--if-exists", "error"]] {
        let ran = world.run(&line(&place, words));
        told += &(ran.out + &ran.err);
    }
    for (_, text) in state(&world) {
        told += &String::from_utf8_lossy(&text);
    }
    told += &world.requests().join("\n");
    for request in world.server.requests() {
        told += &format!("{:?}", request.headers());
    }
    for secret in ["an-aws-secret", "an-aws-token", "an-aws-key", "Signature="] {
        assert!(!told.contains(secret), "{secret}");
    }
    let seen = relay.seen();
    assert!(seen.contains("an-aws-token"));
    for secret in ["a-secret", "Bearer", "bearer", "X-Version", "an-aws-secret"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[test]
fn the_store_is_reached_in_the_way_that_was_set() {
    let (mut world, bucket) = (world(quick(), moto().address), moto().bucket());
    let place = format!("s3://{bucket}/a.pdf");
    let proxy = Relay::proxy();
    world.done(&line(&place, &["--proxy", &format!("http://{}", proxy.address)]));
    let seen = proxy.seen();
    assert!(seen.contains("AWS4-HMAC-SHA256"), "{seen}");

    let proxy = Relay::proxy();
    world.set("HTTP_PROXY", format!("http://{}", proxy.address));
    world.set("NO_PROXY", "127.0.0.1");
    world.done(&line(&place, &[]));
    assert_eq!(proxy.seen(), "");

    // A server whose authority is given, and which is not believed without.
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    let ran = world.run(&line(&place, &[]));
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(ran.err.contains("--ca-bundle"), "{}", ran.err);
    let authority = moto().authority.display().to_string();
    world.done(&line(&place, &["--ca-bundle", &authority]));
    world.set("WEXPORT_CA_BUNDLE", authority);
    world.done(&["jobs", "resume", "--failed"]);
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
