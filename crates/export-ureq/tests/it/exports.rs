//! Whole exports: what is sent over which connection, and what is on disk by then.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_ureq::{
    ArchiveOptions, CheckpointFolder, CheckpointStore, Error, Event, ExportError, ExportSpec,
    FailureKind, FileExport, Limits, OwnAgent,
};

use crate::server::{Act, Server, answer, json};
use crate::service::{
    FILE, accepted, builder, client, completed, failures, first, quick, rest, service, spec, whole,
};

#[test]
fn a_file_is_exported_over_one_connection() {
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
fn an_agent_of_the_caller_s_does_the_same() {
    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = OwnAgent::new(ureq::Agent::new_with_config(config));
    let server = service(|fetch, request| match fetch {
        0 => Act::Say(answer("302 Found", &["location: /file"], "")),
        1 => Act::Say(answer("503 Service Unavailable", &["retry-after: 0"], "")),
        2 => Act::SayAndClose(first(4)),
        _ => rest(request),
    });
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statuses);
    let client = builder(&server).transport(agent).on_event(move |event| {
        if let Event::Answered { status, .. } = event {
            seen.lock().unwrap().push(status.as_u16());
        }
    });
    let (_, bytes) = client.build().unwrap().export(spec()).bytes(1_000).unwrap();
    assert_eq!(bytes, FILE.as_bytes());
    // Each of them is for the core to judge, the redirect too.
    assert_eq!(*statuses.lock().unwrap(), [202, 200, 302, 503, 200, 206]);
}

#[test]
fn what_the_errors_of_an_own_agent_prove_the_caller_knows() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = service(|_, _| whole());
    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = OwnAgent::new(ureq::Agent::new_with_config(config));
    let told = |agent: OwnAgent| {
        let limits = Limits { failures: 0, submits: 1, ..quick() };
        let there = builder(&server).base_url(&nowhere).limits(limits).transport(agent);
        let (client, failures) = failures(there);
        client.export(spec()).submit().unwrap_err();
        failures.lock().unwrap().clone()
    };
    assert_eq!(told(agent.clone()), [FailureKind::Unanswered]);
    let classified = agent.with_classify(|error| match error {
        ureq::Error::Io(_) => FailureKind::NotSent,
        _ => FailureKind::Unanswered,
    });
    assert_eq!(told(classified), [FailureKind::NotSent]);
}

#[test]
fn a_folder_gets_the_file_under_the_service_s_name() {
    let server = service(|_, _| whole());
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = client(&server).export(spec()).to_dir(folder.path()).unwrap();
    assert_eq!(path, folder.path().join("report.pdf"));
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_was_submitted_is_gone_on_with_from_its_checkpoint() {
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
fn a_status_is_asked_for_until_the_service_gives_one() {
    let server = Server::start(|number, _| match number {
        0 => Act::SayAndClose(Vec::new()),
        1 => Act::Say(answer("429 Too Many Requests", &["retry-after: 0"], "")),
        2 => Act::Say(json("503 Service Unavailable", &[], "{}")),
        _ => Act::Say(json("200 OK", &["retry-after: 1"], r#"{"status":"queued"}"#)),
    });
    let status = client(&server).attach("op1").status().unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("queued"));
    assert!(!status.is_ready);
    assert_eq!(server.lines().len(), 4);
}

#[test]
fn a_state_without_a_name_is_a_state() {
    let server = Server::start(|_, _| Act::Say(json("200 OK", &[], "{}")));
    let limits = Limits { min_interval: Duration::from_secs(3_000), ..quick() };
    let client = builder(&server).limits(limits).build().unwrap();
    let status = client.attach("op1").status().unwrap();
    assert_eq!((status.facts.status, status.is_ready), (None, false));
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_job_with_a_key_is_on_disk_before_it_is_sent() {
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
fn what_was_accepted_is_on_disk_before_anything_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(CheckpointFolder::new(folder.path()));
    let server = service(|_, _| whole());
    let client = builder(&server).checkpoints(Arc::clone(&store) as _).build().unwrap();
    let returned = client.export(spec()).with_key("q3").submit().unwrap();
    assert_eq!(store.load("q3").unwrap().unwrap(), returned.checkpoint);
    assert_eq!(returned.operation, format!("{}/platform/v1/operations/op1", server.url()));
}

#[test]
fn a_store_that_fails_sends_nothing() {
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
fn a_key_without_a_store_is_an_error() {
    let server = service(|_, _| whole());
    let error = client(&server).export(spec()).with_key("q3").submit().unwrap_err();
    assert!(matches!(error, ExportError::NoStore));
}

#[test]
fn a_submit_that_must_not_be_sent_twice_goes_over_a_connection_of_its_own() {
    let connections_of = |spec: ExportSpec| {
        let server = Server::start(|number, _| match number {
            0 => Act::Say(answer("503 Service Unavailable", &["retry-after: 0"], "")),
            _ => accepted(),
        });
        client(&server).export(spec).submit().unwrap();
        assert_eq!(server.lines().len(), 2);
        server.connections()
    };
    let mail = ArchiveOptions { email_on_complete: Some(true), ..ArchiveOptions::default() };
    assert_eq!(connections_of(ExportSpec::file("f1", FileExport::folder(mail))), 2);
    assert_eq!(connections_of(spec()), 1);
}

#[test]
fn a_key_finds_the_job_again_until_it_has_its_file() {
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
fn a_folder_that_is_not_there_is_noticed_before_anything_is_sent() {
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
fn an_export_is_watched_by_its_own_functions_in_place_of_the_client_s() {
    let server = service(|_, _| whole());
    let (seen, others) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let count = |counter: &Arc<AtomicU64>| {
        let counter = Arc::clone(counter);
        move |_: &Event| {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let bytes = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&bytes);
    let client = builder(&server).on_event(count(&others)).build().unwrap();
    let export = client
        .export(spec())
        .on_event(count(&seen))
        .on_progress(move |position, _| told.store(position, Ordering::SeqCst));
    export.bytes(1_000).unwrap();
    assert!(seen.load(Ordering::SeqCst) > 5);
    assert_eq!(others.load(Ordering::SeqCst), 0);
    assert_eq!(bytes.load(Ordering::SeqCst), FILE.len() as u64);
}
