//! Downloads that break off, and sinks.

use std::fs;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Rule, Scenario};
use export_ureq::{Artifact, Error, ExportError, FailureKind, Sink, WriteSink};
use test_servers::{
    Action, Authority, FILE, Server, accepted, completed, failures, first, first_without_etag,
    header, quick, response, rest, service, spec, whole,
};

use crate::clients::{builder, client};
use crate::simulated::{self, simulated, unlimited};

#[test]
fn stalled_download_is_requested_again() {
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndHang(first(4)),
        _ => rest(request),
    });
    let limits = quick().with_read_timeout(Duration::from_millis(200));
    let (client, failures) = failures(builder(&server).limits(limits));
    let begun = Instant::now();
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Stalled]);
    assert!(
        begun.elapsed() < limits.request_timeout / 2,
        "the stall limit applies to a download, not that of the attempt"
    );
}

#[test]
fn reset_does_not_end_a_file() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndReset(b"HTTP/1.1 200 OK\r\netag: \"v0\"\r\n\r\n%PDF-1.7 and".into()),
        _ => whole(),
    });
    let (client, failures) = failures(builder(&server));
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(failures.lock().unwrap().len(), 1);
}

#[test]
fn truncated_tls_does_not_end_a_file() {
    let ours = Authority::new("ours");
    let server = Server::tls(ours.server("localhost"), |number, _| match number {
        0 => accepted(),
        1 => completed(),
        2 => Action::SendAndClose(b"HTTP/1.1 200 OK\r\netag: \"v0\"\r\n\r\n%PDF-1.7 and".into()),
        _ => whole(),
    });
    let (client, failures) = failures(builder(&server).ca_bundle(ours.bundle()));
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Cut]);
}

#[test]
fn bytes_are_not_passed_on_twice() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndClose(first_without_etag(9)),
        _ => whole(),
    });
    let mut sink = WriteSink::new(Vec::new());
    let error = client(&server).export(spec()).to_sink(&mut sink).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("has to start again at byte 0, and 9 bytes were passed on"), "{text}");
    assert_eq!(sink.into_inner(), &FILE.as_bytes()[..9]);
    assert!(error.checkpoint().is_some());
}

#[test]
fn file_over_the_limit_is_an_error() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).bytes(FILE.len() - 1).unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    let chunked = service(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        Action::Send(format!("{head}{:x}\r\n{FILE}\r\n0\r\n\r\n", FILE.len()).into_bytes())
    });
    let error = client(&chunked).export(spec()).bytes(FILE.len() - 1).unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    assert_eq!(client(&chunked).export(spec()).bytes(FILE.len()).unwrap().1.len(), FILE.len());
}

#[test]
fn download_is_read_while_it_arrives() {
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndClose(first(4)),
        _ => rest(request),
    });
    let mut download = client(&server).export(spec()).open().unwrap();
    assert_eq!(download.artifact().file_name(), "report.pdf");
    assert_eq!(download.artifact().length(), Some(FILE.len() as u64));
    let mut text = String::new();
    download.read_to_string(&mut text).unwrap();
    assert_eq!(text, FILE);
    assert_eq!(download.read(&mut [0]).unwrap(), 0);
}

#[test]
fn failed_download_never_looks_complete() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndClose(first(4)),
        _ => Action::Send(response("500 Internal Server Error", &[], "")),
    });
    let limits = quick().with_max_failures(1);
    let client = builder(&server).limits(limits).build().unwrap();
    let mut download = client.export(spec()).open().unwrap();
    let mut text = String::new();
    let error = download.read_to_string(&mut text).unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<ExportError>().unwrap();
    assert!(inner.checkpoint().is_some(), "{inner}");
    assert!(download.read(&mut [0]).is_err());
}

#[test]
fn bytes_are_not_read_twice() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndClose(first_without_etag(9)),
        _ => Action::Send(response("200 OK", &["content-type: application/pdf"], FILE)),
    });
    let mut download = client(&server).export(spec()).open().unwrap();
    let mut text = String::new();
    let error = download.read_to_string(&mut text).unwrap_err();
    assert!(error.to_string().contains("start again at byte 0, but 9 bytes were read"), "{error}");
    assert_eq!(text, FILE[..9]);
}

#[test]
fn failed_export_does_not_open() {
    let server = Server::start(|_, _| Action::Send(response("403 Forbidden", &[], "")));
    let error = client(&server).export(spec()).open().unwrap_err();
    assert!(matches!(error.job(), Some(Error::Refused { .. })), "{error}");
}

#[test]
fn killed_download_resumes_from_the_last_sync() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndClose(first(9)),
        1 => Action::Send(response("500 Internal Server Error", &[], "")),
        _ => rest(request),
    });
    let limits = quick().with_max_failures(1);
    let client = builder(&server).limits(limits).build().unwrap();
    let error = client.export(spec()).to_file(&target).unwrap_err();
    assert!(!target.exists());
    let checkpoint = error.checkpoint().unwrap().clone();
    assert_eq!(checkpoint.offset(), 9);
    client.resume(checkpoint).to_file(&target).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), FILE);
    let last = server.requests().pop().unwrap();
    assert_eq!(header(&last, "range").as_deref(), Some("bytes=9-"));
}

#[test]
fn changed_file_is_downloaded_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndClose(first(9)),
        _ => {
            assert!(header(request, "if-range").is_some());
            Action::Send(response(
                "200 OK",
                &["content-type: application/pdf", "etag: \"v2\""],
                FILE,
            ))
        }
    });
    client(&server).export(spec()).to_file(&target).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), FILE);
}

#[test]
fn missing_folder_fails_before_the_download() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).to_file("/no/such/folder/f").unwrap_err();
    assert!(error.to_string().contains("no such folder: /no/such/folder"), "{error}");
    assert!(!server.lines().iter().any(|line| line.contains("/file")));
}

#[test]
fn sink_error_ends_the_job() {
    struct Full;
    impl Sink for Full {
        fn have(&mut self, _operation: &str) -> io::Result<u64> {
            Ok(0)
        }
        fn begin(&mut self, _artifact: &Artifact, _offset: u64) -> io::Result<()> {
            Ok(())
        }
        fn write(&mut self, _chunk: &[u8]) -> io::Result<()> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"))
        }
    }
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).to_sink(&mut Full).unwrap_err();
    assert!(error.to_string().contains("disk full"), "{error}");
    assert!(error.checkpoint().is_some());
}

/// A buffer that is filled a byte at a time is handled before it is full.
#[test]
fn slow_download_is_given_up() {
    let slow = Fault::Slow { bytes: 1, pause: Duration::from_millis(20) };
    let rule = Rule::new(Endpoint::Download, slow);
    let server = simulated(unlimited().with_scenario(Scenario::default().with_rule(rule)));
    let limits = quick().with_read_timeout(Duration::from_secs(1)).with_max_failures(0);
    let client = simulated::builder(&server).limits(limits).build().unwrap();
    let error = client.export(spec()).bytes(1 << 20).unwrap_err();
    assert!(error.to_string().contains("slower than 1024 bytes per second"), "{error}");
}
