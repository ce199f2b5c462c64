//! Lost connections, signals and kills during an upload.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};

use super::{act_at, has_pending_upload, large, line, world};
use crate::moto::moto;
use crate::relay::{Action, Relay};
use crate::world::{Ran, World, quick};

fn signal(world: &World, child: Child, name: &str) -> Ran {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    world.ran(child.wait_with_output().unwrap())
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// Waits until the program prints a text.
fn assert_prints(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(text)), "{text}");
}

#[test]
fn an_upload_survives_a_lost_connection() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Close));
    let world = world(large(), relay.address);
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &[]));
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}

#[test]
fn a_failed_upload_is_repeated_without_the_service() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Close));
    let world = world(large(), relay.address);
    let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--retries", "0", "--receipt"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    for expected in ["phase:            upload", "yes, only the upload: wexport jobs resume"] {
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert_eq!(moto().keys(&bucket), [""; 0]);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert!(has_pending_upload(&world));

    let requests = world.requests().len();
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.requests().len(), requests);
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
    assert_eq!(moto().keys(&bucket), ["a.pdf", "a.pdf.receipt.json"]);
    assert!(!has_pending_upload(&world));
}

/// The end of the export could not be recorded.
#[test]
fn own_object_is_recognised_by_the_next_run() {
    for rule in ["error", "rename", "skip", "replace"] {
        let bucket = moto().bucket();
        let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_secs(1)) };
        let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Download, stall));
        let world = world(quick().with_scenario(scenario), moto().address);
        let is_requested = |world: &World| {
            world.server.requests().iter().any(|request| request.endpoint() == Endpoint::Download)
        };
        let url = format!("s3://{bucket}/a.pdf");
        let child = world.start_until(&line(&url, &["--if-exists", rule]), is_requested);
        let jobs = fs::read_dir(world.home().join(".local/state/wexport/jobs")).unwrap();
        let record = jobs.map(|job| job.unwrap().path()).next().unwrap().join("job.json");
        let kept = world.work().join("kept");
        fs::rename(&record, &kept).unwrap();
        fs::create_dir(&record).unwrap();
        let ran = world.ran(child.wait_with_output().unwrap());
        assert!(ran.err.contains("was not recorded"), "{rule}: {}", ran.err);
        assert!(has_pending_upload(&world));
        fs::remove_dir(&record).unwrap();
        fs::rename(&kept, &record).unwrap();
        let requests = world.requests().len();
        world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
        assert_eq!(world.requests().len(), requests, "{rule}");
        assert_eq!(moto().keys(&bucket), ["a.pdf"]);
        assert!(!has_pending_upload(&world));
    }
}

#[test]
fn an_upload_that_was_not_aborted_is_aborted_later() {
    for command in [
        &["jobs", "resume", "--failed"][..],
        &["jobs", "clean", "--older-than", "0s", "--resumable"],
    ] {
        let bucket = moto().bucket();
        // The store is unreachable from some byte on.
        let lost =
            |_: &[u8], before| if before < 10_000_000 { Action::Pass } else { Action::Close };
        let relay = Relay::start(moto().address, lost);
        let mut world = world(large(), relay.address);
        let ran = world.run(&line(&format!("s3://{bucket}/a.pdf"), &["--retries", "0"]));
        assert_eq!(ran.code, Some(75), "{}", ran.err);
        assert!(ran.err.contains("parts may remain in the store"), "{}", ran.err);
        assert_eq!(moto().uploads(&bucket).len(), 1);

        // A job is not removed while its upload cannot be aborted.
        let ran = world.run(&["jobs", "clean", "--older-than", "0s", "--resumable"]);
        assert_ne!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("is kept"), "{}", ran.err);
        world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
        world.done(command);
        assert_eq!(moto().uploads(&bucket), [""; 0]);
        let object = moto().object(&bucket, "a.pdf");
        assert_eq!(
            object.is_some_and(|found| found.body == world.exported()),
            command[1] == "resume"
        );
        assert!(!has_pending_upload(&world));
    }
}

#[test]
fn a_signal_aborts_the_multipart_upload() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let bucket = moto().bucket();
        let relay = Relay::start(moto().address, act_at(10_000_000, Action::Hold));
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
fn a_second_signal_ends_the_abort() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(1, Action::Hold));
    let world = world(large(), relay.address);
    let is_requested = |_: &World| !relay.seen().is_empty();
    let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), is_requested);
    let stopped = Instant::now();
    interrupt(&child);
    assert_prints(&mut child, "stop again to leave it");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
}

#[test]
fn an_upload_that_starts_during_a_stop_is_aborted() {
    let bucket = moto().bucket();
    let start = format!("POST /{bucket}/a.pdf?uploads");
    // The store gets the request after the program was stopped.
    let (stopped, wait) = channel();
    let wait = Mutex::new(wait);
    let relay = Relay::start(moto().address, move |bytes, _| {
        if bytes.starts_with(start.as_bytes()) {
            wait.lock().unwrap().recv().unwrap();
        }
        Action::Pass
    });
    let world = world(large(), relay.address);
    let is_requested = |_: &World| relay.seen().contains("?uploads");
    let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), is_requested);
    interrupt(&child);
    assert_prints(&mut child, "aborting the upload");
    stopped.send(()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(relay.seen().contains("DELETE /"), "the upload was not aborted");
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}

#[test]
fn a_killed_upload_leaves_no_visible_object() {
    for command in [
        &["jobs", "resume", "--failed"][..],
        &["jobs", "clean", "--older-than", "0s", "--resumable"],
    ] {
        let bucket = moto().bucket();
        let relay = Relay::start(moto().address, act_at(10_000_000, Action::Hold));
        let world = world(large(), relay.address);
        let mut child = world.start_until(&line(&format!("s3://{bucket}/a.pdf"), &[]), |_| {
            relay.seen().len() >= 10_000_000
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(moto().keys(&bucket), [""; 0]);
        assert_eq!(moto().uploads(&bucket).len(), 1);
        assert!(world.done(&["jobs", "list", "--failed"]).out.contains("interrupted"));
        world.done(command);
        let object = moto().object(&bucket, "a.pdf");
        assert_eq!(
            object.is_some_and(|found| found.body == world.exported()),
            command[1] == "resume"
        );
        assert_eq!((moto().uploads(&bucket).len(), world.submits()), (0, 1));
        assert!(!has_pending_upload(&world));
    }
}

#[test]
fn a_killed_download_is_resumed_before_the_upload() {
    let cut = Rule::new(Endpoint::Download, Fault::Close { at: Moment::Byte(15_000_000) });
    let stall = Fault::Stall { at: Moment::BeforeHead, time: None };
    let stall = Rule::new(Endpoint::Download, stall).on(Nth::Only(2));
    let scenario = Scenario::default().with_rule(cut.on(Nth::Only(1))).with_rule(stall);
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, |_, _| Action::Pass);
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
fn an_object_is_recognized_after_a_lost_response() {
    for (config, moment) in [(quick(), "PUT /"), (large(), "POST /BUCKET/a.pdf?uploadId=")] {
        let bucket = moto().bucket();
        let moment = moment.replace("BUCKET", &bucket);
        let relay = Relay::start(moto().address, move |bytes, _| {
            if bytes.starts_with(moment.as_bytes()) { Action::LoseAnswer } else { Action::Pass }
        });
        let mut world = world(config, relay.address);
        let url = format!("s3://{bucket}/a.pdf");
        let flags = ["--if-exists", "error", "--retries", "0", "--receipt"];
        let ran = world.run(&line(&url, &flags));
        assert_eq!(ran.code, Some(75), "{}", ran.err);
        world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
        let ran = world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(ran.out, format!("{url}\n"));
        assert_eq!(moto().keys(&bucket), ["a.pdf", "a.pdf.receipt.json"]);
    }
}

#[test]
fn a_stalled_request_is_retried() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Hold));
    let world = world(large(), relay.address);
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &["--stall-timeout", "1s"]));
    assert!(moto().object(&bucket, "a.pdf").unwrap().body == world.exported());
}

#[test]
fn an_endless_response_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent = thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        client.read_exact(&mut [0; 4]).unwrap();
        client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
        let filler = [b'x'; 65_536];
        (0..1_000).take_while(|_| client.write_all(&filler).is_ok()).count()
    });
    let ran = world(quick(), address).run(&line("s3://b/a.pdf", &["--retries", "0"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("the response is too long"), "{}", ran.err);
    assert!(sent.join().unwrap() < 1_000);
}

/// An export to `url` that gave up at its first poll.
fn given_up(url: &str) -> World {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
    let config = quick().with_scenario(Scenario::default().with_rule(broken));
    let world = world(config, moto().address);
    let ran = world.run(&line(url, &["--retries", "0", "-q"]));
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    world
}

#[test]
fn later_object_supersedes_a_failed_job() {
    let bucket = moto().bucket();
    for key in ["a.pdf", "{id}.pdf", "in/", "{name}.{ext}"] {
        let url = format!("s3://{bucket}/{key}");
        let world = given_up(&url);
        world.done(&line(&url, &["-q"]));
        assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "", "{key}");
        let requests = world.requests();
        let ran = world.done(&["jobs", "resume", "--failed"]);
        assert!(ran.err.contains("is superseded by"), "{}", ran.err);
        assert_eq!(world.requests(), requests);
    }
}

#[test]
fn newer_object_is_not_replaced_by_a_resume() {
    let bucket = moto().bucket();
    for (key, object) in [("x.pdf", "x.pdf"), ("{id}.pdf", "d1.pdf"), ("in/", "in/d1.pdf")] {
        let url = format!("s3://{bucket}/{key}");
        let resumed = given_up(&url);
        // Another machine.
        let other = world(quick().with_artifact_size(1_000), moto().address);
        other.done(&line(&url, &["-q"]));
        let ran = resumed.run(&["jobs", "resume", "--failed"]);
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("is newer than this export, and is kept"), "{}", ran.err);
        assert!(moto().object(&bucket, object).unwrap().body == other.exported());
        resumed.done(&["jobs", "resume", "--failed", "--overwrite-newer"]);
        assert!(moto().object(&bucket, object).unwrap().body == resumed.exported());
        assert_eq!(resumed.submits(), 1);
    }
}
