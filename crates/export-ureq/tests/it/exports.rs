//! Exports: what is sent over which connection, and what is stored before.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_core::workiva::ArchiveOptions;
use export_ureq::{
    CheckpointFolder, CheckpointStore, Error, Event, ExportError, ExportSpec, FailureKind,
    FileExport, OwnAgent, Timestamp,
};
use test_servers::{
    Action, FILE, Server, accepted, completed, failures, first, json, one_attempt, quick, response,
    rest, service, spec, unused_url, whole,
};

use crate::clients::{builder, builder_at, client};

#[test]
fn export_uses_one_connection() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.pdf");
    let artifact = client(&server).export(spec()).to_file(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
    assert_eq!(artifact.length(), Some(FILE.len() as u64));
    assert_eq!(
        server.lines(),
        [
            "POST /platform/v1/documents/d1/export HTTP/1.1",
            "GET /platform/v1/operations/op1 HTTP/1.1",
            "GET /file HTTP/1.1",
        ]
    );
    assert_eq!(server.connections(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn custom_agent_works_the_same() {
    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = OwnAgent::new(ureq::Agent::new_with_config(config));
    let server = service(|fetch, request| match fetch {
        0 => Action::Send(response("302 Found", &["location: /file"], "")),
        1 => Action::Send(response("503 Service Unavailable", &["retry-after: 0"], "")),
        2 => Action::SendAndClose(first(4)),
        _ => rest(request),
    });
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statuses);
    let client = builder(&server).transport(agent).on_event(move |event| {
        if let Event::Response { status, .. } = event {
            seen.lock().unwrap().push(status.as_u16());
        }
    });
    let (_, bytes) = client.build().unwrap().export(spec()).bytes(1_000).unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    // The core handles each of them, including the redirect.
    assert_eq!(*statuses.lock().unwrap(), [202, 200, 302, 503, 200, 206]);
}

#[test]
fn errors_of_an_own_agent_are_classified() {
    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = OwnAgent::new(ureq::Agent::new_with_config(config));
    let failures_of = |agent: OwnAgent| {
        let there = builder_at(&unused_url()).limits(one_attempt()).transport(agent);
        let (client, failures) = failures(there);
        client.export(spec()).submit().unwrap_err();
        failures.lock().unwrap().clone()
    };
    // The connection is refused.
    assert_eq!(failures_of(agent.clone()), [FailureKind::NotSent]);
    let classified = agent.with_classify(|error| match error {
        ureq::Error::Io(_) => FailureKind::Untrusted,
        _ => FailureKind::Unanswered,
    });
    assert_eq!(failures_of(classified), [FailureKind::Untrusted]);
}

#[test]
fn to_dir_uses_the_service_name() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = client(&server).export(spec()).to_dir(folder.path()).unwrap();
    assert_eq!(path, folder.path().join("report.pdf"));
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn replaced_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    for to_folder in [false, true] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let export = client(&server).export(spec());
        if to_folder {
            export.to_dir(folder.path()).unwrap();
        } else {
            export.to_file(&path).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}

#[test]
fn submitted_export_resumes_from_its_checkpoint() {
    let server = service(|_, _| whole());
    let submitted = client(&server).export(spec()).submit().unwrap();
    assert_eq!(server.lines().len(), 1);
    let status = client(&server).resume(submitted.checkpoint).status().unwrap();
    assert!(status.is_ready);
    assert_eq!(server.lines().len(), 2);
    let (_, bytes) = client(&server).resume(status.checkpoint).bytes(1_000).unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[test]
fn clock_counts_from_the_given_time() {
    let server = service(|_, _| whole());
    let client = builder(&server).now(Timestamp::from_date(2030, 1, 1)).build().unwrap();
    let submitted = client.export(spec()).submit().unwrap();
    let checkpoint = format!("{:?}", submitted.checkpoint);
    assert!(checkpoint.contains("accepted: Some(2030-01-01T0"), "{checkpoint}");
}

#[test]
fn status_without_a_word_is_accepted() {
    let server = Server::start(|_, _| Action::Send(json("200 OK", &[], "{}")));
    let limits = quick().with_min_poll_interval(Duration::from_secs(3_000));
    let client = builder(&server).limits(limits).build().unwrap();
    let status = client.attach("op1").status().unwrap();
    assert_eq!((status.facts.status, status.is_ready), (None, false));
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn keyed_job_is_stored_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(CheckpointFolder::new(folder.path()));
    let seen = Arc::clone(&store);
    let server = Server::start(move |number, _| {
        let stored = seen.load("q3").unwrap().unwrap();
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
    let client = builder(&server).checkpoints(store).build().unwrap();
    client.export(spec()).with_key("q3").bytes(1_000).unwrap();
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn acceptance_is_stored_before_the_first_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(CheckpointFolder::new(folder.path()));
    let server = service(|_, _| whole());
    let client = builder(&server).checkpoints(Arc::clone(&store) as _).build().unwrap();
    let returned = client.export(spec()).with_key("q3").submit().unwrap();
    assert_eq!(store.load("q3").unwrap().unwrap(), returned.checkpoint);
    assert_eq!(returned.operation, format!("{}/platform/v1/operations/op1", server.url()));
}

#[test]
fn failing_store_sends_nothing() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointFolder::new(folder.path().join("missing"));
    let client = builder(&server).checkpoints(Arc::new(store)).build().unwrap();
    let error = client.export(spec()).with_key("q3").bytes(1_000).unwrap_err();
    assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
    assert!(error.to_string().contains("the checkpoint could not be stored"), "{error}");
    assert!(server.lines().is_empty());
}

#[test]
fn key_without_a_store_is_an_error() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).with_key("q3").submit().unwrap_err();
    assert!(matches!(error, ExportError::NoStore));
}

#[test]
fn unrepeatable_submit_uses_a_new_connection() {
    let connections_of = |spec: ExportSpec| {
        let server = Server::start(|number, _| match number {
            0 => Action::Send(response("503 Service Unavailable", &["retry-after: 0"], "")),
            _ => accepted(),
        });
        client(&server).export(spec).submit().unwrap();
        assert_eq!(server.lines().len(), 2);
        server.connections()
    };
    let mail = ArchiveOptions::default().email_on_complete(true);
    assert_eq!(connections_of(ExportSpec::file("f1", FileExport::folder(mail))), 2);
    assert_eq!(connections_of(spec()), 1);
}

#[test]
fn key_finds_the_job_until_it_is_complete() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(CheckpointFolder::new(folder.path()));
    let client = builder(&server).checkpoints(store).build().unwrap();
    assert!(client.resume_key("q3").unwrap().is_none());
    client.export(spec()).with_key("q3").submit().unwrap();
    let (_, bytes) = client.resume_key("q3").unwrap().unwrap().bytes(1_000).unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    assert!(client.resume_key("q3").unwrap().is_none());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[test]
fn missing_folder_fails_before_any_request() {
    let server = service(|_, _| whole());
    for failed in [
        client(&server).export(spec()).to_file("/nowhere/report.pdf").unwrap_err(),
        client(&server).export(spec()).to_dir("/nowhere").unwrap_err(),
    ] {
        assert!(failed.to_string().contains("no such folder: /nowhere"), "{failed}");
    }
    assert_eq!(server.lines().len(), 0);
}

#[test]
fn export_callbacks_replace_client_callbacks() {
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
    export.bytes(1_000).unwrap();
    assert!(seen.load(Ordering::SeqCst) > 5);
    assert_eq!(others.load(Ordering::SeqCst), 0);
    assert_eq!(bytes.load(Ordering::SeqCst), FILE.len() as u64);
}
