//! Jobs that are stopped from another thread.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use export_ureq::{Client, Credentials, ExportError, Stopper};

use crate::server::{Act, Server, answer};
use crate::service::{builder, client, completed, first, service, spec};

/// Stops an export once the server has seen `requests` and some time after, and says how that
/// ended it.
fn stopped(client: &Client, server: &Server, requests: usize) -> ExportError {
    let stopper = Stopper::new();
    let export = client.export(spec()).with_stopper(&stopper);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(export.bytes(1_000).unwrap_err()));
    while server.lines().len() < requests {
        thread::yield_now();
    }
    // Nobody can see that a thread has gone to sleep: this makes it likely.
    for _ in 0..50_000 {
        thread::yield_now();
    }
    stopper.stop();
    // Whatever it was in would have taken longer.
    let error = end.recv_timeout(Duration::from_secs(15)).unwrap();
    assert!(matches!(error, ExportError::Stopped { .. }), "{error}");
    error
}

#[test]
fn a_job_that_waits_ends_at_once() {
    let server = Server::start(|number, _| match number {
        0 => Act::Say(answer(
            "202 Accepted",
            &["location: /platform/v1/operations/op1", "retry-after: 3000"],
            "",
        )),
        _ => completed(),
    });
    let error = stopped(&client(&server), &server, 1);
    assert!(error.checkpoint().unwrap().operation().is_some());
}

#[test]
fn a_job_that_waits_for_an_answer_ends_at_once() {
    let server = Server::start(|_, _| Act::SayAndHang(Vec::new()));
    let error = stopped(&client(&server), &server, 1);
    assert_eq!(error.checkpoint().unwrap().submits(), 1);
}

#[test]
fn a_job_that_waits_for_the_rest_of_a_file_ends_at_once() {
    let server = service(|_, _| Act::SayAndHang(first(4)));
    let error = stopped(&client(&server), &server, 3);
    assert!(error.checkpoint().unwrap().operation().is_some());
}

#[test]
fn a_job_that_waits_for_a_token_ends_at_once() {
    let server = Server::start(|_, _| {
        Act::Say(answer("503 Service Unavailable", &["retry-after: 3000"], ""))
    });
    let credentials = Credentials::client("id", "secret");
    let client = builder(&server).credentials(credentials).build().unwrap();
    let error = stopped(&client, &server, 1);
    assert_eq!(error.checkpoint().unwrap().submits(), 0);
}

#[test]
fn a_stopper_stops_all_that_have_it_and_those_that_get_it_later() {
    let server = service(|_, _| Act::SayAndHang(first(4)));
    let stopper = Stopper::new();
    let download = client(&server).export(spec()).with_stopper(&stopper).open().unwrap();
    drop(download);
    assert!(!stopper.is_stopped(), "a download that is dropped stops nothing else");
    stopper.stop();
    let late = client(&server).export(spec()).with_stopper(&stopper).submit().unwrap_err();
    assert!(matches!(late, ExportError::Stopped { .. }));
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn a_download_that_nobody_reads_any_more_hangs_up() {
    let (hung_up, heard) = mpsc::channel();
    let server = service(move |_, _| {
        let hung_up = hung_up.clone();
        Act::SayAndTell(first(4), Box::new(move || hung_up.send(()).unwrap()))
    });
    let download = client(&server).export(spec()).open().unwrap();
    drop(download);
    heard.recv_timeout(Duration::from_secs(15)).unwrap();
}
