//! Downloads that break off, and the places that they go to.

use std::fs;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use export_ureq::{Artifact, CaBundle, Error, ExportError, FailureKind, Limits, Sink, WriteSink};

use crate::server::{Act, Authority, Server, answer};
use crate::service::{
    FILE, accepted, builder, client, completed, failures, first, header, quick, rest, service,
    spec, whole,
};

#[test]
fn a_download_that_breaks_off_goes_on_where_it_ended() {
    let server = service(|fetch, request| match fetch {
        0 => Act::SayAndClose(first(4)),
        _ => rest(request),
    });
    let (client, failures) = failures(builder(&server));
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Cut]);
    let last = server.requests().pop().unwrap();
    assert_eq!(header(&last, "range").as_deref(), Some("bytes=4-"));
    assert_eq!(header(&last, "if-range").as_deref(), Some("\"v1\""));
}

#[test]
fn a_download_that_stalls_is_asked_for_again() {
    let server = service(|fetch, request| match fetch {
        0 => Act::SayAndHang(first(4)),
        _ => rest(request),
    });
    let limits = Limits { stall: Duration::from_millis(200), ..quick() };
    let (client, failures) = failures(builder(&server).limits(limits));
    let begun = Instant::now();
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Stalled]);
    assert!(begun.elapsed() < limits.attempt / 2, "it is silence that counts in a download");
}

#[test]
fn a_reset_connection_is_not_the_end_of_a_file_without_a_length() {
    let server = service(|fetch, _| match fetch {
        0 => Act::SayAndReset(b"HTTP/1.1 200 OK\r\netag: \"v0\"\r\n\r\n%PDF-1.7 and".into()),
        _ => whole(),
    });
    let (client, failures) = failures(builder(&server).headers(|headers| {
        // The server stops reading there, which makes closing a reset.
        headers.insert("x-reset", "yes".parse().unwrap());
    }));
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(failures.lock().unwrap().len(), 1);
}

#[test]
fn tls_that_ends_without_saying_so_is_not_the_end_of_a_file_without_a_length() {
    let ours = Authority::new();
    let server = Server::tls(ours.server("localhost"), |number, _| match number {
        0 => accepted(),
        1 => completed(),
        2 => Act::SayAndClose(b"HTTP/1.1 200 OK\r\netag: \"v0\"\r\n\r\n%PDF-1.7 and".into()),
        _ => whole(),
    });
    let url = format!("https://localhost:{}", server.address.port());
    let there = builder(&server).base_url(url).ca_bundle(CaBundle::pem(ours.pem));
    let (client, failures) = failures(there);
    let (_, bytes) = client.export(spec()).bytes(1_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Cut]);
}

#[test]
fn a_file_without_a_length_ends_with_its_connection() {
    let server =
        service(|_, _| Act::SayAndClose(format!("HTTP/1.1 200 OK\r\n\r\n{FILE}").into_bytes()));
    let (artifact, bytes) = client(&server).export(spec()).bytes(1_000).unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    assert_eq!(artifact.length(), Some(FILE.len() as u64));
}

#[test]
fn what_was_passed_on_is_not_passed_on_twice() {
    let server = service(|fetch, _| match fetch {
        0 => Act::SayAndClose({
            let headers = ["content-type: application/pdf"];
            let mut part = answer("200 OK", &headers, FILE);
            part.truncate(part.len() - 20);
            part
        }),
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
fn a_file_that_is_larger_than_allowed_is_not_kept() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).bytes(FILE.len() - 1).unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    let chunked = service(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        Act::Say(format!("{head}{:x}\r\n{FILE}\r\n0\r\n\r\n", FILE.len()).into_bytes())
    });
    let error = client(&chunked).export(spec()).bytes(FILE.len() - 1).unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    assert_eq!(client(&chunked).export(spec()).bytes(FILE.len()).unwrap().1.len(), FILE.len());
}

#[test]
fn a_download_is_read_while_it_comes() {
    let server = service(|fetch, request| match fetch {
        0 => Act::SayAndClose(first(4)),
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
fn a_download_that_fails_never_looks_complete() {
    let server = service(|fetch, _| match fetch {
        0 => Act::SayAndClose(first(4)),
        _ => Act::Say(answer("500 Internal Server Error", &[], "")),
    });
    let limits = Limits { failures: 1, ..quick() };
    let client = builder(&server).limits(limits).build().unwrap();
    let mut download = client.export(spec()).open().unwrap();
    let mut text = String::new();
    let error = download.read_to_string(&mut text).unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<ExportError>().unwrap();
    assert!(inner.checkpoint().is_some(), "{inner}");
    assert!(download.read(&mut [0]).is_err());
}

#[test]
fn what_was_read_is_not_read_twice() {
    let server = service(|fetch, _| match fetch {
        0 => Act::SayAndClose({
            let mut part = answer("200 OK", &["content-type: application/pdf"], FILE);
            part.truncate(part.len() - 20);
            part
        }),
        _ => Act::Say(answer("200 OK", &["content-type: application/pdf"], FILE)),
    });
    let mut download = client(&server).export(spec()).open().unwrap();
    let mut text = String::new();
    let error = download.read_to_string(&mut text).unwrap_err();
    assert!(error.to_string().contains("start again at byte 0, and 9 bytes were read"), "{error}");
    assert_eq!(text, FILE[..9]);
}

#[test]
fn an_export_that_fails_does_not_open() {
    let server = Server::start(|_, _| Act::Say(answer("403 Forbidden", &[], "")));
    let error = client(&server).export(spec()).open().unwrap_err();
    assert!(matches!(error.job(), Some(Error::Refused { .. })), "{error}");
}

#[test]
fn a_killed_download_goes_on_from_what_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let server = service(|fetch, request| match fetch {
        0 => Act::SayAndClose(first(9)),
        1 => Act::Say(answer("500 Internal Server Error", &[], "")),
        _ => rest(request),
    });
    let limits = Limits { failures: 1, ..quick() };
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
fn what_is_left_of_another_version_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let server = service(|fetch, request| match fetch {
        0 => Act::SayAndClose(first(9)),
        _ => {
            assert!(header(request, "if-range").is_some());
            Act::Say(answer("200 OK", &["content-type: application/pdf", "etag: \"v2\""], FILE))
        }
    });
    client(&server).export(spec()).to_file(&target).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), FILE);
}

#[test]
fn a_folder_that_is_missing_is_found_out_before_the_download() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).to_file("/no/such/folder/f").unwrap_err();
    assert!(error.to_string().contains("no such folder: /no/such/folder"), "{error}");
    assert!(!server.lines().iter().any(|line| line.contains("/file")));
}

#[test]
fn a_sink_that_fails_ends_the_job_with_its_words() {
    struct Full;
    impl Sink for Full {
        fn have(&mut self, _operation: &str) -> io::Result<u64> {
            Ok(0)
        }
        fn begin(&mut self, _artifact: &Artifact, _offset: u64) -> io::Result<()> {
            Ok(())
        }
        fn write(&mut self, _chunk: &[u8]) -> io::Result<()> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "no room left"))
        }
    }
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).to_sink(&mut Full).unwrap_err();
    assert!(error.to_string().contains("no room left"), "{error}");
    assert!(error.checkpoint().is_some());
}
