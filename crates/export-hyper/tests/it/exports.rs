//! Exports: what is sent over which connection, and what is stored before.

use std::fs;
use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use export_core::workiva::ArchiveOptions;
use export_hyper::{
    Blocking, Checkpoint, CheckpointFolder, Credentials, Error, Event, ExportError, ExportSpec,
    FailureKind, FileExport, FileSink, IfExists, Limits, OwnTransport, Timestamp,
};
use http::{Request, Response};
use http_body_util::Full;
use test_servers::{
    Action, FILE, Server, accepted, completed, response, service, spec, token, whole,
};
use tower_service::Service;

use crate::clients::{builder, client};

#[tokio::test]
async fn export_uses_one_connection() {
    let server = Server::start(|number, _| match number {
        0 => token("t1", 3_600),
        1 => accepted(),
        2 => completed(),
        _ => whole(),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.pdf");
    let client = builder(&server).credentials(Credentials::client("id", "s3cret")).build().unwrap();
    let artifact = client.export(spec()).to_file(&path).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
    assert_eq!(artifact.length(), Some(FILE.len() as u64));
    assert_eq!(
        server.lines(),
        [
            "POST /iam/v1/oauth2/token HTTP/1.1",
            "POST /platform/v1/documents/d1/export HTTP/1.1",
            "GET /platform/v1/operations/op1 HTTP/1.1",
            "GET /file HTTP/1.1",
        ]
    );
    assert_eq!(server.connections(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn to_dir_makes_the_service_name_safe() {
    for (name, safe) in [("report.pdf", "report.pdf"), ("../../etc/re:port.pdf", "re_port.pdf")] {
        let server = service(move |_, _| {
            let disposition = format!("content-disposition: attachment; filename=\"{name}\"");
            Action::Send(response("200 OK", &["content-type: application/pdf", &disposition], FILE))
        });
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = client(&server).export(spec()).to_dir(folder.path()).await.unwrap();
        assert_eq!(path, folder.path().join(safe));
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn replaced_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    for to_folder in [false, true] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let export = client(&server).export(spec());
        if to_folder {
            export.to_dir(folder.path()).await.unwrap();
        } else {
            export.to_file(&path).await.unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}

#[tokio::test]
async fn submitted_export_resumes_from_its_checkpoint() {
    let server = service(|_, _| whole());
    let submitted = client(&server).export(spec()).submit().await.unwrap();
    assert_eq!(server.lines().len(), 1);
    let status = client(&server).resume(submitted.checkpoint).status().await.unwrap();
    assert!(status.is_ready);
    assert_eq!(server.lines().len(), 2);
    let (_, bytes) = client(&server).resume(status.checkpoint).bytes(1_000).await.unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn clock_counts_from_the_given_time() {
    let server = service(|_, _| whole());
    let client = builder(&server).now(Timestamp::from_date(2030, 1, 1)).build().unwrap();
    let submitted = client.export(spec()).submit().await.unwrap();
    let checkpoint = format!("{:?}", submitted.checkpoint);
    assert!(checkpoint.contains("accepted: Some(2030-01-01T0"), "{checkpoint}");
}

#[tokio::test]
async fn keyed_job_is_stored_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointFolder::new(folder.path());
    let file = store.file("q3");
    let server = Server::start(move |number, _| {
        let stored: Checkpoint = file.load().unwrap().unwrap();
        match number {
            0 => {
                assert_eq!((stored.submits(), stored.operation()), (1, None));
                accepted()
            }
            1 => {
                assert!(stored.operation().unwrap().ends_with("/operations/op1"));
                completed()
            }
            _ => whole(),
        }
    });
    let client = builder(&server).checkpoints(Arc::new(Blocking::new(store))).build().unwrap();
    client.export(spec()).with_key("q3").bytes(1_000).await.unwrap();
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn failing_store_sends_nothing() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let store = Blocking::new(CheckpointFolder::new(folder.path().join("missing")));
    let client = builder(&server).checkpoints(Arc::new(store)).build().unwrap();
    let error = client.export(spec()).with_key("q3").bytes(1_000).await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    assert!(error.to_string().contains("the checkpoint could not be stored"), "{error}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn key_without_a_store_is_an_error() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).with_key("q3").submit().await.unwrap_err();
    assert!(matches!(error, ExportError::NoStore));
}

#[tokio::test]
async fn unrepeatable_submit_uses_a_new_connection() {
    let connections_of = async |spec: ExportSpec| {
        let server = Server::start(|number, _| match number {
            0 => Action::Send(response("503 Service Unavailable", &["retry-after: 0"], "")),
            _ => accepted(),
        });
        client(&server).export(spec).submit().await.unwrap();
        assert_eq!(server.lines().len(), 2);
        server.connections()
    };
    let mail = ArchiveOptions::default().email_on_complete(true);
    assert_eq!(connections_of(ExportSpec::file("f1", FileExport::folder(mail))).await, 2);
    assert_eq!(connections_of(spec()).await, 1);
}

#[tokio::test]
async fn key_finds_the_job_until_it_is_complete() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let store = Blocking::new(CheckpointFolder::new(folder.path()));
    let client = builder(&server).checkpoints(Arc::new(store)).build().unwrap();
    assert!(client.resume_key("q3").await.unwrap().is_none());
    client.export(spec()).with_key("q3").submit().await.unwrap();
    let again = client.resume_key("q3").await.unwrap().unwrap();
    assert_eq!(again.bytes(1_000).await.unwrap().1, FILE.as_bytes());
    assert!(client.resume_key("q3").await.unwrap().is_none());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn missing_folder_fails_before_any_request() {
    let server = service(|_, _| whole());
    for failed in [
        client(&server).export(spec()).to_file("/nowhere/report.pdf").await.unwrap_err(),
        client(&server).export(spec()).to_dir("/nowhere").await.unwrap_err(),
    ] {
        assert!(failed.to_string().contains("no such folder: /nowhere"), "{failed}");
    }
    assert!(server.lines().is_empty());
}

/// A custom transport that answers by itself or fails.
#[derive(Clone)]
struct FakeTransport {
    works: bool,
}

impl Service<Request<Full<Bytes>>> for FakeTransport {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let answer = match (self.works, request.uri().path()) {
            (false, _) => return ready(Err(io::ErrorKind::HostUnreachable.into())),
            (true, "/op") => Response::new(r#"{"status":"completed","resourceUrl":"/file"}"#),
            (true, "/file") => Response::new(FILE),
            (true, _) => {
                Response::builder().status(202).header("location", "/op").body("").unwrap()
            }
        };
        ready(Ok(answer.map(Full::from)))
    }
}

#[tokio::test]
async fn custom_transport_is_used_and_classified() {
    let server = service(|_, _| whole());
    let limits = Limits::default().with_max_submits(1).with_max_failures(0);
    let by = |transport| builder(&server).limits(limits).transport(transport).build().unwrap();
    let soon = limits.with_min_poll_interval(Duration::from_millis(1));
    let works =
        builder(&server).limits(soon).transport(OwnTransport::new(FakeTransport { works: true }));
    let (_, bytes) = works.build().unwrap().export(spec()).bytes(1_000).await.unwrap();
    assert_eq!(bytes, FILE.as_bytes());

    let error = by(OwnTransport::new(FakeTransport { works: false }))
        .export(spec())
        .submit()
        .await
        .unwrap_err();
    assert!(matches!(error.job(), Some(Error::GaveUp { .. })), "{error}");
    let sure =
        OwnTransport::with_classify(FakeTransport { works: false }, |_| FailureKind::NotSent);
    let error = by(sure).export(spec()).submit().await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::GaveUp { .. })), "{error}");
    assert!(server.lines().is_empty(), "no request used another transport");
}

#[tokio::test]
async fn export_callbacks_replace_client_callbacks() {
    let server = service(|_, _| whole());
    let (seen, others) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let count = |counter: &Arc<AtomicU64>| {
        let counter = Arc::clone(counter);
        move |_: &Event| {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let bytes = Arc::new(AtomicU64::new(0));
    let position_seen = Arc::clone(&bytes);
    let client = builder(&server).on_event(count(&others)).build().unwrap();
    let export = client
        .export(spec())
        .on_event(count(&seen))
        .on_progress(move |position, _| position_seen.store(position, Ordering::SeqCst));
    export.bytes(1_000).await.unwrap();
    assert!(seen.load(Ordering::SeqCst) > 5);
    assert_eq!(others.load(Ordering::SeqCst), 0);
    assert_eq!(bytes.load(Ordering::SeqCst), FILE.len() as u64);
}

#[tokio::test]
async fn name_is_chosen_with_the_first_byte() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("2026")).unwrap();
    let target = folder.path().join("2026").join("chosen.pdf");
    for expected in [target.clone(), folder.path().join("2026").join("chosen (2).pdf")] {
        let chosen = target.clone();
        let mut sink = FileSink::to_chosen(folder.path(), move |artifact| {
            assert_eq!(artifact.file_name(), "report.pdf");
            Ok(chosen.clone())
        })
        .if_exists(IfExists::Rename);
        client(&server).export(spec()).to_sink(&mut sink).await.unwrap();
        assert_eq!(sink.finished(), Some(&*expected));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn file_without_a_name_leaves_nothing() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let refuse = |_: &export_hyper::Artifact| Err(io::Error::other("no"));
    let mut sink = FileSink::to_chosen(folder.path(), refuse);
    client(&server).export(spec()).to_sink(&mut sink).await.unwrap_err();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let server = service(|_, _| Action::SendAndClose(response("200 OK", &[], "a page")));
    let mut sink = FileSink::to_file(folder.path().join("a.pdf"));
    let error = client(&server).export(spec()).to_sink(&mut sink).await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::WrongFormat { .. })), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    sink.discard().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
