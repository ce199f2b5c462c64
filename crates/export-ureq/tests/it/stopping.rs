//! Jobs that are stopped from another thread.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use export_ureq::{Client, Credentials, ExportError, Stopper};
use test_servers::{Action, Server, completed, first, response, service, spec};

use crate::clients::{builder, client};

/// Stops an export a while after the server has received `requests`, and returns its error.
fn stop_after(client: &Client, server: &Server, requests: usize) -> ExportError {
    let stopper = Stopper::new();
    let export = client.export(spec()).with_stopper(&stopper);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(export.bytes(1_000).unwrap_err()));
    while server.lines().len() < requests {
        thread::yield_now();
    }
    // Whether the thread sleeps cannot be observed: this makes it likely.
    for _ in 0..50_000 {
        thread::yield_now();
    }
    stopper.stop();
    // What it was waiting for would have taken longer.
    let error = end.recv_timeout(Duration::from_secs(15)).unwrap();
    assert!(matches!(error, ExportError::Stopped { .. }), "{error}");
    error
}

#[test]
fn waiting_job_stops_at_once() {
    let server = Server::start(|number, _| match number {
        0 => Action::Send(response(
            "202 Accepted",
            &["location: /platform/v1/operations/op1", "retry-after: 3000"],
            "",
        )),
        _ => completed(),
    });
    let error = stop_after(&client(&server), &server, 1);
    assert!(error.checkpoint().unwrap().operation().is_some());
}

#[test]
fn job_awaiting_an_answer_stops_at_once() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let error = stop_after(&client(&server), &server, 1);
    assert_eq!(error.checkpoint().unwrap().submits(), 1);
}

#[test]
fn job_awaiting_a_body_stops_at_once() {
    let server = service(|_, _| Action::SendAndHang(first(4)));
    let error = stop_after(&client(&server), &server, 3);
    assert!(error.checkpoint().unwrap().operation().is_some());
}

#[test]
fn job_awaiting_a_token_stops_at_once() {
    let server = Server::start(|_, _| {
        Action::Send(response("503 Service Unavailable", &["retry-after: 3000"], ""))
    });
    let credentials = Credentials::client("id", "secret");
    let client = builder(&server).credentials(credentials).build().unwrap();
    let error = stop_after(&client, &server, 1);
    assert_eq!(error.checkpoint().unwrap().submits(), 0);
}

#[test]
fn stopper_stops_current_and_later_jobs() {
    let server = service(|_, _| Action::SendAndHang(first(4)));
    let stopper = Stopper::new();
    let download = client(&server).export(spec()).with_stopper(&stopper).open().unwrap();
    drop(download);
    assert!(!stopper.is_stopped(), "a dropped download stops nothing else");
    stopper.stop();
    let late = client(&server).export(spec()).with_stopper(&stopper).submit().unwrap_err();
    assert!(matches!(late, ExportError::Stopped { .. }));
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn dropped_download_closes_the_connection() {
    let server = service(|_, _| Action::SendAndHang(first(4)));
    let download = client(&server).export(spec()).open().unwrap();
    drop(download);
    let dropped = Instant::now();
    while server.ended() == 0 {
        assert!(dropped.elapsed() < Duration::from_secs(15), "the connection is still open");
        thread::yield_now();
    }
}
