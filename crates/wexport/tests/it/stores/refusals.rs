//! Requests that a store refuses, and what the user is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use test_servers::{Action, Server, header, response};

use super::{has_pending_upload, large, line, world};
use crate::moto::moto;
use crate::world::{Ran, World, quick};

/// A store that refuses a request if `refuse` returns a response. An empty one closes the connection.
fn store(refuse: impl Fn(usize, &str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Server {
    Server::start(move |number, request| {
        let accepted = || {
            let body = if request.starts_with("POST") && request.contains("?uploads") {
                "<InitiateMultipartUploadResult><UploadId>an-upload</UploadId>\
                 </InitiateMultipartUploadResult>"
            } else if request.starts_with("POST") {
                "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"
            } else {
                ""
            };
            let status = if request.starts_with("HEAD") { "404 Not Found" } else { "200 OK" };
            response(status, &["etag: \"e\""], body)
        };
        match refuse(number, request).unwrap_or_else(accepted) {
            lost if lost.is_empty() => Action::SendAndClose(lost),
            sent => Action::Send(sent),
        }
    })
}

fn error(status: &str, headers: &[&str], code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>a message</Message></Error>");
    response(status, headers, &body)
}

fn run(store: &Server, flags: &[&str]) -> (World, Ran) {
    let world = world(quick(), store.address());
    let ran = world.run(&line("s3://b/a.pdf", &[&["--retries", "2"], flags].concat()));
    (world, ran)
}

/// The methods of the requests.
fn methods(store: &Server) -> Vec<String> {
    store.lines().iter().map(|line| line.split(' ').next().unwrap().into()).collect()
}

#[test]
fn each_part_has_a_checksum() {
    for config in [quick(), large()] {
        let requires_checksum = |_: usize, request: &str| {
            let is_put = request.starts_with("PUT");
            let has_checksum = header(request, "x-amz-checksum-sha256").is_some();
            (is_put && !has_checksum).then(|| error("400 Bad Request", &[], "InvalidRequest"))
        };
        let locked = store(requires_checksum);
        let mut world = world(config, locked.address());
        world.done(&line("s3://b/a.pdf", &["--receipt"]));
        // A store that refuses the header.
        world.set("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED");
        let other = store(|_, request| {
            request.contains("x-amz-checksum").then(|| error("501 No", &[], "NotImplemented"))
        });
        world.set("AWS_ENDPOINT_URL", other.url());
        world.done(&line("s3://b/b.pdf", &["--receipt"]));
        world.set("AWS_REQUEST_CHECKSUM_CALCULATION", "");
        let ran = world.run(&line("s3://b/b.pdf", &[]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        let advice = "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required";
        assert!(ran.err.contains(advice), "{}", ran.err);
    }
    let mut world = world(quick(), moto().address);
    world.set("AWS_REQUEST_CHECKSUM_CALCULATION", "never");
    let ran = world.run(&line("s3://b/a.pdf", &[]));
    assert_eq!((ran.code, world.requests().len()), (Some(2), 0), "{}", ran.err);
}

#[test]
fn a_request_timeout_is_repeated() {
    for config in [quick(), large()] {
        let refused = AtomicBool::new(false);
        let slow = store(move |_, request| {
            (request.starts_with("PUT") && !refused.swap(true, Ordering::Relaxed))
                .then(|| error("400 Bad Request", &[], "RequestTimeout"))
        });
        world(config, slow.address()).done(&line("s3://b/a.pdf", &[]));
    }
    let never = store(|_, request| {
        request.starts_with("PUT").then(|| error("400 Bad Request", &[], "RequestTimeout"))
    });
    let (_, ran) = run(&never, &[]);
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("refused with 400"), "{}", ran.err);
    assert_eq!(methods(&never), ["PUT"; 3]);
}

#[test]
fn refusals_have_their_remedy() {
    for (status, headers, code, exit, remedy) in [
        ("400 Bad Request", &[][..], "ExpiredToken", 4, "the store's credentials have expired"),
        ("403 Forbidden", &[], "ExpiredToken", 4, "the store's credentials have expired"),
        ("403 Forbidden", &[], "RequestTimeTooSkewed", 4, "set this machine's clock"),
        (
            "301 Moved Permanently",
            &["x-amz-bucket-region: eu-central-1"],
            "PermanentRedirect",
            7,
            "set AWS_REGION=eu-central-1",
        ),
        (
            "400 Bad Request",
            &["x-amz-bucket-region: eu-central-1"],
            "AuthorizationHeaderMalformed",
            7,
            "set AWS_REGION=eu-central-1",
        ),
        ("301 Moved Permanently", &[], "PermanentRedirect", 7, "check AWS_REGION"),
    ] {
        let refusing = store(move |_, _| Some(error(status, headers, code)));
        let (world, ran) = run(&refusing, &[]);
        assert_eq!(ran.code, Some(exit), "{}", ran.err);
        for expected in [code, remedy, "yes, only the upload: wexport jobs resume"] {
            assert!(ran.err.contains(expected), "{expected}: {}", ran.err);
        }
        assert_eq!(methods(&refusing), ["PUT"]);
        assert!(has_pending_upload(&world));
    }
    // A response to HEAD has no body.
    let moved = store(|_, request| {
        let headers = ["x-amz-bucket-region: eu-central-1"];
        request.starts_with("HEAD").then(|| response("301 Moved Permanently", &headers, ""))
    });
    let (world, ran) = run(&moved, &["--if-exists", "error"]);
    assert_eq!((ran.code, world.requests().len()), (Some(7), 0), "{}", ran.err);
    assert!(ran.err.contains("set AWS_REGION=eu-central-1"), "{}", ran.err);
}

#[test]
fn a_store_without_conditions_is_looked_at() {
    let refuse = |_: usize, request: &str| {
        header(request, "if-none-match").map(|_| error("501 No", &[], "NotImplemented"))
    };
    for (config, sent) in [(quick(), 1), (large(), 3)] {
        let simple = store(refuse);
        let mut world = world(config, simple.address());
        let ran = world.run(&line("s3://b/a.pdf", &["--if-exists", "rename"]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("set AWS_CONDITIONAL_PUT=disabled"), "{}", ran.err);
        let puts = |store: &Server| methods(store).iter().filter(|name| *name == "PUT").count();
        assert_eq!(puts(&simple), sent);
        world.set("AWS_CONDITIONAL_PUT", "disabled");
        world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(puts(&simple), 2 * sent);
        // The object is looked for just before it is written.
        let before = if sent == 1 { "PUT" } else { "POST" };
        let methods = methods(&simple);
        let written = methods.iter().rposition(|name| name == before).unwrap();
        assert_eq!(methods[written - 1], "HEAD", "{methods:?}");

        // Another object appears meanwhile: after it was looked for twice.
        let heads = AtomicUsize::new(0);
        let taken = store(move |_, request| {
            (request.starts_with("HEAD") && heads.fetch_add(1, Ordering::Relaxed) >= 2)
                .then(|| response("200 OK", &["etag: \"e\""], ""))
        });
        world.set("AWS_ENDPOINT_URL", taken.url());
        let ran = world.run(&line("s3://b/a.pdf", &["--if-exists", "error"]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("exists"), "{}", ran.err);
        let is_written =
            |line: &String| line.starts_with("PUT /b/a.pdf HTTP") || line.contains("?uploadId=");
        let written: Vec<_> = taken.lines().into_iter().filter(is_written).collect();
        assert!(written.iter().all(|line| line.starts_with("DELETE")), "{written:?}");
    }
}

#[test]
fn an_abort_is_repeated() {
    for failed in [error("503 Slow Down", &[], "SlowDown"), Vec::new()] {
        let tries = AtomicUsize::new(0);
        let busy = store(move |_, request| match request.split(' ').next() {
            Some("PUT") => Some(error("400 Bad Request", &[], "InvalidRequest")),
            Some("DELETE") if tries.fetch_add(1, Ordering::Relaxed) < 4 => Some(failed.clone()),
            _ => None,
        });
        let world = world(large(), busy.address());
        let ran = world.run(&line("s3://b/a.pdf", &["--no-state", "--retries", "0"]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(!ran.err.contains("remain"), "{}", ran.err);
        assert_eq!(methods(&busy).iter().filter(|name| *name == "DELETE").count(), 5);
    }
}
