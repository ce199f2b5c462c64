//! Downloads that break off, and sinks.

use std::fs;
use std::io;

use bytes::Bytes;
use export_hyper::{Artifact, Download, Error, ExportError, FailureKind, Sink};
use test_servers::{
    Action, Authority, FILE, Server, accepted, completed, failures, first, first_without_etag,
    header, quick, response, rest, service, spec, whole,
};

use crate::clients::{builder, client, ended};

#[tokio::test]
async fn truncated_tls_does_not_end_a_file() {
    let ours = Authority::new("ours");
    let server = Server::tls(ours.server("localhost"), |number, _| match number {
        0 => accepted(),
        1 => completed(),
        2 => Action::SendAndClose(b"HTTP/1.1 200 OK\r\netag: \"v0\"\r\n\r\n%PDF-1.7 and".into()),
        _ => whole(),
    });
    let (client, failures) = failures(builder(&server).ca_bundle(ours.bundle()));
    let (_, bytes) = client.export(spec()).bytes(1_000).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), FILE);
    assert_eq!(*failures.lock().unwrap(), [FailureKind::Cut]);
}

#[tokio::test]
async fn file_over_the_limit_is_an_error() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).bytes(FILE.len() - 1).await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("the file is longer than the 28 bytes allowed"), "{text}");
    let chunked = service(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        Action::Send(format!("{head}{:x}\r\n{FILE}\r\n0\r\n\r\n", FILE.len()).into_bytes())
    });
    let error = client(&chunked).export(spec()).bytes(FILE.len() - 1).await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    let (_, bytes) = client(&chunked).export(spec()).bytes(FILE.len()).await.unwrap();
    assert_eq!(bytes.len(), FILE.len());
}

#[tokio::test]
async fn download_is_read_while_it_arrives() {
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndClose(first(4)),
        _ => rest(request),
    });
    let mut download = client(&server).export(spec()).open().await.unwrap();
    assert_eq!(download.artifact().file_name(), "report.pdf");
    assert_eq!(download.artifact().length(), Some(FILE.len() as u64));
    let (text, end) = read(&mut download).await;
    end.unwrap();
    assert_eq!(text, FILE);
    assert!(download.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn failed_download_never_looks_complete() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndClose(first(4)),
        _ => Action::Send(response("500 Internal Server Error", &[], "")),
    });
    let limits = quick().with_max_failures(1);
    let client = builder(&server).limits(limits).build().unwrap();
    let mut download = client.export(spec()).open().await.unwrap();
    let (text, end) = read(&mut download).await;
    assert_eq!(text, FILE[..4]);
    assert!(end.unwrap_err().checkpoint().is_some());
    assert!(!matches!(download.chunk().await, Ok(None)));
}

/// Reads all bytes, and returns them with the outcome.
async fn read(download: &mut Download) -> (String, Result<(), ExportError>) {
    let mut text = String::new();
    loop {
        match download.chunk().await {
            Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Ok(None) => return (text, Ok(())),
            Err(error) => return (text, Err(error)),
        }
    }
}

#[tokio::test]
async fn dropped_download_closes_the_connection() {
    let server = service(|_, _| Action::SendAndHang(first(4)));
    let download = client(&server).export(spec()).open().await.unwrap();
    drop(download);
    ended(&server, 1).await;
}

#[tokio::test]
async fn failed_export_does_not_open() {
    let server = Server::start(|_, _| Action::Send(response("403 Forbidden", &[], "")));
    let error = client(&server).export(spec()).open().await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Refused { .. })), "{error}");
}

#[tokio::test]
async fn failed_download_resumes_from_the_last_sync() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report.pdf");
    let server = service(|fetch, request| match fetch {
        0 => Action::SendAndClose(first(9)),
        1 => Action::Send(response("500 Internal Server Error", &[], "")),
        _ => rest(request),
    });
    let limits = quick().with_max_failures(1);
    let client = builder(&server).limits(limits).build().unwrap();
    let error = client.export(spec()).to_file(&target).await.unwrap_err();
    assert!(!target.exists());
    let checkpoint = error.checkpoint().unwrap().clone();
    assert_eq!(checkpoint.offset(), 9);
    client.resume(checkpoint).to_file(&target).await.unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), FILE);
    let last = server.requests().pop().unwrap();
    assert_eq!(header(&last, "range").as_deref(), Some("bytes=9-"));
}

#[tokio::test]
async fn missing_folder_fails_before_the_download() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).to_file("/no/such/folder/f").await.unwrap_err();
    assert!(error.to_string().contains("no such folder: /no/such/folder"), "{error}");
    assert!(!server.lines().iter().any(|line| line.contains("/file")));
}

/// A sink that cannot discard bytes, and may fail.
#[derive(Default)]
struct Pipe {
    passed_on: Vec<u8>,
    is_full: bool,
}

impl Sink for Pipe {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.passed_on.len() as u64)
    }

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        match offset == self.passed_on.len() as u64 {
            true => Ok(()),
            false => Err(io::Error::other("cannot discard bytes")),
        }
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        if self.is_full {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"));
        }
        self.passed_on.extend_from_slice(&chunk);
        Ok(())
    }
}

#[tokio::test]
async fn sink_error_ends_the_job() {
    let server = service(|_, _| whole());
    let mut full = Pipe { is_full: true, ..Pipe::default() };
    let error = client(&server).export(spec()).to_sink(&mut full).await.unwrap_err();
    assert!(error.to_string().contains("disk full"), "{error}");
    assert!(error.checkpoint().is_some());
}

#[tokio::test]
async fn bytes_are_not_passed_on_twice() {
    let server = service(|fetch, _| match fetch {
        0 => Action::SendAndClose(first_without_etag(9)),
        _ => whole(),
    });
    let mut pipe = Pipe::default();
    let error = client(&server).export(spec()).to_sink(&mut pipe).await.unwrap_err();
    assert!(error.to_string().contains("cannot discard bytes"), "{error}");
    assert_eq!(pipe.passed_on, &FILE.as_bytes()[..9]);
}
